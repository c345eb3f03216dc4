//! Text as a join token: what parses must print as a token that parses to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_net::JoinToken;

fuzz_target!(|text: &str| {
    if let Ok(token) = text.parse::<JoinToken>() {
        assert_eq!(token.to_string().parse(), Ok(token));
    }
});

//! Join tokens: one word that lets a machine into a cluster.
//!
//! The token carries a secret. The registry holds only the public half of the key that grows from
//! it, so whoever reads the registry can't make a token; and the secret never crosses the wire: the
//! joiner signs with it what only this one TLS session has.

use std::{fmt, net::SocketAddr, str::FromStr};

use bincode::{Decode, Encode};
use shoal_membership::{ClusterId, NodeId, PublicKey, SecretKey, Signature, codec};

/// So many pinned nodes, and so many addresses, fit a token.
pub const MAX_TOKEN_ENTRIES: usize = 8;

const PREFIX: &str = "SHOAL-";
const VERSION: u32 = 1;
/// A token with everything in it is below this.
const MAX_TEXT: usize = 1024;
const CHECKSUM: usize = 4;
/// Crockford's base 32: no letter looks like a digit. Lower case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What `shoal token create` prints and `--join` takes. Its secret is never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct JoinToken {
    /// The cluster to join.
    pub cluster: ClusterId,
    /// The token's name in the registry.
    pub id: [u8; 8],
    /// What its key grows from.
    pub secret: [u8; 32],
    /// A few members, one of which has to answer: at most 8.
    pub pins: Vec<NodeId>,
    /// Where they were when the token was made: at most 8.
    pub addresses: Vec<SocketAddr>,
}

/// A text that is no usable token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTokenError {
    /// Something else.
    #[error(
        "this is not a join token; one begins with SHOAL-1- and comes from `shoal token create`"
    )]
    NotAToken,
    /// A character is wrong, missing or too many.
    #[error("this join token is damaged (its checksum does not match); copy it again, whole")]
    Damaged,
    /// A newer release made it.
    #[error("this join token has version {0}, made by a newer release; upgrade this node first")]
    Newer(u32),
}

impl JoinToken {
    /// Its id as people see it: 16 hexadecimal digits.
    #[must_use]
    pub fn name(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn key(&self) -> SecretKey {
        SecretKey::from_seed(&blake3::derive_key("shoal 2026 join token", &self.secret))
    }

    /// The half that the registry holds.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.key().public()
    }

    /// Proof of holding this token, for the TLS session that this exporter is of.
    #[must_use]
    pub fn prove(&self, exporter: &[u8]) -> Signature {
        self.key().sign(&statement(exporter))
    }
}

/// Whether the holder of the token with this public half made this proof, in the TLS session that
/// this exporter is of.
#[must_use]
pub fn proves(token: &PublicKey, exporter: &[u8], proof: &Signature) -> bool {
    token.verify(&statement(exporter), proof).is_ok()
}

fn statement(exporter: &[u8]) -> Vec<u8> {
    [b"shoal 2026 join proof\0", exporter].concat()
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("cluster", &self.cluster)
            .field("pins", &self.pins)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut token = self.clone();
        token.pins.truncate(MAX_TOKEN_ENTRIES);
        token.addresses.truncate(MAX_TOKEN_ENTRIES);
        let mut bytes = codec::encode(&token);
        bytes.extend(checksum(&bytes));
        write!(f, "{PREFIX}{VERSION}-{}", to_base32(&bytes))
    }
}

impl FromStr for JoinToken {
    type Err = ParseTokenError;

    fn from_str(text: &str) -> Result<Self, ParseTokenError> {
        let text = text.trim();
        if text.len() > MAX_TEXT || !text.is_ascii() {
            return Err(ParseTokenError::NotAToken);
        }
        let upper = text.to_ascii_uppercase();
        let (version, body) = upper
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('-'))
            .ok_or(ParseTokenError::NotAToken)?;
        match version.parse::<u32>() {
            Ok(VERSION) => {}
            Ok(newer) if newer > VERSION => return Err(ParseTokenError::Newer(newer)),
            _ => return Err(ParseTokenError::NotAToken),
        }
        let mut bytes = from_base32(body).ok_or(ParseTokenError::Damaged)?;
        let split = bytes.len().checked_sub(CHECKSUM);
        let sum = bytes.split_off(split.ok_or(ParseTokenError::Damaged)?);
        if checksum(&bytes)[..] != sum[..] {
            return Err(ParseTokenError::Damaged);
        }
        let token: Self = codec::decode(&bytes).map_err(|_| ParseTokenError::Damaged)?;
        if token.pins.len().max(token.addresses.len()) > MAX_TOKEN_ENTRIES {
            return Err(ParseTokenError::Damaged);
        }
        Ok(token)
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    blake3::Hasher::new_derive_key("shoal 2026 token checksum")
        .update(&VERSION.to_be_bytes())
        .update(bytes)
        .finalize_xof()
        .fill(&mut sum);
    sum
}

fn to_base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(digit(buffer >> bits));
        }
    }
    if bits > 0 {
        text.push(digit(buffer << (5 - bits)));
    }
    text
}

fn digit(value: u32) -> char {
    char::from(ALPHABET[(value & 31) as usize])
}

/// The bytes of a base 32 text; none if a character is foreign or the padding bits are not zero.
fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut buffer, mut bits) = (0_u32, 0);
    for character in text.bytes() {
        // What people read for one another, as Crockford suggests.
        let character = match character.to_ascii_lowercase() {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        };
        let value = ALPHABET.iter().position(|known| *known == character)?;
        buffer = (buffer << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
        buffer &= (1 << bits) - 1;
    }
    (bits < 5 && buffer == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> JoinToken {
        JoinToken {
            cluster: ClusterId::from_bytes([3; 16]),
            id: *b"token-id",
            secret: [0x5a; 32],
            pins: vec![NodeId::from_bytes([4; 16])],
            addresses: vec!["192.0.2.1:7900".parse().unwrap()],
        }
    }

    #[test]
    fn the_text_is_one_word_and_stable() {
        let text = token().to_string();
        assert!(text.starts_with("SHOAL-1-"));
        assert!(text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
        assert_eq!(text.parse(), Ok(token()));
        assert_eq!(text.to_lowercase().parse(), Ok(token()));
        assert_eq!(format!(" {text}\n").parse(), Ok(token()));
    }

    #[test]
    fn the_three_kinds_of_wrong_text_are_told_apart() {
        let parse = |text: &str| text.parse::<JoinToken>();
        assert_eq!(parse("SWMTKN-1-abc"), Err(ParseTokenError::NotAToken));
        assert_eq!(parse(""), Err(ParseTokenError::NotAToken));
        assert_eq!(parse("SHOAL-x-abc"), Err(ParseTokenError::NotAToken));
        assert_eq!(parse("SHOAL-2-abc"), Err(ParseTokenError::Newer(2)));
        assert_eq!(parse("SHOAL-1-abc"), Err(ParseTokenError::Damaged));
        assert_eq!(parse("SHOAL-1-"), Err(ParseTokenError::Damaged));
    }

    #[test]
    fn a_proof_holds_for_its_token_and_session_only() {
        let token = token();
        let proof = token.prove(b"this session");
        assert!(proves(&token.public(), b"this session", &proof));
        assert!(!proves(&token.public(), b"another session", &proof));
        let mut other = token;
        other.secret = [1; 32];
        assert!(!proves(&other.public(), b"this session", &proof));
    }

    #[test]
    fn the_secret_is_never_printed() {
        assert!(!format!("{:?}", token()).contains("90, 90"));
    }

    #[test]
    fn a_token_with_everything_in_it_can_be_parsed() {
        let mut full = token();
        full.pins = vec![NodeId::from_bytes([0xff; 16]); 9];
        full.addresses = vec!["[2001:db8::1]:65535".parse().unwrap(); 9];
        let parsed: JoinToken = full.to_string().parse().unwrap();
        assert_eq!(parsed.pins.len(), MAX_TOKEN_ENTRIES);
        assert_eq!(parsed.addresses.len(), MAX_TOKEN_ENTRIES);
    }

    proptest! {
        #[test]
        fn base32_round_trips(bytes: Vec<u8>) {
            prop_assert_eq!(from_base32(&to_base32(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_survived(text in "(SHOAL-1-)?\\PC*") {
            let _ = text.parse::<JoinToken>();
        }

        #[test]
        fn one_mistyped_character_is_noticed(at in 8_usize..120, with in "[a-z0-9]") {
            let mut text = token().to_string();
            prop_assume!(at < text.len());
            text.replace_range(at..=at, &with);
            match text.parse::<JoinToken>() {
                Ok(parsed) => prop_assert_eq!(parsed, token()),
                Err(error) => prop_assert_eq!(error, ParseTokenError::Damaged),
            }
        }
    }
}

//! Names of signals, as Docker takes them.

use nix::sys::signal::Signal;

/// A stop signal that this runtime can't send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown stop signal {0:?}: use a name such as SIGTERM or a number from 1 to 31")]
pub(super) struct SignalError(String);

/// `SIGTERM`, `TERM`, `term` or `15`. Empty: SIGTERM.
pub(super) fn parse(text: &str) -> Result<Signal, SignalError> {
    let error = || SignalError(text.to_owned());
    if text.is_empty() {
        return Ok(Signal::SIGTERM);
    }
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).map_err(|_| error());
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    format!("SIG{name}").parse().map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_prefix_and_numbers() {
        for text in ["", "SIGTERM", "TERM", "sigterm", "term", "15"] {
            assert_eq!(parse(text), Ok(Signal::SIGTERM), "{text:?}");
        }
        assert_eq!(parse("USR1"), Ok(Signal::SIGUSR1));
        for text in ["SIG", "0", "-1", "64", "SIGRTMIN+3", "NOPE"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}

//! What an engine's errors mean for a task.

use bollard::errors::Error;

/// Longest message of an engine that is kept, in characters.
const MESSAGE_MAX: usize = 400;

/// What to do about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The engine can't be reached, or does not answer in time: it is asked again.
    Unreachable,
    /// There is no such thing.
    NotFound(String),
    /// The name is taken, or what is asked for is under way already.
    Conflict(String),
    /// It does not do that, and says why.
    Refused(String),
}

impl Trouble {
    pub(super) fn of(error: &Error) -> Self {
        let Error::DockerResponseServerError {
            status_code,
            message,
        } = error
        else {
            return match error {
                Error::DockerStreamError { error } => Self::Refused(short(error)),
                Error::RequestTimeoutError
                | Error::IOError { .. }
                | Error::HyperResponseError { .. }
                | Error::HyperLegacyError { .. }
                | Error::SocketNotFoundError(_) => Self::Unreachable,
                // What can't be asked or read is no better the next time.
                other => Self::Refused(short(&other.to_string())),
            };
        };
        let message = short(message);
        match status_code {
            404 => Self::NotFound(message),
            304 | 409 => Self::Conflict(message),
            // It is starting, or a proxy before it says that it is not there.
            502..=504 => Self::Unreachable,
            _ => Self::Refused(message),
        }
    }

    /// The engine's own words.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Unreachable => "the engine does not answer",
            Self::NotFound(words) | Self::Conflict(words) | Self::Refused(words) => words,
        }
    }

    /// Whether a program of the image could not be run, whichever the node: what a shell says with
    /// status 126 or 127.
    pub(super) fn is_of_the_image(&self) -> bool {
        const WORDS: [&str; 4] = [
            "executable file not found",
            "exec format error",
            "no such file or directory: unknown",
            "permission denied: unknown",
        ];
        let words = self.words();
        words.contains("exec") && WORDS.iter().any(|known| words.contains(known))
    }
}

pub(super) fn short(message: &str) -> String {
    let message = message.trim();
    match message.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => format!("{}...", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status_code: u16, message: &str) -> Trouble {
        Trouble::of(&Error::DockerResponseServerError {
            status_code,
            message: message.to_owned(),
        })
    }

    #[test]
    fn an_engine_that_answers_is_believed_and_one_that_does_not_is_asked_again() {
        assert_eq!(
            Trouble::of(&Error::RequestTimeoutError),
            Trouble::Unreachable
        );
        assert_eq!(answer(503, ""), Trouble::Unreachable);
        assert_eq!(answer(404, " no\n"), Trouble::NotFound("no".into()));
        assert_eq!(answer(409, "in use"), Trouble::Conflict("in use".into()));
        assert_eq!(answer(500, "full"), Trouble::Refused("full".into()));
        let long = answer(500, &"\u{e4}".repeat(MESSAGE_MAX + 1));
        assert_eq!(long.words().chars().count(), MESSAGE_MAX + 3);
    }

    #[test]
    fn a_program_that_the_image_lacks_is_no_fault_of_the_node() {
        let missing = "failed to create task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"nope\": executable file not found in $PATH: unknown";
        assert!(answer(400, missing).is_of_the_image());
        let port = "driver failed programming external connectivity on endpoint web: Bind for 0.0.0.0:80 failed: port is already allocated";
        assert!(!answer(500, port).is_of_the_image());
        let bind = "error while creating mount source path '/x': mkdir /x: read-only file system";
        assert!(!answer(500, bind).is_of_the_image());
    }
}

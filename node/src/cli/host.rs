//! Addresses of sockets: `unix:PATH` and `unix://PATH`.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where an agent listens when nobody says otherwise.
pub(crate) const DEFAULT_SOCKET: &str = "unix:///run/shoal/shoal.sock";

/// A unix socket, written `unix:PATH` or `unix://PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketAddress(PathBuf);

impl SocketAddress {
    /// The longest path that the kernel takes, in bytes (`sun_path` less its end mark).
    const PATH_MAX: usize = 107;

    /// Path of the socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "unix://{}", self.0.display())
    }
}

impl FromStr for SocketAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("unix:") else {
            return Err(format!(
                "{text:?} is no socket; write unix:PATH or unix://PATH"
            ));
        };
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() {
            return Err(format!("{text:?} has no path after unix:"));
        }
        if path.len() > Self::PATH_MAX {
            return Err(format!(
                "the path of a socket has at most {} bytes, and this has {}: {path}",
                Self::PATH_MAX,
                path.len()
            ));
        }
        Ok(Self(PathBuf::from(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_the_same_socket() {
        for text in ["unix:/run/a.sock", "unix:///run/a.sock"] {
            let address: SocketAddress = text.parse().unwrap();
            assert_eq!(address.path(), Path::new("/run/a.sock"));
            assert_eq!(address.to_string(), "unix:///run/a.sock");
        }
        let relative: SocketAddress = "unix:a.sock".parse().unwrap();
        assert_eq!(relative.path(), Path::new("a.sock"));
    }

    #[test]
    fn what_is_no_socket_is_refused() {
        for text in ["", "tcp://1.2.3.4:5", "/run/a.sock", "unix:", "unix://"] {
            assert!(text.parse::<SocketAddress>().is_err(), "{text}");
        }
        let long = format!("unix:/{}", "a".repeat(107));
        assert!(long.parse::<SocketAddress>().unwrap_err().contains("107"));
    }
}

//! The socket's file: made, checked, and taken over from an agent that is gone.

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, ErrorKind},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Longest path of a socket in bytes: `sun_path` of unix(7) less its final zero.
const PATH_BYTES_MAX: usize = 107;
/// Owner and group may use the socket: who can use it can run anything on this machine.
const SOCKET_MODE: u32 = 0o660;

/// Why the socket can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Too long for the kernel.
    #[error(
        "the socket's path has {length} bytes and may have {PATH_BYTES_MAX}: {}: \
         choose a shorter one with --api unix:PATH", path.display()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// Somebody answers there.
    #[error(
        "another agent is listening on {}: stop it, or choose another socket with --api unix:PATH",
        .0.display()
    )]
    Taken(PathBuf),
    /// Something else is there.
    #[error(
        "{} exists and is not a socket: move it away, or choose another path with --api unix:PATH",
        .0.display()
    )]
    NotASocket(PathBuf),
    /// Not allowed.
    #[error(
        "no permission for the socket {}: run the agent as root, or choose a path in a folder of \
         your own with --api unix:PATH", .0.display()
    )]
    Permission(PathBuf),
    /// Anything else.
    #[error("can't listen on {}: {cause}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// The socket of an agent, for all its lives: who connects between two of them waits for the next.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    stays: Arc<AtomicBool>,
}

impl Socket {
    /// Takes the socket at this path.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn take(path: PathBuf) -> Result<Self, SocketError> {
        Ok(Self {
            listener: bind(&path)?,
            path,
            stays: Arc::default(),
        })
    }

    /// What a server needs of it.
    pub(super) fn share(&self) -> io::Result<(UnixListener, PathBuf, Arc<AtomicBool>)> {
        self.stays.store(false, Ordering::Relaxed);
        let listener = self.listener.try_clone()?;
        Ok((listener, self.path.clone(), self.stays.clone()))
    }

    /// Whether the socket's file is there for a next life when the server ends.
    pub fn stays(&self, stays: bool) {
        self.stays.store(stays, Ordering::Relaxed);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // While the listener still stands: afterwards the path may be another agent's.
        if self.stays.load(Ordering::Relaxed) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens on a socket at this path, with mode 0660. Its folder is made if it is missing (0755). A
/// socket that nobody listens on any more is replaced. The listener does not block.
///
/// # Errors
/// See [`SocketError`]. Whatever was at the path is still there.
pub fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let length = path.as_os_str().len();
    if length > PATH_BYTES_MAX {
        let path = path.to_owned();
        return Err(SocketError::TooLong { path, length });
    }
    make_room(path)?;
    listen(path).map_err(|cause| explain(path, cause))
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Removes the socket of an agent that is gone.
fn make_room(path: &Path) -> Result<(), SocketError> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(explain(path, error)),
        Ok(found) => found,
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketError::Taken(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "replacing the socket of an agent that is gone");
            fs::remove_file(path).map_err(|cause| explain(path, cause))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(explain(path, error)),
    }
}

fn explain(path: &Path, cause: io::Error) -> SocketError {
    let path = path.to_owned();
    match cause.kind() {
        ErrorKind::PermissionDenied => SocketError::Permission(path),
        ErrorKind::AddrInUse => SocketError::Taken(path),
        _ => SocketError::Io { path, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_for_owner_and_group_and_its_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/shoal/shoal.sock");
        let _listener = bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(bind(&path).unwrap());
        let _listener = bind(&path).expect("nobody listens there any more");
        let error = bind(&path).unwrap_err().to_string();
        assert!(
            error.starts_with("another agent is listening on /"),
            "{error}"
        );
        UnixStream::connect(&path).expect("the live one was left alone");
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path), Err(SocketError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_long_path_is_refused_with_its_length() {
        let error = bind(Path::new(&format!("/tmp/{}", "x".repeat(110)))).unwrap_err();
        assert!(
            error.to_string().contains("115 bytes and may have 107"),
            "{error}"
        );
    }
}

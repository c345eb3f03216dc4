//! How an agent ends, and what it says then.

use std::path::Path;

/// How the agent ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// As it was told.
    Stopped,
    /// Told twice: at once.
    Abandoned,
    /// This node was removed from the cluster.
    Removed,
    /// Another machine runs with this node's key.
    Cloned(std::net::SocketAddr),
}

/// What a person is told: nothing when all is as it was asked for.
///
/// # Errors
/// What happened to this node, and what to do.
pub(super) fn farewell(ended: &Ended, folder: &Path) -> Result<(), String> {
    let folder = folder.display();
    match ended {
        Ended::Stopped | Ended::Abandoned => Ok(()),
        Ended::Removed => Err(format!(
            "this node was removed from its cluster; its tasks are stopped. To join again, move \
             {folder} away and start with --join and a new token (shoal token create on a member)"
        )),
        Ended::Cloned(other) => Err(format!(
            "another machine ({other}) runs with the key of this node, as after copying a disk or \
             an SD card. On one of the two, stop the agent, move {folder} away, and join anew with \
             --join and a token (shoal token create on a member)"
        )),
    }
}

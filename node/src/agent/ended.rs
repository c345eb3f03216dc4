//! How an agent ends, what becomes of its state, and what it says then.

use std::path::Path;

use tokio::sync::oneshot;

use crate::store::{set_aside, set_inactive};

/// How the agent ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// As it was told.
    Stopped,
    /// Told twice: at once.
    Abandoned,
    /// It left its cluster for good, and this person waits to hear of it.
    Left(oneshot::Sender<Result<(), String>>),
    /// This node was removed from the cluster.
    Removed,
    /// Another machine runs with this node's key.
    Cloned(std::net::SocketAddr),
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    End,
    /// The agent starts once more, as a machine that never was in a cluster.
    StartAnew,
    /// The agent waits to be told which cluster to be in.
    Idle,
}

/// Deals with the state of an agent that has closed its store, and says what there is to say.
/// `can_join`: it was started with a token.
///
/// # Errors
/// What happened to this node, and what to do.
pub(super) fn farewell(ended: Ended, folder: &Path, can_join: bool) -> Result<Next, String> {
    match ended {
        Ended::Stopped | Ended::Abandoned => Ok(Next::End),
        Ended::Left(reply) => {
            let left = put_away(folder, "this node left its cluster, as it was told")
                .and_then(|()| set_inactive(folder).map_err(|error| error.to_string()));
            // Whoever asked may be gone.
            let _ = reply.send(left.clone());
            left.map(|()| Next::Idle)
        }
        Ended::Removed => Err(format!(
            "this node was removed from its cluster; its tasks are stopped. To join again, move \
             {} away and start with --join and a new token (shoal token create on a member)",
            folder.display()
        )),
        Ended::Cloned(other) if can_join => {
            let why = format!("another machine ({other}) runs with the key of this node");
            tracing::error!("{why}: this one takes a new key and joins anew with its token");
            put_away(folder, &why).map(|()| Next::StartAnew)
        }
        Ended::Cloned(other) => Err(format!(
            "another machine ({other}) runs with the key of this node, as after copying a disk or \
             an SD card. On one of the two start the agent with --join and a token (shoal token \
             create on a member): it takes a new key then. What is in {} is kept",
            folder.display()
        )),
    }
}

fn put_away(folder: &Path, why: &str) -> Result<(), String> {
    let aside = set_aside(folder, why).map_err(|error| error.to_string())?;
    tracing::info!(set_aside = %aside.display(), "the state of the former cluster is kept; the next start is a first one");
    Ok(())
}

//! The ways in which an agent comes to its end.
//!
//! All but a pause and an impatient person go the same way: tasks are handed over and stop, the node
//! says that it leaves, and only then the agent ends, for the reason that is kept meanwhile.

use shoal_membership::NodeId;
use shoal_scheduler::{peer::Input, view::NodeStatus};

use super::{
    super::{ended::Ended, signals::Stop},
    Owner,
};
use crate::api::LeaveRequest;

impl Owner {
    pub(super) fn stop(&mut self, stop: Stop) {
        if self.peer.is_stopping() {
            self.ended = Some(Ended::Abandoned);
            return;
        }
        match stop {
            Stop::Leave => {
                tracing::info!(
                    "stopping this node's tasks and leaving; once more to leave at once"
                );
                self.input(Input::Leave);
            }
            Stop::Pause => {
                tracing::info!("stopping the agent; its tasks go on");
                self.input(Input::Pause);
            }
        }
    }

    /// A person wants this node out of the cluster.
    pub(super) fn leave(&mut self, request: LeaveRequest) {
        let LeaveRequest { force, reply } = request;
        let refused = if self.peer.is_stopping() {
            Some("this node's agent is stopping")
        } else if !force && !self.sees_others() {
            Some(
                "no other member of the cluster can be reached: what the cluster is to run may be \
                 known here alone. To leave all the same, use --force",
            )
        } else {
            None
        };
        if let Some(why) = refused {
            // Whoever asked may be gone.
            let _ = reply.send(Err(why.to_owned()));
            return;
        }
        tracing::info!("leaving the cluster for good, as ordered");
        self.ending = Some(Ended::Left(reply));
        self.input(Input::Leave);
    }

    fn sees_others(&mut self) -> bool {
        let view = self.peer.view();
        let mut nodes = view.nodes.values();
        nodes.any(|node| node.id != view.this_node && node.status == NodeStatus::Ready)
    }

    /// The cluster has removed this node.
    pub(super) fn removed(&mut self) {
        if !matches!(self.ending, Some(Ended::Removed)) {
            self.ending = Some(Ended::Removed);
            self.input(Input::Leave);
        }
    }

    /// Two machines run with one key. The one that came second is refused by the members, and
    /// stops; the first goes on.
    pub(super) fn cloned(
        &mut self,
        id: NodeId,
        ours: std::net::SocketAddr,
        theirs: std::net::SocketAddr,
        is_refused: bool,
    ) {
        tracing::error!(node = %id, first = %ours, second = %theirs, "two machines run with one key");
        if is_refused && id == self.peer.me() && self.ending.is_none() {
            self.ending = Some(Ended::Cloned(theirs));
            self.input(Input::Leave);
        }
    }
}

//! What a peer wants done. Effects are carried out in their order; none of them is awaited.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use shoal_membership::{Addresses, NodeId, PublicKey};

use super::Ticket;
use crate::{
    file::TaskFile,
    order::{OrderError, Receipt},
    placement,
    registry::{Key, Signed, SignedBytes},
    spec::ServiceSpec,
    task::{FileId, TaskId, TaskReport},
};

/// Something to do.
#[derive(Debug)]
pub enum Effect {
    /// Send a datagram. It may be lost.
    Datagram {
        /// To whom.
        to: NodeId,
        /// What.
        bytes: Vec<u8>,
    },
    /// Send on a one-way stream. It may be lost.
    Rumour {
        /// To whom.
        to: NodeId,
        /// What.
        bytes: Vec<u8>,
    },
    /// Ask on a two-way stream; answer with `Input::Answer`, whatever happens.
    Question {
        /// Whom.
        to: NodeId,
        /// Name of the question.
        call: Ticket,
        /// What.
        bytes: Vec<u8>,
    },
    /// Answer a question.
    Answer {
        /// From `Input::Question`.
        ticket: Ticket,
        /// What.
        bytes: Vec<u8>,
    },
    /// Put this on the disk, all or nothing, durably; answer with `Input::Persisted`.
    Persist {
        /// Name of the request.
        ticket: Ticket,
        /// What.
        batch: Batch,
    },
    /// Work out a plan, off the owner's task; answer with `Input::Planned`.
    Plan {
        /// Name of the request.
        ticket: Ticket,
        /// Of what.
        input: Box<placement::Input>,
    },
    /// Start a task.
    Start(Box<TaskStart>),
    /// Stop a task: signal, grace, kill, as its spec says.
    Stop(TaskId),
    /// Remove what an ended task left behind.
    Remove(TaskId),
    /// Whom to accept from now on.
    Trust {
        /// All keys that are members'.
        admitted: Vec<(NodeId, PublicKey)>,
        /// Nodes whose keys were revoked.
        revoked: BTreeSet<NodeId>,
    },
    /// Show this to a member that does not know this node: it becomes `Input::Vouched` there. It may
    /// be lost.
    Vouch {
        /// To whom.
        to: NodeId,
        /// The admission of this node, and those that it rests on.
        writes: Vec<SignedBytes>,
    },
    /// Where a member can be reached. To be kept across restarts.
    Addresses {
        /// Which.
        node: NodeId,
        /// Where; best first.
        addresses: Addresses,
    },
    /// For how much of this node's uptime each silent member was not heard of: all of them. To be
    /// kept across restarts; see `Memory::silences`.
    Silences(BTreeMap<NodeId, Duration>),
    /// A member is seen as alive, or no longer. For onlookers: nothing needs to be done.
    Presence {
        /// Which.
        node: NodeId,
        /// Whether it is alive.
        is_alive: bool,
    },
    /// Dial that member anew: it missed a probe.
    Redial(NodeId),
    /// That member is suspected now: whoever has a choice takes another for a while.
    Suspected(NodeId),
    /// Seal the key of a secret's contents to more nodes; answer with `Input::Sealed`.
    Seal {
        /// Which secret.
        secret: FileId,
        /// The key, sealed to this node.
        own: Vec<u8>,
        /// To whom.
        to: Vec<(NodeId, PublicKey)>,
    },
    /// An order ended.
    Ordered {
        /// From `Input::Order` or `Input::Token`.
        ticket: Ticket,
        /// How.
        result: Result<Receipt, OrderError>,
    },
    /// A machine was admitted, or was not.
    Joined {
        /// From `Input::Join`.
        ticket: Ticket,
        /// How.
        result: Result<Welcome, JoinDenied>,
    },
    /// This node was removed from the cluster. Nothing that it writes counts any more.
    Removed,
    /// This node has stopped: nothing follows.
    Stopped,
}

/// What goes to the disk together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// All siblings of each entry that changed; an empty list: the entry is gone.
    pub entries: Vec<(Key, Vec<Arc<Signed>>)>,
    /// Generation and last dot of this node's writes.
    pub author: (u64, u64),
    /// No incarnation above this one was used.
    pub incarnation: u64,
}

/// A task to start.
#[derive(Clone, Debug)]
pub struct TaskStart {
    /// What all others are told of it.
    pub report: TaskReport,
    /// What it is.
    pub spec: Arc<ServiceSpec>,
    /// Its secrets and configs.
    pub files: Vec<TaskFile>,
}

/// What an admitted machine gets: enough to know whom to trust and where they are.
#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
pub struct Welcome {
    /// Admissions and revocations.
    pub writes: Vec<SignedBytes>,
    /// Members and their addresses.
    pub members: Vec<(NodeId, Addresses)>,
}

/// Why a machine was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinDenied {
    /// No such token, or it was removed.
    #[error("the cluster knows no such token (it may have been removed)")]
    UnknownToken,
    /// The token is too old.
    #[error("the token has expired")]
    Expired,
    /// As many nodes as may have used it have.
    #[error("the token has been used as often as it may be")]
    UsedUp,
    /// The key was revoked: this machine was removed from the cluster.
    #[error("this node was removed from the cluster")]
    Revoked,
    /// The write did not succeed.
    #[error("the cluster can't take the admission now; try again")]
    Busy,
}

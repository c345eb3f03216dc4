//! What happens to a peer. Each input comes with the time at which it is handed in.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use shoal_membership::{NodeId, PublicKey};

use super::Adopted;
use crate::{
    file::SealedKeys,
    observed::PortTrouble,
    order::{Order, WriteConcern},
    placement::Plan,
    registry::SignedBytes,
    task::{FileId, TaskId, TaskPort, TaskState},
    view::NodeFacts,
};

/// Names something that was asked for, so that the answer finds its way back. Chosen by whoever
/// asks; those of peers and of drivers are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// Time passed; see [`Peer::next_deadline`](super::Peer::next_deadline).
    Tick,
    /// A datagram arrived from an authenticated member.
    Datagram {
        /// Who sent it.
        from: NodeId,
        /// What.
        bytes: Vec<u8>,
    },
    /// A rumour arrived on a one-way stream.
    Rumour {
        /// Who sent it.
        from: NodeId,
        /// What.
        bytes: Vec<u8>,
    },
    /// A question arrived on a two-way stream. It is answered by `Effect::Answer`, once.
    Question {
        /// Who asks.
        from: NodeId,
        /// The driver's name for it.
        ticket: Ticket,
        /// What.
        bytes: Vec<u8>,
    },
    /// A question of this peer was answered, or was not (`None`: no connection, a reset, too late).
    Answer {
        /// From `Effect::Question`.
        call: Ticket,
        /// What, if anything.
        bytes: Option<Vec<u8>>,
    },
    /// What `Effect::Persist` asked for is on the disk, or is not, for this reason.
    Persisted {
        /// From `Effect::Persist`.
        ticket: Ticket,
        /// How it went.
        result: Result<(), String>,
    },
    /// The store was found damaged while the agent ran, and an empty one is in its place. What the
    /// memory holds is written to it; own writes are of this generation from now on.
    StoreReplaced {
        /// Random, and never used before.
        generation: u64,
    },
    /// A task that outlived the agent was found after the start: its engine was not there before.
    Adopt(Box<Adopted>),
    /// What this machine is, is not what it was: an engine came, or went, or was changed.
    Facts(Box<NodeFacts>),
    /// The published ports on which this machine can't listen now: all of them, each time. More than
    /// [`PORTS_MAX`](crate::observed::PORTS_MAX) are cut off.
    Ports(Vec<PortTrouble>),
    /// A person orders something. It ends with `Effect::Ordered`, once.
    Order {
        /// The driver's name for it.
        ticket: Ticket,
        /// What.
        order: Order,
        /// How many disks it must be on.
        concern: WriteConcern,
    },
    /// A person makes a join token, whose secret the driver keeps. Ends with `Effect::Ordered`.
    Token {
        /// The driver's name for it.
        ticket: Ticket,
        /// Its id.
        id: String,
        /// The public half of its key.
        key: PublicKey,
        /// Seconds for which it is good. None: for ever.
        ttl: Option<u64>,
        /// Nodes that may use it. None: any number.
        uses: Option<u32>,
        /// Whether it stands until it is rotated.
        is_standing: bool,
        /// How many disks it must be on.
        concern: WriteConcern,
    },
    /// A machine with a proven key and a proven token asks to be admitted. Ends with
    /// `Effect::Joined`, once.
    Join {
        /// The driver's name for it.
        ticket: Ticket,
        /// Its key.
        key: PublicKey,
        /// The token that it proved to have.
        token: String,
    },
    /// A member refused a connection: it does not know this node's key. That is so when whoever
    /// admitted this node died before others heard of it.
    Unknown {
        /// Who refused.
        by: NodeId,
    },
    /// A machine with a proven key that was not known here shows how it was admitted.
    Vouched {
        /// Its key.
        key: PublicKey,
        /// From its `Effect::Vouch`.
        writes: Vec<SignedBytes>,
    },
    /// The plan that `Effect::Plan` asked for.
    Planned {
        /// From `Effect::Plan`.
        ticket: Ticket,
        /// Who owns what.
        plan: Arc<Plan>,
    },
    /// The key of a secret's contents, sealed to the nodes of `Effect::Seal`. None: it could not be opened.
    Sealed {
        /// Which secret.
        secret: FileId,
        /// Sealed to whom.
        keys: SealedKeys,
    },
    /// A task of this node changed.
    Task(TaskChange),
    /// The machine has other addresses now.
    Addresses(Vec<std::net::SocketAddr>),
    /// The driver has no connection that works with just these, and could not make one: all of them, each time
    /// that they are others. Dead members may be among them.
    OutOfReach(BTreeSet<NodeId>),
    /// The operator stops this node: its tasks stop, and it leaves. Ends with `Effect::Stopped`.
    Leave,
    /// The operator stops the agent alone: tasks go on. Ends with `Effect::Stopped`.
    Pause,
}

/// How a task of this node changed, as its runtime says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskChange {
    /// Which.
    pub task: TaskId,
    /// How far it is now: `preparing`, `starting`, `running` (and healthy where there is a check),
    /// `complete`, `failed`, `rejected` (this node can't run it: a refusal), or `remove` (it is gone).
    pub state: TaskState,
    /// When it came into this state, by this node's wall clock, since 1970-01-01 UTC. Later than
    /// now counts as now. None: now.
    pub at: Option<Duration>,
    /// What people should know of how it runs, such as a limit that can't be enforced, or nothing.
    pub remark: String,
    /// What went wrong, or nothing.
    pub error: String,
    /// Its process, where there is one.
    pub pid: Option<u32>,
    /// Its exit status, where it has one.
    pub exit_code: Option<i32>,
    /// Its container, where there is one.
    pub container: String,
    /// Its ports on this node, where it has any.
    pub ports: Vec<TaskPort>,
}

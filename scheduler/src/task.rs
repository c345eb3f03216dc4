//! Tasks as they are reported: ids, states and the report itself. The states are Swarm's
//! (`api/types.proto`): a task only ever moves up.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use shoal_membership::identity::{Base36, ParseIdError};

use crate::{generic::Assigned, spec::Protocol};

macro_rules! id_type {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        ///
        /// 128 bits, shown as 25 characters of base 36.
        #[derive(
            Clone,
            Copy,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            Default,
            bincode::Encode,
            bincode::Decode,
        )]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Base36(self.0), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.parse::<Base36>().map(|number| Self(number.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
                output.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                String::deserialize(input)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

id_type!(ServiceId, "The id of a service, made when it is created.");
id_type!(NetworkId, "The id of a network, made when it is created.");
id_type!(
    FileId,
    "The id of a secret or a config, made when it is created."
);
id_type!(TaskId, "The id of one task: one run of one slot.");

/// A place for one task of a service: a number from 1, or a node for a global service.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode,
)]
pub enum Slot {
    /// Slot `1..=replicas` of a replicated service.
    Number(u64),
    /// The slot of a global service on this node.
    Node(shoal_membership::NodeId),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Node(node) => node.fmt(f),
        }
    }
}

/// How far a task is. The order is the order of life; numbers are Swarm's.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Known.
    New = 0,
    /// Waits for a node.
    Pending = 64,
    /// Has a node.
    Assigned = 192,
    /// The node took it.
    Accepted = 256,
    /// The node fetches what it needs.
    Preparing = 320,
    /// Could start now.
    Ready = 384,
    /// Started, not yet healthy.
    Starting = 448,
    /// Runs, and is healthy where there is a check.
    Running = 512,
    /// Ended by itself with status 0.
    Complete = 576,
    /// Was stopped.
    Shutdown = 640,
    /// Ended with an error.
    Failed = 704,
    /// The node could not run it.
    Rejected = 768,
    /// Being removed.
    Remove = 800,
    /// Its node is gone.
    Orphaned = 832,
}

impl TaskState {
    /// Whether the task has ended, whatever the way.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self > Self::Running
    }

    /// Swarm's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Remove => "remove",
            Self::Orphaned => "orphaned",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A port of a task and where it listens on the task's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, bincode::Encode, bincode::Decode)]
pub struct TaskPort {
    /// Port that the service names (`target`).
    pub target: u16,
    /// Port on the node. 0: none; the task's image exposes it.
    pub host: u16,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
}

/// One task, as the node that runs it tells all others. Wall times are since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct TaskReport {
    /// This run.
    pub id: TaskId,
    /// Of this service.
    pub service: ServiceId,
    /// Name of the service when the task was made.
    pub service_name: String,
    /// In this slot.
    pub slot: Slot,
    /// Fingerprint of the task template that it runs (`ServiceSpec::template_hash`).
    pub template: u64,
    /// The update of its service by which it was made: the service's last write then.
    pub update: u64,
    /// Of a job: which of its runs, from 1. 0: it is of no job.
    pub run: u64,
    /// Image of that template.
    pub image: String,
    /// Where its node wants it to go: `running` or `shutdown`.
    pub desired: TaskState,
    /// How far it is.
    pub state: TaskState,
    /// When it was made.
    pub created_at: Duration,
    /// When it came into this state.
    pub state_at: Duration,
    /// When it began to run, healthy where there is a check. None: it did not.
    pub ran_at: Option<Duration>,
    /// A word on the state, such as `started`.
    pub message: String,
    /// What went wrong, or nothing.
    pub error: String,
    /// Process id on its node, while it runs.
    pub pid: Option<u32>,
    /// Exit status, when it has ended. 128 + signal for a signal.
    pub exit_code: Option<i32>,
    /// Container id on its engine; the task's id for a process.
    pub container: String,
    /// Its ports.
    pub ports: Vec<TaskPort>,
    /// The generic resources that it was given when it was started.
    pub generic: Vec<Assigned>,
}

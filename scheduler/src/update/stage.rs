//! What became of an update: findings that any node may write down, each under a key of its own, and never
//! takes back. Two sides of a partition may find different things: the graver counts.

use serde::{Deserialize, Serialize};

/// What the last write of a service asked for. A write that changes no task asks for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpdateKind {
    /// To come to a new spec.
    Update,
    /// To come back to the one before.
    Rollback,
}

/// Something found of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Every slot came to the new spec.
    Completed,
    /// Too many failed: it stops where it is.
    Paused,
    /// Too many failed: all come back to the spec before.
    RolledBack,
    /// All came back.
    RollbackCompleted,
    /// Too many failed on the way back.
    RollbackPaused,
}

impl Finding {
    /// All, the graver later.
    pub const ALL: [Self; 5] = [
        Self::Completed,
        Self::Paused,
        Self::RolledBack,
        Self::RollbackCompleted,
        Self::RollbackPaused,
    ];

    /// Its word in keys of the registry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Paused => "paused",
            Self::RolledBack => "rolled-back",
            Self::RollbackCompleted => "rollback-completed",
            Self::RollbackPaused => "rollback-paused",
        }
    }
}

/// Where an update is: Swarm's `UpdateStatus.State`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It goes on.
    Updating,
    /// It stopped where it is, for a failure.
    Paused,
    /// It is over.
    Completed,
    /// It goes back.
    RollbackStarted,
    /// It stopped on its way back, for a failure.
    RollbackPaused,
    /// It is back.
    RollbackCompleted,
}

impl Stage {
    /// What follows from the gravest finding.
    #[must_use]
    pub fn of(kind: UpdateKind, gravest: Option<Finding>) -> Self {
        match (kind, gravest) {
            (UpdateKind::Update, None) => Self::Updating,
            (UpdateKind::Update, Some(Finding::Completed)) => Self::Completed,
            (UpdateKind::Update, Some(Finding::Paused)) => Self::Paused,
            (UpdateKind::Rollback, None) | (_, Some(Finding::RolledBack)) => Self::RollbackStarted,
            (UpdateKind::Rollback, Some(Finding::Completed))
            | (_, Some(Finding::RollbackCompleted)) => Self::RollbackCompleted,
            (UpdateKind::Rollback, Some(Finding::Paused)) | (_, Some(Finding::RollbackPaused)) => {
                Self::RollbackPaused
            }
        }
    }

    /// Swarm's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Updating => "updating",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::RollbackStarted => "rollback_started",
            Self::RollbackPaused => "rollback_paused",
            Self::RollbackCompleted => "rollback_completed",
        }
    }

    /// Whether slots still move.
    #[must_use]
    pub fn goes_on(self) -> bool {
        matches!(self, Self::Updating | Self::RollbackStarted)
    }

    /// Whether all slots have come where they should.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::RollbackCompleted)
    }

    /// Whether it leads back.
    #[must_use]
    pub fn is_rollback(self) -> bool {
        matches!(
            self,
            Self::RollbackStarted | Self::RollbackPaused | Self::RollbackCompleted
        )
    }

    /// Swarm's words for a stage that no failing task led to.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Updating => "update in progress",
            Self::Completed => "update completed",
            Self::Paused => "update paused",
            Self::RollbackStarted => "manually requested rollback",
            Self::RollbackPaused => "rollback paused",
            Self::RollbackCompleted => "rollback completed",
        }
    }
}

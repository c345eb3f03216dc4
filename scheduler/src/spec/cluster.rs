//! What holds for a whole cluster: as much of Docker's `SwarmSpec` as means something here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SpecError, json::null_default};

/// Most labels.
const LABELS_MAX: usize = 1_000;
/// Ended tasks of a slot that can be asked for.
const HISTORY_MAX: u64 = 100;

/// What holds for the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClusterSpec {
    /// Labels of the cluster.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// How tasks are looked after.
    #[serde(deserialize_with = "null_default")]
    pub orchestration: Orchestration,
}

/// How tasks are looked after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Orchestration {
    /// Ended tasks that are remembered of each slot. None: 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_history_retention_limit: Option<u64>,
}

impl ClusterSpec {
    /// Ended tasks that are remembered of each slot where nobody says: Swarm's.
    pub const DEFAULT_HISTORY: u64 = 5;

    /// Ended tasks that are remembered of each slot.
    #[must_use]
    pub fn task_history(&self) -> u64 {
        let limit = self.orchestration.task_history_retention_limit;
        limit.unwrap_or(Self::DEFAULT_HISTORY).min(HISTORY_MAX)
    }

    /// Checks what must hold before it is written.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn validate(&self) -> Result<(), SpecError> {
        if self.labels.len() > LABELS_MAX {
            return Err(SpecError::TooManyLabels(LABELS_MAX));
        }
        match self.orchestration.task_history_retention_limit {
            Some(limit) if limit > HISTORY_MAX => Err(SpecError::TaskHistory(limit)),
            _ => Ok(()),
        }
    }
}

//! What happens when a task ends, and how a service changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::json::{nanoseconds, null_default};

/// When a task that ended is started again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicy {
    /// After which ends.
    #[serde(deserialize_with = "null_default")]
    pub condition: RestartCondition,
    /// Time before the next start. None: 5 s.
    #[serde(with = "nanoseconds")]
    pub delay: Option<Duration>,
    /// Restarts allowed per slot and spec. None or 0: no limit.
    pub max_attempts: Option<u64>,
    /// Only restarts within this time count. None or 0: all count.
    #[serde(with = "nanoseconds")]
    pub window: Option<Duration>,
}

impl RestartPolicy {
    /// Swarm's default delay.
    pub const DEFAULT_DELAY: Duration = Duration::from_secs(5);

    /// Time before the next start.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay.unwrap_or(Self::DEFAULT_DELAY)
    }
}

/// After which ends a task is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartCondition {
    /// Never.
    None,
    /// When it failed.
    OnFailure,
    /// Always.
    #[default]
    #[serde(alias = "")]
    Any,
}

/// How an update, or a rollback, goes through the slots of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateConfig {
    /// Slots at a time. 0: all at once.
    #[serde(deserialize_with = "null_default")]
    pub parallelism: u64,
    /// Time between two batches.
    #[serde(with = "nanoseconds")]
    pub delay: Option<Duration>,
    /// What to do after too many failures.
    #[serde(deserialize_with = "null_default")]
    pub failure_action: FailureAction,
    /// Time in which a started task's failure counts. None: 5 s.
    #[serde(with = "nanoseconds")]
    pub monitor: Option<Duration>,
    /// Share of failures that is tolerated, 0 to 1.
    #[serde(deserialize_with = "null_default")]
    pub max_failure_ratio: f64,
    /// Whether the old task ends before the new one starts.
    #[serde(deserialize_with = "null_default")]
    pub order: UpdateOrder,
}

impl Default for UpdateConfig {
    fn default() -> Self {
        Self {
            parallelism: 1,
            delay: None,
            failure_action: FailureAction::Pause,
            monitor: None,
            max_failure_ratio: 0.0,
            order: UpdateOrder::StopFirst,
        }
    }
}

/// What to do after too many failures of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureAction {
    /// Stop there.
    #[default]
    #[serde(alias = "")]
    Pause,
    /// Go on.
    Continue,
    /// Return to the spec before.
    Rollback,
}

/// Whether the old task ends before the new one starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOrder {
    /// The old one ends first.
    #[default]
    #[serde(alias = "")]
    StopFirst,
    /// The new one starts first.
    StartFirst,
}

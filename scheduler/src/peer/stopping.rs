//! How a node goes: for good, with its tasks stopped; or for a moment, with its tasks left running.

use std::time::Duration;

use super::{Effect, Peer};
use crate::observed::Phase;

/// Time for the last words to get out.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Beyond the leave limit, tasks get this long to stop.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A silence that has grown by less than this since it was kept is not worth a write to the disk.
const SILENCE_WORTH_KEEPING: Duration = Duration::from_secs(600);

/// A node on its way out.
#[derive(Debug)]
pub(super) struct Stopping {
    pub(super) phase: Phase,
    /// When all tasks are stopped at the latest. None: they are left running.
    pub(super) leaves_at: Option<Duration>,
    /// When it says no more.
    ends_at: Option<Duration>,
    gives_up_at: Duration,
    has_ended: bool,
}

impl Peer {
    /// The operator stops this node.
    pub(super) fn leave(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        let now = self.now.monotonic;
        let others = self.living_members().next().is_some();
        let limit = if others {
            self.config.timing.leave_limit
        } else {
            Duration::ZERO
        };
        let leaves_at = now.saturating_add(limit);
        self.stop(Stopping {
            phase: Phase::Leaving,
            leaves_at: Some(leaves_at),
            ends_at: None,
            gives_up_at: leaves_at.saturating_add(STOP_LIMIT),
            has_ended: false,
        });
    }

    /// The operator stops the agent alone.
    pub(super) fn pause(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        let ends_at = self.now.monotonic.saturating_add(LAST_WORDS);
        self.stop(Stopping {
            phase: Phase::Away,
            leaves_at: None,
            ends_at: Some(ends_at),
            gives_up_at: ends_at,
            has_ended: false,
        });
    }

    fn stop(&mut self, stopping: Stopping) {
        self.stopping = Some(stopping);
        self.keep_silences(SILENCE_WORTH_KEEPING);
        self.publisher.status_changed();
        self.placing.input_is_stale = true;
        self.running.is_stale = true;
    }

    /// Whether this node goes for good.
    pub(super) fn is_leaving(&self) -> bool {
        self.stopping
            .as_ref()
            .is_some_and(|stopping| stopping.phase == Phase::Leaving)
    }

    /// Ends when all tasks have, and the last words are out.
    pub(super) fn tend_stopping(&mut self) {
        let now = self.now.monotonic;
        self.leave_at_once_if_nobody_stays();
        let has_tasks = self.running.local.live().next().is_some();
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        if stopping.ends_at.is_none() && (!has_tasks || now >= stopping.gives_up_at) {
            stopping.ends_at = Some(now.saturating_add(LAST_WORDS));
            self.membership.leave(self.now);
        }
        if !stopping.has_ended && stopping.ends_at.is_some_and(|at| at <= now) {
            stopping.has_ended = true;
            self.effects.push_back(Effect::Stopped);
        }
    }

    /// When all others go, too, there is nobody to wait for.
    fn leave_at_once_if_nobody_stays(&mut self) {
        let now = self.now.monotonic;
        if !self.is_leaving() || self.living_members().any(|node| self.is_eligible(&node)) {
            return;
        }
        if let Some(at) = self
            .stopping
            .as_mut()
            .and_then(|stopping| stopping.leaves_at.as_mut())
            && *at > now
        {
            *at = now;
            self.running.is_stale = true;
        }
    }

    pub(super) fn stopping_deadline(&self) -> Option<Duration> {
        let stopping = self
            .stopping
            .as_ref()
            .filter(|stopping| !stopping.has_ended)?;
        Some(stopping.ends_at.unwrap_or(stopping.gives_up_at))
    }
}

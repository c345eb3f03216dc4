//! The restart policy, as Swarm applies it (`manager/orchestrator/restart`): per slot and template,
//! a condition, a delay, and a number of attempts within a window.

use std::{collections::BTreeMap, time::Duration};

use super::SlotKey;
use crate::spec::{RestartCondition, RestartPolicy};

/// Most restarts remembered for one slot: more than any limit that a window can hold usefully.
const RESTARTS_MAX: usize = 1_000;

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, with status 0.
    Completed,
    /// With an error.
    Failed,
    /// The node could not run it.
    Refused,
}

#[derive(Clone, Debug, Default)]
struct SlotLedger {
    template: u64,
    restarts: Vec<Duration>,
    next_start: Duration,
    has_finished: bool,
    refusals: u32,
    refused_until: Duration,
}

/// Restarts of all slots of this node.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    slots: BTreeMap<SlotKey, SlotLedger>,
}

impl Ledger {
    /// When the next task of the slot may start.
    #[must_use]
    pub fn next_start(&self, slot: &SlotKey, template: u64) -> Duration {
        self.current(slot, template)
            .map_or(Duration::ZERO, |ledger| ledger.next_start)
    }

    /// Whether the policy leaves the slot as it ended.
    #[must_use]
    pub fn has_finished(&self, slot: &SlotKey, template: u64) -> bool {
        self.current(slot, template)
            .is_some_and(|ledger| ledger.has_finished)
    }

    fn current(&self, slot: &SlotKey, template: u64) -> Option<&SlotLedger> {
        self.slots
            .get(slot)
            .filter(|ledger| ledger.template == template)
    }

    /// A task of the slot ended: applies the policy. Returns the time to wait before the next.
    pub fn ended(
        &mut self,
        slot: SlotKey,
        template: u64,
        outcome: Outcome,
        policy: &RestartPolicy,
        now: Duration,
    ) {
        let ledger = self.slots.entry(slot).or_default();
        if ledger.template != template {
            *ledger = SlotLedger {
                template,
                ..SlotLedger::default()
            };
        }
        let window = policy.window.filter(|window| !window.is_zero());
        if let Some(window) = window {
            ledger
                .restarts
                .retain(|at| now.saturating_sub(*at) < window);
        }
        let may_restart = match (policy.condition, outcome) {
            (_, Outcome::Refused) => true,
            (RestartCondition::None, _) => false,
            (RestartCondition::OnFailure, outcome) => outcome == Outcome::Failed,
            (RestartCondition::Any, _) => true,
        };
        let limit = policy.max_attempts.filter(|limit| *limit > 0);
        let attempts = u64::try_from(ledger.restarts.len()).unwrap_or(u64::MAX);
        if !may_restart || limit.is_some_and(|limit| attempts >= limit) {
            ledger.has_finished = true;
            return;
        }
        if ledger.restarts.len() < RESTARTS_MAX {
            ledger.restarts.push(now);
        }
        ledger.next_start = now.saturating_add(policy.delay());
    }

    /// The node could not run the slot: how long the refusal stands before it tries again.
    pub fn refused(&mut self, slot: SlotKey, template: u64, now: Duration) -> Duration {
        let ledger = self.slots.entry(slot).or_default();
        if ledger.template != template {
            *ledger = SlotLedger {
                template,
                ..SlotLedger::default()
            };
        }
        let wait = Duration::from_secs(10).saturating_mul(1 << ledger.refusals.min(6));
        ledger.refusals = ledger.refusals.saturating_add(1);
        ledger.next_start = now.saturating_add(wait);
        ledger.refused_until = ledger.next_start;
        wait
    }

    /// Until when this node refuses the slot. None: it does not.
    #[must_use]
    pub fn refused_until(&self, slot: &SlotKey, template: u64, now: Duration) -> Option<Duration> {
        let until = self.current(slot, template)?.refused_until;
        (until > now).then_some(until)
    }

    /// Forgets slots that do not exist any more.
    pub fn tidy(&mut self, exists: impl Fn(&SlotKey) -> bool) {
        self.slots.retain(|slot, _| exists(slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{ServiceId, Slot};

    const SLOT: SlotKey = (ServiceId(1), Slot::Number(1));
    const SECOND: Duration = Duration::from_secs(1);

    fn policy(condition: RestartCondition, max_attempts: u64, window: u64) -> RestartPolicy {
        let window = Some(Duration::from_secs(window));
        RestartPolicy {
            condition,
            max_attempts: Some(max_attempts),
            window,
            delay: Some(SECOND),
        }
    }

    #[test]
    fn the_condition_decides() {
        for (condition, outcome, finishes) in [
            (RestartCondition::Any, Outcome::Completed, false),
            (RestartCondition::Any, Outcome::Failed, false),
            (RestartCondition::OnFailure, Outcome::Completed, true),
            (RestartCondition::OnFailure, Outcome::Failed, false),
            (RestartCondition::None, Outcome::Failed, true),
        ] {
            let mut ledger = Ledger::default();
            ledger.ended(SLOT, 7, outcome, &policy(condition, 0, 0), SECOND);
            assert_eq!(
                ledger.has_finished(&SLOT, 7),
                finishes,
                "{condition:?} {outcome:?}"
            );
            assert!(
                !ledger.has_finished(&SLOT, 8),
                "another template starts afresh"
            );
        }
    }

    #[test]
    fn attempts_are_counted_within_the_window() {
        let mut ledger = Ledger::default();
        let policy = policy(RestartCondition::Any, 2, 100);
        for at in [0, 1] {
            ledger.ended(SLOT, 7, Outcome::Failed, &policy, SECOND * at);
            assert!(!ledger.has_finished(&SLOT, 7));
        }
        assert_eq!(ledger.next_start(&SLOT, 7), SECOND * 2);
        let mut later = ledger.clone();
        ledger.ended(SLOT, 7, Outcome::Failed, &policy, SECOND * 2);
        assert!(ledger.has_finished(&SLOT, 7));
        later.ended(SLOT, 7, Outcome::Failed, &policy, SECOND * 150);
        assert!(!later.has_finished(&SLOT, 7));
    }

    #[test]
    fn refusals_are_retried_ever_more_slowly() {
        let mut ledger = Ledger::default();
        let first = ledger.refused(SLOT, 7, SECOND);
        let waits: Vec<_> = (0..10).map(|_| ledger.refused(SLOT, 7, SECOND)).collect();
        assert!(waits[0] > first && waits[9] == waits[8]);
    }
}

//! What happens when time passes.

use std::time::Duration;

use foca::State;

use crate::{
    Liveness, Membership, NodeId, Now, Output,
    bugs::{self, Bug},
    confirm::{Step, Suspicion, Verdict},
    effects::Effects,
    membership::Swim,
    packet::Ask,
    timers::Event,
};

/// At most so many timers fire in one call; the rest are still due after it.
const EVENTS_MAX: usize = 100_000;
/// A node that leaves says so this often, at this distance.
const FAREWELLS: u8 = 5;
const FAREWELL_EVERY: Duration = Duration::from_millis(100);
/// How many of the dead are called upon at once while nobody is alive.
const SOUGHT_AT_ONCE: usize = 3;
/// The whole list is compared each second, or more rarely where it is long: this long per member.
const RECONCILE_PER_MEMBER: Duration = Duration::from_millis(10);
const RECONCILE_MIN: Duration = Duration::from_secs(1);

impl Membership {
    /// When [`Self::advance`] wants to be called, on the monotonic clock. `None`: never again.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.timers.next_due()
    }

    /// Fires what is due, in the order of due times. Packets that arrived before are to be fed
    /// before. Being called late has consequences: a little late, and suspects get more time; very
    /// late, and the time since counts as not having passed at all.
    pub fn advance(&mut self, now: Now) {
        self.set_now(now);
        self.judge_lateness();
        for _ in 0..EVENTS_MAX {
            let Some(event) = self.timers.pop_due(self.now) else {
                break;
            };
            self.fire(event);
        }
    }

    fn judge_lateness(&mut self) {
        let due = self.next_deadline().unwrap_or(self.now);
        let lateness = self.now.saturating_sub(due);
        self.health.was_late(lateness, self.config.lateness_max);
        if lateness > self.config.asleep_after {
            tracing::info!(?lateness, "was stopped or starved; accuses nobody for it");
            self.timers.excuse_lateness(self.now);
            self.suspicions.excuse_silence(self.now);
        }
    }

    fn fire(&mut self, event: Event) {
        match event {
            Event::Foca(timer) => self.fire_foca(timer),
            Event::Suspicion(member, number) => self.pursue(member, number),
            Event::Reconcile => {
                self.reconcile();
                let members = u32::try_from(self.view.len()).unwrap_or(u32::MAX);
                let pause = RECONCILE_PER_MEMBER.saturating_mul(members);
                let due = self.now + pause.max(RECONCILE_MIN);
                self.timers.set(due, Event::Reconcile);
            }
            Event::Seek => {
                self.seek();
                let due = self.now + self.config.announce_to_down_every;
                self.timers.set(due, Event::Seek);
            }
            Event::Farewell(said) => {
                self.drive(|foca, effects| foca.gossip(effects));
                if said < FAREWELLS {
                    let due = self.now + FAREWELL_EVERY;
                    self.timers.set(due, Event::Farewell(said + 1));
                }
            }
        }
    }

    fn fire_foca(&mut self, timer: foca::Timer<crate::Member>) {
        if let foca::Timer::SendIndirectProbe { probed_id, .. } = &timer {
            self.judge_probe(probed_id.id);
        }
        // All but two kinds only send, or raise a suspicion.
        let changes_list = matches!(
            timer,
            foca::Timer::ChangeSuspectToDown { .. } | foca::Timer::RemoveDown(_)
        );
        let call = |foca: &mut Swim, effects: &mut Effects| foca.handle_timer(timer, effects);
        let error = if changes_list {
            self.drive(call)
        } else {
            self.drive_as_is(call)
        };
        if let Some(error) = error {
            tracing::debug!(%error, "a timer of foca's failed");
        }
    }

    /// The time for a direct answer is over.
    fn judge_probe(&mut self, target: NodeId) {
        let probe = self.probe.take_if(|probe| probe.target == target);
        if probe.is_some_and(|probe| !probe.answered) && self.is_alive(target) {
            self.health.probe_failed(target);
            self.outputs.push(Output::ProbeFailed(target));
        }
    }

    /// Goes on with a suspicion: asks, waits, or judges.
    fn pursue(&mut self, member: NodeId, number: u64) {
        let Some(suspicion) = self.suspicions.get(member, number) else {
            return;
        };
        if !self.still_holds(suspicion) {
            if bugs::is(Bug::RefutedSuspectToldDead)
                && let Verdict::Probed(timer) = suspicion.verdict.clone()
            {
                self.drive(|foca, effects| foca.handle_timer(timer, effects));
            }
            tracing::debug!(node = %member, "no longer suspected");
            self.suspicions.drop(member);
            return self.follow_hints(&[member]);
        }
        let ask = Ask {
            asker: self.me().clone(),
            suspect: suspicion.suspect.clone(),
            refutations: suspicion.refutations,
            down: suspicion.verdict == Verdict::Told,
        };
        let patience = match self.config.local_health {
            true => self.health.multiplier(),
            false => 1,
        };
        let window = self.config.suspicion * patience;
        let every = self.config.ask_every;
        let (now, event) = (self.now, Event::Suspicion(member, number));
        match self.suspicions.step(member, number, now, window, every) {
            Step::Stale => {}
            Step::Wait(due) => self.timers.set(due, event),
            Step::Ask(due) => {
                if self.config.confirm_suspicions {
                    self.ask(member, number, ask);
                }
                self.timers.set(due, event);
            }
            Step::Decide(suspicion) => self.decide(suspicion),
        }
    }

    /// Asks the suspect; each second time by way of another member, too.
    fn ask(&mut self, member: NodeId, number: u64, ask: Ask) {
        self.outputs.send(&ask.suspect, ask.to_packet());
        let is_on = self.config.ask_through_others && !bugs::is(Bug::SuspectAskedDirectlyOnly);
        let by_way_of = match is_on {
            true => self.suspicions.asks_through(member, number),
            false => None,
        };
        if let Some(last) = by_way_of
            && let Some(helper) = self.ask_through_another(ask, last)
        {
            self.suspicions.asked_through(member, helper);
        }
    }

    /// Whether foca still sees the member as it was when it came under suspicion.
    fn still_holds(&self, suspicion: &Suspicion) -> bool {
        let mut list = self.foca.iter_membership_state();
        let Some(told) = list.find(|told| told.id().id == suspicion.suspect.id) else {
            return false;
        };
        *told.id() == suspicion.suspect
            && match suspicion.verdict {
                Verdict::Told => told.state() != State::Down,
                Verdict::Probed(_) => {
                    told.state() == State::Suspect && told.incarnation() == suspicion.refutations
                }
            }
    }

    /// Silent for the whole window: dead, as far as this node can tell. The others hear it at once.
    fn decide(&mut self, suspicion: Suspicion) {
        let declared_down = match suspicion.verdict {
            Verdict::Probed(timer) => self.drive_to_verdict(timer),
            Verdict::Told => {
                let down = foca::Member::new(suspicion.suspect, suspicion.refutations, State::Down);
                self.drive(|foca, effects| foca.apply_many(std::iter::once(down), true, effects));
                true
            }
        };
        if declared_down {
            self.drive(|foca, effects| foca.gossip(effects));
        }
    }

    /// With nobody alive, foca's own calls upon the dead have stopped: this node is cut off, or the
    /// others are. Each is called upon in turn.
    fn seek(&mut self) {
        if self.left || self.view.active() > 0 {
            return;
        }
        tracing::trace!("nobody is alive: calls upon the dead");
        let dead: Vec<_> = self
            .view
            .iter()
            .filter(|(_, liveness)| *liveness == Liveness::Down)
            .map(|(member, _)| member.clone())
            .collect();
        for turn in 0..SOUGHT_AT_ONCE.min(dead.len()) {
            let member = dead[(self.sought + turn) % dead.len()].clone();
            self.drive(|foca, effects| foca.announce(member, effects));
        }
        self.sought = self.sought.wrapping_add(SOUGHT_AT_ONCE);
    }
}

//! The machine: foca, with what foca leaves to others built around it.
//!
//! SWIM (Das, Gupta and Motivala, 2002) as foca implements it keeps the member list and spreads the
//! news. Around it: suspicion that is confirmed ([`crate::confirm`]), local health after Lifeguard
//! ([`crate::health`]), a view that loses no change ([`crate::view`]), and incarnations that outlive
//! the process. It does no I/O: packets, moments and commands go in, [`Output`]s come out. It never
//! opens a connection, and never decides who may be a member: that is the transport's business.
//!
//! The driver's duties, in this order, each time it wakes:
//! 1. feed the packets that have arrived ([`Membership::handle_packet`]),
//! 2. call [`Membership::advance`] if [`Membership::next_deadline`] has passed,
//! 3. carry out all outputs ([`Membership::poll`]), in order.
//!
//! Packets first: an answer that waits in a socket's buffer must not come after its own timeout.

use std::time::Duration;

use foca::Foca;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    Addresses, Config, Liveness, Member, NodeId, Now, Output,
    addresses::TooManyAddresses,
    confirm::{Suspicions, Verdict},
    effects::Effects,
    health::Health,
    output::Outputs,
    swim_codec::SwimCodec,
    timers::{Event, Timers},
    view::View,
};

/// The most members, dead ones included, that this node keeps in mind.
pub const MEMBERS_MAX: usize = 16_384;

pub(crate) type Swim = Foca<Member, SwimCodec, ChaCha8Rng, foca::NoCustomBroadcast>;

/// The probe that is under way.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) target: NodeId,
    pub(crate) answered: bool,
}

/// One node's part in the membership of its cluster.
pub struct Membership {
    pub(crate) config: Config,
    pub(crate) foca: Swim,
    effects: Effects,
    /// This node as the others should know it: foca's identity, after the last call.
    pub(crate) me: Member,
    /// Our refutations in this life are at least these; foca doesn't tell.
    pub(crate) refutations: u16,
    pub(crate) left: bool,
    /// When we last went above a life of ours that others know.
    pub(crate) restored_at: Option<Duration>,
    pub(crate) view: View,
    pub(crate) timers: Timers,
    pub(crate) suspicions: Suspicions,
    pub(crate) health: Health,
    pub(crate) probe: Option<Probe>,
    pub(crate) outputs: Outputs,
    /// Which of the dead is called upon next while we are alone.
    pub(crate) sought: usize,
    /// The view may differ from foca's list.
    pub(crate) unsure: bool,
    rng: ChaCha8Rng,
    pub(crate) now: Duration,
}

impl Membership {
    /// A node that knows nobody yet. `me.incarnation` must be above every one that this node had
    /// before (1 + the one persisted); the first output is to persist it. Equal seeds and inputs
    /// give equal outputs; different nodes should have different seeds.
    #[must_use]
    pub fn new(config: Config, me: Member, seed: u64, now: Now) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let foca_rng = ChaCha8Rng::from_rng(&mut rng);
        let foca = Foca::new(me.clone(), config.to_foca(), foca_rng, SwimCodec);
        let mut outputs = Outputs::default();
        outputs.push(Output::PersistIncarnation(me.incarnation));
        let mut timers = Timers::default();
        let now = now.monotonic;
        timers.set(now + config.announce_to_down_every, Event::Seek);
        timers.set(now + config.probe_period, Event::Reconcile);
        Self {
            config,
            foca,
            effects: Effects::default(),
            me,
            refutations: 0,
            left: false,
            restored_at: None,
            view: View::default(),
            timers,
            suspicions: Suspicions::default(),
            health: Health::default(),
            probe: None,
            outputs,
            sought: 0,
            unsure: false,
            rng,
            now,
        }
    }

    /// This node, in its present life.
    #[must_use]
    pub const fn me(&self) -> &Member {
        &self.me
    }

    /// All other members that this node knows of, dead ones too, by id.
    pub fn members(&self) -> impl Iterator<Item = (&Member, Liveness)> {
        self.view.iter().map(|(member, live)| (member, *live))
    }

    /// What is believed of this node; nothing if it was never heard of.
    #[must_use]
    pub fn member(&self, id: NodeId) -> Option<(&Member, Liveness)> {
        self.view.get(id).map(|(member, live)| (member, *live))
    }

    /// Whether that node is here: alive, or only suspected. This node itself is, until it leaves.
    #[must_use]
    pub fn is_alive(&self, id: NodeId) -> bool {
        match self.view.get(id) {
            Some((_, liveness)) => liveness.is_active(),
            None => id == self.me.id && !self.left,
        }
    }

    /// What the suspicion time is multiplied by at the moment, for doubt in our own health: 1 to 8.
    #[must_use]
    pub const fn health_multiplier(&self) -> u32 {
        self.health.multiplier()
    }

    /// Asks a member whom it knows, and to be known by it: how one joins. The packet or the answer
    /// may be lost; the driver repeats this, with backoff, until somebody is here. The incarnation
    /// need not be right (0 will do), the id must be.
    pub fn announce_to(&mut self, member: Member, now: Now) {
        self.set_now(now);
        if !self.left && member.id != self.me.id {
            self.drive(|foca, effects| foca.announce(member, effects));
        }
    }

    /// Goes, and says so: the others take this node for down at once. Says it again a few times, for
    /// half a second, until [`Self::next_deadline`] is `None`. There is no way back but a new life.
    pub fn leave(&mut self, now: Now) {
        self.set_now(now);
        if self.left {
            return;
        }
        self.drive(|foca, effects| foca.leave_cluster(effects));
        self.left = true;
        self.timers = Timers::default();
        self.suspicions = Suspicions::default();
        self.timers.set(self.now, Event::Farewell(0));
    }

    /// Has other addresses from now on, and a new life to tell the others so.
    ///
    /// # Errors
    /// If there are more than four; then nothing changes.
    pub fn change_addresses(
        &mut self,
        addresses: Vec<std::net::SocketAddr>,
        now: Now,
    ) -> Result<(), TooManyAddresses> {
        self.set_now(now);
        let addresses = Addresses::try_from(addresses)?;
        if self.left || addresses == self.me.addresses {
            return Ok(());
        }
        self.live_as(Member {
            addresses,
            ..self.me.clone()
        });
        Ok(())
    }

    /// Something other than a packet of ours came from this node (a stream, a rumour): if it is
    /// under suspicion, it is not silent.
    pub fn heard_from(&mut self, id: NodeId, now: Now) {
        self.set_now(now);
        self.suspicions.heard(id, self.now);
    }

    /// Strikes a dead member from memory, for good if every node does so. Whether there was one: a
    /// member that is here is kept.
    pub fn forget(&mut self, id: NodeId) -> bool {
        let Some((member, Liveness::Down)) = self.view.get(id).cloned() else {
            return false;
        };
        self.view.remove(id);
        self.drive(|foca, effects| foca.handle_timer(foca::Timer::RemoveDown(member), effects));
        true
    }

    /// The next thing to be done, if any.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// The driver's clock never goes back; if it does, time stands still here.
    pub(crate) fn set_now(&mut self, now: Now) {
        self.now = self.now.max(now.monotonic);
    }

    /// Goes on as this, in a new life above its incarnation.
    pub(crate) fn live_as(&mut self, member: Member) {
        if let Some(next) = foca::Identity::renew(&member) {
            tracing::debug!(incarnation = next.incarnation, "begins a new life");
            self.drive(|foca, effects| foca.change_identity(next, effects));
        }
    }

    /// Makes a call of foca and all that follows from it.
    pub(crate) fn drive(
        &mut self,
        call: impl FnOnce(&mut Swim, &mut Effects) -> Result<(), foca::Error>,
    ) -> Option<foca::Error> {
        self.unsure = true;
        self.drive_as_is(call)
    }

    /// As [`Self::drive`], with a call that leaves the member list as it is, or raises a suspicion.
    pub(crate) fn drive_as_is(
        &mut self,
        call: impl FnOnce(&mut Swim, &mut Effects) -> Result<(), foca::Error>,
    ) -> Option<foca::Error> {
        let mut effects = std::mem::take(&mut self.effects);
        let error = call(&mut self.foca, &mut effects).err();
        self.settle(effects);
        error
    }

    /// As [`Self::drive`], but sends nothing if nobody was declared down. Works around a fault of
    /// foca 2.0.0: a suspicion that was refuted in time still tells the member that it is down, and
    /// it then renews itself for nothing (29 times a minute at 1,000 nodes and 5 % loss).
    pub(crate) fn drive_to_verdict(&mut self, timer: foca::Timer<Member>) -> bool {
        self.unsure = true;
        let mut effects = std::mem::take(&mut self.effects);
        if let Err(error) = self.foca.handle_timer(timer, &mut effects) {
            tracing::debug!(%error, "foca's verdict failed");
        }
        let declared_down = effects.declared_down;
        if !declared_down {
            effects.sends.clear();
        }
        self.settle(effects);
        declared_down
    }

    fn settle(&mut self, mut effects: Effects) {
        let renewed = self.take_over_life();
        if self.timers.is_resting() && self.foca.updates_backlog() > 0 {
            self.timers.resume(self.config.gossip_every, self.now);
        }
        for (timer, after) in effects.timers.drain(..) {
            self.set_foca_timer(timer, after);
        }
        self.follow_hints(&effects.touched);
        effects.touched.clear();
        for (to, packet) in effects.sends.drain(..) {
            // foca keeps our own former lives among the dead, and may call upon them.
            if to.id != self.me.id {
                self.outputs.send(&to, packet);
            }
        }
        let alone = std::mem::take(&mut effects.alone);
        effects.declared_down = false;
        self.effects = effects;
        if alone && !self.left {
            self.forget_old_news();
        } else if renewed {
            // A new identity leaves foca unconnected until its next update: let it look around.
            self.drive(|foca, effects| foca.apply_many(std::iter::empty(), true, effects));
        }
    }

    /// Whether foca lives under a new identity since the last call.
    fn take_over_life(&mut self) -> bool {
        if *self.foca.identity() == self.me {
            return false;
        }
        self.me = self.foca.identity().clone();
        self.refutations = 0;
        self.probe = None;
        self.outputs
            .push(Output::PersistIncarnation(self.me.incarnation));
        self.outputs.push(Output::Renewed(self.me.clone()));
        true
    }

    fn set_foca_timer(&mut self, timer: foca::Timer<Member>, after: Duration) {
        match &timer {
            foca::Timer::ChangeSuspectToDown {
                member_id,
                incarnation,
                ..
            } => {
                let (suspect, refutations) = (member_id.clone(), *incarnation);
                self.suspect(suspect, refutations, Verdict::Probed(timer));
                return;
            }
            foca::Timer::PeriodicGossip(_) => {
                self.timers.end_rest();
                if self.foca.updates_backlog() == 0 {
                    // What it asks for is the round after one that is due now.
                    return self.timers.rest(timer, self.now);
                }
            }
            foca::Timer::SendIndirectProbe { probed_id, .. } => {
                self.probe = Some(Probe {
                    target: probed_id.id,
                    answered: false,
                });
            }
            _ => {}
        }
        let due = self.now.saturating_add(after);
        self.timers.set(due, Event::Foca(timer));
    }

    /// Holds a suspicion from now on, and begins to ask.
    pub(crate) fn suspect(&mut self, suspect: Member, refutations: u16, verdict: Verdict) {
        self.unsure = true;
        let id = suspect.id;
        let raised = self
            .suspicions
            .raise(suspect, refutations, verdict, self.now);
        if let Some(number) = raised {
            self.outputs.push(Output::Suspect(id));
            self.timers.set(self.now, Event::Suspicion(id, number));
        }
        self.follow_hints(&[id]);
    }

    /// Nobody else is left, so most likely we are cut off, and all our news is of deaths that never
    /// were. foca would tell it to the first who comes back and kill the others with it; only a new
    /// foca forgets. The dead stay on the list, so that they can be called upon.
    fn forget_old_news(&mut self) {
        let list: Vec<_> = self.foca.iter_membership_state().cloned().collect();
        let rng = ChaCha8Rng::from_rng(&mut self.rng);
        self.foca = Foca::new(self.me.clone(), self.config.to_foca(), rng, SwimCodec);
        self.timers.drop_foca();
        self.suspicions = Suspicions::default();
        self.probe = None;
        let me = self.me.id;
        let others = list.into_iter().filter(|told| told.id().id != me);
        self.drive(|foca, effects| foca.apply_many(others, false, effects));
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership")
            .field("me", &self.me)
            .field("active", &self.view.active())
            .field("known", &self.view.len())
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

//! What a peer wants done, done: over the links, on the machine's disk, by its tasks.

use std::{sync::Arc, time::Duration};

use shoal_membership::NodeId;
use shoal_scheduler::peer::{Effect, Input, Ticket};

use super::{Notice, Outcome, World};
use crate::dials::HANDSHAKE_WAYS;
use crate::event::What;
use crate::runtime::between;

impl World {
    pub(super) fn carry_out(&mut self, index: usize) {
        while let Some(effect) = self.machines[index]
            .peer
            .as_mut()
            .and_then(|peer| peer.poll())
        {
            self.effect(index, effect);
        }
        let deadline = self.machines[index]
            .peer
            .as_ref()
            .and_then(|peer| peer.next_deadline());
        let Some(deadline) = deadline else { return };
        let at = self.machines[index].clock.time_of(deadline).max(self.now);
        if self.machines[index].next_wake.is_none_or(|wake| at < wake) {
            self.machines[index].next_wake = Some(at);
            self.schedule(at - self.now, index, What::Wake);
        }
    }

    fn effect(&mut self, index: usize, effect: Effect) {
        let from = self.machines[index].id();
        match effect {
            Effect::Datagram { to, bytes } => {
                self.mix(bytes.len() as u64);
                self.datagram(index, to, bytes);
            }
            Effect::Rumour { to, bytes } => {
                self.traffic.message(bytes.len());
                let Some(to) = self.way_to(index, to) else {
                    return;
                };
                let dial = self.dial(index, to);
                if let Some(delay) = self.links.stream(index, to, bytes.len(), self.now) {
                    self.schedule(
                        dial + delay,
                        to,
                        What::Arrive(Input::Rumour { from, bytes }),
                    );
                }
            }
            Effect::Question { to, call, bytes } => self.question(index, to, call, bytes),
            Effect::Answer { ticket, bytes } => self.answer(index, ticket, bytes),
            Effect::Persist { ticket, batch } => {
                let machine = &mut self.machines[index];
                machine.disk.request(ticket, batch);
                let delay = between(&machine.disk.delay, &mut machine.rng);
                self.schedule(delay, index, What::Disk);
            }
            Effect::Plan { ticket, input } => {
                let plan = match self.shares_plans {
                    true => self.plans.plan(*input),
                    false => Arc::new(self.machines[index].planner.plan(*input)),
                };
                let planned = Input::Planned { ticket, plan };
                let delay = self.machines[index].planning;
                self.schedule(delay, index, What::Arrive(planned));
            }
            Effect::Start(start) => self.start_task(index, *start),
            Effect::Stop(id) => self.stop_task(index, id),
            Effect::Remove(id) => {
                self.machines[index].tasks.remove(&id);
            }
            Effect::Addresses { node, addresses } => {
                self.machines[index].disk.locate(node, addresses);
            }
            Effect::Silences(silences) => self.machines[index].disk.keep_silences(silences),
            Effect::Ordered { ticket, result } => {
                self.outcomes
                    .insert((index, ticket), Outcome::Ordered(result));
            }
            Effect::Joined { ticket, result } => self.decided(index, ticket, result),
            Effect::Removed => self.remove(index),
            Effect::Vouch { to, writes } => self.vouch(index, to, writes),
            Effect::Stopped => self.agent_stopped(index),
            Effect::Presence { node, is_alive } => self.notice(index, node, is_alive),
            // Sealed to a node: the node's name. Only it is looked at who has a key.
            Effect::Seal { secret, to, .. } => {
                let keys = to
                    .into_iter()
                    .map(|(node, _)| (node, node.as_bytes().to_vec()));
                let sealed = Input::Sealed {
                    secret,
                    keys: keys.collect(),
                };
                self.schedule(Duration::from_millis(1), index, What::Arrive(sealed));
            }
            // Connections are judged by what the peers hold: see `permits`.
            Effect::Trust { .. } | Effect::Redial(_) | Effect::Suspected(_) => {}
        }
    }

    fn datagram(&mut self, index: usize, to: NodeId, bytes: Vec<u8>) {
        let from = self.machines[index].id();
        self.traffic.datagram(bytes.len());
        let Some(to) = self.way_to(index, to) else {
            return;
        };
        if !self.dial(index, to).is_zero() {
            return;
        }
        let [first, again] = self.links.datagram(index, to, bytes.len(), self.now);
        if let Some(delay) = again {
            let bytes = bytes.clone();
            self.schedule(delay, to, What::Arrive(Input::Datagram { from, bytes }));
        }
        if let Some(delay) = first {
            self.schedule(delay, to, What::Arrive(Input::Datagram { from, bytes }));
        }
    }

    fn notice(&mut self, by: usize, node: NodeId, is_alive: bool) {
        if let Some(about) = self.indexes.get(&node).filter(|_| self.takes_notes) {
            self.notices.push(Notice {
                at: self.now,
                by,
                about: *about,
                is_alive,
            });
        }
    }

    /// The machine with this id, if a connection to it can be had.
    fn way_to(&mut self, from: usize, to: NodeId) -> Option<usize> {
        let to = *self.indexes.get(&to)?;
        self.permits(from, to).then_some(to)
    }

    /// How long it takes from now until a connection stands; none if one does.
    fn dial(&mut self, from: usize, to: usize) -> Duration {
        if !self.dials || self.machines[to].peer.is_none() {
            return Duration::ZERO;
        }
        let living = |index: usize| (index, self.machines[index].life);
        let handshake = self.links.link.latency.mean() * HANDSHAKE_WAYS;
        let (one, other) = (living(from), living(to));
        let stands = self.connections.stands_at(one, other, handshake, self.now);
        stands.saturating_sub(self.now)
    }

    fn question(&mut self, index: usize, to: NodeId, call: Ticket, bytes: Vec<u8>) {
        self.traffic.message(bytes.len());
        let (from, life) = (self.machines[index].id(), self.machines[index].life);
        let Some(to) = self.way_to(index, to) else {
            return;
        };
        let dial = self.dial(index, to);
        let delay = self.links.stream(index, to, bytes.len(), self.now);
        let Some(delay) = delay.filter(|_| self.machines[to].peer.is_some()) else {
            return;
        };
        self.next_order += 1;
        let ticket = Ticket(self.next_order);
        self.questions.insert((to, ticket), (index, life, call));
        self.schedule(
            dial + delay,
            to,
            What::Arrive(Input::Question {
                from,
                ticket,
                bytes,
            }),
        );
    }

    fn answer(&mut self, index: usize, ticket: Ticket, bytes: Vec<u8>) {
        let Some((asker, life, call)) = self.questions.remove(&(index, ticket)) else {
            return;
        };
        if self.machines[asker].life != life {
            return;
        }
        self.traffic.message(bytes.len());
        if let Some(delay) = self.links.stream(index, asker, bytes.len(), self.now) {
            let answer = Input::Answer {
                call,
                bytes: Some(bytes),
            };
            self.schedule(delay, asker, What::Arrive(answer));
        }
    }
}

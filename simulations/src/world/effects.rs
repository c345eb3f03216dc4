//! What a peer wants done, done: over the links, on the machine's disk, by its tasks.

use std::time::Duration;

use shoal_membership::NodeId;
use shoal_scheduler::{
    peer::{Effect, Input, Ticket},
    task::TaskState,
};

use super::{Outcome, What, World};
use crate::SimTask;

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
        let at = deadline.max(self.now);
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
                self.traffic.datagram(bytes.len());
                let Some(&to) = self.indexes.get(&to) else {
                    return;
                };
                if let Some(delay) = self.links.datagram(index, to, &mut self.rng) {
                    self.schedule(delay, to, What::Arrive(Input::Datagram { from, bytes }));
                }
            }
            Effect::Rumour { to, bytes } => {
                self.traffic.message(bytes.len());
                let Some(&to) = self.indexes.get(&to) else {
                    return;
                };
                if let Some(delay) = self.links.stream(index, to, &mut self.rng) {
                    self.schedule(delay, to, What::Arrive(Input::Rumour { from, bytes }));
                }
            }
            Effect::Question { to, call, bytes } => self.question(index, to, call, bytes),
            Effect::Answer { ticket, bytes } => self.answer(index, ticket, bytes),
            Effect::Persist { ticket, batch } => {
                let delay = self.disk_delay;
                self.schedule(delay, index, What::Disk(ticket, Box::new(batch)));
            }
            Effect::Plan { ticket, input } => {
                let plan = self.plans.plan(*input);
                let planned = Input::Planned { ticket, plan };
                self.schedule(Duration::from_millis(1), index, What::Arrive(planned));
            }
            Effect::Start(start) => {
                let id = start.report.id;
                let task = SimTask {
                    report: start.report,
                    spec: start.spec,
                    is_running: false,
                };
                self.machines[index].tasks.insert(id, task);
                let delay = self.start_delay;
                self.schedule(delay, index, What::Runtime(id, TaskState::Running));
            }
            Effect::Stop(id) => {
                let delay = Duration::from_millis(10);
                self.schedule(delay, index, What::Runtime(id, TaskState::Complete));
            }
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
            Effect::Joined { ticket, result } => {
                self.outcomes
                    .insert((index, ticket), Outcome::Joined(result));
            }
            Effect::Removed => self.removed.push(index),
            Effect::Stopped => {
                self.stopped.push(index);
                self.kill_agent(index);
            }
            Effect::Trust { .. } | Effect::Redial(_) => {}
        }
    }

    fn question(&mut self, index: usize, to: NodeId, call: Ticket, bytes: Vec<u8>) {
        self.traffic.message(bytes.len());
        let (from, life) = (self.machines[index].id(), self.machines[index].life);
        let target = self.indexes.get(&to).copied();
        let way = target.and_then(|to| Some((to, self.links.stream(index, to, &mut self.rng)?)));
        let Some((to, delay)) = way.filter(|(to, _)| self.machines[*to].peer.is_some()) else {
            return;
        };
        self.next_order += 1;
        let ticket = Ticket(self.next_order);
        self.questions.insert((to, ticket), (index, life, call));
        self.schedule(
            delay,
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
        if let Some(delay) = self.links.stream(index, asker, &mut self.rng) {
            let answer = Input::Answer {
                call,
                bytes: Some(bytes),
            };
            self.schedule(delay, asker, What::Arrive(answer));
        }
    }
}

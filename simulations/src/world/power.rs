//! Machines that are switched on and off, stand still, move or lose what they have.

use std::time::Duration;

use shoal_membership::NodeId;
use shoal_scheduler::peer::Input;

use super::{NONCE, World};
use crate::{event::What, machine::Birth};

/// A machine that is not let in tries again after this, at the earliest.
const DIALS_APART: Duration = Duration::from_secs(1);

impl World {
    /// Switches a machine on, or starts its agent again. One that is no member stays off: it has to
    /// [join](Self::join).
    pub fn boot(&mut self, index: usize) {
        if !self.machines[index].is_member {
            return;
        }
        let is_founder = index == 0 && self.machines[0].keys == 0;
        let founder_nonce = is_founder.then_some(NONCE);
        tracing::info!(machine = index + 1, id = %self.machines[index].id(), "starts");
        let birth = Birth {
            cluster: self.cluster,
            founder_nonce,
            profile: self.profile,
            protocol: &self.protocol,
            seed: self.seed,
        };
        // One that was told of its removal, and died before it had ended, is told again.
        self.machines[index].is_removed = false;
        self.machines[index].boot(index, &birth, self.now);
        self.carry_out(index);
    }

    /// SIGKILL to the agent: its tasks go on.
    pub fn kill_agent(&mut self, index: usize) {
        self.end_agent(index, false);
    }

    /// A power cut: the tasks are gone too. Whether it tore the store apart.
    pub fn cut_power(&mut self, index: usize) -> bool {
        let is_torn = self.end_agent(index, true);
        let machine = &mut self.machines[index];
        machine.power_cuts += 1;
        for task in machine.tasks.values_mut() {
            (task.is_running, task.is_over) = (false, true);
        }
        is_torn
    }

    fn end_agent(&mut self, index: usize, is_power_cut: bool) -> bool {
        let machine = &mut self.machines[index];
        machine.peer = None;
        machine.life += 1;
        machine.next_wake = None;
        machine.busy_until = self.now;
        machine.disk.interrupt(is_power_cut, &mut machine.rng)
    }

    /// SIGSTOP for that long: arrivals wait, time passes.
    pub fn freeze(&mut self, index: usize, duration: Duration) {
        self.machines[index].frozen_until = self.now + duration;
    }

    /// SIGTERM to the agent: it hands its tasks over, and stops.
    pub fn leave(&mut self, index: usize) {
        self.input(index, Input::Leave);
    }

    /// The clocks of a machine gain so many parts per million from now on; below 0: they lose.
    pub fn drift(&mut self, index: usize, ppm: i64) {
        self.machines[index].clock.drift(ppm, self.now);
    }

    /// From now on nobody can dial this machine: those whom it dials itself still reach it.
    pub fn put_behind_nat(&mut self, index: usize) {
        self.machines[index].is_behind_nat = true;
        self.reach.matters = true;
    }

    /// A machine gets another address, and its agent notices.
    pub fn move_address(&mut self, index: usize) {
        self.machines[index].moves += 1;
        self.moved(index);
    }

    /// From now on every address that a machine ever had leads to it. Two that moved while they could not
    /// tell each other would else never meet again.
    pub fn forward_old_addresses(&mut self) {
        self.reach.old_addresses_lead = true;
    }

    fn moved(&mut self, index: usize) {
        self.reach.matters = true;
        self.reach.moved(index);
        let address = self.machines[index].address(index);
        self.input(index, Input::Addresses(vec![address]));
    }

    /// A power cut, after which the machine has an empty disk: it has to join as a new one.
    pub fn wipe(&mut self, index: usize) {
        self.cut_power(index);
        self.indexes.remove(&self.machines[index].id());
        self.machines[index].wipe(index);
        self.indexes.insert(self.machines[index].id(), index);
    }

    /// The cluster has removed a machine, and it has heard of that: it stops its tasks and ends.
    pub(super) fn remove(&mut self, index: usize) {
        if !self.machines[index].is_removed {
            self.machines[index].is_removed = true;
            self.removed.push(index);
            self.input(index, Input::Leave);
        }
    }

    /// An agent has ended as it was told; one that was removed has set its key and store aside.
    pub(super) fn agent_stopped(&mut self, index: usize) {
        self.stopped.push(index);
        self.kill_agent(index);
        if self.machines[index].is_removed {
            self.wipe(index);
        }
    }

    /// Whether a packet from one gets a connection to the other, at this moment.
    pub(super) fn permits(&mut self, from: usize, to: usize) -> bool {
        let [sender, receiver] = [from, to].map(|index| &self.machines[index]);
        let (Some(speaks), Some(hears)) = (&sender.peer, &receiver.peer) else {
            return true;
        };
        let trusts = |trust: &shoal_scheduler::registry::Trust, other: &NodeId| {
            trust.key_of(other).is_some() && !trust.is_revoked(other)
        };
        if !trusts(speaks.registry().trust(), &receiver.id()) {
            return false;
        }
        if !trusts(hears.registry().trust(), &sender.id()) {
            let is_revoked = hears.registry().trust().is_revoked(&sender.id());
            if !self.links.is_cut(to, from) && !self.links.is_cut(from, to) {
                self.turn_away(from, to, is_revoked);
            }
            return false;
        }
        if !self.reach.matters {
            return true;
        }
        let at = receiver.address(to);
        let believed = sender.disk.whereabouts(&receiver.id());
        let way = crate::reach::Way {
            from: (from, sender.life),
            to: (to, receiver.life),
            is_cut: self.links.is_cut(from, to) || self.links.is_cut(to, from),
            can_dial: !receiver.is_behind_nat
                && believed.is_some_and(|addresses| {
                    self.reach.old_addresses_lead || addresses.as_slice().contains(&at)
                }),
        };
        self.reach.permits(way, self.now)
    }

    /// A machine is told why another does not talk to it.
    fn turn_away(&mut self, from: usize, to: usize, is_revoked: bool) {
        let delay = Duration::from_millis(1);
        if is_revoked {
            return self.schedule(delay, from, What::Refused);
        }
        let told = self.strangers.entry((from, to)).or_default();
        if self.now >= *told {
            *told = self.now + DIALS_APART;
            self.schedule(delay, from, What::Unknown(to));
        }
    }
}

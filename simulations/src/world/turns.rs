//! Machines that are busy or stand still: what arrives meanwhile waits, in order.

use std::time::Duration;

use shoal_scheduler::peer::Input;

use super::World;
use crate::{
    Machine,
    event::{Event, What},
};

/// So much fits into a machine's socket buffer; datagrams beyond are dropped.
const WAITING_MAX: usize = 2_000;

impl Machine {
    fn free_at(&self) -> Duration {
        self.frozen_until.max(self.busy_until)
    }

    pub(super) fn is_free(&self, now: Duration) -> bool {
        self.free_at() <= now && self.waiting.is_empty()
    }
}

impl World {
    pub(super) fn wait(&mut self, event: Event) {
        let machine = &mut self.machines[event.machine];
        let is_datagram = matches!(event.what, What::Arrive(Input::Datagram { .. }));
        if is_datagram && machine.waiting.len() >= WAITING_MAX {
            return;
        }
        let (index, is_first) = (event.machine, machine.waiting.is_empty());
        machine.waiting.push_back(event);
        if is_first {
            self.plan_turn(index);
        }
    }

    fn plan_turn(&mut self, index: usize) {
        let delay = self.machines[index].free_at().saturating_sub(self.now);
        self.schedule(delay, index, What::Turn);
    }

    pub(super) fn take_turn(&mut self, index: usize) {
        // It may have been stopped again since.
        if self.machines[index].free_at() > self.now {
            return self.plan_turn(index);
        }
        while let Some(event) = self.machines[index].waiting.pop_front() {
            if !self.is_void(&event) {
                self.take(event);
                break;
            }
        }
        if !self.machines[index].waiting.is_empty() {
            self.plan_turn(index);
        }
    }
}

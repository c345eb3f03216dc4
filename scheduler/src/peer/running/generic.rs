//! The generic resources of this node, given to its tasks.

use std::collections::BTreeMap;

use crate::{
    generic::{Assigned, Stock, Stocks, assign},
    peer::Peer,
    reconcile::LocalTask,
    task::TaskId,
};

impl Peer {
    /// What a task is given of this node's generic resources: of what no task holds that has not ended.
    ///
    /// # Errors
    /// The kind that there is too little of.
    pub(super) fn generic_for(
        &self,
        wanted: &BTreeMap<String, u64>,
    ) -> Result<Vec<Assigned>, String> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let held = self.running.local.live();
        let held = held.flat_map(|task| &task.report.generic);
        let nothing = Stocks::new();
        assign(wanted, self.stocks().unwrap_or(&nothing), held)
    }

    fn stocks(&self) -> Option<&Stocks> {
        let own = self.catalog.roster().get(&self.me())?;
        Some(&own.facts.generic_resources)
    }

    /// Stops tasks that hold things of this kind and are not this node's to run any more, if so many are free then.
    ///
    /// Such a task waits until another node runs its slot, which may itself wait for a thing that is held there in the
    /// same way; or its slot found no node at all, because another took its place.
    pub(super) fn make_room(&mut self, kind: &str, wanted: u64) {
        let me = self.me();
        let held = |task: &LocalTask| {
            let given = task.report.generic.iter().filter(|one| one.kind == kind);
            given.map(|one| one.count).sum::<u64>()
        };
        let (mut kept, mut leaving) = (0_u64, Vec::new());
        let holders = self.running.local.live().filter(|task| held(task) > 0);
        for task in holders.filter(|task| !task.is_stopping()) {
            let slot = task.slot_key();
            kept = kept.saturating_add(held(task));
            let owner = self.placing.slots.get(&slot);
            if owner.is_some_and(|owner| *owner != Some(me))
                && !self.running.claimed.contains(&slot)
            {
                leaving.push((task.report.id, held(task)));
            }
        }
        let stock = self.stocks().and_then(|stocks| stocks.get(kind));
        let most = stock.map_or(0, Stock::count).saturating_sub(wanted);
        let mut stopped: Vec<TaskId> = Vec::new();
        for (id, count) in leaving {
            if kept <= most {
                break;
            }
            kept = kept.saturating_sub(count);
            stopped.push(id);
        }
        if kept <= most {
            for id in stopped {
                self.stop_task(id, "makes room for another task");
            }
        }
    }
}

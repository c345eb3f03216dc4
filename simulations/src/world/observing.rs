//! What an onlooker sees of the whole cluster at a moment.

use shoal_scheduler::task::TaskId;

use super::World;

impl World {
    /// Whether each of these sees each of those as alive.
    #[must_use]
    pub fn all_see(&self, watchers: &[usize], watched: &[usize]) -> bool {
        watchers.iter().all(|watcher| {
            let Some(peer) = &self.machines[*watcher].peer else {
                return false;
            };
            watched
                .iter()
                .all(|one| one == watcher || peer.sees_alive(&self.machines[*one].id()))
        })
    }

    /// Machines whose agent runs.
    #[must_use]
    pub fn running(&self) -> Vec<usize> {
        (0..self.machines.len())
            .filter(|index| self.machines[*index].peer.is_some())
            .collect()
    }

    /// Whether all agents that run hold the same registry.
    #[must_use]
    pub fn registries_agree(&self) -> bool {
        let roots = self
            .machines
            .iter()
            .filter_map(|machine| machine.peer.as_ref());
        let mut roots = roots.map(|peer| peer.registry().digests().root());
        let first = roots.next();
        roots.all(|root| Some(root) == first)
    }

    /// Whether all agents that run know the admission of every member.
    #[must_use]
    pub fn admissions_are_known(&self) -> bool {
        let members: Vec<_> = self
            .machines
            .iter()
            .filter(|machine| machine.is_member)
            .map(crate::Machine::id)
            .collect();
        let running = self.machines.iter().filter_map(|one| one.peer.as_ref());
        running.map(|peer| peer.registry().trust()).all(|trust| {
            let is_known = |id| trust.key_of(id).is_some();
            members.iter().all(is_known)
        })
    }

    /// Where the tasks of a service run now: (machine, task), by slot.
    #[must_use]
    pub fn running_tasks(&self, service: &str) -> Vec<(usize, TaskId)> {
        let mut tasks: Vec<_> = self
            .machines
            .iter()
            .enumerate()
            .flat_map(|(index, machine)| machine.tasks.values().map(move |task| (index, task)))
            .filter(|(_, task)| task.is_running && task.report.service_name == service)
            .map(|(index, task)| (task.report.slot, index, task.report.id))
            .collect();
        tasks.sort();
        tasks
            .into_iter()
            .map(|(_, index, id)| (index, id))
            .collect()
    }

    /// Whether every slot of a service runs exactly once.
    #[must_use]
    pub fn runs_exactly(&self, service: &str, replicas: usize) -> bool {
        let slots: Vec<_> = self
            .machines
            .iter()
            .flat_map(|machine| machine.tasks.values())
            .filter(|task| task.is_running && task.report.service_name == service)
            .map(|task| task.report.slot)
            .collect();
        let distinct: std::collections::BTreeSet<_> = slots.iter().collect();
        slots.len() == replicas && distinct.len() == replicas
    }
}

//! Runs of jobs that are behind this node, written down.

use crate::{
    payload::JobRecord,
    peer::{Peer, orders::json, service::job_key},
    task::{ServiceId, Slot, TaskId, TaskState},
};

impl Peer {
    /// A task of this node has ended. If it was a run of a job, and nothing more comes of it, that is written down.
    pub(super) fn note_run(&mut self, id: TaskId) {
        let Some(task) = self.running.local.get(&id) else {
            return;
        };
        let (report, slot) = (&task.report, task.slot_key());
        let Some(service) = self.catalog.services().get(&report.service) else {
            return;
        };
        let Some(job) = service.job.as_ref() else {
            return;
        };
        // A job that was asked for anew begins anew.
        if report.update != service.update || report.run == 0 {
            return;
        }
        let has_failed = match report.state {
            TaskState::Complete => false,
            TaskState::Failed if self.running.ledger.has_finished(&slot, report.template) => true,
            _ => return,
        };
        let at = (report.service, report.update);
        let number = match slot.1 {
            Slot::Number(number) => number,
            Slot::Node(_) => 1,
        };
        let behind = job.behind_after(slot.1, report.run);
        let key = job_key(at.0, at.1, self.me());
        let written = || self.registry.read_as::<JobRecord>(&key);
        let record = self.running.runs.entry(at);
        let record =
            record.or_insert_with(|| written().map(|(record, _)| record).unwrap_or_default());
        let before = record.behind.entry(number).or_default();
        if behind <= *before {
            return;
        }
        *before = behind;
        record.failed = record.failed.saturating_add(u64::from(has_failed));
        self.write_runs();
    }

    /// Has what is behind this node on its disk, and forgets jobs that are gone or were asked for anew.
    pub(super) fn write_runs(&mut self) {
        let services = self.catalog.services();
        let is_current = |id: &ServiceId, update: u64| {
            services
                .get(id)
                .is_some_and(|service| service.update == update)
        };
        self.running
            .runs
            .retain(|(service, update), _| is_current(service, *update));
        let me = self.me();
        let records = self.running.runs.iter();
        let records: Vec<_> = records
            .map(|((service, update), record)| (job_key(*service, *update, me), json(record)))
            .collect();
        for (key, record) in records {
            self.find(key, record);
        }
    }
}

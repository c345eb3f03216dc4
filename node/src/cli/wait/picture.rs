//! What services and their tasks look like at one moment.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::{
    client::Client,
    error::CliError,
    format::words::harmless,
    lookup::Lookup,
    query::{Filters, Target},
};

/// All services that are waited for.
pub(super) struct Picture {
    /// In the order of their names.
    pub(super) services: Vec<ServicePicture>,
    /// Services that were asked for and are not there.
    gone: Vec<String>,
}

/// One service.
pub(super) struct ServicePicture {
    /// Its name.
    pub(super) name: String,
    /// Slots that run the newest spec, or completed tasks of a job.
    pub(super) running: u64,
    /// How many there should be.
    pub(super) wanted: u64,
    /// State of the update, or "".
    pub(super) update: String,
    update_message: String,
    is_job: bool,
    /// Slots that do not run, with what is known of them.
    pub(super) waiting: Vec<Slot>,
}

/// A slot that does not run.
pub(super) struct Slot {
    /// `web.2`
    pub(super) name: String,
    /// State of its newest task.
    pub(super) state: String,
    /// Why, if there is a reason.
    pub(super) reason: String,
}

/// Looks.
pub(super) async fn take(client: &Client, ids: &[String]) -> Result<Picture, CliError> {
    let (mut by_id, mut by_service) = (Filters::default(), Filters::default());
    for id in ids {
        by_id.add("id", id);
        by_service.add("service", id);
    }
    by_service.add("_up-to-date", "true");
    let target = Target::new("/services").with("status", true);
    let services: Vec<Value> = client.get(target.filtered(&by_id).as_str()).await?;
    let target = Target::new("/tasks").filtered(&by_service);
    let tasks: Vec<Value> = client.get(target.as_str()).await?;
    Ok(Picture::of(ids, &services, &tasks))
}

impl Picture {
    /// The picture that these answers give.
    pub(super) fn of(ids: &[String], services: &[Value], tasks: &[Value]) -> Self {
        let mut pictures: Vec<_> = services
            .iter()
            .filter(|service| ids.iter().any(|id| id == service.text("/ID")))
            .map(|service| ServicePicture::of(service, tasks))
            .collect();
        pictures.sort_by(|a, b| a.name.cmp(&b.name));
        let is_there = |id: &&String| services.iter().any(|s| s.text("/ID") == id.as_str());
        Self {
            services: pictures,
            gone: ids.iter().filter(|id| !is_there(id)).cloned().collect(),
        }
    }

    /// Whether everything runs.
    pub(super) fn is_complete(&self) -> bool {
        self.services.iter().all(ServicePicture::is_complete)
    }

    /// Whether it will stay so without a look at the clock: an update that says so, or a job.
    pub(super) fn is_final(&self) -> bool {
        let is_final = |service: &ServicePicture| {
            service.is_job || matches!(service.update.as_str(), "completed" | "rollback_completed")
        };
        self.services.iter().all(is_final)
    }

    /// Why it will never run, if that is sure. A rollback is a failure unless it was ordered.
    pub(super) fn failure(&self, rollback_ordered: bool) -> Option<String> {
        if let Some(id) = self.gone.first() {
            return Some(format!("service {id} was removed meanwhile"));
        }
        self.services.iter().find_map(|service| {
            let what = match service.update.as_str() {
                "paused" => "update paused",
                "rollback_paused" => "rollback paused",
                "rollback_started" | "rollback_completed" if !rollback_ordered => {
                    "update rolled back"
                }
                _ => return None,
            };
            let message = harmless(&service.update_message);
            Some(format!("service {}: {what}: {message}", service.name))
        })
    }

    /// The reasons of everything that does not run; none if something is under way.
    pub(super) fn blocked(&self) -> Option<String> {
        let slots: Vec<&Slot> = self.services.iter().flat_map(|s| &s.waiting).collect();
        let is_blocked = |slot: &&Slot| {
            !slot.reason.is_empty()
                && matches!(slot.state.as_str(), "pending" | "rejected" | "failed")
        };
        let missing: u64 = self.services.iter().map(ServicePicture::missing).sum();
        let all_known = slots.len() as u64 >= missing;
        (missing > 0 && all_known && slots.iter().all(is_blocked))
            .then(|| self.reasons().join("\n"))
    }

    /// A line for everything that does not run.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for service in self
            .services
            .iter()
            .filter(|service| !service.is_complete())
        {
            if service.waiting.is_empty() {
                lines.push(format!(
                    "{}: {} of {} run",
                    service.name, service.running, service.wanted
                ));
            }
            lines.extend(service.waiting.iter().map(Slot::line));
        }
        lines
    }
}

impl Slot {
    fn line(&self) -> String {
        match self.reason.as_str() {
            "" => format!("{}: {}", self.name, self.state),
            reason => format!("{}: {}: {reason}", self.name, self.state),
        }
    }
}

impl ServicePicture {
    fn of(service: &Value, tasks: &[Value]) -> Self {
        let id = service.text("/ID");
        let name = service.text("/Spec/Name").to_owned();
        let mode = |kind: &str| service.has(&format!("/Spec/Mode/{kind}"));
        let is_job = mode("ReplicatedJob") || mode("GlobalJob");
        let newest = newest_tasks(tasks.iter().filter(|task| task.text("/ServiceID") == id));
        let wanted = match () {
            () if mode("Replicated") => service
                .pointer("/Spec/Mode/Replicated/Replicas")
                .and_then(Value::as_u64)
                .unwrap_or(1),
            () if mode("ReplicatedJob") => service
                .number("/Spec/Mode/ReplicatedJob/TotalCompletions")
                .max(1),
            () => service.number("/ServiceStatus/DesiredTasks"),
        };
        let good = if is_job { "complete" } else { "running" };
        let is_good = |task: &Value| task.text("/Status/State") == good;
        let running = newest.values().filter(|task| is_good(task)).count() as u64;
        let waiting = newest
            .iter()
            .filter(|(_, task)| !is_good(task))
            .map(|(slot, task)| Slot {
                name: format!("{name}.{slot}"),
                state: task.text("/Status/State").to_owned(),
                reason: harmless(task.text("/Status/Err")),
            });
        Self {
            waiting: waiting.collect(),
            running,
            wanted,
            update: service.text("/UpdateStatus/State").to_owned(),
            update_message: service.text("/UpdateStatus/Message").to_owned(),
            is_job,
            name,
        }
    }

    fn is_complete(&self) -> bool {
        let is_updating = matches!(self.update.as_str(), "updating" | "rollback_started");
        self.running >= self.wanted && !is_updating
    }

    fn missing(&self) -> u64 {
        self.wanted.saturating_sub(self.running)
    }
}

/// The newest task of each slot, or of each node where a service has no slots. Tasks that are on
/// their way out count only when there is no other.
fn newest_tasks<'a>(tasks: impl Iterator<Item = &'a Value>) -> BTreeMap<String, &'a Value> {
    let mut newest: BTreeMap<String, &Value> = BTreeMap::new();
    let age = |task: &Value| {
        let wanted = !matches!(task.text("/DesiredState"), "shutdown" | "remove");
        let created = task.text("/CreatedAt").parse::<jiff::Timestamp>().ok();
        (wanted, created)
    };
    for task in tasks {
        let slot = match task.number("/Slot") {
            0 => task.text("/NodeID").to_owned(),
            slot => slot.to_string(),
        };
        let entry = newest.entry(slot).or_insert(task);
        if age(task) > age(entry) {
            *entry = task;
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(update: Value) -> Value {
        json!({"ID": "s1", "Spec": {"Name": "web", "Mode": {"Replicated": {"Replicas": 2}}},
               "UpdateStatus": update})
    }

    fn task(slot: u64, created: u64, desired: &str, state: &str, error: &str) -> Value {
        json!({"ServiceID": "s1", "Slot": slot, "DesiredState": desired,
               "CreatedAt": format!("2026-11-22T10:00:0{created}Z"),
               "Status": {"State": state, "Err": error}})
    }

    fn picture(update: Value, tasks: &[Value]) -> Picture {
        Picture::of(&["s1".into()], &[service(update)], tasks)
    }

    #[test]
    fn complete_means_every_slot_runs() {
        let mut tasks = vec![task(1, 1, "running", "running", "")];
        assert!(!picture(Value::Null, &tasks).is_complete());
        // An older failure of the slot does not count, whatever the order.
        tasks.push(task(2, 3, "running", "running", ""));
        tasks.push(task(2, 1, "shutdown", "failed", "exit 1"));
        assert!(picture(Value::Null, &tasks).is_complete());
        assert!(!picture(json!({"State": "updating"}), &tasks).is_complete());
        assert!(picture(json!({"State": "completed"}), &tasks).is_final());
    }

    #[test]
    fn blocked_means_a_reason_for_everything_that_does_not_run() {
        let running = task(1, 1, "running", "running", "");
        let pending = task(2, 1, "running", "pending", "no suitable node");
        let blocked = picture(Value::Null, &[running.clone(), pending.clone()]);
        assert_eq!(
            blocked.blocked().as_deref(),
            Some("web.2: pending: no suitable node")
        );
        let starting = task(1, 1, "running", "starting", "");
        assert_eq!(picture(Value::Null, &[starting, pending]).blocked(), None);
        // The second slot is not even known yet.
        assert_eq!(picture(Value::Null, &[running]).blocked(), None);
    }

    #[test]
    fn failures_are_final() {
        let paused = json!({"State": "paused", "Message": "task x failed"});
        let failure = picture(paused, &[]).failure(false).unwrap();
        assert_eq!(failure, "service web: update paused: task x failed");
        let back = json!({"State": "rollback_started", "Message": "task x failed"});
        assert!(picture(back.clone(), &[]).failure(false).is_some());
        assert_eq!(picture(back, &[]).failure(true), None);
        let gone = Picture::of(&["s2".into()], &[], &[]);
        assert!(gone.failure(false).unwrap().contains("s2"));
    }

    #[test]
    fn a_global_service_runs_on_as_many_nodes_as_the_agent_says() {
        let service = json!({"ID": "s1", "Spec": {"Name": "g", "Mode": {"Global": {}}},
                             "ServiceStatus": {"DesiredTasks": 2}});
        let on = |node: &str| {
            json!({"ServiceID": "s1", "NodeID": node, "DesiredState": "running",
                   "Status": {"State": "running"}})
        };
        let picture =
            |tasks: &[Value]| Picture::of(&["s1".into()], std::slice::from_ref(&service), tasks);
        assert!(!picture(&[on("a")]).is_complete());
        assert!(picture(&[on("a"), on("b")]).is_complete());
    }
}

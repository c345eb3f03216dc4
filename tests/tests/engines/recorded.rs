//! What Docker Swarm answered to the docker client, asked of Shoal: the same statuses, the same shapes.
//!
//! `recordings/exchanges.jsonl` holds requests of the docker client 28.2.2 to a Swarm of three nodes
//! (dockerd 20.10.24), with the answers; lists are cut to four, polls and logs left out. They are
//! replayed in their order, with the ids of this cluster in place of those. A field that Swarm sent must be
//! there, of the same type or null. What differs on purpose is in `recordings/differences.txt`, a line each
//! with its reason; a line that no longer applies fails the test, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;
use shoal_tests::{Differences, missing, within};

use super::Turn;

const AT_REST: Duration = Duration::from_secs(90);

const EXCHANGES: &str = include_str!("../../recordings/exchanges.jsonl");
const DIFFERENCES: &str = include_str!("../../recordings/differences.txt");

/// What the recorded ids were of, and what they are here.
#[derive(Default)]
struct Ids {
    /// Recorded id: kind (`services`, `networks`, `nodes`, `tasks`) and name.
    recorded: BTreeMap<String, (&'static str, String)>,
    here: BTreeMap<(&'static str, String), String>,
}

impl Ids {
    /// Learns the ids in what Swarm answered.
    fn learn(&mut self, value: &Value) {
        match value {
            Value::Array(list) => list.iter().for_each(|one| self.learn(one)),
            Value::Object(map) => {
                let text = |key: &str| map.get(key).and_then(Value::as_str);
                let is_service = map.contains_key("Endpoint") || map.contains_key("PreviousSpec");
                if let (Some(id), Some(name), true) =
                    (text("ID"), value.pointer("/Spec/Name"), is_service)
                {
                    let name = name.as_str().unwrap_or_default().to_owned();
                    self.recorded.insert(id.to_owned(), ("services", name));
                }
                if let (Some(id), Some(name), Some(_)) = (text("Id"), text("Name"), text("Driver"))
                {
                    self.recorded
                        .insert(id.to_owned(), ("networks", name.to_owned()));
                }
                if let (Some(id), true) = (text("ID"), map.contains_key("Description")) {
                    let nodes = self.recorded.values().filter(|(kind, _)| *kind == "nodes");
                    let number = (nodes.count() % 3).to_string();
                    self.recorded
                        .entry(id.to_owned())
                        .or_insert(("nodes", number));
                }
                if let (Some(id), Some(service)) = (text("ID"), text("ServiceID")) {
                    self.recorded
                        .insert(id.to_owned(), ("tasks", service.to_owned()));
                }
            }
            _ => {}
        }
    }

    /// Learns the ids of secrets or configs.
    fn learn_files(&mut self, kind: &'static str, value: &Value) {
        let files = match value {
            Value::Array(list) => &list[..],
            other => std::slice::from_ref(other),
        };
        for file in files {
            if let (Some(id), Some(name)) = (file["ID"].as_str(), file.pointer("/Spec/Name")) {
                let name = name.as_str().unwrap_or_default().to_owned();
                self.recorded.insert(id.to_owned(), (kind, name));
            }
        }
    }

    /// What is here now, by the same names.
    fn look(&mut self, ask: &impl Fn(&str) -> Value) {
        self.here.clear();
        for (number, node) in list(ask("/nodes")).iter().enumerate() {
            self.put("nodes", number.to_string(), &node["ID"]);
        }
        for service in list(ask("/services")) {
            let name = service["Spec"]["Name"].as_str().unwrap_or_default();
            self.put("services", name.to_owned(), &service["ID"]);
        }
        for (kind, path) in [("secrets", "/secrets"), ("configs", "/configs")] {
            for file in list(ask(path)) {
                let name = file["Spec"]["Name"].as_str().unwrap_or_default();
                self.put(kind, name.to_owned(), &file["ID"]);
            }
        }
        for network in list(ask("/networks")) {
            let name = network["Name"].as_str().unwrap_or_default();
            self.put("networks", name.to_owned(), &network["Id"]);
        }
        for task in list(ask("/tasks")) {
            let service = task["ServiceID"].as_str().unwrap_or_default();
            let is_known = self.here.contains_key(&("tasks", service.to_owned()));
            // Rather one that runs.
            if !is_known || task["Status"]["State"] == "running" {
                self.put("tasks", service.to_owned(), &task["ID"]);
            }
        }
    }

    fn put(&mut self, kind: &'static str, name: String, id: &Value) {
        let id = id.as_str().unwrap_or_default().to_owned();
        self.here.insert((kind, name), id);
    }

    fn of_here(&self, recorded: &str) -> Option<&String> {
        let (kind, name) = self.recorded.get(recorded)?;
        // A task's name is its service's recorded id.
        let name = match *kind {
            "tasks" => self.of_here(name)?.clone(),
            _ => name.clone(),
        };
        self.here.get(&(*kind, name))
    }

    /// A text with the ids of this cluster.
    fn translate(&self, text: &str) -> String {
        let mut translated = text.to_owned();
        for recorded in self.recorded.keys() {
            if let Some(here) = self
                .of_here(recorded)
                .filter(|_| text.contains(recorded.as_str()))
            {
                translated = translated.replace(recorded.as_str(), here);
            }
        }
        translated
    }
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        other => panic!("no list: {other}"),
    }
}

/// Whether tasks that are to end have ended, none is on its way, and each slot's newest task is of its
/// service's present spec.
fn at_rest(ask: &impl Fn(&str) -> Value) -> Result<(), String> {
    const OVER: [&str; 5] = ["shutdown", "complete", "failed", "rejected", "orphaned"];
    const BEGINS: [&str; 5] = ["new", "assigned", "accepted", "preparing", "starting"];
    let tasks = list(ask("/tasks"));
    let moves = tasks.iter().filter(|task| {
        let state = task["Status"]["State"].as_str().unwrap_or_default();
        match task["DesiredState"] == "shutdown" {
            true => !OVER.contains(&state),
            false => BEGINS.contains(&state),
        }
    });
    let ends = moves.count();
    let stale = list(ask("/services")).into_iter().filter(|service| {
        let mut wanted = tasks
            .iter()
            .filter(|task| task["ServiceID"] == service["ID"] && task["DesiredState"] == "running");
        let newest = &service["Spec"]["TaskTemplate"]["ContainerSpec"];
        match service["UpdateStatus"]["State"].as_str() {
            // One that has stopped leaves some of both, and so does one that waits for a place.
            Some(state) => {
                let mut own = tasks
                    .iter()
                    .filter(|task| task["ServiceID"] == service["ID"]);
                let waits = own.any(|task| task["Status"]["State"] == "pending");
                matches!(state, "updating" | "rollback_started") && !waits
            }
            None => wanted.any(|task| &task["Spec"]["ContainerSpec"] != newest),
        }
    });
    let stale: Vec<Value> = stale.collect();
    match (ends, stale.is_empty()) {
        (0, true) => Ok(()),
        _ => {
            let named = |service: &Value| {
                let spec = &service["Spec"];
                format!(
                    "{} {} {}",
                    spec["Name"], service["UpdateStatus"], spec["UpdateConfig"]
                )
            };
            let stale: Vec<String> = stale.iter().map(named).collect();
            Err(format!("{ends} tasks end, and being replaced: {stale:?}"))
        }
    }
}

#[test]
fn what_swarm_answers_is_answered_with_the_same_status_and_shape() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    for machine in super::ALL {
        lab.engine(machine, &["tag", shoal_tests::LAB_IMAGE, "busybox:latest"])
            .ok();
    }
    let ask = |path: &str| lab.ask(1, "GET", path, None).1;
    let exchanges: Vec<Value> = EXCHANGES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut differences = Differences::read(DIFFERENCES);
    let mut ids = Ids::default();
    for exchange in &exchanges {
        let path = exchange["path"].as_str().unwrap_or_default();
        for kind in ["secrets", "configs"] {
            if path.contains(kind) {
                ids.learn_files(kind, &exchange["body"]);
            }
        }
        ids.learn(&exchange["body"]);
    }
    let mut file = "";
    for exchange in &exchanges {
        if exchange["file"] != file {
            // The client that was recorded waited for what it had asked for.
            file = exchange["file"].as_str().unwrap_or_default();
            within(AT_REST, "tasks at rest", || at_rest(&ask));
        }
        let text = |key: &str| exchange[key].as_str().unwrap_or_default();
        ids.look(&ask);
        let mut target = ids.translate(text("path"));
        let mut query = ids.translate(text("query"));
        let status = exchange["status"].as_u64().unwrap_or_default();
        if let Some((path, inline)) = target.clone().split_once('?') {
            (target, query) = (path.to_owned(), inline.to_owned());
        }
        let is_stale = exchange["body"]["message"]
            .as_str()
            .is_some_and(|words| words.contains("out of sequence"));
        if query.contains("version=") && status != 400 && !is_stale {
            let object = ask(target.trim_end_matches("/update"));
            let version = object["Version"]["Index"].as_u64().unwrap_or(1);
            let parts = query
                .split('&')
                .map(|part| match part.starts_with("version=") {
                    true => format!("version={version}"),
                    false => part.to_owned(),
                });
            query = parts.collect::<Vec<_>>().join("&");
        }
        let target = if query.is_empty() {
            target
        } else {
            format!("{target}?{query}")
        };
        let request = match exchange.get("request") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            // All nodes are managers here.
            Some(request) => {
                let request = ids.translate(&request.to_string());
                Some(request.replace(r#""Role":"worker""#, r#""Role":"manager""#))
            }
        };
        let (got, body) = lab.ask(1, text("method"), &target, request.as_deref());
        let mut found = BTreeSet::new();
        if u64::from(got) != status {
            found.insert(format!("status {got}, not {status}: {}", body["message"]));
        } else {
            found = missing(&exchange["body"], &body);
        }
        differences.take(exchange, found);
    }
    differences.are_as_listed();
    for service in list(ask("/services")) {
        lab.docker(1, &["service", "rm", service["ID"].as_str().unwrap()])
            .ok();
    }
}

//! What one agent's API says at one moment: nodes, services and tasks, as far as the demo shows them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{STACK, error::DemoError};
use crate::cli::{Client, Lookup, harmless};

/// Names of services, and how many tasks each wants.
pub(super) struct Services {
    names: BTreeMap<String, String>,
    /// Tasks of all services together.
    pub(super) wanted: usize,
}

impl Services {
    /// Asks an agent.
    pub(super) async fn ask(client: &Client) -> Result<Self, DemoError> {
        let services: Vec<Value> = client.get("/services").await?;
        let nodes: Vec<Value> = client.get("/nodes").await?;
        Ok(Self::of(&services, nodes.len()))
    }

    fn of(services: &[Value], nodes: usize) -> Self {
        let own_name = |service: &Value| {
            let name = harmless(service.text("/Spec/Name"));
            let own = name
                .strip_prefix(STACK)
                .and_then(|rest| rest.strip_prefix('_'));
            own.unwrap_or(&name).to_owned()
        };
        let wanted = |service: &Value| {
            let replicas = "/Spec/Mode/Replicated/Replicas";
            match (service.has("/Spec/Mode/Global"), service.has(replicas)) {
                (true, _) => nodes,
                (false, true) => usize::try_from(service.number(replicas)).unwrap_or(0),
                // Docker's default.
                (false, false) => 1,
            }
        };
        Self {
            names: services
                .iter()
                .map(|service| (service.text("/ID").to_owned(), own_name(service)))
                .collect(),
            wanted: services.iter().map(wanted).sum(),
        }
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeSight {
    pub(super) name: String,
    /// In Docker's words: ready, down.
    pub(super) state: String,
}

impl NodeSight {
    pub(super) fn is_ready(&self) -> bool {
        self.state == "ready"
    }
}

/// A task, or a slot that waits for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskSight {
    pub(super) id: String,
    /// Service and slot: `web.3`. A global service has its node there.
    pub(super) slot: String,
    /// Name of the node; empty without one.
    pub(super) node: String,
    pub(super) state: String,
    /// What went wrong, or what it waits for.
    pub(super) reason: String,
    is_wanted: bool,
    /// Where it listens, if it publishes a TCP port.
    pub(super) port: Option<u16>,
}

impl TaskSight {
    /// Whether it runs and is meant to.
    pub(super) fn is_running(&self) -> bool {
        self.is_wanted && self.state == "running"
    }
}

/// The cluster at one moment, as one agent sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    pub(super) nodes: Vec<NodeSight>,
    pub(super) tasks: Vec<TaskSight>,
}

impl Sight {
    /// Asks an agent.
    pub(super) async fn take(client: &Client, services: &Services) -> Result<Self, DemoError> {
        let nodes: Vec<Value> = client.get("/nodes").await?;
        let tasks: Vec<Value> = client.get("/tasks").await?;
        Ok(Self::of(&nodes, &tasks, services))
    }

    fn of(nodes: &[Value], tasks: &[Value], services: &Services) -> Self {
        let by_id: BTreeMap<&str, String> = nodes
            .iter()
            .map(|node| {
                (
                    node.text("/ID"),
                    harmless(node.text("/Description/Hostname")),
                )
            })
            .collect();
        let mut sight = Self {
            nodes: nodes_of(nodes),
            tasks: tasks
                .iter()
                .map(|task| task_of(task, &by_id, services))
                .collect(),
        };
        sight
            .tasks
            .sort_by(|a, b| order(&a.slot).cmp(&order(&b.slot)));
        sight
    }

    /// Which task runs each slot; of several the one that was listed first.
    pub(super) fn running(&self) -> BTreeMap<&str, &TaskSight> {
        let mut running = BTreeMap::new();
        for task in self.tasks.iter().filter(|task| task.is_running()) {
            running.entry(task.slot.as_str()).or_insert(task);
        }
        running
    }

    /// The node of each slot that runs.
    pub(super) fn places(&self) -> BTreeMap<String, String> {
        let running = self.running().into_iter();
        running
            .map(|(slot, task)| (slot.to_owned(), task.node.clone()))
            .collect()
    }

    /// Slots that more than one task runs.
    pub(super) fn duplicates(&self) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let running = self.tasks.iter().filter(|task| task.is_running());
        running
            .map(|task| task.slot.as_str())
            .filter(|slot| !seen.insert(*slot))
            .collect()
    }

    /// Tasks that run on a node.
    pub(super) fn running_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a TaskSight> {
        let tasks = self.tasks.iter();
        tasks.filter(move |task| task.is_running() && task.node == node)
    }

    /// How this agent sees a node.
    pub(super) fn node(&self, name: &str) -> Option<&NodeSight> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// Why not everything runs, each sentence once.
    pub(super) fn troubles(&self) -> BTreeSet<String> {
        let running = self.running();
        let waiting = self.tasks.iter();
        let waiting = waiting.filter(|task| !running.contains_key(task.slot.as_str()));
        waiting
            .map(|task| match task.reason.as_str() {
                "" => format!("{} is {}", task.slot, task.state),
                reason => format!("{} is {}: {reason}", task.slot, task.state),
            })
            .collect()
    }
}

/// The nodes that this answer lists, n2 before n10.
pub(super) fn nodes_of(nodes: &[Value]) -> Vec<NodeSight> {
    let mut nodes: Vec<NodeSight> = nodes
        .iter()
        .map(|node| NodeSight {
            name: harmless(node.text("/Description/Hostname")),
            state: harmless(node.text("/Status/State")),
        })
        .collect();
    nodes.sort_by(|a, b| order(&a.name).cmp(&order(&b.name)));
    nodes
}

fn task_of(task: &Value, nodes: &BTreeMap<&str, String>, services: &Services) -> TaskSight {
    let node = nodes.get(task.text("/NodeID")).cloned().unwrap_or_default();
    let service = services.names.get(task.text("/ServiceID"));
    let service = service.map_or("?", String::as_str);
    let slot = match task.number("/Slot") {
        0 => format!("{service}.{node}"),
        number => format!("{service}.{number}"),
    };
    let ports = task.list("/Status/PortStatus/Ports").iter();
    let port = ports
        .filter(|port| port.text("/Protocol") == "tcp")
        .find_map(|port| u16::try_from(port.number("/PublishedPort")).ok())
        .filter(|port| *port != 0);
    TaskSight {
        id: task.text("/ID").to_owned(),
        slot,
        node,
        state: harmless(task.text("/Status/State")),
        reason: harmless(task.text("/Status/Err")),
        is_wanted: task.text("/DesiredState") == "running",
        port,
    }
}

/// Names by their letters, then by the number at their end.
pub(super) fn order(name: &str) -> (&str, u64) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters, name[letters.len()..].parse().unwrap_or(0))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// Five nodes, the last of which is down, with tasks on the first and the last.
    pub(in crate::demo) fn cluster() -> Sight {
        let nodes: Vec<Value> = [1, 2, 3, 10, 4]
            .map(|number| {
                let state = if number == 4 { "down" } else { "ready" };
                json!({"ID": format!("id{number}"), "Status": {"State": state},
                       "Description": {"Hostname": format!("n{number}")}})
            })
            .to_vec();
        let task = |id: &str, slot: u64, node: &str, desired: &str| {
            json!({"ID": id, "ServiceID": "s", "Slot": slot, "NodeID": node,
                   "DesiredState": desired, "Status": {"State": "running", "PortStatus":
                   {"Ports": [{"Protocol": "tcp", "PublishedPort": 4000 + slot}]}}})
        };
        let tasks = [
            task("c", 10, "id1", "running"),
            task("a", 1, "id1", "running"),
            task("b", 1, "id2", "running"),
            task("old", 2, "id4", "shutdown"),
            json!({"ID": "d", "ServiceID": "s", "Slot": 2, "DesiredState": "running",
                   "Status": {"State": "pending", "Err": "no room"}}),
        ];
        Sight::of(&nodes, &tasks, &services())
    }

    fn services() -> Services {
        let service = json!({"ID": "s", "Spec": {"Name": "demo_web",
                             "Mode": {"Replicated": {"Replicas": 6}}}});
        let global = json!({"ID": "g", "Spec": {"Name": "demo_log", "Mode": {"Global": {}}}});
        let single = json!({"ID": "o", "Spec": {"Name": "demo_one"}});
        Services::of(&[service, global, single], 5)
    }

    #[test]
    fn a_task_of_a_dead_node_does_not_run_and_a_second_one_is_a_duplicate() {
        let sight = cluster();
        let places = sight.places();
        assert_eq!(places.keys().collect::<Vec<_>>(), ["web.1", "web.10"]);
        assert_eq!(
            sight.duplicates().into_iter().collect::<Vec<_>>(),
            ["web.1"]
        );
        assert_eq!(sight.running_on("n4").count(), 0);
        assert_eq!(sight.running_on("n1").next().unwrap().port, Some(4001));
        assert!(sight.troubles().contains("web.2 is pending: no room"));
        assert_eq!(services().wanted, 12);
    }

    #[test]
    fn nodes_and_slots_are_in_the_order_of_their_numbers() {
        let sight = cluster();
        let names: Vec<_> = sight.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["n1", "n2", "n3", "n4", "n10"]);
        assert_eq!(sight.tasks.last().unwrap().slot, "web.10");
        for name in ["", "12", "n", "n99999999999999999999999", "é7"] {
            let _ = order(name);
        }
    }
}

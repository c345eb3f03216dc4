//! What the nodes of a cluster say, and what really runs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Node, process::Process};

/// A task as a node's API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its service's id.
    pub service: String,
    /// Its slot; 0 of a global service.
    pub slot: u64,
    /// The node that reports it.
    pub node: String,
    /// `running`...
    pub state: String,
    /// `running`, `shutdown`...
    pub desired: String,
    /// Its process, 0 if there is none.
    pub pid: i64,
}

impl Task {
    fn of(value: &Value) -> Self {
        let text = |pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
        Self {
            id: text("/ID"),
            service: text("/ServiceID"),
            slot: number("/Slot").unsigned_abs(),
            node: text("/NodeID"),
            state: text("/Status/State"),
            desired: text("/DesiredState"),
            pid: number("/Status/ContainerStatus/PID"),
        }
    }
}

/// A task's process, found without asking any agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Running {
    /// Name of its service.
    pub service: String,
    /// Its slot.
    pub slot: String,
    /// The node that started it.
    pub node: String,
    /// Its id.
    pub task: String,
    /// Its process.
    pub pid: i32,
}

impl Node {
    /// `/shoal/v1/cluster`, one text field.
    fn cluster_text(&self, field: &str) -> Result<String, String> {
        let cluster = self.get("/shoal/v1/cluster")?;
        let text = cluster.get(field).and_then(Value::as_str);
        text.map(str::to_owned)
            .ok_or_else(|| format!("no {field} in {cluster}"))
    }

    /// This node's id.
    ///
    /// # Panics
    /// If it does not answer.
    #[track_caller]
    pub fn id(&self) -> String {
        self.cluster_text("NodeID").expect("a running agent")
    }

    /// The root of its registry.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn desired_root(&self) -> Result<String, String> {
        self.cluster_text("DesiredRoot")
    }

    /// Status by hostname and id, as this node sees it: `ready`, `down`...
    ///
    /// # Errors
    /// If it does not answer.
    pub fn roster(&self) -> Result<BTreeMap<(String, String), String>, String> {
        let nodes = self.get("/nodes")?;
        let text = |node: &Value, pointer: &str| {
            let found = node.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let nodes = nodes.as_array().into_iter().flatten();
        Ok(nodes
            .map(|node| {
                let name = (text(node, "/Description/Hostname"), text(node, "/ID"));
                (name, text(node, "/Status/State"))
            })
            .collect())
    }

    /// How this node sees the one of that name.
    ///
    /// # Errors
    /// If it does not answer, or knows no such node.
    pub fn sees(&self, hostname: &str) -> Result<String, String> {
        let roster = self.roster()?;
        let found = roster.iter().find(|((name, _), _)| name == hostname);
        found
            .map(|(_, status)| status.clone())
            .ok_or_else(|| format!("{} knows no {hostname}: {roster:?}", self.name))
    }

    /// All tasks that it knows of.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn tasks(&self) -> Result<Vec<Task>, String> {
        let tasks = self.get("/tasks")?;
        Ok(tasks
            .as_array()
            .into_iter()
            .flatten()
            .map(Task::of)
            .collect())
    }

    /// Names of all services with their numbers of replicas (-1: global), as this node knows them.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn services(&self) -> Result<BTreeMap<String, i64>, String> {
        let services = self.get("/services")?;
        let services = services.as_array().into_iter().flatten();
        Ok(services
            .filter_map(|service| {
                let name = service.pointer("/Spec/Name")?.as_str()?.to_owned();
                let replicas = service.pointer("/Spec/Mode/Replicated/Replicas");
                Some((name, replicas.and_then(Value::as_i64).unwrap_or(-1)))
            })
            .collect())
    }
}

/// The main processes of the tasks of these nodes, by service and slot.
pub(crate) fn running_on(nodes: &[String]) -> Vec<Running> {
    let mut found: Vec<Running> = Process::all()
        .into_iter()
        .filter_map(|process| {
            let environment: BTreeMap<_, _> = process.environment().into_iter().collect();
            let node = environment
                .get("SHOAL_NODE_ID")
                .filter(|id| nodes.contains(id))?;
            let text = |name: &str| environment.get(name).cloned().unwrap_or_default();
            Some(Running {
                service: text("SHOAL_SERVICE_NAME"),
                slot: text("SHOAL_SLOT"),
                node: node.clone(),
                task: text("SHOAL_TASK_ID"),
                pid: process.pid,
            })
        })
        .collect();
    found.sort();
    found
}

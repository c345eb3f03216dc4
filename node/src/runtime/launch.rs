//! What a task is started with, and found again by.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use shoal_membership::NodeId;
use shoal_scheduler::{
    generic::Assigned,
    spec::ServiceSpec,
    task::{ServiceId, Slot, TaskId},
};

use super::files::PlacedFiles;

/// A task to start. All of it is kept beside the task, so that adoption returns the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// This run.
    pub task: TaskId,
    /// Of this service.
    pub service: ServiceId,
    /// Name of the service now.
    pub service_name: String,
    /// In this slot.
    #[serde(with = "slot")]
    pub slot: Slot,
    /// On this node.
    pub node: NodeId,
    /// Name of this node for people.
    pub node_name: String,
    /// Fingerprint of the task template.
    pub template: u64,
    /// The update by which it was made. 0: none that this version knows.
    #[serde(default)]
    pub update: u64,
    /// Of a job: which of its runs, from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub run: u64,
    /// The generic resources that it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generic: Vec<Assigned>,
    /// When the task was made, since 1970-01-01 UTC. Zero: written by a version that did not say.
    #[serde(default)]
    pub created_at: Duration,
    /// Variables of the environment by which it finds other services, if it shares the machine's network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<(String, String)>,
    /// Its secrets and configs. Nothing of them is kept.
    #[serde(skip)]
    pub files: PlacedFiles,
    /// Everything that people asked for.
    #[serde(with = "shared")]
    pub spec: Arc<ServiceSpec>,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Launch {
    /// Swarm's name of a task: `service.slot.id`.
    #[must_use]
    pub fn task_name(&self) -> String {
        let (service, slot, task) = (&self.service_name, self.slot_name(), self.task);
        format!("{service}.{slot}.{task}")
    }

    /// Whether its secrets and configs are where it is to find them.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn check_files(&self) -> Result<(), String> {
        if let Some(trouble) = &self.files.trouble {
            return Err(trouble.clone());
        }
        let container = self.spec.container();
        // One without a file is a credential spec, of Windows.
        let configs = container.configs.iter().filter(|one| one.file.is_some());
        let wanted = container.secrets.len() + configs.count();
        match self.files.files.len() >= wanted {
            true => Ok(()),
            false => Err("secrets and configs of the task are not in their place".to_owned()),
        }
    }

    /// Swarm's number of the slot: of a replicated job it counts its runs, from 0.
    #[must_use]
    pub fn slot_name(&self) -> String {
        match self.slot {
            Slot::Number(_) if self.run > 0 => (self.run - 1).to_string(),
            slot => slot.to_string(),
        }
    }
}

/// The spec itself, whoever else shares it.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use shoal_scheduler::spec::ServiceSpec;

    pub(super) fn serialize<S: Serializer>(
        spec: &Arc<ServiceSpec>,
        output: S,
    ) -> Result<S::Ok, S::Error> {
        ServiceSpec::serialize(spec, output)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Arc<ServiceSpec>, D::Error> {
        ServiceSpec::deserialize(input).map(Arc::new)
    }
}

/// A slot as text: a number, or a node's id of 25 characters.
mod slot {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use shoal_scheduler::task::Slot;

    pub(super) fn serialize<S: Serializer>(slot: &Slot, output: S) -> Result<S::Ok, S::Error> {
        match slot {
            Slot::Number(number) => output.serialize_u64(*number),
            Slot::Node(node) => output.collect_str(node),
        }
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Number(u64),
        Node(String),
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Slot, D::Error> {
        match Text::deserialize(input)? {
            Text::Number(number) => Ok(Slot::Number(number)),
            Text::Node(id) => id.parse().map(Slot::Node).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_survives_its_file() {
        for slot in [Slot::Number(7), Slot::Node(NodeId::from_bytes([3; 16]))] {
            let launch = Launch {
                task: TaskId(1),
                service: ServiceId(2),
                service_name: "web".into(),
                slot,
                node: NodeId::from_bytes([3; 16]),
                node_name: "pi".into(),
                neighbours: Vec::new(),
                files: Default::default(),
                template: u64::MAX,
                update: u64::MAX,
                run: 3,
                generic: vec![Assigned {
                    kind: "GPU".into(),
                    count: 1,
                    names: vec!["a".into()],
                }],
                created_at: Duration::from_millis(1_234),
                spec: Arc::default(),
            };
            let text = serde_json::to_string(&launch).unwrap();
            assert_eq!(serde_json::from_str::<Launch>(&text).unwrap(), launch);
        }
    }
}

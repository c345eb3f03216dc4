//! The labels of a task's container: Swarm's, by which tools know a task, and ours, by which an
//! agent knows what it made.
//!
//! Only a container with all of ours is ever touched, whatever else it looks like.

use std::collections::HashMap;

use shoal_membership::NodeId;
use shoal_scheduler::task::TaskId;

use crate::runtime::Launch;

/// The name of the agent's [data directory](super::installation): whose container it is.
pub(super) const OWNER: &str = "shoal.owner";
/// The [`Launch`] as JSON.
pub(crate) const LAUNCH: &str = "shoal.launch";
/// The task, so that events can be told apart without asking.
pub(super) const TASK: &str = "com.docker.swarm.task.id";

/// All labels of a new container. Those of the spec don't replace the others.
pub(super) fn of(launch: &Launch, owner: &str) -> HashMap<String, String> {
    let own = [
        (OWNER, owner.to_owned()),
        // Plain data with string keys: writing it can't fail.
        (LAUNCH, serde_json::to_string(launch).unwrap_or_default()),
        ("com.docker.swarm.task", String::new()),
        (TASK, launch.task.to_string()),
        ("com.docker.swarm.task.name", launch.task_name()),
        ("com.docker.swarm.node.id", launch.node.to_string()),
        ("com.docker.swarm.service.id", launch.service.to_string()),
        ("com.docker.swarm.service.name", launch.service_name.clone()),
    ];
    let spec = launch.spec.container().labels.clone();
    let own = own.map(|(name, value)| (name.to_owned(), value));
    spec.into_iter().chain(own).collect()
}

/// Whose a container with these labels is.
#[derive(Debug, PartialEq)]
pub(super) enum Whose {
    /// Made by somebody else.
    NotOurs,
    /// A task of this node.
    Ours(Box<Launch>),
    /// Made from this data directory by what it was before: another node, or one whose records can't
    /// be read any more.
    Leftover,
}

/// Reads the labels of a container.
pub(super) fn read(labels: &HashMap<String, String>, owner: &str, me: NodeId) -> Whose {
    let is_ours = labels.get(OWNER).is_some_and(|known| known == owner);
    let Some(launch) = labels.get(LAUNCH).filter(|_| is_ours) else {
        return Whose::NotOurs;
    };
    match serde_json::from_str::<Launch>(launch) {
        Ok(launch) if launch.node == me => Whose::Ours(Box::new(launch)),
        _ => Whose::Leftover,
    }
}

/// The task that a container with these labels is, ours or not.
pub(super) fn task(labels: &HashMap<String, String>) -> Option<TaskId> {
    labels.get(TASK)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{super::samples::launch, *};

    #[test]
    fn a_container_is_known_again_by_who_made_it_and_by_nobody_else() {
        let launch = launch("{}");
        let (owner, me) = ("o1", launch.node);
        let labels = of(&launch, owner);
        assert_eq!(task(&labels), Some(launch.task));
        assert_eq!(read(&labels, owner, me), Whose::Ours(Box::new(launch)));
        assert_eq!(read(&labels, "o2", me), Whose::NotOurs);
        let another = NodeId::from_bytes([9; 16]);
        assert_eq!(read(&labels, owner, another), Whose::Leftover);
        let mut damaged = labels.clone();
        damaged.insert(LAUNCH.into(), "{".into());
        assert_eq!(read(&damaged, owner, me), Whose::Leftover);
        let mut swarm = labels;
        swarm.remove(OWNER);
        assert_eq!(read(&swarm, owner, me), Whose::NotOurs);
    }

    #[test]
    fn a_spec_does_not_replace_the_labels_that_matter() {
        let text = r#"{"Labels":{"a":"b","shoal.owner":"o9"}}"#;
        let labels = of(&launch(text), "o1");
        assert_eq!(labels["a"], "b");
        assert_eq!(labels[OWNER], "o1");
        assert_eq!(labels["com.docker.swarm.service.name"], "web");
        assert_eq!(labels["com.docker.swarm.task"], "");
    }
}

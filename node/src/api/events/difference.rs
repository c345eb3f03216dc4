//! What has happened between two views.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use shoal_scheduler::{
    spec::Availability,
    task::FileId,
    view::{ClusterView, FileView, NodeStatus, NodeView},
};

/// One thing that happened, in Docker's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Event {
    #[serde(rename = "Type")]
    pub(super) kind: &'static str,
    #[serde(rename = "Action")]
    pub(super) action: &'static str,
    #[serde(rename = "Actor")]
    pub(super) actor: Actor,
    pub(super) scope: &'static str,
    /// Seconds since 1970.
    pub(super) time: u64,
    #[serde(rename = "timeNano")]
    pub(super) time_nano: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Actor {
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(rename = "Attributes")]
    pub(super) attributes: BTreeMap<String, String>,
}

/// Gathers them.
struct Happened {
    at: Duration,
    events: Vec<Event>,
}

impl Happened {
    fn add(
        &mut self,
        kind: &'static str,
        action: &'static str,
        id: String,
        attributes: &[(&str, String)],
    ) {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.events.push(Event {
            kind,
            action,
            actor: Actor {
                id,
                attributes: attributes.collect(),
            },
            scope: "swarm",
            time: self.at.as_secs(),
            time_nano: u64::try_from(self.at.as_nanos()).unwrap_or(u64::MAX),
        });
    }
}

/// The events between them, as seen at a moment (wall time since 1970). What was made before `since` is no news:
/// this node only heard of it late.
pub(super) fn between(
    before: &ClusterView,
    after: &ClusterView,
    since: Duration,
    at: Duration,
) -> Vec<Event> {
    let mut happened = Happened {
        at,
        events: Vec::new(),
    };
    nodes(before, after, since, &mut happened);
    networks(before, after, since, &mut happened);
    services(before, after, since, &mut happened);
    files(
        "secret",
        &before.secrets,
        &after.secrets,
        since,
        &mut happened,
    );
    files(
        "config",
        &before.configs,
        &after.configs,
        since,
        &mut happened,
    );
    happened.events
}

fn services(before: &ClusterView, after: &ClusterView, since: Duration, out: &mut Happened) {
    for (id, service) in &after.services {
        let name = [("name", service.spec.name.clone())];
        match before.services.get(id) {
            None if service.created_at >= since => {
                out.add("service", "create", id.to_string(), &name);
            }
            Some(known) if known.version != service.version => {
                out.add("service", "update", id.to_string(), &name);
            }
            _ => {}
        }
    }
    for (id, service) in &before.services {
        if !after.services.contains_key(id) {
            let name = [("name", service.spec.name.clone())];
            out.add("service", "remove", id.to_string(), &name);
        }
    }
}

fn networks(before: &ClusterView, after: &ClusterView, since: Duration, out: &mut Happened) {
    for (id, network) in &after.networks {
        if !before.networks.contains_key(id) && network.created_at >= since {
            let name = [("name", network.spec.name.clone())];
            out.add("network", "create", id.to_string(), &name);
        }
    }
    for (id, network) in &before.networks {
        if !after.networks.contains_key(id) {
            let name = [("name", network.spec.name.clone())];
            out.add("network", "remove", id.to_string(), &name);
        }
    }
}

fn files(
    kind: &'static str,
    before: &BTreeMap<FileId, FileView>,
    after: &BTreeMap<FileId, FileView>,
    since: Duration,
    out: &mut Happened,
) {
    for (id, file) in after {
        let name = [("name", file.spec.name.clone())];
        match before.get(id) {
            None if file.created_at >= since => out.add(kind, "create", id.to_string(), &name),
            Some(known) if known.version != file.version => {
                out.add(kind, "update", id.to_string(), &name);
            }
            _ => {}
        }
    }
    for (id, file) in before.iter().filter(|(id, _)| !after.contains_key(id)) {
        let name = [("name", file.spec.name.clone())];
        out.add(kind, "remove", id.to_string(), &name);
    }
}

fn nodes(before: &ClusterView, after: &ClusterView, since: Duration, out: &mut Happened) {
    for (id, node) in &after.nodes {
        let Some(known) = before.nodes.get(id) else {
            // This node itself is always there: it may only not know it yet.
            if node.created_at >= since && *id != after.this_node {
                let name = [("name", node.hostname.clone())];
                out.add("node", "create", id.to_string(), &name);
            }
            continue;
        };
        changes(known, node, out);
        ports(known, node, out);
    }
    for (id, node) in &before.nodes {
        if !after.nodes.contains_key(id) && *id != after.this_node {
            let name = [("name", node.hostname.clone())];
            out.add("node", "remove", id.to_string(), &name);
        }
    }
}

fn changes(before: &NodeView, after: &NodeView, out: &mut Happened) {
    let mut attributes = vec![("name", after.hostname.clone())];
    if before.status != after.status {
        attributes.push(("state.old", state(before.status).to_owned()));
        attributes.push(("state.new", state(after.status).to_owned()));
    }
    let (old, new) = (before.spec.availability, after.spec.availability);
    if old != new {
        attributes.push(("availability.old", availability(old).to_owned()));
        attributes.push(("availability.new", availability(new).to_owned()));
    }
    if attributes.len() > 1 || before.spec != after.spec {
        out.add("node", "update", after.id.to_string(), &attributes);
    }
}

/// Docker has no such events: a port that a node can't listen on, and one that it can again.
fn ports(before: &NodeView, after: &NodeView, out: &mut Happened) {
    let both = [
        ("port-taken", &after.port_troubles, &before.port_troubles),
        ("port-free", &before.port_troubles, &after.port_troubles),
    ];
    for (action, of, others) in both {
        for trouble in of {
            let is_same = |other: &&shoal_scheduler::observed::PortTrouble| {
                (other.port, other.protocol) == (trouble.port, trouble.protocol)
            };
            if others.iter().any(|other| is_same(&other)) {
                continue;
            }
            let attributes = [
                ("name", after.hostname.clone()),
                ("port", format!("{}/{}", trouble.port, trouble.protocol)),
                ("reason", trouble.words.clone()),
            ];
            out.add("node", action, after.id.to_string(), &attributes);
        }
    }
}

fn state(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Ready => "ready",
        NodeStatus::Down => "down",
        NodeStatus::Away | NodeStatus::Unknown => "unknown",
    }
}

fn availability(availability: Availability) -> &'static str {
    match availability {
        Availability::Active => "active",
        Availability::Pause => "pause",
        Availability::Drain => "drain",
    }
}

#[cfg(test)]
mod tests {
    use shoal_membership::NodeId;
    use shoal_scheduler::{observed::PortTrouble, spec::Protocol, view::ServiceView};

    use super::*;
    use crate::balancer::samples;

    const AT: Duration = Duration::from_millis(9_500);
    const SINCE: Duration = Duration::from_secs(5);

    fn view(services: &[ServiceView], status: NodeStatus, troubles: &[PortTrouble]) -> ClusterView {
        let mut view = samples::view("back", services);
        let id = NodeId::from_bytes([7; 16]);
        let node = NodeView {
            id,
            key: shoal_membership::PublicKey::from_bytes([0; 32]),
            hostname: "pi".into(),
            spec: Default::default(),
            version: 1,
            status,
            addresses: Vec::new(),
            apart_from: Default::default(),
            facts: Default::default(),
            port_troubles: troubles.to_vec(),
            created_at: Duration::ZERO,
            updated_at: Duration::ZERO,
        };
        view.nodes.insert(id, node);
        view
    }

    fn told(before: &ClusterView, after: &ClusterView) -> Vec<String> {
        let events = between(before, after, SINCE, AT).into_iter();
        events
            .map(|event| {
                format!(
                    "{} {} {:?}",
                    event.kind, event.action, event.actor.attributes
                )
            })
            .collect()
    }

    #[test]
    fn what_came_went_and_changed_is_told_and_what_is_only_heard_of_late_is_not() {
        let service = |id, version, created| ServiceView {
            version,
            created_at: Duration::from_secs(created),
            ..samples::service(id, &format!(r#"{{"Name":"s{id}"}}"#))
        };
        let before = view(
            &[service(1, 1, 1), service(2, 1, 1)],
            NodeStatus::Ready,
            &[],
        );
        let after = view(
            &[service(2, 2, 1), service(3, 1, 6), service(4, 1, 2)],
            NodeStatus::Down,
            &[],
        );
        assert_eq!(
            told(&before, &after),
            [
                r#"node update {"name": "pi", "state.new": "down", "state.old": "ready"}"#,
                r#"service update {"name": "s2"}"#,
                r#"service create {"name": "s3"}"#,
                r#"service remove {"name": "s1"}"#,
            ]
        );
        assert_eq!(told(&after, &after), [] as [&str; 0]);
        let event = &between(&before, &after, SINCE, AT)[0];
        assert_eq!((event.time, event.time_nano), (9, 9_500_000_000));
        let json = serde_json::to_value(event).unwrap();
        assert_eq!(json["Actor"]["Attributes"]["name"], "pi");
        assert_eq!(json["scope"], "swarm");
    }

    #[test]
    fn a_port_that_is_taken_is_told_once_and_again_when_it_is_free() {
        let trouble = PortTrouble {
            port: 80,
            protocol: Protocol::Tcp,
            words: "in use".into(),
        };
        let free = view(&[], NodeStatus::Ready, &[]);
        let taken = view(&[], NodeStatus::Ready, &[trouble]);
        let words = r#"{"name": "pi", "port": "80/tcp", "reason": "in use"}"#;
        assert_eq!(told(&free, &taken), [format!("node port-taken {words}")]);
        assert_eq!(told(&taken, &taken), [] as [&str; 0]);
        assert_eq!(told(&taken, &free), [format!("node port-free {words}")]);
    }
}

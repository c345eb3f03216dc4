//! Random orders of people, given to any agent that runs, and what they are told.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use shoal_membership::NodeId;
use shoal_scheduler::{
    order::{NewFile, Order, WriteConcern},
    peer::Ticket,
    placement::keepers,
    registry::{Key, kind},
    spec::{Availability, FileKind, FileSpec, NodeSpec},
    task::FileId,
    view::{ClusterView, NodeView, ServiceView},
};

use crate::{
    Outcome, World,
    runtime::{CRASHES, ENDS, MISSING},
};

/// Services of different names.
const SERVICES: u32 = 8;
/// Secrets of different names.
const SECRETS: u32 = 3;
/// Jobs of different names, one of them global.
const JOBS: u32 = 3;
/// Of each so many releases.
const RELEASES: u32 = 3;
/// Most replicas of one.
const REPLICAS_MAX: u64 = 8;

/// Orders that were given.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) given: u32,
    /// Not yet answered: at this machine, about this entry.
    waiting: Vec<(usize, Ticket, Key)>,
}

impl Orders {
    /// Gives an order to some agent. False: none runs.
    pub(super) fn give(&mut self, world: &mut World, rng: &mut ChaCha8Rng) -> bool {
        let running = world.running();
        let chosen = running.get(rng.random_range(0..running.len().max(1)));
        let Some(index) = chosen.copied() else {
            return false;
        };
        let Some(peer) = &mut world.machines[index].peer else {
            return false;
        };
        let view = peer.view();
        let (order, key) = match rng.random_range(0..20) {
            0 | 1 => about_a_node(&view, rng),
            2 => about_a_secret(&view, rng),
            3 | 4 => about_a_job(&view, rng),
            _ => about_a_service(&view, rng),
        };
        let concern = match rng.random_range(0..10) {
            0 => WriteConcern::Local,
            1 => WriteConcern::Majority,
            _ => WriteConcern::One,
        };
        tracing::info!(machine = index + 1, %key, ?concern, "order");
        let ticket = world.order_with(index, order, concern);
        self.waiting.push((index, ticket, key));
        self.given += 1;
        true
    }

    /// Drains a node, or makes one active again.
    pub(super) fn move_tasks(&mut self, world: &mut World, rng: &mut ChaCha8Rng) {
        let running = world.running();
        let Some(index) = running.get(rng.random_range(0..running.len().max(1))) else {
            return;
        };
        let index = *index;
        let Some(peer) = &mut world.machines[index].peer else {
            return;
        };
        let view = peer.view();
        let nodes: Vec<&NodeView> = view.nodes.values().collect();
        let node = nodes[rng.random_range(0..nodes.len())];
        let availability = match node.spec.availability {
            Availability::Active => Availability::Drain,
            _ => Availability::Active,
        };
        let order = set_availability(node.id, node.version, availability);
        world.order(index, order);
    }

    /// The next order that was acknowledged: by which machine, of which entry.
    pub(super) fn hear(&mut self, world: &mut World) -> Option<(usize, Key)> {
        if !world.has_outcomes() {
            return None;
        }
        while let Some((machine, ticket, outcome)) = world.next_outcome() {
            let at = self
                .waiting
                .iter()
                .position(|(index, waiting, _)| (*index, *waiting) == (machine, ticket));
            let Some(at) = at else { continue };
            let (machine, _, key) = self.waiting.swap_remove(at);
            if matches!(outcome, Outcome::Ordered(Ok(_))) {
                return Some((machine, key));
            }
        }
        None
    }
}

fn about_a_node(view: &ClusterView, rng: &mut ChaCha8Rng) -> (Order, Key) {
    let nodes: Vec<(NodeId, u64)> = view
        .nodes
        .values()
        .map(|node| (node.id, node.version))
        .collect();
    let (node, version) = nodes[rng.random_range(0..nodes.len())];
    let availability = match rng.random_range(0..5) {
        0 => Availability::Drain,
        1 => Availability::Pause,
        _ => Availability::Active,
    };
    let order = set_availability(node, version, availability);
    (order, Key::of(kind::NODE, node.to_string()))
}

fn set_availability(node: NodeId, version: u64, availability: Availability) -> Order {
    let spec = NodeSpec {
        role: "manager".into(),
        availability,
        ..NodeSpec::default()
    };
    Order::UpdateNode {
        node,
        version,
        spec,
    }
}

fn about_a_secret(view: &ClusterView, rng: &mut ChaCha8Rng) -> (Order, Key) {
    let name = format!("k{}", rng.random_range(0..SECRETS));
    let key = Key::of(kind::SECRET, name.clone());
    if let Some(known) = view.secrets.values().find(|one| one.spec.name == name) {
        return (Order::RemoveFile { file: known.id }, key);
    }
    let id = FileId(u128::from_le_bytes(rng.random()));
    let mut readers = keepers(id, view.nodes.keys().copied());
    readers.push(view.this_node);
    let sealed = readers.iter().map(|node| (*node, node.as_bytes().to_vec()));
    let new = NewFile {
        kind: FileKind::Secret,
        id,
        spec: FileSpec {
            name,
            ..FileSpec::default()
        },
        contents: vec![0; rng.random_range(1..1_000)].into(),
        digest: String::new(),
        sealed: sealed.collect(),
    };
    (Order::CreateFile(Box::new(new)), key)
}

fn about_a_job(view: &ClusterView, rng: &mut ChaCha8Rng) -> (Order, Key) {
    let name = format!("j{}", rng.random_range(0..JOBS));
    let key = Key::of(kind::SERVICE, name.clone());
    let mut services = view.services.values();
    let known = services.find(|one| one.spec.name == name);
    let is_global = name.ends_with('0');
    let mode = match is_global {
        true => json!({"GlobalJob": {}}),
        false => json!({"ReplicatedJob": {
            "MaxConcurrent": rng.random_range(1..=3),
            "TotalCompletions": rng.random_range(1..=7),
        }}),
    };
    let spec_json = json!({
        "Name": name,
        "TaskTemplate": {
            "ContainerSpec": {"Image": "scratch", "Command": [ENDS]},
            "RestartPolicy": {"Condition": "on-failure", "Delay": 1_000_000_000},
        },
        "Mode": mode,
    })
    .to_string();
    let order = match known.map(|one| (one.id, one.version)) {
        None => Order::CreateService { spec_json },
        Some((service, _)) if rng.random_bool(0.2) => Order::RemoveService { service },
        Some((service, version)) => Order::UpdateService {
            service,
            version,
            spec_json: Some(spec_json),
        },
    };
    (order, key)
}

/// A secret of the cluster, now and then.
fn some_secret(view: &ClusterView, rng: &mut ChaCha8Rng) -> Vec<serde_json::Value> {
    let secrets: Vec<_> = view.secrets.values().collect();
    if secrets.is_empty() || !rng.random_bool(0.3) {
        return Vec::new();
    }
    let secret = secrets[rng.random_range(0..secrets.len())];
    vec![json!({
        "SecretID": secret.id.to_string(),
        "SecretName": secret.spec.name,
        "File": {"Name": "s", "UID": "0", "GID": "0", "Mode": 292},
    })]
}

fn about_a_service(view: &ClusterView, rng: &mut ChaCha8Rng) -> (Order, Key) {
    let name = format!("s{}", rng.random_range(0..SERVICES));
    let is_it = |one: &&ServiceView| one.spec.name == name;
    let known = view
        .services
        .values()
        .find(is_it)
        .map(|one| (one.id, one.version));
    let is_settled = view.services.values().find(is_it).is_some_and(|one| {
        one.update
            .as_ref()
            .is_none_or(|update| update.stage.is_over())
    });
    // By hand, to what ran.
    let goes_back = rng.random_bool(0.1)
        && view.services.values().find(is_it).is_some_and(|one| {
            let previous = one.previous_spec_json.as_deref();
            previous.is_some_and(|previous| previous.contains("\"serve\""))
        });
    let secrets = some_secret(view, rng);
    let spec_json = spec(&name, is_settled, &secrets, rng);
    let order = match known {
        None => Order::CreateService { spec_json },
        Some((service, _)) if rng.random_bool(0.2) => Order::RemoveService { service },
        Some((service, version)) => Order::UpdateService {
            service,
            version,
            spec_json: Some(spec_json).filter(|_| !goes_back),
        },
    };
    (order, Key::of(kind::SERVICE, name))
}

/// A random spec. `may_be_bad`: what it was before runs, and can be come back to.
fn spec(
    name: &str,
    may_be_bad: bool,
    secrets: &[serde_json::Value],
    rng: &mut ChaCha8Rng,
) -> String {
    let command = match rng.random_range(0..10) {
        0 if may_be_bad => CRASHES,
        1 if may_be_bad => MISSING,
        _ => "serve",
    };
    let is_bad = command != "serve";
    let mode = match rng.random_range(0..8) {
        // Where no node qualifies it would be over before it failed.
        0 if !is_bad => json!({"Global": {}}),
        // What nobody runs fails nowhere.
        _ => {
            json!({"Replicated": {"Replicas": rng.random_range(u64::from(is_bad)..=REPLICAS_MAX)}})
        }
    };
    // The same for all releases of a service: what holds during an update after another is known.
    let number: u64 = name.trim_start_matches('s').parse().unwrap_or(0);
    let parallelism = match number % 4 {
        3 => 0,
        few => few + 1,
    };
    let action = match rng.random_range(0..3) {
        _ if is_bad => "rollback",
        0 => "continue",
        1 => "pause",
        _ => "rollback",
    };
    let order = ["stop-first", "start-first"][rng.random_range(0..2)];
    let config = json!({
        "Parallelism": parallelism,
        "Monitor": rng.random_range(3..=5_u64) * 1_000_000_000,
        "FailureAction": action,
        "Order": order,
    });
    let labels = match rng.random_range(0..6) {
        0 => json!({"shoal.priority": "5"}),
        _ => json!({}),
    };
    json!({
        "Name": name,
        "Labels": labels,
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "scratch",
                "Command": [command],
                "Secrets": secrets,
                "Env": [format!("RELEASE={}", rng.random_range(0..RELEASES))],
            },
            "RestartPolicy": {"Delay": rng.random_range(0..5_u64) * 1_000_000_000},
        },
        "Mode": mode,
        "UpdateConfig": config,
        "RollbackConfig": {"Parallelism": parallelism, "FailureAction": "continue"},
    })
    .to_string()
}

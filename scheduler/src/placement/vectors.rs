//! The published test vectors, held against what this program computes.
//!
//! `SHOAL_WRITE_VECTORS=1 cargo test -p shoal-scheduler placement::vectors` writes them anew.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Input, Weight,
    logarithm::negative_log2,
    plan,
    rung::{load_cap, rung},
    samples::{
        change_node, home, input, node_id, service, service_id, with_host_port, with_volume,
    },
    score::{node_hash, pair_hash, score_of, slot_hash},
};
use crate::{
    spec::{Availability, Mode, Preference, ServiceSpec, SpreadOver},
    task::Slot,
};

/// Compares with the file of this name, or writes it if asked to.
fn check(name: &str, vectors: &Value) {
    let path = format!("{}/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("SHOAL_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(vectors).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let published: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(&published, vectors, "{name} is not what this program gives");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 64-bit numbers as hexadecimal text: JSON readers lose the last digits of large numbers.
fn hex_of(number: u64) -> String {
    format!("{number:016x}")
}

#[test]
fn hashes_and_scores() {
    let vectors: Vec<Value> = (0..12_u64)
        .map(|number| {
            let (service, node) = (service_id(number * 7), node_id(number));
            let slot = number * number;
            let weight = ["1", "0.01", "2.5", "100"][number as usize % 4];
            let (ours, theirs) = (slot_hash(service, slot), node_hash(node));
            let pair = pair_hash(ours, theirs);
            json!({
                "service": hex(&service.0.to_be_bytes()),
                "slot": slot,
                "node": hex(node.as_bytes()),
                "weight": weight,
                "slot_hash": hex_of(ours),
                "node_hash": hex_of(theirs),
                "pair_hash": hex_of(pair),
                "score": hex_of(score_of(Weight::parse(weight).unwrap(), pair)),
            })
        })
        .collect();
    check("hash.json", &vectors.into());
}

#[test]
fn logarithms() {
    let edges = [0, 1, 2, 3, u64::MAX, u64::MAX - 2, 1 << 63, (1 << 63) - 1];
    let powers = (0..64).map(|bits| (1_u64 << bits) | (1 << bits >> 1));
    let mixed = (0..64).map(|number| pair_hash(number, 0));
    let vectors: Vec<Value> = edges
        .into_iter()
        .chain(powers)
        .chain(mixed)
        .map(|hash| json!({"hash": hex_of(hash), "negative_log2": hex_of(negative_log2(hash))}))
        .collect();
    check("logarithm.json", &vectors.into());
}

#[test]
fn rungs_and_caps() {
    let rungs = [
        (0, 0),
        (0, 3),
        (1, 3),
        (5, 5),
        (10, 11),
        (60, 10),
        (60, 9),
        (30_000, 1000),
    ];
    let rungs: Vec<Value> = rungs
        .into_iter()
        .map(|(slots, nodes)| {
            json!({"slots": slots, "active_nodes": nodes, "rung": rung(slots, nodes)})
        })
        .collect();
    let caps = [
        (1, 10, 1010, 2),
        (4, 1000, 3000, 3),
        (4, 3000, 5000, 3),
        (38, 500, 999_500, 1000),
    ];
    let caps: Vec<Value> = caps
        .into_iter()
        .map(|(rung, thousandths, total, nodes)| {
            let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            let weight = Weight::parse(&text).unwrap();
            json!({
                "rung": rung,
                "weight_thousandths": thousandths,
                "total_thousandths": total,
                "active_nodes": nodes,
                "load_cap": load_cap(rung, weight, total, nodes),
            })
        })
        .collect();
    check("caps.json", &json!({"rungs": rungs, "load_caps": caps}));
}

fn spread_over_zones(replicas: u64) -> ServiceSpec {
    let mut spec = service(replicas);
    spec.task_template.placement.preferences = vec![Preference {
        spread: SpreadOver {
            spread_descriptor: "node.labels.zone".into(),
        },
    }];
    spec
}

/// A bit of everything: weights, zones, a port, a global service, data, a paused node, a refusal.
fn mixed() -> Input {
    let mut large = service(4);
    large.task_template.resources.reservations.nano_cpus = 2_000_000_000;
    large
        .labels
        .insert(ServiceSpec::PRIORITY_LABEL.into(), "5".into());
    let mut bound = service(5);
    bound.task_template.placement.constraints = vec!["node.labels.zone!=a".into()];
    let everywhere = ServiceSpec {
        mode: Mode::everywhere(),
        ..service(1)
    };
    let mut cluster = input(
        6,
        [
            service(7),
            spread_over_zones(8),
            with_host_port(service(2)),
            everywhere,
            with_volume(service(1)),
            large,
            bound,
        ],
    );
    for (number, (zone, weight)) in (0..).zip([("a", "1"), ("a", "2"), ("b", "0.5")]) {
        change_node(&mut cluster, number, |node| {
            node.labels.insert("zone".into(), zone.into());
            node.labels.insert("shoal.weight".into(), weight.into());
        });
    }
    change_node(&mut cluster, 5, |node| {
        node.availability = Availability::Pause;
    });
    let slot = Slot::Number(3);
    cluster.keeps.insert((service_id(0), slot, node_id(5)));
    let home_key = (service_id(4), Slot::Number(1));
    cluster.homes.insert(home_key, home(3));
    let refusal = (service_id(2), Slot::Number(1), node_id(4));
    cluster.refusals.insert(refusal, "port taken".into());
    cluster
}

fn place(service: crate::task::ServiceId, slot: Slot) -> (String, String) {
    let slot = match slot {
        Slot::Number(number) => number.to_string(),
        Slot::Node(node) => hex(node.as_bytes()),
    };
    (hex(&service.0.to_be_bytes()), slot)
}

fn whole_plan(title: &str, input: &Input) -> Value {
    let nodes: Vec<Value> = input
        .nodes
        .iter()
        .map(|(id, node)| {
            json!({
                "id": hex(id.as_bytes()),
                "hostname": node.hostname,
                "labels": node.labels,
                "availability": node.availability,
                "facts": node.facts,
            })
        })
        .collect();
    let services: Vec<Value> = input
        .services
        .iter()
        .map(|(id, spec)| json!({"id": hex(&id.0.to_be_bytes()), "spec": Arc::as_ref(spec)}))
        .collect();
    let triples = |keys: Vec<_>| -> Vec<Value> {
        keys.into_iter()
            .map(|(service, slot, node): (_, _, shoal_membership::NodeId)| {
                let (service, slot) = place(service, slot);
                json!([service, slot, hex(node.as_bytes())])
            })
            .collect()
    };
    let homes = input
        .homes
        .iter()
        .map(|((service, slot), home)| (*service, *slot, home.node));
    let plan = plan(input);
    json!({
        "title": title,
        "version": input.version.number(),
        "nodes": nodes,
        "services": services,
        "refusals": triples(input.refusals.keys().copied().collect()),
        "keeps": triples(input.keeps.iter().copied().collect()),
        "homes_on_the_roster": triples(homes.collect()),
        "rung": plan.rung,
        "owners": triples(plan.iter().collect()),
        "pending": plan.pending.iter().map(|pending| {
            let (service, slot) = place(pending.service, pending.slot);
            json!([service, slot, pending.reason])
        }).collect::<Vec<_>>(),
    })
}

#[test]
fn whole_plans() {
    let full = input(2, [with_host_port(service(3)), service(9)]);
    let vectors = json!([
        whole_plan(
            "equal nodes, nothing special",
            &input(5, vec![service(3); 6])
        ),
        whole_plan(
            "forty nodes: short lists do not hold all of them",
            &input(40, vec![service(9); 8])
        ),
        whole_plan("what fits nowhere is pending", &full),
        whole_plan("a bit of everything", &mixed()),
    ]);
    check("plans.json", &vectors);
}

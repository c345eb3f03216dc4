//! Situations that people meet, one by one, with the words that they read.

use shoal_membership::NodeId;

use super::{
    Home, Input, explain, plan,
    samples::{
        change_node, home, input, node_id, service, service_id, with_host_port, with_volume,
    },
};
use crate::{
    spec::{Availability, Mode, Platform, Preference, ServiceSpec, SpreadOver},
    task::Slot,
};

const FIRST: Slot = Slot::Number(1);

fn owner(input: &Input, service: u64, slot: u64) -> Option<NodeId> {
    plan(input).owner(service_id(service), Slot::Number(slot))
}

/// Why the first slot of the first service is pending.
fn reason(input: &Input) -> String {
    let plan = plan(input);
    plan.pending_reason(service_id(0), FIRST)
        .unwrap_or("not pending")
        .to_owned()
}

fn constrained(text: &str) -> ServiceSpec {
    let mut spec = service(1);
    spec.task_template.placement.constraints = vec![text.into()];
    spec
}

fn everywhere() -> ServiceSpec {
    ServiceSpec {
        mode: Mode::everywhere(),
        ..service(1)
    }
}

#[test]
fn no_nodes_and_no_services_are_fine() {
    assert_eq!(plan(&input(0, [])).services.len(), 0);
    assert_eq!(reason(&input(0, [service(1)])), "no suitable node");
    assert!(plan(&input(3, [service(0)])).pending.is_empty());
}

#[test]
fn reasons_are_in_swarms_words_most_nodes_first() {
    let mut cluster = input(4, [constrained("node.labels.disk==ssd")]);
    change_node(&mut cluster, 3, |node| {
        node.availability = Availability::Drain;
    });
    assert_eq!(
        reason(&cluster),
        "no suitable node (scheduling constraints not satisfied on 3 nodes; \
         1 node not available for new tasks)"
    );
}

#[test]
fn each_filter_has_its_words() {
    let mut large = service(1);
    large.task_template.resources.reservations.memory_bytes = 9 << 30;
    let mut foreign = service(1);
    foreign.task_template.placement.platforms = vec![Platform {
        architecture: "amd64".into(),
        os: "linux".into(),
    }];
    let mut process = service(1);
    process.task_template.container_spec.image = "scratch:latest".into();
    for (spec, words) in [
        (large, "insufficient resources on 2 nodes"),
        (foreign, "unsupported platform on 2 nodes"),
        (process, "no process runtime on 2 nodes"),
    ] {
        assert_eq!(
            reason(&input(2, [spec])),
            format!("no suitable node ({words})")
        );
    }
    let mut no_engine = input(1, [service(1)]);
    change_node(&mut no_engine, 0, |node| node.facts.runtimes.clear());
    assert_eq!(
        reason(&no_engine),
        "no suitable node (no container engine on 1 node)"
    );
}

#[test]
fn a_host_port_is_taken_once_a_node() {
    let cluster = input(2, [with_host_port(service(3))]);
    let plan = plan(&cluster);
    assert_eq!(plan.iter().count(), 2);
    assert_eq!(plan.pending.len(), 1);
    assert_eq!(
        plan.pending[0].reason,
        "no suitable node (host-mode port already in use on 2 nodes)"
    );
}

#[test]
fn max_replicas_holds_even_when_nothing_else_fits() {
    let mut spec = service(3);
    spec.task_template.placement.max_replicas = 1;
    let plan = plan(&input(2, [spec]));
    assert_eq!(plan.pending.len(), 1);
    assert_eq!(
        plan.pending[0].reason,
        "no suitable node (max replicas per node limit exceed)"
    );
}

#[test]
fn a_refused_slot_goes_to_the_next_in_rank() {
    let mut cluster = input(2, [service(1)]);
    let first = owner(&cluster, 0, 1).unwrap();
    let explanation = explain(&cluster, &plan(&cluster), service_id(0), FIRST).unwrap();
    let mut refuse = |node: NodeId, why: &str| {
        let key = (service_id(0), FIRST, node);
        cluster.refusals.insert(key, why.into());
        cluster.clone()
    };
    let second = owner(&refuse(first, "port 80 is taken"), 0, 1).unwrap();
    assert_eq!(explanation.next, Some(second.to_string()));
    let nobody = refuse(second, "no such image");
    let words = reason(&nobody);
    assert!(
        words.starts_with("no suitable node (refused by node-"),
        "{words}"
    );
    assert!(words.contains("(port 80 is taken)"), "{words}");
}

#[test]
fn a_higher_priority_chooses_first() {
    let mut low = service(1);
    low.task_template.resources.reservations.nano_cpus = 3_000_000_000;
    let mut high = low.clone();
    high.labels
        .insert(ServiceSpec::PRIORITY_LABEL.into(), "10".into());
    for specs in [[low.clone(), high.clone()], [high, low]] {
        let is_high = |spec: &ServiceSpec| spec.priority() == 10;
        let cluster = input(1, specs);
        for (id, slot, _) in plan(&cluster).iter() {
            assert_eq!(slot, FIRST);
            assert!(is_high(&cluster.services[&id]));
        }
    }
}

#[test]
fn replicas_spread_over_zones_before_nodes() {
    let mut spec = service(6);
    spec.task_template.placement.preferences = vec![Preference {
        spread: SpreadOver {
            spread_descriptor: "node.labels.zone".into(),
        },
    }];
    let mut cluster = input(6, [spec]);
    for number in 0..6 {
        let zone = if number == 0 { "small" } else { "large" };
        change_node(&mut cluster, number, |node| {
            node.labels.insert("zone".into(), zone.into());
            node.labels.insert("shoal.weight".into(), "1".into());
        });
    }
    // Room for three on the one node of the small zone needs a load cap that allows it.
    change_node(&mut cluster, 0, |node| {
        node.labels.insert("shoal.weight".into(), "5".into());
    });
    assert_eq!(plan(&cluster).slots_of(node_id(0)).count(), 3);
}

#[test]
fn a_global_service_is_on_every_node_that_qualifies() {
    let mut cluster = input(4, [everywhere()]);
    let id = service_id(0);
    change_node(&mut cluster, 1, |node| {
        node.availability = Availability::Drain;
    });
    for paused in [2, 3] {
        change_node(&mut cluster, paused, |node| {
            node.availability = Availability::Pause;
        });
    }
    let slot = Slot::Node(node_id(3));
    cluster.keeps.insert((id, slot, node_id(3)));
    let nodes = plan(&cluster).services.remove(&id).unwrap().everywhere;
    assert_eq!(nodes, [node_id(0), node_id(3)].into());
}

#[test]
fn a_global_task_that_does_not_fit_is_pending() {
    let mut large = everywhere();
    large.task_template.resources.reservations.nano_cpus = 5_000_000_000;
    let plan = plan(&input(1, [large]));
    assert_eq!(plan.pending[0].slot, Slot::Node(node_id(0)));
    assert_eq!(
        plan.pending[0].reason,
        "no suitable node (insufficient resources on 1 node)"
    );
}

#[test]
fn a_paused_node_keeps_what_it_has_and_takes_nothing_new() {
    let mut cluster = input(3, [service(1)]);
    let first = owner(&cluster, 0, 1).unwrap();
    let number = (0..3).find(|number| node_id(*number) == first).unwrap();
    change_node(&mut cluster, number, |node| {
        node.availability = Availability::Pause;
    });
    assert_ne!(owner(&cluster, 0, 1), Some(first));
    cluster.keeps.insert((service_id(0), FIRST, first));
    assert_eq!(owner(&cluster, 0, 1), Some(first));
}

/// A cluster whose one service has its data on each node in turn.
fn with_home(replicas: u64, number: u64) -> Input {
    let mut cluster = input(3, [with_volume(service(replicas))]);
    let key = (service_id(0), FIRST);
    cluster.homes.insert(key, home(number));
    cluster
}

#[test]
fn data_keeps_a_slot_on_its_node() {
    for number in 0..3 {
        assert_eq!(owner(&with_home(1, number), 0, 1), Some(node_id(number)));
    }
}

#[test]
fn the_only_replica_waits_for_its_data() {
    let mut cluster = with_home(1, 2);
    cluster.nodes.remove(&node_id(2));
    assert_eq!(
        reason(&cluster),
        "waits for node node-2, which holds its data (volume data)"
    );
    let mut cluster = with_home(1, 2);
    change_node(&mut cluster, 2, |node| {
        node.availability = Availability::Drain;
    });
    assert_eq!(
        reason(&cluster),
        "waits for node node-2, which holds its data (volume data): \
         1 node not available for new tasks"
    );
}

#[test]
fn it_moves_when_it_may_or_must() {
    let is_placed = |cluster: &mut Input| {
        cluster.nodes.remove(&node_id(2));
        owner(cluster, 0, 1).is_some()
    };
    assert!(is_placed(&mut with_home(2, 2)), "other replicas have data");

    let mut may_move = with_home(1, 2);
    let mut spec = with_volume(service(1));
    spec.labels
        .insert(ServiceSpec::DATA_LABEL.into(), "move".into());
    may_move.services.insert(service_id(0), spec.into());
    assert!(is_placed(&mut may_move), "the spec allows it");

    let mut removed = with_home(1, 2);
    let gone = Home {
        on_roster: false,
        ..home(2)
    };
    removed.homes.insert((service_id(0), FIRST), gone);
    assert!(is_placed(&mut removed), "the node was removed for good");
}

#[test]
fn a_newcomer_does_not_take_the_place_of_data() {
    for number in 0..3 {
        let mut cluster = with_home(1, number);
        let database = with_host_port(with_volume(service(1)));
        cluster.services.insert(service_id(0), database.into());
        for other in 1..3 {
            let newcomer = with_host_port(service(1));
            cluster.services.insert(service_id(other), newcomer.into());
        }
        let plan = plan(&cluster);
        assert!(plan.pending.is_empty());
        let home = plan.owner(service_id(0), FIRST);
        assert_eq!(home, Some(node_id(number)));
    }
}

#[test]
fn more_slots_than_the_limit_are_pending_and_nothing_breaks() {
    let cluster = input(0, vec![service(100_000); 4]);
    let plan = plan(&cluster);
    let reasons = plan.pending.iter().map(|pending| &pending.reason);
    let beyond = reasons.filter(|reason| reason.contains("the cluster has more than"));
    assert_eq!(beyond.count(), 2);
    assert_eq!(plan.pending.len(), super::SLOTS_MAX + 2);
}

#[test]
fn a_reservation_may_take_all_but_not_more() {
    let mut whole = service(1);
    let reserved = &mut whole.task_template.resources.reservations;
    (reserved.nano_cpus, reserved.memory_bytes) = (4_000_000_000, 8 << 30);
    assert_eq!(reason(&input(1, [whole.clone()])), "not pending");
    whole.task_template.resources.reservations.memory_bytes += 1;
    let words = "no suitable node (insufficient resources on 1 node)";
    assert_eq!(reason(&input(1, [whole])), words);
}

/// Forty nodes, of which one alone has room, and refuses slot 1 of each service in turn.
#[test]
fn a_refusal_of_one_slot_is_no_refusal_of_another() {
    for number in 1..12 {
        let mut filler = service(39);
        filler.task_template.resources.reservations.nano_cpus = 3_000_000_000;
        filler.task_template.placement.max_replicas = 1;
        filler
            .labels
            .insert(ServiceSpec::PRIORITY_LABEL.into(), "1".into());
        let mut late = service(2);
        late.task_template.resources.reservations.nano_cpus = 2_000_000_000;
        let mut cluster = input(40, [filler]);
        cluster.services.insert(service_id(number), late.into());
        let free = owner(&cluster, number, 1).unwrap();
        let refused = (service_id(number), FIRST, free);
        cluster.refusals.insert(refused, "no".into());
        assert_eq!(owner(&cluster, number, 1), None);
        assert_eq!(owner(&cluster, number, 2), Some(free));
    }
}

#[test]
fn why_tells_who_owns_a_slot_and_who_is_next() {
    let mut cluster = input(4, [constrained("node.labels.disk!=hdd")]);
    change_node(&mut cluster, 0, |node| {
        node.labels.insert("disk".into(), "HDD".into());
    });
    let plan = plan(&cluster);
    let why = explain(&cluster, &plan, service_id(0), FIRST).unwrap();
    assert_eq!(why.nodes.len(), 4);
    assert_eq!(why.nodes[0].rank, Some(1));
    assert!(why.nodes[0].is_owner);
    assert_eq!(why.owner.as_ref(), Some(&why.nodes[0].node));
    assert_eq!(why.next.as_ref(), Some(&why.nodes[1].node));
    let last = &why.nodes[3];
    assert_eq!(last.rank, None);
    assert_eq!(
        last.reason.as_deref(),
        Some("constraint not satisfied: node.labels.disk!=hdd")
    );
    let json = serde_json::to_value(&why).unwrap();
    assert_eq!(json["nodes"][3]["hostname"], "node-0");
    let none = explain(&cluster, &plan, service_id(0), Slot::Number(2));
    assert_eq!(none, None);
}

#[test]
fn why_tells_of_caps_and_data() {
    let cluster = input(3, vec![service(1); 8]);
    let plan = plan(&cluster);
    let reasons: Vec<String> = cluster
        .services
        .keys()
        .filter_map(|id| explain(&cluster, &plan, *id, FIRST))
        .flat_map(|why| why.nodes)
        .filter_map(|node| node.reason)
        .collect();
    assert!(reasons.contains(&"load cap reached (3 of 3 slots)".to_owned()));

    let cluster = with_home(1, 2);
    let plan = super::plan(&cluster);
    let why = explain(&cluster, &plan, service_id(0), FIRST).unwrap();
    assert_eq!(
        why.bound.as_deref(),
        Some("node node-2 holds its data (volume data)")
    );
}

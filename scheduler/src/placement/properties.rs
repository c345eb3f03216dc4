//! What must hold of every plan.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::*};
use shoal_membership::NodeId;

use super::{
    Input, LoadCaps, Plan, Planner, plan, reference,
    samples::{any_input, any_service, input, node, node_id, service, service_id},
    score::score,
};
use crate::{
    spec::{Availability, Constraint},
    task::{ServiceId, Slot},
};

fn owners(plan: &Plan) -> reference::Owners {
    plan.iter()
        .map(|(service, slot, owner)| ((service, slot), owner))
        .collect()
}

fn loads(input: &Input, plan: &Plan) -> BTreeMap<NodeId, u64> {
    let mut loads: BTreeMap<NodeId, u64> = input.nodes.keys().map(|id| (*id, 0)).collect();
    for (_, slot, owner) in plan.iter() {
        *loads.get_mut(&owner).unwrap() += u64::from(matches!(slot, Slot::Number(_)));
    }
    loads
}

fn moves(before: &Plan, after: &Plan) -> usize {
    let before = owners(before);
    let moved = |((service, slot), owner): (&(ServiceId, Slot), &NodeId)| {
        after.owner(*service, *slot) != Some(*owner)
    };
    before.iter().filter(|entry| moved(*entry)).count()
}

proptest! {
    #[test]
    fn it_is_what_the_design_says(input in any_input()) {
        prop_assert_eq!(owners(&plan(&input)), reference::owners(&input));
    }

    #[test]
    fn every_slot_has_an_owner_or_a_reason(input in any_input()) {
        let plan = plan(&input);
        for (id, spec) in &input.services {
            for number in 1..=spec.mode.slots() {
                let slot = Slot::Number(number);
                let reason = plan.pending_reason(*id, slot);
                prop_assert_eq!(plan.owner(*id, slot).is_some(), reason.is_none());
            }
        }
        prop_assert!(plan.pending.is_sorted_by_key(|pending| (pending.service, pending.slot)));
    }

    #[test]
    fn constraints_and_availability_are_honoured(input in any_input()) {
        for (service, slot, owner) in plan(&input).iter() {
            let (spec, node) = (&input.services[&service], &input.nodes[&owner]);
            for text in &spec.task_template.placement.constraints {
                let constraint = Constraint::parse(text).unwrap();
                prop_assert!(constraint.is_met_by(owner, node), "{} on {}", text, owner);
            }
            prop_assert!(node.availability != Availability::Drain);
            if node.availability == Availability::Pause {
                prop_assert!(input.keeps.contains(&(service, slot, owner)));
            }
            prop_assert!(!input.refusals.contains_key(&(service, slot, owner)));
        }
    }

    #[test]
    fn max_replicas_and_reservations_are_honoured(input in any_input()) {
        let mut replicas = BTreeMap::<_, u64>::new();
        let mut reserved = BTreeMap::<_, i64>::new();
        for (service, slot, owner) in plan(&input).iter() {
            let task = &input.services[&service].task_template;
            *reserved.entry(owner).or_default() += task.resources.reservations.nano_cpus;
            let limit = task.placement.max_replicas;
            if limit > 0 && matches!(slot, Slot::Number(_)) {
                let count = replicas.entry((service, owner)).or_default();
                *count += 1;
                prop_assert!(*count <= limit);
            }
        }
        for (owner, cores) in reserved {
            prop_assert!(cores <= input.nodes[&owner].facts.nano_cpus);
        }
    }

    #[test]
    fn a_slot_never_leaves_a_ready_home_for_balance(input in any_input()) {
        let plan = plan(&input);
        for ((service, slot), home) in &input.homes {
            let has_data = input.services.get(service).is_some_and(|spec| {
                spec.container().mounts.iter().any(|mount| mount.is_local_data())
            });
            let Some(owner) = plan.owner(*service, *slot).filter(|_| has_data) else {
                continue;
            };
            let is_refused = input.refusals.contains_key(&(*service, *slot, home.node));
            let spec = &input.services[service];
            let is_ready = input.nodes.get(&home.node).is_some_and(|node| {
                let filter = super::filter::Filter::of(spec);
                node.availability == Availability::Active
                    && filter.compile().exclusion(home.node, node).is_none()
            });
            if is_ready && !is_refused {
                prop_assert_eq!(owner, home.node);
            } else if spec.mode.slots() == 1 && home.on_roster && owner != home.node {
                prop_assert!(false, "{} did not wait for its data", slot);
            }
        }
    }

    #[test]
    fn the_history_of_a_planner_does_not_show(inputs in vec(any_input(), 1..5)) {
        let mut planner = Planner::default();
        for input in inputs {
            prop_assert_eq!(planner.plan(input.clone()), plan(&input));
        }
    }

    #[test]
    fn small_changes_one_after_another_do_not_show(
        start in any_input(),
        changes in vec((0..3_u8, 0..45_u64, any_service()), 1..12),
    ) {
        let (mut planner, mut input) = (Planner::default(), start);
        planner.plan(input.clone());
        for (kind, number, spec) in changes {
            match kind {
                0 => drop(input.nodes.remove(&node_id(number))),
                1 => drop(input.nodes.insert(node_id(number), Arc::new(node(number)))),
                _ => drop(input.services.insert(service_id(number % 10), Arc::new(spec))),
            }
            prop_assert_eq!(planner.plan(input.clone()), plan(&input));
        }
    }

    #[test]
    fn the_order_of_the_parts_does_not_matter(
        input in any_input().prop_flat_map(|input| {
            let nodes: Vec<_> = input.nodes.clone().into_iter().collect();
            let services: Vec<_> = input.services.clone().into_iter().collect();
            (Just(input), Just(nodes).prop_shuffle(), Just(services).prop_shuffle())
        })
    ) {
        let (input, nodes, services) = input;
        let shuffled = Input {
            nodes: nodes.into_iter().collect(),
            services: services.into_iter().collect(),
            ..input.clone()
        };
        prop_assert_eq!(plan(&shuffled), plan(&input));
    }

    #[test]
    fn no_node_is_above_the_rung(nodes in 1..12_u64, services in 0..60_usize, replicas in 1..3_u64) {
        let input = input(nodes, vec![service(replicas.min(nodes)); services]);
        let plan = plan(&input);
        prop_assert!(plan.pending.is_empty());
        let highest = loads(&input, &plan).into_values().max().unwrap();
        prop_assert!(highest <= plan.rung, "{} > {}", highest, plan.rung);
    }

    #[test]
    fn without_load_caps_a_single_replica_is_where_it_scores_best(
        nodes in 1..12_u64,
        services in 0..60_usize,
    ) {
        let mut input = input(nodes, vec![service(1); services]);
        input.load_caps = LoadCaps::Off;
        for (service, slot, owner) in plan(&input).iter() {
            let best = input.nodes.iter().max_by_key(|(node, known)| {
                (score(service, slot, **node, known.weight()), std::cmp::Reverse(**node))
            });
            prop_assert_eq!(best.map(|(node, _)| *node), Some(owner));
        }
    }

    #[test]
    fn what_fits_is_placed(nodes in 1..6_u64, replicas in 0..40_u64, weights in vec(1..50_u32, 6)) {
        let mut input = input(nodes, [service(replicas), service(replicas)]);
        for (number, weight) in (0..nodes).zip(weights) {
            super::samples::change_node(&mut input, number, |node| {
                node.labels.insert("shoal.weight".into(), weight.to_string());
            });
        }
        prop_assert!(plan(&input).pending.is_empty());
    }
}

/// Slots that move, and slots that are lost, when each node leaves in turn.
fn moved_and_lost(input: &Input) -> (usize, usize) {
    let before = plan(input);
    let (mut moved, mut lost) = (0, 0);
    for leaver in input.nodes.keys() {
        let mut without = input.clone();
        without.nodes.remove(leaver);
        moved += moves(&before, &plan(&without));
        lost += before.slots_of(*leaver).count();
    }
    (moved, lost)
}

/// The bar of the design: at most 1.4 moves for a lost task, over 3 to 10 equal nodes.
#[test]
fn few_slots_move_when_a_node_leaves() {
    let (mut moved, mut lost) = (0, 0);
    for nodes in 3..=10 {
        for services in [5, 10, 20, 40, 80, 200] {
            let input = input(nodes, vec![service(1); services]);
            let (more_moved, more_lost) = moved_and_lost(&input);
            moved += more_moved;
            lost += more_lost;
        }
    }
    let ratio = moved as f64 / lost as f64;
    assert!((1.0..=1.4).contains(&ratio), "{ratio}");
}

/// With shares that are rounded up at once it is 9 to 10: see `spread.rs`.
#[test]
fn few_slots_move_where_every_node_has_one_of_a_service() {
    let (mut moved, mut lost) = (0, 0);
    for services in 1..=6 {
        let input = input(30, vec![service(30); services]);
        let (more_moved, more_lost) = moved_and_lost(&input);
        moved += more_moved;
        lost += more_lost;
    }
    let ratio = moved as f64 / lost as f64;
    assert!(ratio <= 3.0, "{ratio} moves for a lost task");
}

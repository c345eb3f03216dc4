//! What placement costs and how evenly it places. Prints; asserts nothing. Times are medians; the best
//! ones say more on a machine that has other work.
//!
//! `cargo bench -p shoal-scheduler --bench placement`

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench measures time and prints it"
)]

use std::{sync::Arc, time::Instant};

use shoal_membership::NodeId;
use shoal_scheduler::{
    placement::{Input, Node, Plan, Planner, plan},
    spec::{Mode, ServiceSpec},
    task::ServiceId,
    view::NodeFacts,
};

fn node_id(number: u64) -> NodeId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    NodeId::from_bytes(bytes)
}

fn node(number: u64) -> (NodeId, Arc<Node>) {
    let facts = NodeFacts {
        runtimes: vec!["docker".into()],
        nano_cpus: 4_000_000_000,
        memory_bytes: 8 << 30,
        ..NodeFacts::default()
    };
    let node = Node {
        hostname: format!("node-{number}"),
        facts,
        ..Node::default()
    };
    (node_id(number), Arc::new(node))
}

fn service(number: u64, replicas: u64) -> (ServiceId, Arc<ServiceSpec>) {
    let mut spec = ServiceSpec {
        name: format!("service-{number}"),
        mode: Mode::replicas(replicas),
        ..ServiceSpec::default()
    };
    spec.task_template.container_spec.image = "nginx".into();
    let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (ServiceId(id), Arc::new(spec))
}

fn input(nodes: u64, services: u64, replicas: u64) -> Input {
    Input {
        nodes: (0..nodes).map(node).collect(),
        services: (0..services)
            .map(|number| service(number, replicas))
            .collect(),
        ..Input::default()
    }
}

fn milliseconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64() * 1e3)
}

/// Loads of all nodes of the input.
fn max_over_mean(input: &Input, plan: &Plan) -> f64 {
    let mut loads: std::collections::BTreeMap<NodeId, u32> =
        input.nodes.keys().map(|node| (*node, 0)).collect();
    for (_, _, owner) in plan.iter() {
        *loads.entry(owner).or_default() += 1;
    }
    let total: u32 = loads.values().sum();
    let max = loads.values().max().copied().unwrap_or(0);
    f64::from(max) * loads.len() as f64 / f64::from(total.max(1))
}

fn moves(before: &Plan, after: &Plan) -> usize {
    before
        .iter()
        .filter(|(service, slot, owner)| after.owner(*service, *slot) != Some(*owner))
        .count()
}

/// Slots that move, over slots that were lost, for `leavers` nodes leaving one by one.
fn moves_per_lost(planner: &mut Planner, input: &Input, before: &Plan, leavers: usize) -> f64 {
    let (mut moved, mut lost) = (0, 0);
    for leaver in input.nodes.keys().take(leavers) {
        let mut without = input.clone();
        without.nodes.remove(leaver);
        let after = planner.plan(without);
        lost += before.slots_of(*leaver).count();
        moved += moves(before, &after);
    }
    moved as f64 / lost.max(1) as f64
}

fn large(nodes: u64, services: u64, replicas: u64) {
    let input = input(nodes, services, replicas);
    println!("{nodes} nodes, {services} services of {replicas} replicas");
    let mut runs: Vec<f64> = (0..5).map(|_| milliseconds(|| plan(&input)).1).collect();
    runs.sort_by(f64::total_cmp);
    println!(
        "  full recompute            {:8.2} ms (best {:.2})",
        runs[2], runs[0]
    );

    let mut planner = Planner::default();
    let before = planner.plan(input.clone());
    let mut runs = Vec::new();
    let mut moved = 0;
    for round in 0..11_u64 {
        let mut changed = input.clone();
        let (id, spec) = service(round * 31 % services, replicas + 1);
        changed.services.insert(id, spec);
        let (after, time) = milliseconds(|| planner.plan(changed));
        moved += moves(&before, &after);
        runs.push(time);
    }
    runs.sort_by(f64::total_cmp);
    println!(
        "  one service changed       {:8.2} ms (best {:.2})",
        runs[5], runs[0]
    );
    println!("  tasks moved by the change {:8.2}", moved as f64 / 11.0);
    let mut without = input.clone();
    let first = without.nodes.keys().next().copied();
    first.and_then(|first| without.nodes.remove(&first));
    planner.plan(input.clone());
    let ((), time) = milliseconds(|| drop(planner.plan(without)));
    println!("  one node gone             {time:8.2} ms");
    planner.plan(input.clone());
    let (_, time) = milliseconds(|| planner.plan(input.clone()));
    println!("  nothing changed           {time:8.2} ms");
    println!(
        "  max / mean load           {:8.3}",
        max_over_mean(&input, &before)
    );
    let ratio = moves_per_lost(&mut planner, &input, &before, 10);
    println!("  moves per lost task       {ratio:8.3}");
}

/// Services of one replica each, or of as many as there are nodes.
fn small(as_many_as_nodes: bool) {
    println!("nodes  tasks  rung  max/mean  moves per lost  moved by one service more");
    for nodes in [3, 5, 10, 30] {
        for tasks in [5, 20, 60, 200] {
            let replicas = if as_many_as_nodes { nodes } else { 1 };
            let services = tasks / replicas;
            let input = input(nodes, services, replicas);
            let mut planner = Planner::default();
            let before = planner.plan(input.clone());
            let ratio = moves_per_lost(&mut planner, &input, &before, nodes as usize);
            let mut more = input.clone();
            more.services.extend([service(services, replicas)]);
            let moved = moves(&before, &planner.plan(more));
            println!(
                "{nodes:5}  {:5}  {:4}  {:8.2}  {ratio:14.2}  {moved:25}",
                services * replicas,
                before.rung,
                max_over_mean(&input, &before),
            );
        }
    }
}

fn main() {
    println!("services of one replica");
    small(false);
    println!("services of as many replicas as there are nodes");
    small(true);
    large(1000, 1000, 30);
    large(1000, 10_000, 3);
    large(1000, 30, 1000);
}

//! What must hold of every rule, and what each promises.

use proptest::{collection::vec, prelude::*};
use shoal_membership::NodeId;
use shoal_scheduler::{
    placement::{self, LoadCaps, Weight},
    task::ServiceId,
};

use super::{
    Algorithm, Cluster, Owners, Settings, Study,
    balance::{coefficient_of_variation, loads_over_fair_share},
    bounded, movement,
};

const ALL: [Algorithm; 4] = [
    Algorithm::BoundedHrw,
    Algorithm::Hrw,
    Algorithm::Ring,
    Algorithm::Random,
];

fn settings(seed: u64) -> Settings {
    Settings {
        virtual_nodes: 20,
        load_caps: LoadCaps::On,
        seed,
    }
}

fn placed(algorithm: Algorithm, cluster: &Cluster) -> Owners {
    algorithm.placer(&settings(1)).place(cluster)
}

fn any_weights() -> impl Strategy<Value = Vec<Weight>> {
    let weight = (1_u32..40).prop_map(|tenths| {
        Weight::parse(&format!("{}.{}", tenths / 10, tenths % 10)).unwrap_or_default()
    });
    vec(weight, 0..5)
}

/// Of 2 to 20 nodes.
fn any_cluster() -> impl Strategy<Value = Cluster> {
    let sizes = (2..20_usize, 0..120_u64, 1..6_u64);
    (sizes, any_weights(), any::<u64>()).prop_map(|((nodes, slots, replicas), weights, seed)| {
        Cluster::drawn(nodes, &weights, slots, replicas, seed)
    })
}

fn nodes(cluster: &Cluster) -> Vec<NodeId> {
    cluster.nodes.keys().copied().collect()
}

/// How many slots of a node may be beyond its rung: those of services that each node with room has its share
/// of already. An even share of each service comes before even loads.
fn forced(cluster: &Cluster, owners: &Owners, node: NodeId, rung: u64) -> u64 {
    let has_room = |one: &&NodeId| movement::owned(owners, **one) < rung;
    let open: Vec<&NodeId> = cluster.nodes.keys().filter(has_room).collect();
    let runs = |service: ServiceId, on: NodeId| {
        let mut slots = owners.iter();
        slots.any(|((one, _), owner)| *one == service && *owner == on)
    };
    let here = cluster.services.keys().filter(|service| {
        runs(**service, node) && open.iter().all(|other| runs(**service, **other))
    });
    here.count() as u64
}

/// Found by chance: three nodes, twelve services of two replicas each, and ten tasks on one node though its
/// rung is nine. Both others had a replica of the last service, or as many tasks as they may.
#[test]
fn an_even_share_of_each_service_comes_before_even_loads() {
    let cluster = Cluster::drawn(3, &[], 24, 2, 12_970_404_871_524_223_925);
    let owners = placed(Algorithm::BoundedHrw, &cluster);
    let rung = placement::rung(24, 3);
    let beyond = |node: &&NodeId| movement::owned(&owners, **node) > rung;
    let fullest = cluster.nodes.keys().find(beyond).copied();
    let fullest = fullest.expect("one has more than its rung");
    assert_eq!(movement::owned(&owners, fullest), rung + 1);
    assert!(forced(&cluster, &owners, fullest, rung) >= 1);
}

proptest! {
    #[test]
    fn every_rule_is_total_and_answers_the_same_again(cluster in any_cluster(), lost in 0..20_usize) {
        let ids = nodes(&cluster);
        let fewer = cluster.without(ids[lost % ids.len()]);
        let nobody = Cluster { nodes: [].into(), ..cluster.clone() };
        for algorithm in ALL {
            let mut placers = [algorithm.placer(&settings(7)), algorithm.placer(&settings(7))];
            for now in [&cluster, &fewer, &nobody, &cluster] {
                let [one, other] = &mut placers;
                let owners = one.place(now);
                prop_assert_eq!(&owners, &other.place(now), "{:?}", algorithm);
                let slots: Vec<_> = now.slots().filter(|_| !now.nodes.is_empty()).collect();
                prop_assert!(owners.keys().copied().eq(slots), "{:?}", algorithm);
                prop_assert!(owners.values().all(|owner| now.nodes.contains_key(owner)));
            }
        }
    }

    #[test]
    fn all_but_the_bounded_rule_move_only_what_is_lost(cluster in any_cluster(), lost in 0..20_usize) {
        let ids = nodes(&cluster);
        let node = ids[lost % ids.len()];
        for algorithm in [Algorithm::Hrw, Algorithm::Ring, Algorithm::Random] {
            let mut placer = algorithm.placer(&settings(3));
            let before = placer.place(&cluster);
            let after = placer.place(&cluster.without(node));
            for (slot, owner) in &before {
                prop_assert!(*owner == node || after[slot] == *owner, "{:?}", algorithm);
            }
            let back = placer.place(&cluster);
            match algorithm {
                Algorithm::Random => prop_assert_eq!(back, after, "a lot is kept"),
                _ => prop_assert_eq!(back, before, "there is no past"),
            }
        }
    }

    #[test]
    fn a_larger_service_moves_nothing_but_where_loads_count(cluster in any_cluster()) {
        let mut larger = cluster.clone();
        larger.services.values_mut().take(1).for_each(|replicas| *replicas *= 2);
        for algorithm in [Algorithm::Hrw, Algorithm::Ring, Algorithm::Random] {
            let mut placer = algorithm.placer(&settings(3));
            let (before, after) = (placer.place(&cluster), placer.place(&larger));
            prop_assert_eq!(movement::moved(&before, &after), 0, "{:?}", algorithm);
        }
    }

    #[test]
    fn the_bounded_rule_keeps_within_its_rung_and_is_the_shipped_one(
        nodes in 2..20_usize, services in 0..60_u64, replicas in 1..3_u64, seed: u64,
    ) {
        let cluster = Cluster::drawn(nodes, &[], services * replicas, replicas, seed);
        let owners = placed(Algorithm::BoundedHrw, &cluster);
        let rung = placement::rung(services * replicas, nodes as u64);
        for node in cluster.nodes.keys() {
            let beyond = movement::owned(&owners, *node).saturating_sub(rung);
            let forced = forced(&cluster, &owners, *node, rung);
            prop_assert!(beyond <= forced, "{} beyond rung {}, {} forced", beyond, rung, forced);
        }
        let plan = placement::plan(&bounded::input(&cluster, LoadCaps::On));
        prop_assert_eq!((plan.rung, owners.len() as u64), (rung, services * replicas));
        let shipped: Vec<_> = plan.iter().map(|(_, _, node)| node).collect();
        prop_assert_eq!(owners.into_values().collect::<Vec<_>>(), shipped);
    }
}

/// HRW's closed form: a node of N has 1/N of the slots. Of 20,000 slots on 10 nodes a node's number is
/// binomial with mean 2,000 and deviation 42.4: beyond 4.5 deviations once in 150,000.
#[test]
fn a_node_of_ten_has_a_tenth_of_the_slots_by_rendezvous_and_by_lot() {
    for algorithm in [Algorithm::Hrw, Algorithm::Random] {
        let cluster = Cluster::drawn(10, &[], 20_000, 4, 5);
        let owners = placed(algorithm, &cluster);
        for node in cluster.nodes.keys() {
            let share = movement::owned(&owners, *node);
            assert!(share.abs_diff(2_000) < 190, "{algorithm:?}: {share}");
        }
    }
}

#[test]
fn every_rule_heeds_weights() {
    let weights = ["1", "4"].map(|text| Weight::parse(text).unwrap());
    let cluster = Cluster::drawn(20, &weights, 20_000, 2, 5);
    for algorithm in ALL {
        let mut settings = settings(1);
        settings.virtual_nodes = 1_000;
        let owners = algorithm.placer(&settings).place(&cluster);
        let heavy = |node: &&NodeId| cluster.nodes[*node] == weights[1];
        let share = owners.values().filter(heavy).count() as f64 / 20_000.0;
        assert!((share - 0.8).abs() < 0.03, "{algorithm:?}: {share}");
    }
}

/// The mean of CV² over seeds against its closed form: (N-1)/m for balls in bins, and on the ring
/// (N-1)/m + (1-1/m) (N-1)/(NV+1), the arcs being Dirichlet distributed. See `plan/theory.rs`.
#[test]
fn loads_vary_as_theory_says() {
    let (n, m, v) = (20.0, 2_000.0, 20.0);
    let by_lot = (n - 1.0) / m;
    let by_arcs = by_lot + (1.0 - 1.0 / m) * (n - 1.0) / (n * v + 1.0);
    let expected = [
        (Algorithm::Hrw, by_lot),
        (Algorithm::Random, by_lot),
        (Algorithm::Ring, by_arcs),
    ];
    for (algorithm, expected) in expected {
        let of = |seed| {
            let cluster = Cluster::drawn(20, &[], 2_000, 1, seed);
            let owners = algorithm.placer(&settings(seed)).place(&cluster);
            coefficient_of_variation(&loads_over_fair_share(&cluster, &owners)).powi(2)
        };
        // A sum of 19 squares has a relative deviation of √(2/19) = 0.32; the mean of 60 of 0.042.
        let mean = (0..60).map(of).sum::<f64>() / 60.0;
        let off = mean / expected - 1.0;
        assert!(off.abs() < 0.17, "{algorithm:?}: {mean}, not {expected}");
    }
}

#[test]
fn a_study_follows_from_its_seed_and_tells_rules_apart() {
    let study = |algorithm| Study {
        algorithm,
        nodes: 12,
        weights: Vec::new(),
        slots_per_node: 10,
        replicas: 3,
        virtual_nodes: 50,
        load_caps: LoadCaps::On,
        losses: 4,
    };
    let mut traces = std::collections::BTreeSet::new();
    for algorithm in ALL {
        let record = study(algorithm).run(3);
        // As text: what is no number equals itself there.
        assert_eq!(
            format!("{record:?}"),
            format!("{:?}", study(algorithm).run(3))
        );
        assert_eq!(record.events, 1 + 4 * 2 + 1);
        assert_ne!(record.trace, study(algorithm).run(4).trace);
        traces.insert(record.trace);
        let measure = |name: &str| {
            let found = record.measures.iter().find(|(known, _)| known == name);
            found.unwrap().1
        };
        match algorithm {
            Algorithm::BoundedHrw => {
                assert!(measure("load_max_over_mean") <= 1.2);
                assert_eq!(measure("stacked_slots_share"), 0.0);
                assert!((1.0..1.5).contains(&measure("moves_per_lost_slot")));
            }
            Algorithm::Hrw | Algorithm::Ring => {
                assert_eq!(measure("moves_per_lost_slot"), 1.0);
                assert_eq!(measure("moves_per_regained_slot"), 1.0);
                assert_eq!(measure("moves_per_added_slot"), 0.0);
            }
            Algorithm::Random => assert_eq!(measure("moved_on_return_share"), 0.0),
        }
    }
    assert_eq!(traces.len(), ALL.len());
}

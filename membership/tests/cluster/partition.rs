use shoal_membership::Profile;

use crate::{network::Cluster, seconds};

fn split_and_heal(profile: Profile, islands: &[&[usize]], apart_s: u64, heals_in_s: u64) {
    split_and_heal_seeded(21, profile, islands, apart_s, heals_in_s);
}

fn split_and_heal_seeded(
    seed: u64,
    profile: Profile,
    islands: &[&[usize]],
    apart_s: u64,
    heals_in_s: u64,
) {
    let size = islands.iter().map(|island| island.len()).sum();
    let mut cluster = Cluster::joined(size, profile, seed);
    cluster.partition(islands);
    cluster.run(seconds(apart_s));
    for island in islands {
        for node in *island {
            let sees = &cluster.nodes[*node].membership;
            let seen = (0..size).filter(|other| sees.is_alive(crate::network::id(*other)));
            assert_eq!(
                seen.collect::<Vec<_>>(),
                *island,
                "node {node} sees its island"
            );
        }
    }
    cluster.heal();
    cluster.reports.clear();
    let took = cluster.run_until(seconds(120), Cluster::all_agree);
    assert!(
        took.is_some_and(|took| took <= seconds(heals_in_s)),
        "{took:?}"
    );
    cluster.run(seconds(30));
    assert!(cluster.all_agree());
    let killed: Vec<_> = cluster.downs().collect();
    assert!(killed.is_empty(), "healing kills nobody: {killed:?}");
}

#[test]
fn two_halves_find_each_other_again() {
    split_and_heal(Profile::Lan, &[&[0, 1, 2], &[3, 4, 5]], 60, 15);
    split_and_heal(Profile::Lan, &[&[0, 1], &[2, 3, 4]], 60, 15);
}

#[test]
fn large_halves_do_not_kill_each_other_by_comparing_lists() {
    let (one, two): (Vec<_>, Vec<_>) = (0..32).partition(|node| *node < 16);
    split_and_heal(Profile::Lan, &[&one, &two], 60, 20);
}

#[test]
fn a_node_that_was_cut_off_alone_comes_back_and_kills_nobody() {
    for seed in 0..30 {
        split_and_heal_seeded(seed, Profile::Lan, &[&[0, 1, 2, 3], &[4]], 60, 15);
    }
    split_and_heal(Profile::Lan, &[&[0], &[1]], 60, 15);
}

#[test]
fn edge_links_heal_too() {
    split_and_heal(Profile::Edge, &[&[0, 1, 2], &[3, 4, 5]], 120, 40);
}

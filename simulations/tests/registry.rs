//! What must hold of writes: who holds them when they are acknowledged, how removals end, and where
//! data stays.

use std::time::Duration;

use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::{
    order::{Order, Receipt, WriteConcern},
    registry::kind,
};
use shoal_sim::{Outcome, World, links::Loss};

const SECOND: Duration = Duration::from_secs(1);

fn spec(name: &str, replicas: u64) -> serde_json::Value {
    json!({
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"]}},
        "Mode": {"Replicated": {"Replicas": replicas}},
    })
}

fn create(
    world: &mut World,
    index: usize,
    spec: &serde_json::Value,
    concern: WriteConcern,
) -> Receipt {
    let order = Order::CreateService {
        spec_json: spec.to_string(),
    };
    let ticket = world.order_with(index, order, concern);
    match world.outcome(index, ticket) {
        Some(Outcome::Ordered(Ok(receipt))) => receipt,
        other => panic!("the order ended otherwise: {other:?}"),
    }
}

fn holders_on_disk(world: &World, name: &str) -> usize {
    let has = |memory: shoal_scheduler::peer::Memory| {
        memory
            .writes
            .into_iter()
            .filter_map(|bytes| bytes.open().ok())
            .any(|signed| signed.write.key.kind == kind::SERVICE && signed.write.key.name == name)
    };
    world
        .machines
        .iter()
        .filter(|machine| has(machine.disk.memory()))
        .count()
}

#[test]
fn a_write_is_acknowledged_when_as_many_disks_hold_it_as_were_asked_for() {
    let concerns = [
        (WriteConcern::Local, 1),
        (WriteConcern::One, 2),
        (WriteConcern::Majority, 3),
        (WriteConcern::All, 5),
    ];
    for (seed, (concern, wanted)) in (1..).zip(concerns) {
        let mut world = World::cluster(5, Profile::Lan, seed);
        let receipt = create(&mut world, 0, &spec("web", 1), concern);
        assert!(receipt.holders >= wanted, "{concern:?}: {receipt:?}");
        assert!(
            holders_on_disk(&world, "web") >= wanted as usize,
            "{concern:?}"
        );
        assert_eq!(receipt.warnings, Vec::<String>::new());
    }
}

#[test]
fn what_too_few_nodes_hold_is_acknowledged_with_a_warning() {
    let mut world = World::cluster(3, Profile::Lan, 2);
    world.cut_power(1);
    world.cut_power(2);
    world.run_for(SECOND * 10);
    let receipt = create(&mut world, 0, &spec("web", 1), WriteConcern::All);
    assert_eq!(receipt.holders, 1);
    assert!(receipt.warnings[0].contains("1 of the 3"), "{receipt:?}");
}

#[test]
fn an_acknowledged_write_outlives_the_node_that_took_it() {
    for seed in 10..20 {
        let mut world = World::cluster(5, Profile::Lan, seed);
        world.links.link.loss = Loss::Independent(0.2);
        create(&mut world, 0, &spec("web", 3), WriteConcern::One);
        world.cut_power(0);
        let lives_on = world.run_until(SECOND * 30, |world| world.runs_exactly("web", 3));
        assert!(lives_on, "seed {seed}: {:?}", world.running_tasks("web"));
    }
}

#[test]
fn a_tombstone_that_all_have_held_is_purged_everywhere_and_nothing_comes_back() {
    let mut world = World::cluster(3, Profile::Lan, 3);
    create(&mut world, 0, &spec("web", 1), WriteConcern::All);
    let service = *world.machines[1]
        .peer
        .as_mut()
        .unwrap()
        .view()
        .services
        .keys()
        .next()
        .unwrap();
    let ticket = world.order(1, Order::RemoveService { service });
    world.outcome(1, ticket);
    let entries = |world: &World| -> Vec<usize> {
        let registries = world
            .machines
            .iter()
            .map(|one| one.peer.as_ref().unwrap().registry());
        registries
            .map(|one| {
                one.entries()
                    .filter(|(key, _)| key.kind == kind::SERVICE)
                    .count()
            })
            .collect()
    };
    world.run_for(SECOND * 600);
    assert_eq!(entries(&world), [1, 1, 1], "a tombstone stays for an hour");
    world.run_for(SECOND * 3_900);
    assert_eq!(entries(&world), [0, 0, 0]);
    assert!(world.registries_agree());
    world.cut_power(2);
    world.run_for(SECOND * 5);
    world.boot(2);
    world.run_for(SECOND * 60);
    assert_eq!(entries(&world), [0, 0, 0]);
}

#[test]
fn a_tombstone_stays_while_a_member_is_away() {
    let mut world = World::cluster(3, Profile::Lan, 4);
    create(&mut world, 0, &spec("web", 1), WriteConcern::All);
    world.cut_power(2);
    world.run_for(SECOND * 10);
    let service = *world.machines[1]
        .peer
        .as_mut()
        .unwrap()
        .view()
        .services
        .keys()
        .next()
        .unwrap();
    let ticket = world.order(1, Order::RemoveService { service });
    world.outcome(1, ticket);
    world.run_for(SECOND * 5_000);
    world.boot(2);
    world.run_for(SECOND * 60);
    assert!(world.runs_exactly("web", 0), "a removed service came back");
    assert!(
        world.machines[2]
            .peer
            .as_mut()
            .unwrap()
            .view()
            .services
            .is_empty()
    );
}

#[test]
fn a_slot_waits_for_the_node_that_holds_its_data() {
    let mut world = World::cluster(3, Profile::Lan, 5);
    let mut database = spec("db", 1);
    database["TaskTemplate"]["ContainerSpec"]["Mounts"] =
        json!([{"Type": "volume", "Source": "data", "Target": "/data"}]);
    create(&mut world, 0, &database, WriteConcern::All);
    assert!(world.run_until(SECOND * 3, |world| world.runs_exactly("db", 1)));
    let home = world.running_tasks("db")[0].0;
    world.run_for(SECOND);
    world.cut_power(home);
    world.run_for(SECOND * 60);
    assert!(world.runs_exactly("db", 0), "it started without its data");
    let survivor = (home + 1) % 3;
    let pending = world.machines[survivor]
        .peer
        .as_mut()
        .unwrap()
        .view()
        .pending
        .clone();
    assert!(pending[0].reason.contains("holds its data"), "{pending:?}");
    world.boot(home);
    assert!(world.run_until(SECOND * 20, |world| world.runs_exactly("db", 1)));
    assert_eq!(world.running_tasks("db")[0].0, home);

    world.cut_power(home);
    world.run_for(SECOND * 10);
    let slot = pending[0].slot;
    let order = Order::ReleaseVolume {
        service: pending[0].service,
        slot,
    };
    let ticket = world.order(survivor, order);
    assert!(matches!(
        world.outcome(survivor, ticket),
        Some(Outcome::Ordered(Ok(_)))
    ));
    assert!(world.run_until(SECOND * 5, |world| world.runs_exactly("db", 1)));
}

#[test]
fn writes_on_both_sides_of_a_partition_are_a_visible_conflict_until_the_next_write() {
    let mut world = World::cluster(4, Profile::Lan, 6);
    create(&mut world, 0, &spec("web", 1), WriteConcern::All);
    world.links.partition(&[0, 1], &[2, 3]);
    world.run_for(SECOND * 10);
    for (index, replicas) in [(0, 2), (2, 3)] {
        let view = world.machines[index].peer.as_mut().unwrap().view();
        let service = view.services.values().next().unwrap();
        let (id, version) = (service.id, service.version);
        let spec_json = Some(spec("web", replicas).to_string());
        let order = Order::UpdateService {
            service: id,
            version,
            spec_json,
        };
        let ticket = world.order(index, order);
        assert!(matches!(
            world.outcome(index, ticket),
            Some(Outcome::Ordered(Ok(_)))
        ));
    }
    world.links.mend();
    assert!(world.run_until(SECOND * 60, World::registries_agree));
    let seen: Vec<_> = (0..4)
        .map(|index| {
            let view = world.machines[index].peer.as_mut().unwrap().view();
            let service = view.services.values().next().unwrap();
            assert_eq!(
                service.conflicts.len(),
                1,
                "node {index} hides the conflict"
            );
            assert!(
                view.warnings
                    .iter()
                    .any(|warning| warning.contains("two sides"))
            );
            (service.version, service.spec_json.to_string())
        })
        .collect();
    assert!(
        seen.windows(2).all(|pair| pair[0] == pair[1]),
        "nodes show different winners"
    );
    let view = world.machines[1].peer.as_mut().unwrap().view();
    let service = view.services.values().next().unwrap();
    let (id, version) = (service.id, service.version);
    let spec_json = Some(spec("web", 4).to_string());
    let ticket = world.order(
        1,
        Order::UpdateService {
            service: id,
            version,
            spec_json,
        },
    );
    assert!(matches!(
        world.outcome(1, ticket),
        Some(Outcome::Ordered(Ok(_)))
    ));
    assert!(world.run_until(SECOND * 30, |world| world.runs_exactly("web", 4)));
    let view = world.machines[3].peer.as_mut().unwrap().view();
    assert!(view.services.values().next().unwrap().conflicts.is_empty());
}

#[test]
fn an_evicted_member_returns_with_its_unseen_writes_and_revives_nothing() {
    let mut world = World::new(3, Profile::Lan, 7);
    for machine in &mut world.machines {
        machine.forget_after = Some(SECOND * 1_800);
    }
    world.found();
    create(&mut world, 0, &spec("removed", 1), WriteConcern::All);
    world.links.partition(&[2], &[0, 1]);
    world.run_for(SECOND * 10);
    create(&mut world, 2, &spec("unseen", 1), WriteConcern::Local);
    world.cut_power(2);
    let removed = *world.machines[1]
        .peer
        .as_mut()
        .unwrap()
        .view()
        .services
        .keys()
        .next()
        .unwrap();
    let ticket = world.order(1, Order::RemoveService { service: removed });
    world.outcome(1, ticket);
    world.run_for(SECOND * 2_000);
    assert_eq!(
        world.machines[0].peer.as_mut().unwrap().view().nodes.len(),
        2,
        "it is evicted"
    );
    world.run_for(SECOND * 5_000);
    world.links.mend();
    world.boot(2);
    let returned = world.run_until(SECOND * 120, |world| {
        world.registries_agree()
            && world.machines[2]
                .peer
                .as_ref()
                .is_some_and(|peer| peer.roster().count() == 3)
    });
    assert!(returned, "it is not back on the roster");
    assert!(world.run_until(SECOND * 60, |world| world.runs_exactly("unseen", 1)));
    assert!(world.runs_exactly("removed", 0));
    for index in 0..3 {
        let view = world.machines[index].peer.as_mut().unwrap().view();
        let names: Vec<_> = view
            .services
            .values()
            .map(|one| one.spec.name.clone())
            .collect();
        assert_eq!(names, ["unseen"], "node {index}");
    }
}

#[test]
fn what_a_revocation_drops_stops_everywhere_and_roots_agree() {
    let mut world = World::cluster(4, Profile::Lan, 9);
    world.links.partition(&[0, 1], &[2, 3]);
    world.run_for(SECOND * 10);
    create(&mut world, 3, &spec("late", 2), WriteConcern::One);
    assert!(world.run_until(SECOND * 5, |world| world.runs_exactly("late", 2)));
    let node = world.machines[3].id();
    let ticket = world.order(0, Order::RemoveNode { node, force: false });
    assert!(matches!(
        world.outcome(0, ticket),
        Some(Outcome::Ordered(Ok(_)))
    ));
    world.cut_power(3);
    world.links.mend();
    assert!(world.run_until(SECOND * 60, World::registries_agree));
    for index in 0..3 {
        let view = world.machines[index].peer.as_mut().unwrap().view();
        assert!(
            view.services.is_empty(),
            "node {index} still has what does not count"
        );
    }
    assert!(world.run_until(SECOND * 10, |world| world.runs_exactly("late", 0)));
}

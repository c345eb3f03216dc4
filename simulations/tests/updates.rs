//! Updates go through the slots of a service in steps, with no manager, whatever happens meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use shoal_membership::Profile;
use shoal_scheduler::{order::Order, update::Stage};
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);

fn spec(command: &str, replicas: u64, config: &Value) -> String {
    json!({
        "Name": "web",
        "TaskTemplate": {
            "ContainerSpec": {"Image": "scratch", "Command": [command]},
            "RestartPolicy": {"Delay": 1_000_000_000},
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
        "UpdateConfig": config,
    })
    .to_string()
}

fn ordered(world: &mut World, index: usize, order: Order) {
    let ticket = world.order(index, order);
    let outcome = world.outcome(index, ticket);
    let is_ok = matches!(outcome, Some(Outcome::Ordered(Ok(_))));
    assert!(is_ok, "the order ended otherwise: {outcome:?}");
}

fn deploy(world: &mut World, replicas: u64, config: &Value) {
    let spec_json = spec("serve", replicas, config);
    ordered(world, 0, Order::CreateService { spec_json });
    let runs = world.run_until(SECOND * 5, |world| {
        world.runs_exactly("web", usize::try_from(replicas).expect("a few"))
    });
    assert!(runs, "{:?}", world.running_tasks("web"));
    world.run_for(SECOND * 10);
}

fn update(world: &mut World, index: usize, spec_json: Option<String>) {
    let peer = world.machines[index].peer.as_mut().expect("an agent");
    let view = peer.view();
    let (service, known) = view.services.first_key_value().expect("a service");
    let (service, version) = (*service, known.version);
    let order = Order::UpdateService {
        service,
        version,
        spec_json,
    };
    ordered(world, index, order);
}

/// Where the update is, on each machine.
fn stages(world: &World) -> Vec<Option<Stage>> {
    let peers = world.machines.iter().filter_map(|one| one.peer.as_ref());
    peers
        .map(|peer| peer.update_stages().map(|(_, stage)| stage).next())
        .collect()
}

fn comes_to(world: &mut World, stage: Stage, limit: Duration) {
    let came = world.run_until(limit, |world| {
        stages(world).iter().all(|one| *one == Some(stage))
    });
    assert!(came, "{:?} {:?}", stages(world), running(world));
}

/// How many tasks of each command run.
fn running(world: &World) -> BTreeMap<String, usize> {
    let mut running = BTreeMap::new();
    for machine in &world.machines {
        for task in machine.tasks.values().filter(|task| task.is_running) {
            *running
                .entry(task.spec.container().command[0].clone())
                .or_default() += 1;
        }
    }
    running
}

fn of(command: &str, number: usize) -> BTreeMap<String, usize> {
    [(command.to_owned(), number)].into()
}

#[test]
fn ten_replicas_are_updated_two_at_a_time_while_a_machine_dies() {
    let config = json!({"Parallelism": 2, "Monitor": 5_000_000_000_u64});
    let mut world = World::cluster(5, Profile::Lan, 1);
    deploy(&mut world, 10, &config);
    update(&mut world, 1, Some(spec("second", 10, &config)));
    let mut fewest = 10;
    let mut is_killed = false;
    let end = world.now() + SECOND * 120;
    while world.next_event(end).is_some() {
        let all: usize = running(&world).values().sum();
        if !is_killed {
            fewest = fewest.min(all);
        }
        if !is_killed && running(&world).get("second") == Some(&4) {
            let victim = world.running_tasks("web")[9].0;
            world.cut_power(victim);
            is_killed = true;
        }
        if is_killed
            && stages(&world)
                .iter()
                .all(|one| *one == Some(Stage::Completed))
        {
            break;
        }
    }
    assert_eq!(fewest, 8, "two at a time, and never more");
    comes_to(&mut world, Stage::Completed, SECOND);
    assert_eq!(running(&world), of("second", 10));
}

#[test]
fn what_died_with_its_machine_is_no_failure_of_the_update() {
    for seed in 0..10 {
        let config = json!({
            "Parallelism": 2, "Monitor": 2_000_000_000_u64, "FailureAction": "rollback",
        });
        let mut world = World::cluster(3, Profile::Lan, seed);
        deploy(&mut world, 6, &config);
        update(&mut world, 1, Some(spec("second", 6, &config)));
        world.run_until(SECOND * 30, |world| {
            running(world).get("second") == Some(&2)
        });
        world.run_for(SECOND);
        let tasks = world.running_tasks("web");
        let updated = tasks.iter().find(|(machine, task)| {
            let task = &world.machines[*machine].tasks[task];
            task.spec.container().command == ["second"]
        });
        let victim = updated.expect("one that is updated").0;
        world.cut_power(victim);
        world.run_for(SECOND * 4);
        world.boot(victim);
        comes_to(&mut world, Stage::Completed, SECOND * 60);
        world.run_for(SECOND * 30);
        comes_to(&mut world, Stage::Completed, SECOND);
        assert_eq!(running(&world), of("second", 6), "seed {seed}");
    }
}

#[test]
fn an_image_that_fails_is_taken_back_everywhere() {
    for command in ["missing", "crashes"] {
        let config = json!({"Parallelism": 2, "FailureAction": "rollback"});
        let mut world = World::cluster(5, Profile::Lan, 2);
        deploy(&mut world, 10, &config);
        update(&mut world, 1, Some(spec(command, 10, &config)));
        let mut fewest = 10;
        let end = world.now() + SECOND * 60;
        while world.next_event(end).is_some() {
            let good = running(&world).get("serve").copied().unwrap_or(0);
            fewest = fewest.min(good);
        }
        comes_to(&mut world, Stage::RollbackCompleted, SECOND);
        assert_eq!(running(&world), of("serve", 10));
        assert!(fewest >= 8, "{fewest} of ten ran");
    }
}

#[test]
fn an_image_that_fails_stops_the_update_until_the_next() {
    let config = json!({"Parallelism": 1});
    let mut world = World::cluster(3, Profile::Lan, 3);
    deploy(&mut world, 4, &config);
    update(&mut world, 1, Some(spec("crashes", 4, &config)));
    comes_to(&mut world, Stage::Paused, SECOND * 30);
    world.run_for(SECOND * 30);
    assert_eq!(
        running(&world).get("serve"),
        Some(&3),
        "{:?}",
        running(&world)
    );
    update(&mut world, 2, Some(spec("third", 4, &config)));
    comes_to(&mut world, Stage::Completed, SECOND * 60);
    assert_eq!(running(&world), of("third", 4));
    // Back to what crashes: a rollback that fails never rolls back again.
    update(&mut world, 0, None);
    comes_to(&mut world, Stage::RollbackPaused, SECOND * 60);
    assert_eq!(
        running(&world).get("third"),
        Some(&3),
        "{:?}",
        running(&world)
    );
    // And back from there to what runs.
    update(&mut world, 1, None);
    comes_to(&mut world, Stage::RollbackCompleted, SECOND * 60);
    world.run_for(SECOND * 10);
    assert_eq!(running(&world), of("third", 4));
}

/// Whose other side did not hear of an update, and hears of it with a later write that changes no task.
#[test]
fn what_an_update_could_not_come_to_comes_a_slot_at_a_time_also_after_a_write_that_changes_no_task()
{
    let config = json!({"Parallelism": 1, "Monitor": 2_000_000_000_u64});
    for seed in 0..10 {
        let mut world = World::cluster(3, Profile::Lan, seed);
        deploy(&mut world, 6, &config);
        world.links.partition(&[0, 1], &[2]);
        world.run_for(SECOND * 20);
        update(&mut world, 0, Some(spec("second", 1, &config)));
        let came = world.run_until(SECOND * 60, |world| {
            stages(world)[..2]
                .iter()
                .all(|one| *one == Some(Stage::Completed))
        });
        assert!(came, "seed {seed}: {:?}", stages(&world));
        world.links.mend();
        let first = world.machines[0].id();
        let met = world.run_until(SECOND * 60, |world| {
            let other = world.machines[2].peer.as_ref();
            other.is_some_and(|peer| peer.sees_alive(&first))
        });
        assert!(met, "seed {seed}");
        update(&mut world, 0, Some(spec("second", 6, &config)));
        let mut fewest = 6;
        let end = world.now() + SECOND * 60;
        while world.next_event(end).is_some() {
            let slots: BTreeSet<_> = world
                .machines
                .iter()
                .flat_map(|machine| machine.tasks.values())
                .filter(|task| task.is_running)
                .map(|task| task.report.slot)
                .collect();
            fewest = fewest.min(slots.len());
        }
        assert_eq!(running(&world), of("second", 6), "seed {seed}");
        assert!(fewest >= 5, "seed {seed}: {fewest} of six ran");
    }
}

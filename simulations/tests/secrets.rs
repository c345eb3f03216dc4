//! Whoever may run a task with a secret can open it: also when labels, machines and services come and go.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use shoal_membership::{NodeId, Profile};
use shoal_scheduler::{
    order::{NewFile, Order},
    placement::{KEEPERS, keepers},
    spec::{FileKind, FileSpec, NodeSpec},
    task::FileId,
};
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);
const SECRET: FileId = FileId(77);

fn ordered(world: &mut World, index: usize, order: Order) {
    let ticket = world.order(index, order);
    let outcome = world.outcome(index, ticket);
    assert!(
        matches!(outcome, Some(Outcome::Ordered(Ok(_)))),
        "{outcome:?}"
    );
}

fn make_secret(world: &mut World, index: usize) {
    let nodes: Vec<NodeId> = world.machines.iter().map(|one| one.id()).collect();
    let mut readers = keepers(SECRET, nodes.iter().copied());
    readers.push(nodes[index]);
    let sealed = readers.iter().map(|node| (*node, node.as_bytes().to_vec()));
    let new = NewFile {
        kind: FileKind::Secret,
        id: SECRET,
        spec: FileSpec {
            name: "db".into(),
            ..FileSpec::default()
        },
        contents: vec![1; 600_000].into(),
        digest: String::new(),
        sealed: sealed.collect(),
    };
    // Too large for one piece, and for a secret.
    let mut small = new.clone();
    small.contents = vec![1; 100].into();
    let ticket = world.order(index, Order::CreateFile(Box::new(new)));
    let outcome = world.outcome(index, ticket);
    assert!(
        matches!(outcome, Some(Outcome::Ordered(Err(_)))),
        "{outcome:?}"
    );
    ordered(world, index, Order::CreateFile(Box::new(small)));
}

fn label(world: &mut World, index: usize) {
    let node = world.machines[index].id();
    let view = world.machines[0].peer.as_mut().expect("an agent").view();
    let spec = NodeSpec {
        labels: [("vault".to_owned(), "yes".to_owned())].into(),
        ..NodeSpec::default()
    };
    let version = view.nodes[&node].version;
    ordered(
        world,
        0,
        Order::UpdateNode {
            node,
            version,
            spec,
        },
    );
}

fn serve(world: &mut World, index: usize, replicas: u64) {
    let spec_json = json!({
        "Name": "web",
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "scratch",
                "Command": ["serve"],
                "Secrets": [{"SecretID": SECRET.to_string(), "SecretName": "db"}],
            },
            "Placement": {"Constraints": ["node.labels.vault==yes"]},
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
    })
    .to_string();
    ordered(world, index, Order::CreateService { spec_json });
}

fn readers(world: &World) -> BTreeSet<NodeId> {
    let mut peers = world.machines.iter().filter_map(|one| one.peer.as_ref());
    let [held, _] = &peers.next().expect("an agent").readers()[&SECRET];
    held.clone()
}

fn ids(world: &World, machines: &[usize]) -> BTreeSet<NodeId> {
    machines
        .iter()
        .map(|one| world.machines[*one].id())
        .collect()
}

#[test]
fn keys_follow_who_may_run_the_tasks() {
    for seed in 0..10 {
        let mut world = World::cluster(6, Profile::Lan, seed);
        make_secret(&mut world, 0);
        world.run_for(SECOND * 5);
        let held = readers(&world);
        assert!((KEEPERS..=KEEPERS + 1).contains(&held.len()), "{held:?}");
        label(&mut world, 2);
        label(&mut world, 3);
        serve(&mut world, 0, 2);
        let runs = world.run_until(SECOND * 10, |world| world.runs_exactly("web", 2));
        assert!(runs, "seed {seed}: {:?}", world.running_tasks("web"));
        // The keepers keep it for a while; then only those are left that may need it.
        world.run_for(SECOND * 90);
        assert_eq!(readers(&world), ids(&world, &[2, 3]), "seed {seed}");
        // One more may need it, and is there when the others are gone.
        label(&mut world, 5);
        world.run_for(SECOND * 5);
        assert_eq!(readers(&world), ids(&world, &[2, 3, 5]), "seed {seed}");
        world.cut_power(2);
        world.cut_power(3);
        let runs = world.run_until(SECOND * 20, |world| world.runs_exactly("web", 2));
        assert!(runs, "seed {seed}: {:?}", world.running_tasks("web"));
    }
}

#[test]
fn a_task_waits_for_its_key_and_is_refused_where_nobody_can_give_one() {
    let mut world = World::cluster(6, Profile::Lan, 3);
    make_secret(&mut world, 0);
    world.run_for(SECOND * 5);
    let holders = readers(&world);
    let outside = (0..6).find(|one| !holders.contains(&world.machines[*one].id()));
    let outside = outside.expect("more machines than keepers");
    label(&mut world, outside);
    world.run_for(SECOND * 5);
    let inside: Vec<usize> = (0..6).filter(|one| *one != outside).collect();
    world.links.partition(&inside, &[outside]);
    world.run_for(SECOND * 20);
    serve(&mut world, outside, 1);
    world.run_for(SECOND * 30);
    let peer = world.machines[outside].peer.as_ref().expect("an agent");
    let words = peer.local_tasks().map(|task| task.report.error.clone());
    let words: Vec<String> = words.collect();
    assert!(
        words
            .iter()
            .any(|words| words.contains("has not been sealed to this node")),
        "{words:?}"
    );
    assert!(world.running_tasks("web").is_empty());
    world.links.mend();
    let runs = world.run_until(SECOND * 60, |world| world.runs_exactly("web", 1));
    assert!(runs, "{:?}", world.running_tasks("web"));
}

//! What `shoal` shows before anything is done, and of what was done twice: plans and conflicts.

use std::{collections::BTreeMap, time::Duration};

use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(30);

/// The node of each slot that runs.
fn places(cluster: &Cluster, service: &str) -> BTreeMap<String, String> {
    let running = cluster.processes_of(service);
    running
        .into_iter()
        .map(|one| (one.slot, one.node))
        .collect()
}

#[test]
fn a_plan_tells_what_then_happens_and_changes_nothing() {
    let cluster = Cluster::of(3);
    cluster[0].create("web", 3);
    cluster.settles("web", 3, SOON);
    let before = places(&cluster, "web");
    let said = cluster[1].shoal(&["service", "update", "--plan", "--replicas", "5", "web"]);
    let id = |hostname: &str| {
        let at = (0..cluster.count()).find(|at| cluster[*at].hostname == hostname);
        cluster[at.expect("a node of that name")].id()
    };
    let mut foreseen = before;
    let mut started = Vec::new();
    for line in said.ok().lines() {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [_, slot, "start", to] => {
                started.push((*slot).to_owned());
                foreseen.insert((*slot).to_owned(), id(to));
            }
            [_, slot, "move", from, to] => {
                let former = foreseen.insert((*slot).to_owned(), id(to));
                assert_eq!(former, Some(id(from)), "{said:?}");
            }
            _ => {}
        }
    }
    assert_eq!(started, ["4", "5"], "{said:?}");
    assert!(said.err.contains("Nothing was changed."), "{said:?}");
    assert_eq!(cluster[2].services().unwrap()["web"], 3);

    cluster[0].shoal(&["service", "scale", "-d", "web=5"]).ok();
    // A slot that moves waits for a while.
    within(SOON, "what was foreseen", || {
        match places(&cluster, "web") {
            places if places == foreseen => cluster.runs_once("web", 5).map(drop),
            places => Err(format!("{places:?}, not {foreseen:?}")),
        }
    });

    let removed = cluster[0].shoal(&[
        "service",
        "update",
        "--plan",
        "--constraint-add",
        "node.hostname==nowhere",
        "web",
    ]);
    assert!(removed.ok().contains("would wait"), "{removed:?}");
}

#[test]
fn a_service_written_on_two_sides_is_shown_and_settled() {
    let mut cluster = Cluster::with_links(3);
    cluster[0].create("web", 2);
    cluster.settles("web", 2, SOON);
    cluster.agree(SOON);
    cluster.links().cut(&[0], &[1, 2]);
    cluster.ready(&[0]);
    cluster.ready(&[1, 2]);
    cluster[0].shoal(&["service", "scale", "-d", "web=1"]).ok();
    cluster[2].shoal(&["service", "scale", "-d", "web=4"]).ok();
    cluster.links().heal();
    cluster.all_ready();
    cluster.agree(SOON);

    let shown = cluster[1].services().unwrap()["web"];
    let other = if shown == 1 { 4 } else { 1 };
    for at in 0..3 {
        let list = within(SOON, "the other write", || {
            let said = cluster[at].shoal(&["conflicts", "ls"]);
            match said.ok().lines().count() {
                2 => Ok(said.out),
                _ => Err(format!("{said:?}")),
            }
        });
        assert!(list.contains("1 differences"), "{list}");
    }
    let said = cluster[1].shoal(&["conflicts", "show", "web"]);
    let words = format!("Mode.Replicated.Replicas: {shown} is shown, {other} was written");
    assert!(said.ok().contains(&words), "{said:?}");
    cluster[1]
        .shoal(&["conflicts", "keep", "web", "7"])
        .refused(&["there is no number 7"]);
    cluster[1].shoal(&["conflicts", "keep", "web", "1"]).ok();
    let replicas = usize::try_from(other).unwrap();
    cluster.settles("web", replicas, SOON);
    for at in 0..3 {
        within(SOON, "no conflict", || {
            let services = cluster[at].services()?;
            let said = cluster[at].shoal(&["conflicts", "ls"]);
            match (services["web"] == other, said.ok().lines().count()) {
                (true, 1) => Ok(()),
                _ => Err(format!("{services:?} {said:?}")),
            }
        });
    }
    cluster[0]
        .shoal(&["conflicts", "show", "web"])
        .refused(&["service web has no conflict"]);
}

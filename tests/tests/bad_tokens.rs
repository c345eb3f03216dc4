//! Tokens that let nobody in: each gets one message that says why and what to do.

use std::time::Duration;

use shoal_tests::{Cluster, Said, within};

const SOON: Duration = Duration::from_secs(20);
/// A token that nobody knows may be on its way: a joiner asks for it for 10 s.
const ANSWER: Duration = Duration::from_secs(15);

/// What the agent of a new machine says to a token, and that nothing has changed by it.
fn turned_away(cluster: &mut Cluster, token: &str) -> Said {
    let before = (cluster[0].desired_root(), cluster[0].roster());
    let at = cluster.place();
    let said = cluster[at].run_to_end(ANSWER, &["--join", token]);
    assert_eq!((cluster[0].desired_root(), cluster[0].roster()), before);
    said
}

#[test]
fn a_token_that_is_expired_used_up_removed_or_garbled_says_so() {
    let mut cluster = Cluster::of(1);
    let short = cluster.token(&["--ttl", "1s"]);
    let once = cluster.token(&["--uses", "1"]);
    let removed = cluster.token(&[]);

    let at = cluster.place();
    cluster[at].start(&["--join", &once]);
    cluster.all_ready();
    let said = turned_away(&mut cluster, &once);
    said.refused(&["used up", "shoal token create"]);

    within(SOON, "the token is too old", || {
        let rows = cluster[0]
            .shoal(&["token", "ls", "--format", "json"])
            .rows()?;
        let is_old = |row: &&serde_json::Value| row["Expires"] == "expired";
        // Sooner or later one that is too old is not shown at all.
        let is_old = rows.len() < 3 || rows.iter().find(is_old).is_some();
        is_old.then_some(()).ok_or(format!("{rows:?}"))
    });
    turned_away(&mut cluster, &short).refused(&["expired", "shoal token create"]);

    let rows = cluster[0]
        .shoal(&["token", "ls", "--format", "json"])
        .rows()
        .unwrap();
    let never_used = rows
        .iter()
        .find(|row| row["Used"] == 0 && row["Expires"] != "expired");
    let id = never_used
        .and_then(|row| row["ID"].as_str())
        .unwrap()
        .to_owned();
    cluster[0].shoal(&["token", "rm", &id]).ok();
    let said = turned_away(&mut cluster, &removed);
    said.refused(&["can't join", "token", "removed"]);
    assert!(said.err.contains("can't join yet"), "{said:?}");
    let log = cluster[0].log();
    let turned = log.matches("turned a joiner away").count();
    assert_eq!(
        turned, 3,
        "one machine for each token, and each is named once"
    );

    turned_away(&mut cluster, "shoal-nonsense").refused(&["--join"]);
    let torn = &once[..once.len() - 3];
    turned_away(&mut cluster, torn).refused(&["--join"]);
}

#[test]
fn a_member_refuses_a_token_of_another_cluster_and_ignores_one_of_its_own() {
    let mut one = Cluster::of(2);
    one[0].create("web", 2);
    let mut other = Cluster::of(1);
    let (own, foreign) = (one.token(&[]), other.token(&[]));
    one[1].kill_agent();
    let said = one[1].run_to_end(SOON, &["--join", &foreign]);
    said.refused(&["is in cluster", "leave first", "--data-dir"]);
    one[1].start(&["--join", &own]);
    one.all_ready();
    assert!(one[1].log().contains("--join is ignored"));
    assert_eq!(one.processes_of("web").len(), 2);
    assert_eq!(other[0].roster().unwrap().len(), 1);
}

#[test]
fn a_machine_that_reaches_no_member_says_so_and_joins_when_it_can() {
    let mut cluster = Cluster::of(1);
    let token = cluster.token(&[]);
    cluster[0].power_cut();
    let at = cluster.place();
    cluster[at].start(&["--join", &token]);
    within(SOON, "it says whom it can't reach", || {
        let log = cluster[at].log();
        let says = log.contains("no member of the cluster answered") && log.contains("UDP");
        says.then_some(()).ok_or(log)
    });
    let order = cluster[at].shoal(&["service", "create", "-d", "--name", "x", "scratch", "true"]);
    order.refused(&["has not joined its cluster yet"]);
    cluster[0].start(&[]);
    cluster.all_ready();
}

#[test]
fn a_token_made_a_moment_ago_elsewhere_lets_in_when_it_is_known() {
    let mut cluster = Cluster::of(2);
    // The first is away when the second makes a token, which names both.
    cluster[0].kill_agent();
    let token = cluster.token(&[]);
    cluster[1].kill_agent();
    cluster[0].start(&[]);
    let at = cluster.place();
    cluster[at].start(&["--join", &token]);
    within(
        SOON,
        "the first is asked, and does not know the token",
        || {
            let log = cluster[at].log();
            let says = log.contains("can't join yet") && log.contains("the token is not known");
            says.then_some(()).ok_or(log)
        },
    );
    cluster[1].start(&[]);
    cluster.all_ready();
}

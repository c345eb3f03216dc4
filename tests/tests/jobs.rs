//! Jobs: tasks that run to their end, a number of times in all, with nobody who counts them.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::Value;
use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(30);

fn create(cluster: &Cluster, name: &str, more: &[&str], line: &str) {
    let create = ["service", "create", "-d", "--name", name];
    let command = ["scratch", "sh", "-c", line];
    cluster[0]
        .shoal(&[&create[..], more, &command].concat())
        .ok();
}

fn counts(cluster: &Cluster, node: usize, name: &str) -> Result<(i64, i64), String> {
    let services = cluster[node].get("/services?status=true")?;
    let services = services.as_array().ok_or("no list")?;
    let found = services
        .iter()
        .find(|service| service["Spec"]["Name"] == name);
    let status = &found.ok_or("no such job")?["ServiceStatus"];
    let count = |field: &str| status[field].as_i64().unwrap_or_default();
    Ok((count("RunningTasks"), count("CompletedTasks")))
}

fn completes(cluster: &Cluster, nodes: &[usize], name: &str, runs: i64) {
    for node in nodes {
        within(SOON, "a job that is done", || {
            match counts(cluster, *node, name)? {
                (0, completed) if completed == runs => Ok(()),
                other => Err(format!("n{}: {other:?}", node + 1)),
            }
        });
    }
}

/// A file to which each run adds a line, and the command line that does.
fn diary(cluster: &Cluster, name: &str, seconds: &str) -> (PathBuf, String) {
    let file = cluster.folder().join(format!("{name}.diary"));
    let line = format!(
        "echo $SHOAL_NODE_ID >>{}; exec sleep {seconds}",
        file.display()
    );
    (file, line)
}

fn lines(file: &PathBuf) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

#[test]
fn a_job_runs_as_often_as_it_is_to_and_no_more_at_a_time_than_it_may() {
    let cluster = Cluster::of(3);
    let (file, line) = diary(&cluster, "sums", "0.3");
    let mode = [
        "--mode",
        "replicated-job",
        "--replicas",
        "7",
        "--max-concurrent",
        "2",
    ];
    create(&cluster, "sums", &mode, &line);
    within(SOON, "all runs", || {
        let running = cluster.processes_of("sums").len();
        assert!(running <= 2, "{running} at a time");
        match counts(&cluster, 1, "sums")? {
            (_, 7) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    completes(&cluster, &[0, 1, 2], "sums", 7);
    assert_eq!(lines(&file), 7, "each once");

    // Asked for anew it runs anew: all of it.
    cluster[2]
        .shoal(&["service", "update", "-d", "--force", "sums"])
        .ok();
    within(SOON, "the second time", || match lines(&file) {
        14 => Ok(()),
        number => Err(number.to_string()),
    });
    completes(&cluster, &[0, 1, 2], "sums", 7);
    let job = cluster[0].get("/services/sums").unwrap();
    assert_eq!(job["JobStatus"]["JobIteration"]["Index"], 1);
    assert_eq!(lines(&file), 14);
}

#[test]
fn what_a_dead_machine_had_begun_is_run_elsewhere_and_what_it_had_done_is_not() {
    let mut cluster = Cluster::of(3);
    let (file, line) = diary(&cluster, "long", "1.5");
    let mode = [
        "--mode",
        "replicated-job",
        "--replicas",
        "9",
        "--max-concurrent",
        "3",
    ];
    create(&cluster, "long", &mode, &line);
    within(SOON, "the first three", || {
        match counts(&cluster, 0, "long")? {
            (_, done) if done >= 3 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    cluster.agree(SOON);
    cluster[2].power_cut();
    completes(&cluster, &[0, 1], "long", 9);
    let ran = lines(&file);
    assert!(
        (9..=10).contains(&ran),
        "{ran}: what it had begun, at most, ran twice"
    );
}

#[test]
fn a_global_job_runs_once_on_each_machine_also_on_one_that_comes_later() {
    let mut cluster = Cluster::of(2);
    let (file, line) = diary(&cluster, "each", "0.1");
    create(&cluster, "each", &["--mode", "global-job"], &line);
    completes(&cluster, &[0, 1], "each", 2);
    let at = cluster.place();
    cluster.enter(at);
    cluster.all_ready();
    completes(&cluster, &[0, 1, 2], "each", 3);
    assert_eq!(lines(&file), 3);
    // An agent that starts again knows what is behind it.
    cluster[1].kill_agent();
    cluster[1].start(&[]);
    cluster.all_ready();
    cluster.agree(SOON);
    completes(&cluster, &[0, 1, 2], "each", 3);
    assert_eq!(lines(&file), 3);
}

#[test]
fn a_run_that_fails_is_tried_as_often_as_it_may_and_the_others_go_on() {
    let cluster = Cluster::of(2);
    let file = cluster.folder().join("fails.diary");
    let line = format!("echo try >>{}; exit 3", file.display());
    let mode = [
        "--mode",
        "replicated-job",
        "--replicas",
        "3",
        "--max-concurrent",
        "1",
        "--restart-delay",
        "50ms",
        "--restart-max-attempts",
        "1",
    ];
    create(&cluster, "fails", &mode, &line);
    within(SOON, "two tries of each", || match lines(&file) {
        6 => Ok(()),
        number => Err(number.to_string()),
    });
    let tasks = cluster[0].get("/tasks").unwrap();
    let failed = tasks.as_array().unwrap().iter();
    let failed = failed.filter(|task| task["Status"]["State"] == "failed");
    let slots: Vec<&Value> = failed.map(|task| &task["Slot"]).collect();
    assert!(
        (0..3).all(|slot| slots.contains(&&Value::from(slot))),
        "{slots:?}"
    );
    completes(&cluster, &[0, 1], "fails", 0);
}

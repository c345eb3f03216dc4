//! What containers write, read on another machine.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use shoal_tests::LAB_IMAGE;

use super::{ALL, Turn};

const DEPLOYED: Duration = Duration::from_secs(60);

#[test]
fn logs_of_all_tasks_are_followed_on_another_node_and_told_apart() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let compose = format!(
        r#"
services:
  say:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "n=0; while true; do n=$$((n+1)); echo line $$n; sleep 0.2; done"]
    stop_grace_period: 1s
    deploy: {{replicas: 3}}
"#
    );
    lab.deploy(1, "logs", &compose);
    let running = lab.runs_once("logs_say", 3, &ALL, DEPLOYED);
    let mut follower = lab
        .docker_command(2, &["service", "logs", "-f", "--no-trunc", "logs_say"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(follower.stdout.take().unwrap());
    let mut last = std::collections::BTreeMap::<String, u64>::new();
    for line in output.lines() {
        let line = line.unwrap();
        let (from, text) = line.split_once('|').unwrap();
        let number: u64 = text.trim().strip_prefix("line ").unwrap().parse().unwrap();
        let before = last.insert(from.trim().to_owned(), number).unwrap_or(0);
        assert_eq!(
            number,
            before + 1,
            "of {from} nothing is missing, and nothing comes twice"
        );
        if last.len() == 3 && last.values().all(|number| *number >= 15) {
            break;
        }
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
    let tasks: BTreeSet<&str> = running
        .iter()
        .filter_map(|(_, name)| name.rsplit('.').next())
        .collect();
    for task in tasks {
        assert!(
            last.keys().any(|from| from.contains(task)),
            "{task} in {last:?}"
        );
    }
    lab.docker(3, &["stack", "rm", "logs"]).ok();
}

#[test]
fn a_burst_comes_whole() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let create = [
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        "burst",
        "--restart-condition",
        "none",
        LAB_IMAGE,
        "sh",
        "-c",
        "yes 0123456789012345678901234567890123456789012345678 | head -n 2000000",
    ];
    lab.docker(1, &create).ok();
    shoal_tests::within(Duration::from_secs(120), "the end of the burst", || {
        let tasks = lab.tasks(1, "burst")?;
        match tasks.iter().any(|task| {
            task["State"]
                .as_str()
                .is_some_and(|state| state.starts_with("Complete"))
        }) {
            true => Ok(()),
            false => Err(format!("{tasks:?}")),
        }
    });
    let mut reader = lab
        .docker_command(2, &["service", "logs", "--raw", "burst"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(reader.stdout.take().unwrap()).lines();
    let lines = lines.map_while(Result::ok);
    assert_eq!(lines.filter(|line| line.len() == 49).count(), 2_000_000);
    assert!(reader.wait().unwrap().success());
    lab.docker(1, &["service", "rm", "burst"]).ok();
}

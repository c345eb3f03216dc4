//! What containers write, read on another machine.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use shoal_tests::{LAB_IMAGE, within};

use super::{ALL, Turn, follower::Follower};

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
    let mut log = Follower::of(lab, 2, "logs_say");
    for _ in 0..5 {
        log.has_lines_of_all(&running);
    }
    // The way to one of them is cut for longer than a connection lasts, and a follower goes on where it was.
    let far = running.iter().find(|(machine, _)| *machine != 2).unwrap();
    let machine = far.0.to_string();
    lab.run(&["cut", &machine]).ok();
    within(DEPLOYED, "a connection that broke", || {
        match lab.agent_log(2).contains("a followed log broke off") {
            true => Ok(()),
            false => Err("it holds".to_owned()),
        }
    });
    lab.run(&["mend", &machine]).ok();
    log.has_lines_of_all(std::slice::from_ref(far));
    log.end();
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
    within(Duration::from_secs(120), "the end of the burst", || {
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

#[test]
fn the_end_the_beginning_and_the_times_are_those_of_the_engine() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let create = [
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        "times",
        "--stop-grace-period",
        "1s",
        LAB_IMAGE,
        "sh",
        "-c",
        "for n in 1 2 3 4 5 6; do echo out $n; echo err $n >&2; sleep 0.3; done; sleep 1000000",
    ];
    lab.docker(1, &create).ok();
    let (machine, container) = lab.runs_once("times", 1, &ALL, DEPLOYED).remove(0);
    let of_engine = |options: &[&str]| {
        let said = lab.engine(machine, &[&["logs"], options, &[&container]].concat());
        (said.out.clone(), said.err.clone())
    };
    within(DEPLOYED, "all lines", || match of_engine(&[]) {
        (out, err) if out.contains("out 6") && err.contains("err 6") => Ok(()),
        seen => Err(format!("{seen:?}")),
    });
    let (stamped, _) = of_engine(&["--timestamps"]);
    let fourth = stamped.lines().nth(3).unwrap();
    let since = fourth.split(' ').next().unwrap();
    let other = machine % 3 + 1;
    for options in [
        &["--timestamps"][..],
        &["--since", since],
        &["--timestamps", "--since", since],
        &["--tail", "3"],
        &["--tail", "0"],
        &["--tail", "5", "--since", since],
    ] {
        let said = lab.docker(
            other,
            &[&["service", "logs", "--raw"], options, &["times"]].concat(),
        );
        let seen = (said.out.clone(), said.err.clone());
        assert_eq!(seen, of_engine(options), "{options:?}");
    }
    lab.docker(1, &["service", "rm", "times"]).ok();
}

//! Published ports of containers: on every machine, whichever runs them.

use std::time::Duration;

use shoal_tests::{LAB_IMAGE, Lab, get, within};

use super::{ALL, Turn};

const SEEN: Duration = Duration::from_secs(60);

/// What a client of this machine's port is told.
fn ask(lab: &Lab, machine: usize) -> Result<String, String> {
    let address = format!("{}:8088", lab.address(machine));
    get(address.parse().map_err(|error| format!("{error}"))?)
}

#[test]
fn each_machine_brings_clients_to_containers_anywhere() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let serve = "echo $WHO >/www/index.html; exec httpd -f -p 80 -h /www";
    let create = [
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        "front",
        "--replicas",
        "2",
        "--publish",
        "8088:80",
        "--env",
        "WHO={{.Task.Slot}}",
        "--stop-grace-period",
        "1s",
        LAB_IMAGE,
        "sh",
        "-c",
        serve,
    ];
    let made = lab.docker(1, &create);
    made.ok();
    assert!(!made.err.contains("nothing listens"), "{}", made.err);
    for machine in ALL {
        within(SEEN, "both tasks", || {
            let mut answers = Vec::new();
            for _ in 0..8 {
                answers.push(ask(lab, machine)?);
            }
            answers.sort();
            answers.dedup();
            match answers == ["1", "2"] {
                true => Ok(()),
                false => Err(format!("{answers:?}")),
            }
        });
    }
    lab.docker(2, &["service", "rm", "front"]).ok();
    within(SEEN, "nobody listens", || match ask(lab, 3) {
        Err(error) if error.contains("refused") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // The docker client is told what happened, by any machine.
    let events = [
        "events",
        "--since",
        "10m",
        "--until",
        "0s",
        "--filter",
        "service=front",
        // As on Swarm, the containers whose names begin so are meant as well.
        "--filter",
        "type=service",
    ];
    for machine in ALL {
        // The client names whole seconds: what happens in this one comes with the next.
        within(SEEN, "what happened", || {
            let told = lab.docker(machine, &events).ok().to_owned();
            let actions: Vec<&str> = told
                .lines()
                .filter_map(|line| line.split(' ').nth(2))
                .collect();
            match actions == ["create", "remove"] {
                true => Ok(()),
                false => Err(told),
            }
        });
    }
}

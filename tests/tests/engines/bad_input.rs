//! What can't run: each ends in a state that `docker service ps --no-trunc` explains.

use std::time::Duration;

use serde_json::Value;
use shoal_tests::{LAB_IMAGE, Lab, within};

use super::{ALL, Turn};

const SEEN: Duration = Duration::from_secs(60);

fn create(lab: &Lab, name: &str, options: &[&str], command: &[&str]) {
    create_of(lab, name, LAB_IMAGE, options, command);
}

fn create_of(lab: &Lab, name: &str, image: &str, options: &[&str], command: &[&str]) {
    let begin = [
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        name,
    ];
    let arguments = [&begin[..], options, &[image], command].concat();
    lab.docker(1, &arguments).ok();
}

/// Waits for a task of the service with these words in its error, and gives it.
fn fails(lab: &Lab, service: &str, words: &[&str]) -> Value {
    within(
        SEEN,
        &format!("a task of {service} that says {words:?}"),
        || {
            let tasks = lab.tasks(2, service)?;
            let says = |task: &&Value| {
                let error = task["Error"].as_str().unwrap_or_default();
                words.iter().all(|word| error.contains(word))
            };
            tasks
                .iter()
                .find(says)
                .cloned()
                .ok_or(format!("{tasks:#?}"))
        },
    )
}

fn remove(lab: &Lab, service: &str) {
    lab.docker(1, &["service", "rm", service]).ok();
    within(SEEN, &format!("no containers of {service}"), || {
        let left = lab.containers_of(service, &ALL)?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    });
}

#[test]
fn an_image_that_does_not_exist_and_a_program_that_it_lacks_say_so() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    create_of(lab, "noimage", "127.0.0.1:1/nothing:9", &[], &[]);
    fails(lab, "noimage", &["No such image: 127.0.0.1:1/nothing:9"]);
    remove(lab, "noimage");
    create(
        lab,
        "noprogram",
        &["--restart-delay", "1s"],
        &["/bin/nothing"],
    );
    fails(
        lab,
        "noprogram",
        &["starting container failed", "/bin/nothing"],
    );
    remove(lab, "noprogram");
}

#[test]
fn a_bind_source_that_one_machine_lacks_sends_the_task_to_another() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    // All share this file system: a source that is a file on none but one is a name that is taken.
    let source = lab.file("source", "here");
    let mount = format!("type=bind,source={},target=/x", source.display());
    create(lab, "bind", &["--mount", &mount, "--replicas", "2"], &[]);
    lab.runs_once("bind", 2, &ALL, SEEN);
    remove(lab, "bind");
    create(
        lab,
        "nobind",
        &["--mount", "type=bind,source=/no/such,target=/x"],
        &[],
    );
    fails(
        lab,
        "nobind",
        &["bind source path does not exist: /no/such"],
    );
    remove(lab, "nobind");
}

#[test]
fn a_host_port_that_is_taken_on_one_machine_sends_the_task_to_another() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    lab.engine(
        1,
        &["run", "-d", "--name", "taker", "-p", "8099:80", LAB_IMAGE],
    )
    .ok();
    let publish = [
        "--publish",
        "mode=host,target=80,published=8099",
        "--replicas",
        "2",
        "--stop-grace-period",
        "1s",
    ];
    create(lab, "port", &publish, &[]);
    let found = lab.runs_once("port", 2, &ALL, SEEN);
    assert!(found.iter().all(|(machine, _)| *machine != 1), "{found:?}");
    lab.engine(1, &["rm", "-f", "taker"]).ok();
    remove(lab, "port");
}

#[test]
fn a_task_without_memory_a_sick_one_and_a_deaf_one_end_with_their_reasons() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let memory = ["--limit-memory", "16M", "--restart-delay", "1s"];
    create(
        lab,
        "hungry",
        &memory,
        &[
            "sh",
            "-c",
            "x=$(dd if=/dev/zero bs=1M count=64 2>/dev/null | tr '\\0' x)",
        ],
    );
    for (name, check) in [("sick", "false"), ("stuck", "sleep 1000")] {
        let checked = [
            "--health-cmd",
            check,
            "--health-interval",
            "1s",
            "--health-timeout",
            "1s",
            "--health-retries",
            "1",
            "--restart-delay",
            "1s",
            "--stop-grace-period",
            "1s",
        ];
        create(lab, name, &checked, &[]);
    }
    create(
        lab,
        "deaf",
        &["--stop-grace-period", "1s"],
        &["sh", "-c", "trap '' TERM; while true; do sleep 1; done"],
    );
    fails(lab, "hungry", &["out of memory (limit 16"]);
    fails(lab, "sick", &["unhealthy container"]);
    fails(lab, "stuck", &["unhealthy container"]);
    lab.runs_once("deaf", 1, &ALL, SEEN);
    for service in ["deaf", "hungry", "sick", "stuck"] {
        remove(lab, service);
    }
}

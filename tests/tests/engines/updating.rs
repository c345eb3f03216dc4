//! Updates of containers on three machines: one dies half way; an image that nobody has.

use std::time::Duration;

use serde_json::Value;
use shoal_tests::{LAB_IMAGE, Lab, within};

use super::Turn;

const DEPLOYED: Duration = Duration::from_secs(60);
const UPDATED: Duration = Duration::from_secs(120);

fn stack(release: &str, image: &str) -> String {
    format!(
        r#"
services:
  web:
    image: {image}
    command: ["sleep", "100000"]
    environment: {{RELEASE: "{release}"}}
    stop_grace_period: 1s
    healthcheck: {{test: ["CMD", "true"], interval: 500ms}}
    deploy:
      replicas: 6
      update_config: {{parallelism: 2, monitor: 2s, failure_action: rollback}}
"#
    )
}

/// How far the update is; of a machine that does not answer, why not.
fn state(lab: &Lab, machine: usize) -> String {
    match lab.try_ask(machine, "GET", "/services/updated_web", None) {
        Ok((_, service)) => {
            let state = service.pointer("/UpdateStatus/State");
            state.and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        Err(error) => error,
    }
}

/// Tasks that are up, healthy, by the release that their spec names.
fn healthy(lab: &Lab, machine: usize) -> Vec<String> {
    let (_, tasks) = lab.ask(machine, "GET", "/tasks", None);
    let tasks = tasks.as_array().cloned().unwrap_or_default().into_iter();
    let is_up =
        |task: &Value| task["Status"]["State"] == "running" && task["DesiredState"] == "running";
    tasks
        .filter(is_up)
        .map(|task| task["Spec"]["ContainerSpec"]["Env"][0].to_string())
        .collect()
}

#[test]
fn an_update_goes_on_when_a_machine_dies_and_one_to_a_missing_image_is_taken_back() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let deploy = |text: &str| {
        let file = lab.file("updated.yml", text);
        let path = file.display().to_string();
        let arguments = [
            "stack",
            "deploy",
            "--resolve-image",
            "never",
            "-c",
            &path,
            "updated",
        ];
        lab.docker(1, &arguments).ok();
    };
    lab.deploy(1, "updated", &stack("1", LAB_IMAGE));
    lab.runs_once("updated_web", 6, &super::ALL, DEPLOYED);
    within(DEPLOYED, "six that are healthy", || {
        match healthy(lab, 1).len() {
            6 => Ok(()),
            number => Err(number.to_string()),
        }
    });

    deploy(&stack("2", LAB_IMAGE));
    let of =
        |found: &[String], release: &str| found.iter().filter(|env| env.contains(release)).count();
    within(UPDATED, "the first batch", || {
        let found = healthy(lab, 1);
        assert!(found.len() >= 4, "fewer than four are healthy: {found:?}");
        match of(&found, "RELEASE=2") {
            number if number >= 2 => Ok(()),
            number => Err(number.to_string()),
        }
    });
    lab.run(&["kill", "3"]).ok();
    within(UPDATED, "the update, without the third machine", || {
        let found = healthy(lab, 1);
        match (state(lab, 1).as_str(), of(&found, "RELEASE=2")) {
            ("completed", 6) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    lab.run(&["boot", "3"]).ok();
    lab.run(&["mend", "3"]).ok();
    within(UPDATED, "all of them", || match state(lab, 3).as_str() {
        "completed" => Ok(()),
        other => Err(other.to_owned()),
    });
    lab.runs_once("updated_web", 6, &super::ALL, UPDATED);

    deploy(&stack("3", "no-such-image:1"));
    for machine in super::ALL {
        within(UPDATED, "an update that is taken back", || {
            match state(lab, machine).as_str() {
                "rollback_completed" => Ok(()),
                other => Err(format!("m{machine}: {other}")),
            }
        });
    }
    within(UPDATED, "what was well", || {
        let found = healthy(lab, 2);
        match of(&found, "RELEASE=2") {
            6 => Ok(()),
            number => Err(format!("{number}: {found:?}")),
        }
    });
    lab.docker(2, &["stack", "rm", "updated"]).ok();
    within(UPDATED, "nothing of it", || {
        match lab.containers_of("updated_web", &super::ALL)? {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        }
    });
}

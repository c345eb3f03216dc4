//! Machines, engines and agents die and come back.

use std::time::Duration;

use shoal_tests::{LAB_IMAGE, Lab, always_for, within};

use super::{ALL, Turn};

const DEPLOYED: Duration = Duration::from_secs(60);
const HEALED: Duration = Duration::from_secs(20);
const SETTLED: Duration = Duration::from_secs(90);

/// A web service with a check and limits, a worker with a volume, and one task everywhere.
fn stack() -> String {
    format!(
        r#"
services:
  web:
    image: {LAB_IMAGE}
    command: ["httpd", "-f", "-p", "80", "-h", "/www"]
    stop_grace_period: 1s
    healthcheck: {{test: ["CMD", "true"], interval: 1s}}
    deploy: {{replicas: 4, resources: {{limits: {{memory: 32M, cpus: "0.3"}}}}}}
  worker:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "while true; do echo working; sleep 1; done"]
    stop_grace_period: 1s
    volumes: ["data:/data"]
    deploy: {{replicas: 2}}
  everywhere:
    image: {LAB_IMAGE}
    stop_grace_period: 1s
    deploy: {{mode: global}}
volumes: {{data: {{}}}}
"#
    )
}

fn gone(lab: &Lab, stack: &str) {
    lab.docker(1, &["stack", "rm", stack]).ok();
    within(SETTLED, "no containers of the stack", || {
        for machine in ALL {
            let left = lab.containers(machine)?;
            if left
                .iter()
                .any(|name| name.starts_with(&format!("{stack}_")))
            {
                return Err(format!("{left:?}"));
            }
        }
        Ok(())
    });
}

#[test]
fn a_dead_machine_is_replaced_and_its_return_doubles_and_restarts_nothing() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    lab.deploy(2, "heal", &stack());
    let before = lab.runs_once("heal_web", 4, &ALL, DEPLOYED);
    lab.runs_once("heal_worker", 2, &ALL, DEPLOYED);
    lab.runs_once("heal_everywhere", 3, &ALL, DEPLOYED);

    lab.run(&["kill", "3"]).ok();
    let healed = lab.runs_once("heal_web", 4, &[1, 2], HEALED);
    lab.runs_once("heal_worker", 2, &[1, 2], HEALED);
    let spared: Vec<_> = before.iter().filter(|(machine, _)| *machine != 3).collect();
    assert!(
        spared.iter().all(|one| healed.contains(one)),
        "{before:?} {healed:?}"
    );

    lab.run(&["boot", "3"]).ok();
    lab.run(&["mend", "3"]).ok();
    lab.runs_once("heal_everywhere", 3, &ALL, SETTLED);
    let settled = lab.runs_once("heal_web", 4, &ALL, SETTLED);
    lab.runs_once("heal_worker", 2, &ALL, SETTLED);
    let lost = before.len() - spared.len();
    let kept = settled.iter().filter(|one| healed.contains(one)).count();
    assert!(
        kept + lost >= 4,
        "{lost} were lost: {before:?} {healed:?} {settled:?}"
    );
    always_for(
        Duration::from_secs(12),
        "nothing runs twice for long, nothing moves on",
        || {
            let now = lab.containers_of("heal_web", &ALL)?;
            let kept = now.iter().filter(|one| healed.contains(one)).count();
            match kept + lost >= 4 {
                true => Ok(()),
                false => Err(format!("{now:?}")),
            }
        },
    );
    gone(lab, "heal");
}

#[test]
fn a_machine_that_boots_alone_runs_its_own_containers_again() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    lab.deploy(1, "alone", &stack());
    lab.runs_once("alone_everywhere", 3, &ALL, DEPLOYED);
    let own: Vec<_> = lab.runs_once("alone_web", 4, &ALL, DEPLOYED);
    let own: Vec<_> = own.iter().filter(|(machine, _)| *machine == 2).collect();
    lab.run(&["kill", "2"]).ok();
    lab.run(&["boot", "2"]).ok();
    // Still unplugged: nobody can tell it what to run.
    within(SETTLED, "its own containers", || {
        let now = lab.containers_of("alone_web", &[2])?;
        let slot = |name: &str| name.split('.').nth(1).map(str::to_owned);
        let runs = |wanted: &str| now.iter().any(|(_, name)| slot(name) == slot(wanted));
        let everywhere = lab.containers_of("alone_everywhere", &[2])?;
        match own.iter().all(|(_, name)| runs(name)) && everywhere.len() == 1 {
            true => Ok(()),
            false => Err(format!("{now:?} {everywhere:?}")),
        }
    });
    lab.run(&["mend", "2"]).ok();
    lab.runs_once("alone_web", 4, &ALL, SETTLED);
    lab.runs_once("alone_everywhere", 3, &ALL, SETTLED);
    gone(lab, "alone");
}

#[test]
fn containers_outlive_the_agent_and_are_adopted() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    lab.deploy(1, "adopt", &stack());
    let before = lab.runs_once("adopt_web", 4, &ALL, DEPLOYED);
    for machine in ALL {
        lab.run(&["agent", &machine.to_string()]).ok();
    }
    within(DEPLOYED, "an agent that answers", || {
        let tasks = lab.tasks(1, "adopt_web")?;
        let running = tasks.iter().filter(|task| {
            task["State"]
                .as_str()
                .is_some_and(|state| state.starts_with("Running"))
        });
        match running.count() {
            4 => Ok(()),
            _ => Err(format!("{tasks:?}")),
        }
    });
    always_for(Duration::from_secs(8), "all containers go on", || {
        let now = lab.containers_of("adopt_web", &ALL)?;
        match now == before {
            true => Ok(()),
            false => Err(format!("{now:?}, before {before:?}")),
        }
    });
    gone(lab, "adopt");
}

#[test]
fn an_engine_that_restarts_gets_its_containers_again_and_strangers_are_left_alone() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    // Looks like a task of a Swarm, and is none of ours.
    let label = [
        "--label",
        "com.docker.swarm.task.id=x",
        "--label",
        "com.docker.swarm.task=",
    ];
    let stranger = [
        &["run", "-d", "--restart", "always", "--name", "stranger"],
        &label[..],
        &[LAB_IMAGE],
    ]
    .concat();
    lab.engine(1, &stranger).ok();
    lab.deploy(2, "engine", &stack());
    let before = lab.runs_once("engine_web", 4, &ALL, DEPLOYED);
    let elsewhere: Vec<_> = before.iter().filter(|(machine, _)| *machine != 1).collect();
    lab.run(&["restart", "1"]).ok();
    let after = lab.runs_once("engine_web", 4, &ALL, SETTLED);
    assert!(
        elsewhere.iter().all(|one| after.contains(one)),
        "{before:?} {after:?}"
    );
    lab.runs_once("engine_everywhere", 3, &ALL, SETTLED);
    gone(lab, "engine");
    let left = lab.engine(1, &["ps", "--format", "{{.Names}}"]);
    assert_eq!(left.ok(), "stranger");
    lab.engine(1, &["rm", "-f", "stranger"]).ok();
}

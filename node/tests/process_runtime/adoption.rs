//! The agent dies and comes back; and so do others.

use std::time::{Duration, SystemTime};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use shoal::runtime::{Change, Live};
use shoal_scheduler::{
    spec::{EndpointSpec, PortConfig},
    task::{ServiceId, Slot},
};

use crate::machine::{Machine, exit_of, is_alive, shell, until};

#[tokio::test]
async fn a_task_outlives_the_agent_and_is_found_again() {
    let mut machine = Machine::new();
    let mut spec = shell("sleep 1000");
    spec.endpoint_spec = Some(EndpointSpec {
        ports: vec![PortConfig {
            target_port: 80,
            ..PortConfig::default()
        }],
        ..EndpointSpec::default()
    });
    spec.task_template.container_spec.read_only = true;
    let task = machine.start(spec.clone());
    let live = machine.running(task).await;
    assert_eq!(live.warnings.len(), 1, "{live:?}");

    machine.stop_agent();
    let adopted = machine.start_agent().await;
    assert_eq!(adopted.len(), 1);
    let launch = &adopted[0].launch;
    assert_eq!(adopted[0].change, Change::Running(live.clone()));
    assert_eq!((launch.task, launch.service), (task, ServiceId(7)));
    assert_eq!((launch.slot, launch.template), (Slot::Number(3), 42));
    assert_eq!(*launch.spec, spec);
    assert!(is_alive(Pid::from_raw(live.pid as i32)));

    machine.runtime().stop(task);
    assert_eq!(machine.exit(task).await, (143, String::new(), true));
}

fn wall() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
}

fn live_of(change: &Change) -> &Live {
    match change {
        Change::Running(live) => live,
        other => panic!("not running: {other:?}"),
    }
}

#[tokio::test]
async fn an_adopted_task_started_when_it_started() {
    let mut machine = Machine::new();
    let before = wall();
    let task = machine.start(shell("sleep 1000"));
    let live = machine.running(task).await;
    let after = wall();
    assert!((before..after).contains(&live.since), "{live:?}");

    machine.stop_agent();
    let adopted = machine.start_agent().await;
    assert_eq!(live_of(&adopted[0].change).since, live.since);
    assert_eq!(adopted[0].launch.created_at, Duration::from_secs(1_000));

    // It started in 1970, before the machine learnt the time; or before anybody wrote down when.
    machine.stop_agent();
    let file = machine.folder_of(task).join("running.json");
    let mut record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for change in ["set", "absent"] {
        match change {
            "set" => record["started"]["wall"] = serde_json::json!({ "secs": 30, "nanos": 0 }),
            _ => drop(record.as_object_mut().unwrap().remove("started")),
        }
        std::fs::write(&file, record.to_string()).unwrap();
        let adopted = machine.start_agent().await;
        let since = live_of(&adopted[0].change).since;
        let apart = since.abs_diff(live.since);
        assert!(apart < Duration::from_secs(1), "{change}: {apart:?}");
        machine.stop_agent();
    }
}

#[tokio::test]
async fn an_end_without_an_agent_is_learnt_later() {
    let mut machine = Machine::new();
    let flag = machine.folder.path().join("flag");
    let line = format!(
        "until [ -e {} ]; do sleep 0.02; done; exit 9",
        flag.display()
    );
    let task = machine.start(shell(&line));
    machine.running(task).await;
    machine.stop_agent();
    std::fs::write(&flag, "").unwrap();
    until("it has ended", || machine.processes(task).is_empty()).await;

    let adopted = machine.start_agent().await;
    let error = "task: non-zero exit (9)".to_owned();
    assert_eq!(exit_of(adopted[0].change.clone()), (9, error, false));
    machine.runtime().remove(task);
    assert_eq!(machine.next(task).await, Change::Removed);
    machine.stop_agent();
    assert!(machine.start_agent().await.is_empty());
}

#[tokio::test]
async fn a_task_whose_parent_is_killed_is_killed_too() {
    let mut machine = Machine::new();
    let task = machine.start(shell("setsid sleep 1000 & sleep 1001"));
    let live = machine.running(task).await;
    kill(machine.parent_of(&live), Signal::SIGKILL).unwrap();
    let (code, error, stopped) = machine.exit(task).await;
    assert_eq!((code, stopped), (137, false));
    assert!(error.contains("lost its parent"), "{error}");
    until("all are gone", || machine.processes(task).is_empty()).await;
}

#[tokio::test]
async fn a_parent_that_died_with_the_agent_is_noticed() {
    let mut machine = Machine::new();
    let task = machine.start(shell("setsid sleep 1000 & sleep 1001"));
    let live = machine.running(task).await;
    machine.stop_agent();
    kill(machine.parent_of(&live), Signal::SIGKILL).unwrap();
    let adopted = machine.start_agent().await;
    let (code, error, _) = exit_of(adopted[0].change.clone());
    assert_eq!(code, 137);
    assert!(error.contains("lost its parent"), "{error}");
    assert!(machine.processes(task).is_empty());
}

#[tokio::test]
async fn torn_files_are_a_loss_and_nothing_worse() {
    let mut machine = Machine::new();
    let task = machine.start(shell("exit 0"));
    machine.exit(task).await;
    machine.stop_agent();
    let folder = machine.folder_of(task);
    std::fs::write(folder.join("exit.json"), "").unwrap();
    std::fs::write(folder.join("running.json"), [0; 40]).unwrap();
    let adopted = machine.start_agent().await;
    let (code, error, _) = exit_of(adopted[0].change.clone());
    assert_eq!((code, error.is_empty()), (137, false));

    // Without its record a task is nobody's: it is ended and cleared away.
    let task = machine.start(shell("sleep 1000"));
    machine.running(task).await;
    machine.stop_agent();
    std::fs::write(machine.folder_of(task).join("launch.json"), "{\"fo").unwrap();
    let adopted = machine.start_agent().await;
    assert_eq!(adopted.len(), 1);
    assert_eq!(machine.next(task).await, Change::Removed);
    assert!(machine.processes(task).is_empty());
    assert!(!machine.folder_of(task).exists());
}

#[tokio::test]
async fn after_a_power_cut_nothing_is_taken_for_running() {
    let mut machine = Machine::new();
    let task = machine.start(shell("sleep 1000"));
    let live = machine.running(task).await;
    machine.stop_agent();
    kill(machine.parent_of(&live), Signal::SIGKILL).unwrap();
    let running = machine.folder_of(task).join("running.json");
    let own = Pid::this();
    // The same id is another's after the boot: ours.
    let stale = format!("{{\"pid\":{own},\"start_ticks\":1,\"boot\":\"another\"}}");
    std::fs::write(running, stale).unwrap();
    let adopted = machine.start_agent().await;
    let (_, error, _) = exit_of(adopted[0].change.clone());
    assert!(error.contains("the machine went down"), "{error}");
}

#[tokio::test]
async fn a_parent_asked_by_a_signal_stops_the_task() {
    let mut machine = Machine::new();
    let task = machine.start(shell("sleep 1000"));
    let live = machine.running(task).await;
    kill(machine.parent_of(&live), Signal::SIGTERM).unwrap();
    assert_eq!(machine.exit(task).await, (143, String::new(), true));
}

#[tokio::test]
async fn a_data_directory_may_have_a_long_name() {
    let mut machine = Machine::new();
    machine.stop_agent();
    let long = machine.folder.path().join("long".repeat(40));
    std::fs::create_dir(&long).unwrap();
    let old = std::mem::replace(&mut machine.folder, tempfile::tempdir_in(&long).unwrap());
    machine.start_agent().await;
    let task = machine.start(shell("exit 4"));
    assert_eq!(machine.exit(task).await.0, 4);
    drop(old);
}

//! Health checks.

use std::time::Duration;

use shoal::runtime::Change;
use shoal_scheduler::spec::{Healthcheck, ServiceSpec};

use crate::machine::{Machine, is_alive, shell, until};

fn checked(line: &str, check: &[&str]) -> ServiceSpec {
    let mut spec = shell(line);
    let container = &mut spec.task_template.container_spec;
    container.healthcheck = Some(Healthcheck {
        test: check.iter().map(ToString::to_string).collect(),
        interval: Some(Duration::from_millis(50)),
        timeout: Some(Duration::from_secs(20)),
        retries: 2,
        ..Healthcheck::default()
    });
    spec
}

const UNHEALTHY: &str = "task: non-zero exit (143): dockerexec: unhealthy container";

#[tokio::test]
async fn a_task_starts_until_its_check_succeeds() {
    let mut machine = Machine::new();
    let flag = machine.folder.path().join("flag");
    let mut spec = checked(
        "sleep 1000",
        &["CMD-SHELL", &format!("test -e {}", flag.display())],
    );
    if let Some(check) = &mut spec.task_template.container_spec.healthcheck {
        check.retries = 100_000;
    }
    let task = machine.start(spec);
    let starting = match machine.next(task).await {
        Change::Starting(live) => live,
        other => panic!("{other:?}"),
    };
    std::fs::write(&flag, "").unwrap();
    let live = machine.running(task).await;
    assert_eq!(live.pid, starting.pid);
    assert!(live.since > starting.since, "{live:?} {starting:?}");
    // A new agent knows that it was healthy, and since when.
    machine.stop_agent();
    let adopted = machine.start_agent().await;
    assert_eq!(adopted[0].change, Change::Running(live));
}

#[tokio::test]
async fn an_unhealthy_task_is_stopped_in_swarms_words() {
    let mut machine = Machine::new();
    let task = machine.start(checked("sleep 1000", &["CMD", "false"]));
    assert!(matches!(machine.next(task).await, Change::Starting(_)));
    assert!(matches!(machine.next(task).await, Change::Unhealthy(_)));
    assert_eq!(machine.exit(task).await, (143, UNHEALTHY.into(), false));
}

#[tokio::test]
async fn checks_go_on_after_the_agent_came_back() {
    let mut machine = Machine::new();
    let flag = machine.folder.path().join("flag");
    std::fs::write(&flag, "").unwrap();
    let check = format!("test -e {}", flag.display());
    let task = machine.start(checked("sleep 1000", &["CMD-SHELL", &check]));
    assert!(matches!(machine.next(task).await, Change::Starting(_)));
    assert!(matches!(machine.next(task).await, Change::Running(_)));
    machine.stop_agent();
    std::fs::remove_file(&flag).unwrap();
    machine.start_agent().await;
    assert!(matches!(machine.next(task).await, Change::Unhealthy(_)));
    assert_eq!(machine.exit(task).await, (143, UNHEALTHY.into(), false));
}

#[tokio::test]
async fn a_check_that_hangs_has_failed_and_is_killed_with_its_children() {
    let mut machine = Machine::new();
    let pids = machine.folder.path().join("pids");
    let check = format!("sleep 1000 & echo $$ $! >> {}; sleep 1001", pids.display());
    let mut spec = checked("sleep 1000", &["CMD-SHELL", &check]);
    if let Some(check) = &mut spec.task_template.container_spec.healthcheck {
        check.timeout = Some(Duration::from_millis(500));
    }
    let task = machine.start(spec);
    assert_eq!(machine.exit(task).await, (143, UNHEALTHY.into(), false));
    let pids = std::fs::read_to_string(&pids).unwrap();
    let pids: Vec<i32> = pids
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert!(pids.len() >= 2, "{pids:?}");
    until("all checks are gone", || {
        let mut pids = pids.iter().map(|pid| nix::unistd::Pid::from_raw(*pid));
        !pids.any(is_alive)
    })
    .await;
}

#[tokio::test]
async fn a_check_sees_what_the_task_sees() {
    let mut machine = Machine::new();
    let mut spec = checked(
        "sleep 1000",
        &[
            "CMD-SHELL",
            "test $WHO = me && test $PWD = /usr && test $(id -u) = 12345",
        ],
    );
    let container = &mut spec.task_template.container_spec;
    container.env = vec!["WHO=me".into()];
    container.dir = "/usr".into();
    container.user = "12345".into();
    let task = machine.start(spec);
    assert!(matches!(machine.next(task).await, Change::Starting(_)));
    assert!(matches!(machine.next(task).await, Change::Running(_)));
    machine.runtime().stop(task);
    assert!(machine.exit(task).await.2);
}

#[tokio::test]
async fn none_is_no_check() {
    let mut machine = Machine::new();
    let task = machine.start(checked("sleep 1000", &["NONE"]));
    machine.running(task).await;
}

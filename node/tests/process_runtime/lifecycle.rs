//! Start, stop and end.

use std::time::Duration;

use nix::unistd::Pid;
use shoal::runtime::{Change, LogOptions};
use shoal_scheduler::{
    spec::{EndpointSpec, PortConfig, Ulimit},
    task::TaskId,
};

use crate::machine::{Machine, is_alive, next_line, shell, until};

#[tokio::test]
async fn an_exit_status_is_reported_as_it_is() {
    let mut machine = Machine::new();
    for code in [0, 1, 42] {
        let task = machine.start(shell(&format!("exit {code}")));
        let error = match code {
            0 => String::new(),
            code => format!("task: non-zero exit ({code})"),
        };
        assert_eq!(machine.exit(task).await, (code, error, false));
    }
}

#[tokio::test]
async fn a_signal_is_128_and_its_number() {
    let mut machine = Machine::new();
    let task = machine.start(shell("kill -SEGV $$"));
    assert_eq!(machine.exit(task).await.0, 139);
}

#[tokio::test]
async fn a_stop_sends_the_signal_of_the_spec() {
    let mut machine = Machine::new();
    let mut spec = shell("trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done");
    spec.task_template.container_spec.stop_signal = "usr1".into();
    let task = machine.start(spec);
    let live = machine.running(task).await;
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut log = machine.runtime().logs(task, options);
    assert_eq!(next_line(&mut log).await, "up");
    machine.runtime().stop(task);
    assert_eq!(machine.exit(task).await, (5, String::new(), true));
    assert!(!is_alive(Pid::from_raw(live.pid as i32)));
}

#[tokio::test]
async fn who_ignores_the_stop_signal_is_killed_after_the_grace() {
    let mut machine = Machine::new();
    let mut spec = shell("trap '' TERM; echo up; while :; do sleep 0.05; done");
    spec.task_template.container_spec.stop_grace_period = Some(Duration::from_millis(300));
    let task = machine.start(spec);
    machine.running(task).await;
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut log = machine.runtime().logs(task, options);
    assert_eq!(next_line(&mut log).await, "up");
    let stopped = std::time::Instant::now();
    machine.runtime().stop(task);
    assert_eq!(machine.exit(task).await, (137, String::new(), true));
    assert!(stopped.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn whatever_a_task_leaves_behind_ends_with_it() {
    let mut machine = Machine::new();
    // A child, a grandchild that is a daemon with a session of its own, and one without output.
    let line = "sleep 1000 & setsid sh -c 'sleep 1001 & sleep 1002' & \
                setsid sleep 1003 >/dev/null 2>&1 & exit 3";
    let task = machine.start(shell(line));
    assert_eq!(machine.exit(task).await.0, 3);
    until("all are gone", || machine.processes(task).is_empty()).await;
}

#[tokio::test]
async fn the_environment_is_as_documented_and_not_the_agents() {
    let mut machine = Machine::new();
    let mut spec = shell("env | sort");
    let container = &mut spec.task_template.container_spec;
    container.env = ["GREETING=hello=you", "CARGO", "SHOAL_SLOT=99", "=x"]
        .map(String::from)
        .to_vec();
    container.dir = "/".into();
    container.user = "0:0".into();
    let port = |target_port| PortConfig {
        target_port,
        ..PortConfig::default()
    };
    spec.endpoint_spec = Some(EndpointSpec {
        ports: vec![port(8080), port(9090)],
        ..EndpointSpec::default()
    });
    let task = machine.start(spec.clone());
    let live = match machine.next(task).await {
        Change::Running(live) => live,
        other => panic!("{other:?}"),
    };
    assert_eq!((live.ports[0].target, live.ports[1].target), (8080, 9090));
    let (first, second) = (live.ports[0].host, live.ports[1].host);
    machine.exit(task).await;
    let log = machine.runtime().logs(task, LogOptions::default());
    let lines = crate::machine::text(&crate::machine::read_all(log).await);
    let node = shoal_membership::NodeId::from_bytes([9; 16]);
    let expected = format!(
        "GREETING=hello=you\nHOME=/root\nHOSTNAME=pi\n\
         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         PORT={first}\nPWD=/\nSHOAL_NODE_ID={node}\nSHOAL_PORT_8080={first}\n\
         SHOAL_PORT_9090={second}\nSHOAL_SERVICE_NAME=web\nSHOAL_SLOT=3\nSHOAL_TASK_ID={task}"
    );
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn tasks_have_ports_of_their_own() {
    let mut machine = Machine::new();
    let mut spec = shell("sleep 1000");
    spec.endpoint_spec = Some(EndpointSpec {
        ports: vec![PortConfig {
            target_port: 80,
            ..PortConfig::default()
        }],
        ..EndpointSpec::default()
    });
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let task = machine.start(spec.clone());
        assert!(seen.insert(machine.running(task).await.ports[0].host));
    }
}

#[tokio::test]
async fn a_task_is_a_session_with_its_own_user_folder_and_limits() {
    let mut machine = Machine::new();
    let mut spec =
        shell("id -u; id -G; pwd; ulimit -n; ulimit -Hn; umask; ps -o sid= -p $$; echo $$");
    let container = &mut spec.task_template.container_spec;
    container.user = "12345:54321".into();
    container.groups = vec!["777".into()];
    container.dir = "/usr".into();
    container.ulimits = vec![Ulimit {
        name: "nofile".into(),
        soft: 64,
        hard: 128,
    }];
    let output = machine.output(spec).await;
    let lines: Vec<&str> = output.lines().map(str::trim).collect();
    assert_eq!(
        lines[..6],
        ["12345", "54321 777", "/usr", "64", "128", "0022"]
    );
    assert_eq!(lines[6], lines[7]);
}

#[tokio::test]
async fn a_task_is_removed_with_all_it_left() {
    let mut machine = Machine::new();
    let ended = machine.start(shell("echo bye"));
    machine.exit(ended).await;
    assert!(machine.folder_of(ended).exists());
    machine.runtime().remove(ended);
    assert_eq!(machine.next(ended).await, Change::Removed);
    assert!(!machine.folder_of(ended).exists());

    // One that still runs is stopped first.
    let running = machine.start(shell("sleep 1000"));
    machine.running(running).await;
    machine.runtime().remove(running);
    assert!(machine.exit(running).await.2);
    assert_eq!(machine.next(running).await, Change::Removed);

    machine.runtime().stop(TaskId(1));
    assert_eq!(machine.next(TaskId(1)).await, Change::Removed);
}

#[tokio::test]
async fn the_parent_is_no_child_of_the_agent_and_small() {
    let mut machine = Machine::new();
    let task = machine.start(shell("sleep 1000"));
    let live = machine.running(task).await;
    let parent = machine.parent_of(&live);
    let stat = std::fs::read_to_string(format!("/proc/{parent}/stat")).unwrap();
    let grandparent = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1);
    assert_ne!(grandparent.unwrap(), std::process::id().to_string());
    let status = std::fs::read_to_string(format!("/proc/{parent}/status")).unwrap();
    let own = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kibibytes: u64 = own
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap()
        .parse()
        .unwrap();
    println!("{status}");
    assert!(kibibytes <= 2_048, "{kibibytes} KiB of memory of its own");
}

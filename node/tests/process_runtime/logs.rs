//! What tasks write.

use shoal::runtime::{LogOptions, Output};

use crate::machine::{Machine, next_line, read_all, shell, text, until};

fn follow() -> LogOptions {
    LogOptions {
        follow: true,
        ..LogOptions::default()
    }
}

#[tokio::test]
async fn a_follower_sees_lines_as_they_come_and_ends_with_the_task() {
    let mut machine = Machine::new();
    let flag = machine.folder.path().join("flag");
    let line = format!(
        "echo one; until [ -e {} ]; do sleep 0.02; done; echo two; printf three",
        flag.display()
    );
    let task = machine.start(shell(&line));
    machine.running(task).await;
    let mut log = machine.runtime().logs(task, follow());
    assert_eq!(next_line(&mut log).await, "one");
    std::fs::write(&flag, "").unwrap();
    assert_eq!(text(&read_all(log).await), "two\nthree");
}

#[tokio::test]
async fn outputs_are_told_apart_and_lines_have_a_time() {
    let mut machine = Machine::new();
    let task = machine.start(shell("echo good; echo bad >&2"));
    machine.exit(task).await;
    let only_errors = LogOptions {
        stdout: false,
        ..LogOptions::default()
    };
    let lines = read_all(machine.runtime().logs(task, only_errors)).await;
    assert_eq!(text(&lines), "bad");
    assert_eq!(lines[0].output, Output::Stderr);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let age = now.unwrap().saturating_sub(lines[0].at);
    assert!(age < crate::machine::PATIENCE, "{age:?}");
    assert!(!age.is_zero());
}

#[tokio::test]
async fn a_long_line_comes_in_pieces() {
    let mut machine = Machine::new();
    let task = machine.start(shell(
        "head -c 40000 /dev/zero | tr '\\0' x; echo; echo end",
    ));
    machine.exit(task).await;
    let lines = read_all(machine.runtime().logs(task, LogOptions::default())).await;
    let shape: Vec<_> = lines
        .iter()
        .map(|line| (line.line.len(), line.is_partial))
        .collect();
    let whole = 16 << 10;
    assert_eq!(
        shape,
        [
            (whole, true),
            (whole, true),
            (40_000 - 2 * whole, false),
            (3, false)
        ]
    );
}

#[tokio::test]
async fn a_burst_neither_fills_the_disk_nor_blocks_the_task() {
    let mut machine = Machine::new();
    let line = "head -c 100000000 /dev/zero | tr '\\0' '\\n' | sed 's/^/0123456789012345678/' \
                | head -c 100000000; echo; echo last";
    let task = machine.start(shell(line));
    assert_eq!(machine.exit(task).await.0, 0);
    let sizes = std::fs::read_dir(machine.folder_of(task))
        .unwrap()
        .flatten();
    let size: u64 = sizes.map(|entry| entry.metadata().unwrap().len()).sum();
    assert!(size < 11 << 20, "{size} bytes");
    let tail = LogOptions {
        tail: Some(1),
        ..LogOptions::default()
    };
    let lines = read_all(machine.runtime().logs(task, tail)).await;
    assert_eq!(text(&lines), "last");
}

#[tokio::test]
async fn a_log_is_there_until_the_task_is_removed() {
    let mut machine = Machine::new();
    let task = machine.start(shell("echo here"));
    machine.exit(task).await;
    machine.stop_agent();
    machine.start_agent().await;
    let lines = read_all(machine.runtime().logs(task, follow())).await;
    assert_eq!(text(&lines), "here");
    machine.runtime().remove(task);
    until("it is removed", || !machine.folder_of(task).exists()).await;
    assert!(
        read_all(machine.runtime().logs(task, follow()))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn an_agent_that_nobody_asks_writes_nothing() {
    let mut machine = Machine::new();
    let task = machine.start(shell("sleep 1000"));
    machine.running(task).await;
    let names = |machine: &Machine| {
        let entries = std::fs::read_dir(machine.folder_of(task)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let expected = [
        "claim",
        "control",
        "launch.json",
        "log.0",
        "main.json",
        "running.json",
    ];
    assert_eq!(names(&machine), expected);
    machine.stop_agent();
    machine.start_agent().await;
    assert_eq!(names(&machine), expected);
}

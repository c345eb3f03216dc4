//! The unmodified docker client, where there is one.

use std::process::Output;

use tokio::process::Command;

use super::{
    super::{LogEvent, LogStream, TaskLogLine},
    fixture::Fixture,
    sample::NOON,
};

/// Runs docker against the fixture. None: there is no docker here.
async fn docker(fixture: &Fixture, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("docker");
    command
        .arg("-H")
        .arg(format!("unix://{}", fixture.path.display()));
    match command.args(arguments).output().await {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: the docker client can't be started: {error}");
            None
        }
    }
}

/// What docker prints when all is well.
async fn prints(fixture: &Fixture, arguments: &[&str]) -> Option<String> {
    let output = docker(fixture, arguments).await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_reads_this_node() {
    let fixture = Fixture::new();
    for (arguments, expected) in [
        (
            &["node", "ls"][..],
            &["host1", "Ready", "Reachable", "host3", "Down", "*"][..],
        ),
        (
            &["node", "inspect", "self", "--pretty"],
            &["Hostname:", "host1", "x86_64"],
        ),
        (&["node", "ps", "host1"], &["app_web.1", "Running"]),
        (
            &["service", "ls"],
            &["app_web", "2/2", "*:8080->80/tcp", "global"],
        ),
        (
            &["service", "ps", "app_web"],
            &["app_web.1", "host2", "Running", "*:8081->81/tcp"],
        ),
        (
            &["service", "ps", "waiting", "--no-trunc"],
            &["Pending", "no suitable node"],
        ),
        (
            &["service", "inspect", "app_web"],
            &["\"PreviousSpec\"", "busybox:latest"],
        ),
        (
            &["service", "inspect", "waiting", "--pretty"],
            &["Replicated", "Replicas:\t1"],
        ),
        (&["stack", "ls"], &["app"]),
        (&["stack", "ps", "app"], &["app_web.2"]),
        (
            &["info"],
            &["Swarm: active", "NodeID:", "Is Manager: true", "Nodes: 3"],
        ),
        (
            &["version"],
            &["API version:", "1.50 (minimum version 1.41)", "linux/"],
        ),
        (&["inspect", "app_web"], &["app_web"]),
    ] {
        let Some(text) = prints(&fixture, arguments).await else {
            return;
        };
        for word in expected {
            assert!(text.contains(word), "{arguments:?} lacks {word}:\n{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_changes_this_node() {
    let fixture = Fixture::new();
    for arguments in [
        &[
            "service",
            "create",
            "-d",
            "--no-resolve-image",
            "--name",
            "new",
            "b:1",
            "x",
        ][..],
        &[
            "service",
            "update",
            "-d",
            "--no-resolve-image",
            "--env-add",
            "A=1",
            "new",
        ],
        &["service", "scale", "-d", "new=3"],
        &["service", "rm", "new"],
        // Not detached: docker polls until the tasks run, and for two seconds (Monitor) more.
        &["service", "scale", "app_web=2"],
        &["node", "update", "--availability", "drain", "host2"],
        &["node", "rm", "host3"],
    ] {
        if prints(&fixture, arguments).await.is_none() {
            return;
        }
    }
    assert_eq!(fixture.ordered.lock().unwrap().len(), 7);
    let output = docker(&fixture, &["service", "rm", "new"]).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("service new not found"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_shows_logs() {
    let mut fixture = Fixture::new();
    let (_, none) = tokio::sync::mpsc::unbounded_channel();
    let mut logs = std::mem::replace(&mut fixture.logs, none);
    tokio::spawn(async move {
        while let Some((target, _, out)) = logs.recv().await {
            let line = TaskLogLine {
                node: target.node,
                task: target.task,
                service: target.service,
                at: NOON,
                stream: LogStream::Stdout,
                line: "a line".into(),
            };
            out.send(LogEvent::Line(line)).await.unwrap();
        }
    });
    let Some(text) = prints(&fixture, &["service", "logs", "--no-task-ids", "app_web"]).await
    else {
        return;
    };
    assert!(text.contains("app_web.1@host1    | a line"), "{text}");
    assert!(text.contains("app_web.2@host2    | a line"), "{text}");
}

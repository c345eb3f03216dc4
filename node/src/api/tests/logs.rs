//! Log lines of several nodes on one stream.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use bytes::Bytes;
use http_body_util::BodyExt;
use shoal_scheduler::task::{Slot, TaskState};
use tokio::sync::mpsc;

use super::{
    super::{LogEvent, LogQuery, LogStream, LogTarget, TaskLogLine},
    fixture::Fixture,
    sample::{NOON, WEB, node_id, task},
};

fn line(target: LogTarget, second: u64, text: &str) -> LogEvent {
    LogEvent::Line(TaskLogLine {
        node: target.node,
        task: target.task,
        service: target.service,
        at: NOON + Duration::from_secs(second),
        stream: match text.starts_with("err") {
            true => LogStream::Stderr,
            false => LogStream::Stdout,
        },
        line: Bytes::copy_from_slice(text.as_bytes()),
    })
}

/// Frames as (stream, text).
fn frames(mut body: &[u8]) -> Vec<(u8, String)> {
    let mut found = Vec::new();
    while let Some((head, rest)) = body.split_first_chunk::<8>() {
        let length = u32::from_be_bytes(head[4..].try_into().unwrap()) as usize;
        let (text, rest) = rest.split_at(length);
        found.push((head[0], String::from_utf8(text.to_vec()).unwrap()));
        body = rest;
    }
    assert!(body.is_empty(), "half a frame is left");
    found
}

async fn play(log: (LogTarget, LogQuery, mpsc::Sender<LogEvent>), lines: &[(u64, &str)]) {
    let (target, _, out) = log;
    for (second, text) in lines {
        out.send(line(target, *second, text)).await.unwrap();
    }
}

#[tokio::test]
async fn lines_of_all_tasks_are_merged_by_time() {
    let mut fixture = Fixture::new();
    let path = "/v1.41/services/app_web/logs?details=1&stderr=1&stdout=1&tail=all";
    let response = fixture.open(Method::GET, path, &[], "").await;
    assert_eq!(response.headers().get("Content-Type"), None, "as of 1.41");
    let first = fixture.logs.recv().await.unwrap();
    let second = fixture.logs.recv().await.unwrap();
    assert_eq!((first.0.node, second.0.node), (node_id(1), node_id(2)));
    assert_eq!(
        (first.1.tail, first.1.follow, first.1.stderr),
        (None, false, true)
    );
    let details = |target: LogTarget| {
        format!(
            "com.docker.swarm.node.id={},com.docker.swarm.service.id={WEB},com.docker.swarm.task.id={}",
            target.node, target.task
        )
    };
    let (a, b) = (details(first.0), details(second.0));
    tokio::spawn(play(second, &[(1, "err one"), (3, "three")]));
    tokio::spawn(play(
        first,
        &[(0, "zero\n"), (2, "two"), (4, "four"), (5, ""), (6, "six")],
    ));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let expected = [
        (1, format!("{a} zero\n")),
        (2, format!("{b} err one\n")),
        (1, format!("{a} two\n")),
        (1, format!("{b} three\n")),
        (1, format!("{a} four\n")),
        (1, format!("{a} \n")),
        (1, format!("{a} six\n")),
    ];
    assert_eq!(frames(&body), expected);
}

#[tokio::test]
async fn options_reach_the_source_and_newer_clients_get_a_content_type() {
    let mut fixture = Fixture::new();
    let id = shoal_scheduler::task::TaskId(1 << 100);
    let path = format!("/v1.45/tasks/{id}/logs?stdout=1&tail=3&since=12.5&until=20&timestamps=1");
    let response = fixture.open(Method::GET, &path, &[], "").await;
    let kind = "application/vnd.docker.multiplexed-stream";
    assert_eq!(response.headers()["Content-Type"], kind);
    let log = fixture.logs.recv().await.unwrap();
    let expected = LogQuery {
        follow: false,
        tail: Some(3),
        since: Some(Duration::from_millis(12_500)),
        until: Some(Duration::from_secs(20)),
        stdout: true,
        stderr: false,
    };
    assert_eq!(log.1, expected);
    play(log, &[(0, "x")]).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        frames(&body),
        [(1, "2026-11-22T10:05:08.088310550Z x\n".to_owned())]
    );
    for bad in ["tail=x", "since=1h", "until=x"] {
        let reply = fixture
            .get(&format!("/services/app_web/logs?stdout=1&{bad}"))
            .await;
        assert_eq!(reply.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn what_could_not_be_read_is_said_at_the_end() {
    let mut fixture = Fixture::new();
    let response = fixture
        .open(Method::GET, "/services/app_web/logs?stdout=1", &[], "")
        .await;
    let (_, _, out) = fixture.logs.recv().await.unwrap();
    let other = fixture.logs.recv().await.unwrap();
    let reason = "node host1 does not answer".to_owned();
    out.send(LogEvent::Missing { reason }).await.unwrap();
    drop(out);
    play(other, &[(0, "x")]).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let failure = "Error grabbing logs: node host1 does not answer\n".to_owned();
    assert_eq!(frames(&body), [(1, "x\n".to_owned()), (3, failure)]);
}

#[tokio::test]
async fn followers_see_new_lines_and_new_tasks() {
    let mut fixture = Fixture::new();
    let path = "/services/app_web/logs?stdout=1&follow=1&tail=1";
    let mut body = fixture.open(Method::GET, path, &[], "").await.into_body();
    let (a, query, out_a) = fixture.logs.recv().await.unwrap();
    let (b, _, out_b) = fixture.logs.recv().await.unwrap();
    assert!(query.follow);
    out_b.send(line(b, 2, "late")).await.unwrap();
    out_b.send(LogEvent::CaughtUp).await.unwrap();
    out_a.send(line(a, 1, "early")).await.unwrap();
    out_a.send(LogEvent::CaughtUp).await.unwrap();
    let mut next = async || {
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        frames(&data).remove(0).1
    };
    assert_eq!(
        (next().await, next().await),
        ("early\n".into(), "late\n".into())
    );
    out_b.send(line(b, 9, "now")).await.unwrap();
    assert_eq!(next().await, "now\n");
    fixture.change(|view| {
        let new = task(8, &view.services[&WEB].clone(), Slot::Number(3), 2);
        view.tasks.insert(new.report.id, new);
    });
    let (c, query, out_c) = fixture.logs.recv().await.unwrap();
    assert_eq!(query.tail, None, "of a new task all is new");
    out_c.send(line(c, 0, "hello")).await.unwrap();
    assert_eq!(next().await, "hello\n");
}

#[tokio::test]
async fn a_followed_task_is_read_once_it_has_come_so_far_and_its_loss_is_said_at_the_end() {
    let mut fixture = Fixture::new();
    let id = shoal_scheduler::task::TaskId(8 << 100);
    fixture.change(|view| {
        let mut new = task(8, &view.services[&WEB].clone(), Slot::Number(3), 2);
        let report = Arc::make_mut(&mut new.report);
        report.state = TaskState::Preparing;
        report.container.clear();
        view.tasks.insert(new.report.id, new);
    });
    let path = format!("/tasks/{id}/logs?stdout=1&follow=1");
    let response = fixture.open(Method::GET, &path, &[], "").await;
    assert!(fixture.logs.try_recv().is_err(), "there is nothing to read");
    fixture.change(|view| {
        let report = Arc::make_mut(&mut view.tasks.get_mut(&id).unwrap().report);
        (report.state, report.container) = (TaskState::Starting, "c".into());
    });
    let (target, query, out) = fixture.logs.recv().await.unwrap();
    assert!(query.follow);
    out.send(line(target, 0, "up")).await.unwrap();
    let reason = "node host2 is gone".to_owned();
    out.send(LogEvent::Missing { reason }).await.unwrap();
    drop(out);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let failure = "Error grabbing logs: node host2 is gone\n".to_owned();
    assert_eq!(frames(&body), [(1, "up\n".to_owned()), (3, failure)]);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_followers() {
    let mut fixture = Fixture::new();
    let path = "/services/app_web/logs?stdout=1&follow=1";
    let response = fixture.open(Method::GET, path, &[], "").await;
    let (_, _, first) = fixture.logs.recv().await.unwrap();
    let (_, _, second) = fixture.logs.recv().await.unwrap();
    drop(response);
    tokio::join!(first.closed(), second.closed());
}

#[tokio::test]
async fn stopping_the_agent_ends_followers() {
    let mut fixture = Fixture::new();
    let path = "/services/app_web/logs?stdout=1&follow=1";
    let _response = fixture.open(Method::GET, path, &[], "").await;
    let (_, _, log) = fixture.logs.recv().await.unwrap();
    fixture.stop.cancel();
    log.closed().await;
    (&mut fixture.server).await.unwrap();
}

#[tokio::test]
async fn a_service_with_a_terminal_has_no_frames() {
    let mut fixture = Fixture::new();
    fixture.change(|view| {
        let text =
            r#"{"Name":"app_web","TaskTemplate":{"ContainerSpec":{"Image":"b","TTY":true}}}"#;
        view.services.insert(WEB, super::sample::service(WEB, text));
    });
    let response = fixture
        .open(Method::GET, "/services/app_web/logs?stdout=1", &[], "")
        .await;
    assert_eq!(
        response.headers()["Content-Type"],
        "application/vnd.docker.raw-stream"
    );
    for text in ["a", "b"] {
        let log = fixture.logs.recv().await.unwrap();
        play(log, &[(0, text)]).await;
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], b"a\nb\n");
}

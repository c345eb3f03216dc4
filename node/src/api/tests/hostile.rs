//! Requests that nobody means well with.

use axum::http::Method;
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{
    super::{body::BODY_BYTES_MAX, router, streams::STREAMS_MAX},
    fixture::Fixture,
};

/// Sends these bytes and gives the first line of the answer; empty if there is none.
async fn raw(fixture: &Fixture, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(&fixture.path).await.unwrap();
    // The server may close before all is written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_in_dockers_json() {
    let fixture = Fixture::new();
    let reply = fixture
        .post("/services/create", &" ".repeat(BODY_BYTES_MAX + 1))
        .await;
    assert_eq!(reply.status, 413);
    assert!(reply.message().contains("2097152 bytes"));
    let fits = fixture
        .post("/services/create", &" ".repeat(BODY_BYTES_MAX))
        .await;
    assert_eq!(fits.status, 400, "at the limit it is read");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    use axum::{body::Body, http::Request};
    let fixture = Fixture::new();
    let endless = futures_util::stream::pending::<std::io::Result<bytes::Bytes>>();
    let request = Request::post("/services/create").body(Body::from_stream(endless));
    let router = router(fixture.handle(), fixture.stop.clone());
    let service = hyper_util::service::TowerToHyperService::new(router);
    // Time stands still but for what waits for it.
    tokio::time::pause();
    let response = hyper::service::Service::call(&service, request.unwrap());
    assert_eq!(response.await.unwrap().status(), 408);
}

#[tokio::test]
async fn large_heads_and_garbage_do_no_harm() {
    let fixture = Fixture::new();
    let long_uri = format!("GET /{} HTTP/1.1\r\nHost: d\r\n\r\n", "x".repeat(100_000));
    assert!(
        raw(&fixture, long_uri.as_bytes())
            .await
            .starts_with("HTTP/1.1 414")
    );
    let many = "A: b\r\n".repeat(200);
    let many = format!("GET /_ping HTTP/1.1\r\n{many}\r\n");
    assert!(
        raw(&fixture, many.as_bytes())
            .await
            .starts_with("HTTP/1.1 431")
    );
    let large = format!("GET /_ping HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(400_000));
    let refusal = raw(&fixture, large.as_bytes()).await;
    assert!(refusal.starts_with("HTTP/1.1 431"), "{refusal}");
    let garbage = raw(&fixture, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\r\n\r\n").await;
    assert!(!garbage.starts_with("HTTP/1.1 2"), "{garbage}");
    assert_eq!(fixture.get("/_ping").await.status, 200);
}

#[tokio::test]
async fn paths_with_odd_bytes_are_not_found() {
    let fixture = Fixture::new();
    for path in [
        "/services/%ff",
        "/services/%00",
        "/services/..%2f..",
        "/nodes/%F0%9F%90%9F",
    ] {
        let reply = fixture.get(path).await;
        assert!(
            matches!(reply.status, 400 | 404),
            "{path}: {}",
            reply.status
        );
        assert!(!reply.message().is_empty());
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let spec = r#"{"TaskTemplate":{"ContainerSpec":{}},"X":DEEP}"#.replace("DEEP", &deep);
    for body in [deep, spec, "[[{}]]".into()] {
        let reply = fixture.post("/services/create", &body).await;
        assert_eq!(reply.status, 400);
    }
}

#[tokio::test]
async fn connections_over_the_limit_are_told_so() {
    let fixture = Fixture::new();
    let mut open = Vec::new();
    for _ in 0..256 {
        let mut stream = UnixStream::connect(&fixture.path).await.unwrap();
        stream
            .write_all(b"HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
            .await
            .unwrap();
        stream.read_u8().await.unwrap();
        open.push(stream);
    }
    let line = raw(&fixture, b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n").await;
    assert!(line.starts_with("HTTP/1.1 503"), "{line}");
    drop(open);
    while !raw(
        &fixture,
        b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n",
    )
    .await
    .starts_with("HTTP/1.1 200")
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_follows_all_logs_leaves_room_for_questions() {
    let mut fixture = Fixture::new();
    let path = "/services/app_web/logs?stdout=1&follow=1";
    let mut open = Vec::new();
    for _ in 0..STREAMS_MAX {
        open.push(fixture.open(Method::GET, path, &[], "").await);
        // Two tasks each; to be taken, or the readers wait.
        for _ in 0..2 {
            fixture.logs.recv().await.unwrap();
        }
    }
    for more in [path, "/events"] {
        let reply = fixture.get(more).await;
        assert_eq!(reply.status, 503);
        assert!(reply.message().contains("192 logs and events"));
    }
    assert_eq!(fixture.get("/services").await.status, 200);
    drop(open);
    while fixture.get("/events?until=1").await.status != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn stopping_ends_connections_and_removes_the_socket() {
    let mut fixture = Fixture::new();
    let idle = UnixStream::connect(&fixture.path).await.unwrap();
    assert_eq!(fixture.get("/_ping").await.status, 200);
    fixture.stop.cancel();
    (&mut fixture.server).await.unwrap();
    assert!(!fixture.path.exists());
    drop(idle);
}

/// The router without a socket, for many requests.
async fn status(uri: &str) -> Option<u16> {
    use axum::{body::Body, http::Request};
    let request = Request::builder().uri(uri).body(Body::empty()).ok()?;
    let fixture = Fixture::new();
    let handle = fixture.handle();
    let router = router(handle, fixture.stop.clone());
    let service = hyper_util::service::TowerToHyperService::new(router);
    let response = hyper::service::Service::call(&service, request)
        .await
        .ok()?;
    Some(response.status().as_u16())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_request_is_answered_with_a_fault(
        kind in prop::sample::select(vec!["services", "tasks", "nodes", "services/app_web/logs"]),
        query in "[ -~]{0,80}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for uri in [
            format!("/{kind}?{}", query.replace([' ', '#', '"', '<', '>', '`', '{', '}', '\\', '^', '|'], "+")),
            format!("/{kind}?filters={encoded}&tail={encoded}&since={encoded}"),
            format!("/{kind}/{encoded}"),
        ] {
            let status = runtime.block_on(status(&uri));
            prop_assert!(status.is_none_or(|status| status < 500 || kind.ends_with("logs")), "{uri} {status:?}");
        }
    }
}

//! The recorded table of errors: status and message of each.

use serde_json::json;
use shoal_scheduler::{order::OrderError, spec::SpecError};

use super::{
    fixture::{Fixture, filters},
    sample::node_id,
};

const SPEC: &str = r#"{"Name":"w1","TaskTemplate":{"ContainerSpec":{"Image":"b"}}}"#;

async fn refused(error: OrderError) -> (u16, String) {
    let fixture = Fixture::with_owner(move |_| Some(Err(error.clone())));
    let reply = fixture.post("/v1.41/services/create", SPEC).await;
    (reply.status, reply.message())
}

async fn got(path: &str) -> (u16, String) {
    let reply = Fixture::new().get(path).await;
    (reply.status, reply.message())
}

fn expect(status: u16, message: &str) -> (u16, String) {
    (status, message.to_owned())
}

#[tokio::test]
async fn unknown_paths_and_methods() {
    let fixture = Fixture::new();
    for (method, path) in [
        ("GET", "/v1.41/nosuch"),
        ("PUT", "/v1.41/services"),
        ("GET", "/"),
        ("GET", "/v1.41"),
        ("POST", "/shoal/v1/cluster"),
        ("GET", "/shoal/v1/nosuch"),
    ] {
        let method = method.parse().unwrap();
        let reply = fixture.send(method, path, &[], "").await;
        assert_eq!(
            (reply.status, reply.message()),
            expect(404, "page not found"),
            "{path}"
        );
        assert_eq!(reply.headers["Api-Version"], "1.50");
    }
}

#[tokio::test]
async fn versions_that_are_not_served() {
    let message = "client version 1.99 is too new. Maximum supported API version is 1.50";
    assert_eq!(got("/v1.99/services").await, expect(400, message));
    let reply = Fixture::new().get("/v1.11/services").await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.headers["Content-Type"], "text/plain; charset=utf-8");
    assert!(
        reply
            .body
            .starts_with(b"client version 1.11 is too old. Minimum supported")
    );
}

#[tokio::test]
async fn things_that_are_not_there() {
    assert_eq!(
        got("/services/nope").await,
        expect(404, "service nope not found")
    );
    assert_eq!(got("/nodes/nope").await, expect(404, "node nope not found"));
    assert_eq!(got("/tasks/nope").await, expect(404, "task nope not found"));
    let path = format!("/tasks?{}", filters(json!({ "service": ["nope"] })));
    assert_eq!(got(&path).await, expect(404, "service nope not found"));
    let path = format!("/tasks?{}", filters(json!({ "node": ["nope"] })));
    assert_eq!(got(&path).await, expect(404, "node nope not found"));
    assert_eq!(
        got("/services/nope/logs?stdout=1").await,
        expect(404, "service nope not found")
    );
}

#[tokio::test]
async fn ambiguous_names() {
    let fixture = Fixture::new();
    fixture.change(|view| {
        for node in view.nodes.values_mut() {
            node.hostname = "vm".into();
        }
    });
    let reply = fixture.get("/nodes/vm").await;
    let message = "node vm is ambiguous (3 matches found)";
    assert_eq!((reply.status, reply.message()), expect(400, message));
}

#[tokio::test]
async fn filters_that_do_not_exist() {
    let path = |kind: &str, key: &str| format!("/{kind}?{}", filters(json!({ key: ["x"] })));
    for kind in ["services", "nodes", "tasks"] {
        assert_eq!(
            got(&path(kind, "bogus")).await,
            expect(400, "Invalid filter 'bogus'")
        );
    }
    let message = "Invalid desired-state filter: 'x'";
    assert_eq!(
        got(&path("tasks", "desired-state")).await,
        expect(500, message)
    );
    assert_eq!(got("/services?filters=bad").await.0, 400);
}

#[tokio::test]
async fn logs_of_no_stream() {
    let message = "Bad parameters: you must choose at least one stream";
    assert_eq!(got("/services/app_web/logs").await, expect(500, message));
}

#[tokio::test]
async fn bodies_that_are_no_spec() {
    let fixture = Fixture::new();
    for (body, status, message) in [
        ("", 400, "got EOF while reading request body"),
        ("{}", 400, "mismatched Runtime and *Spec fields"),
        (
            r#"{"Name":"x"}"#,
            400,
            "mismatched Runtime and *Spec fields",
        ),
    ] {
        let reply = fixture.post("/services/create", body).await;
        assert_eq!((reply.status, reply.message()), expect(status, message));
    }
    let reply = fixture.post("/services/create", "{bad").await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.message().contains("line 1 column 2"),
        "{}",
        reply.message()
    );
    let reply = fixture
        .post(
            "/nodes/host1/update?version=5",
            r#"{"Availability":"bogus"}"#,
        )
        .await;
    assert_eq!(reply.status, 400);
    assert!(reply.message().contains("bogus"), "{}", reply.message());
    assert!(fixture.ordered.lock().unwrap().is_empty());
}

#[tokio::test]
async fn versions_of_objects() {
    let fixture = Fixture::new();
    let reply = fixture.post("/services/app_web/update", SPEC).await;
    let message = "invalid service version '': strconv.ParseUint: parsing \"\": invalid syntax";
    assert_eq!((reply.status, reply.message()), expect(400, message));
    let reply = fixture.post("/services/nope/update?version=1", SPEC).await;
    assert_eq!(
        (reply.status, reply.message()),
        expect(404, "service nope not found")
    );
    let message = "rpc error: code = Unknown desc = update out of sequence";
    assert_eq!(
        refused(OrderError::OutOfSequence).await,
        expect(500, message)
    );
}

#[tokio::test]
async fn names_that_are_taken_or_bad() {
    let error = OrderError::NameTaken {
        kind: "service",
        name: "w1".into(),
    };
    let message = "rpc error: code = AlreadyExists desc = name conflicts with an existing object: \
                   service w1 already exists";
    assert_eq!(refused(error).await, expect(409, message));
    let invalid = "rpc error: code = InvalidArgument desc = ";
    let message = format!("{invalid}name must be valid as a DNS name component");
    assert_eq!(
        refused(SpecError::BadName.into()).await,
        expect(400, &message)
    );
    let message = format!("{invalid}name must be 63 characters or fewer");
    assert_eq!(
        refused(SpecError::LongName.into()).await,
        expect(400, &message)
    );
}

#[tokio::test]
async fn changes_that_are_not_possible() {
    let error = OrderError::Unsupported("renaming services is not supported".into());
    let message = "rpc error: code = Unimplemented desc = renaming services is not supported";
    assert_eq!(refused(error).await, expect(501, message));
}

#[tokio::test]
async fn constraints_and_ports() {
    let (status, message) = refused(SpecError::Constraint("foo bar".into()).into()).await;
    assert_eq!(status, 500);
    assert!(
        message.starts_with("rpc error: code = Unknown desc = constraint"),
        "{message}"
    );
    assert!(
        message.ends_with("expected one operator from ==, !="),
        "{message}"
    );
    let error = OrderError::PortTaken {
        port: 8080,
        service: "w1".into(),
        id: "ID".into(),
    };
    let message = "rpc error: code = InvalidArgument desc = port '8080' is already in use by \
                   service 'w1' (ID) as an ingress port";
    assert_eq!(refused(error).await, expect(400, message));
}

#[tokio::test]
async fn removing_a_node_that_is_alive() {
    let fixture = Fixture::with_owner(|_| Some(Err(OrderError::NotDown(node_id(1)))));
    let reply = fixture.delete("/nodes/host1").await;
    assert_eq!(reply.status, 400);
    let start = format!(
        "rpc error: code = FailedPrecondition desc = node {} is not down and can't be removed",
        node_id(1)
    );
    assert!(reply.message().starts_with(&start), "{}", reply.message());
}

#[tokio::test]
async fn an_owner_that_is_gone_or_busy() {
    assert_eq!(refused(OrderError::Busy).await.0, 503);
    assert_eq!(
        refused(OrderError::TooLarge { size: 2, limit: 1 }).await.0,
        413
    );
    assert_eq!(refused(OrderError::Disk("full".into())).await.0, 500);
}

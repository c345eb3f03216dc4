//! Events, as `docker events` reads them: a JSON object a line, past and to come.

use axum::http::Method;
use http_body_util::BodyExt;
use serde_json::Value;
use shoal_scheduler::task::ServiceId;

use super::fixture::{self, Fixture};

fn filters(text: &str) -> String {
    fixture::filters(serde_json::from_str(text).unwrap())
}

/// A view that a writer follows, and so a history.
fn followed() -> Fixture {
    let fixture = Fixture::new();
    let handle = fixture.handle();
    tokio::spawn(handle.history.write(handle.view));
    fixture
}

fn remove(fixture: &Fixture, id: ServiceId) {
    fixture.change(|view| drop(view.services.remove(&id)));
}

async fn next(body: &mut hyper::body::Incoming) -> Value {
    let frame = body.frame().await.unwrap().unwrap();
    serde_json::from_slice(&frame.into_data().unwrap()).unwrap()
}

#[tokio::test]
async fn a_follower_hears_of_what_it_asked_for_and_who_comes_late_of_what_was() {
    let fixture = followed();
    let view = fixture.handle().view.borrow().clone();
    let ids: Vec<ServiceId> = view.services.keys().copied().collect();
    let name = |id: &ServiceId| view.services[id].spec.name.clone();
    let path = format!("/v1.41/events?{}", filters(r#"{"type":{"service":true}}"#));
    let open = fixture.open(Method::GET, &path, &[], "").await;
    assert_eq!(open.headers()["content-type"], "application/json");
    let mut body = open.into_body();
    // Of another type.
    fixture.change(|view| view.networks.clear());
    remove(&fixture, ids[0]);
    let event = next(&mut body).await;
    assert_eq!(
        (&event["Type"], &event["Action"], &event["scope"]),
        (&"service".into(), &"remove".into(), &"swarm".into())
    );
    assert_eq!(event["Actor"]["ID"], ids[0].to_string());
    assert_eq!(event["Actor"]["Attributes"]["name"], name(&ids[0]));
    assert_eq!(
        event["timeNano"].as_u64().unwrap() / 1_000_000_000,
        event["time"].as_u64().unwrap()
    );
    // Everything that was, until now: all of it, then the end.
    let now = event["time"].as_u64().unwrap() + 1;
    let reply = fixture
        .get(&format!("/v1.41/events?since=0&until={now}"))
        .await;
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let kinds: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["Type"].clone())
        .collect();
    assert!(
        kinds.contains(&"network".into()) && kinds.contains(&"service".into()),
        "{text}"
    );
    let of_one = |filter: &str| format!("/v1.41/events?until={now}&{}", filters(filter));
    for (filter, count) in [
        (format!(r#"{{"service":["{}"]}}"#, name(&ids[0])), 1),
        (format!(r#"{{"service":["{}"]}}"#, ids[0]), 1),
        (r#"{"service":["nobody"]}"#.to_owned(), 0),
        (
            r#"{"event":["remove"],"type":["service","node"]}"#.to_owned(),
            1,
        ),
        (r#"{"container":["x"]}"#.to_owned(), 0),
        (r#"{"scope":["local"]}"#.to_owned(), 0),
    ] {
        let reply = fixture.get(&of_one(&filter)).await;
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(text.lines().count(), count, "{filter}: {text}");
    }
}

#[tokio::test]
async fn what_is_no_time_and_no_filter_is_refused() {
    let fixture = Fixture::new();
    for query in [
        "since=yesterday".to_owned(),
        "until=-1".to_owned(),
        filters(r#"{"colour":["red"]}"#),
    ] {
        let reply = fixture.get(&format!("/v1.41/events?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

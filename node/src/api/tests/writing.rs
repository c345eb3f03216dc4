//! Orders reach the owner as they were given, and clients read what they just wrote.

use axum::http::Method;
use serde_json::json;
use shoal_scheduler::{
    order::{Order, Receipt, WriteConcern},
    spec::Availability,
    task::Slot,
};

use super::{
    fixture::Fixture,
    sample::{EVERYWHERE, WEB, join_token, node_id},
};

fn last(fixture: &Fixture) -> (Order, WriteConcern) {
    fixture
        .ordered
        .lock()
        .unwrap()
        .last()
        .cloned()
        .expect("an order came")
}

const SPEC: &str = r#"{ "Name":"new", "Later":1.50,"TaskTemplate":{"ContainerSpec":{"Image":"b"}},"Mode":{"Replicated":{"Replicas":2}}}"#;

#[tokio::test]
async fn a_service_is_created_byte_for_byte_and_can_be_read_at_once() {
    let fixture = Fixture::new();
    let reply = fixture.post("/v1.41/services/create", SPEC).await;
    assert_eq!(reply.status, 201);
    let id = reply.json()["ID"].as_str().unwrap().to_owned();
    assert_eq!(reply.json(), json!({ "ID": id }), "no warnings: no key");
    let order = Order::CreateService {
        spec_json: SPEC.into(),
    };
    assert_eq!(last(&fixture), (order, WriteConcern::One));
    let body = fixture.get(&format!("/services/{id}")).await.body;
    assert!(String::from_utf8(body.into()).unwrap().contains(SPEC));
}

#[tokio::test]
async fn warnings_and_holders_of_a_receipt_are_passed_on() {
    let fixture = Fixture::with_owner(|_| {
        Some(Ok(Receipt {
            id: EVERYWHERE.to_string(),
            holders: 1,
            warnings: vec!["only this node holds it".into()],
        }))
    });
    let reply = fixture.post("/services/create", SPEC).await;
    assert_eq!(reply.json()["Warnings"], json!(["only this node holds it"]));
    assert_eq!(reply.headers["Shoal-Holders"], "1");
    let reply = fixture.delete(&format!("/nodes/{}", node_id(3))).await;
    assert_eq!(reply.headers["Shoal-Warning"], "only this node holds it");
}

#[tokio::test]
async fn a_service_is_updated_and_rolled_back() {
    let fixture = Fixture::new();
    let path = "/services/app_web/update?registryAuthFrom=spec&version=7";
    let reply = fixture.post(path, SPEC).await;
    assert_eq!(
        (reply.status, reply.json()),
        (200, json!({ "Warnings": null }))
    );
    let update = |version, spec: Option<&str>| Order::UpdateService {
        service: WEB,
        version,
        spec_json: spec.map(str::to_owned),
    };
    assert_eq!(last(&fixture).0, update(7, Some(SPEC)));
    let path = format!("/services/{WEB}/update?version=8&rollback=previous");
    assert_eq!(fixture.post(&path, SPEC).await.status, 200);
    assert_eq!(last(&fixture).0, update(8, None));
}

#[tokio::test]
async fn the_beginning_of_an_id_removes_nothing_unless_it_is_as_long_as_lists_show() {
    let fixture = Fixture::new();
    let id = WEB.to_string();
    for short in [&id[..1], &id[..11], "app", ""] {
        let reply = fixture.delete(&format!("/services/{short}")).await;
        assert_eq!(reply.status, 404, "{short}");
    }
    assert!(fixture.ordered.lock().unwrap().is_empty());
    assert_eq!(
        fixture
            .delete(&format!("/services/{}", &id[..12]))
            .await
            .status,
        200
    );
    assert_eq!(last(&fixture).0, Order::RemoveService { service: WEB });
    assert_eq!(fixture.get(&format!("/services/{WEB}")).await.status, 404);
}

#[tokio::test]
async fn a_node_is_drained_and_removed() {
    let fixture = Fixture::new();
    let spec = r#"{"Labels":{"rack":"r9"},"Role":"manager","Availability":"drain"}"#;
    let reply = fixture.post("/nodes/host2/update?version=5", spec).await;
    assert_eq!((reply.status, &reply.body[..]), (200, &b""[..]));
    let (
        Order::UpdateNode {
            node,
            version,
            spec,
        },
        _,
    ) = last(&fixture)
    else {
        panic!("not an update of a node");
    };
    assert_eq!(
        (node, version, spec.availability),
        (node_id(2), 5, Availability::Drain)
    );
    let worker = r#"{"Role":"worker","Availability":"active"}"#;
    assert_eq!(
        fixture
            .post("/nodes/host2/update?version=6", worker)
            .await
            .status,
        501
    );
    assert_eq!(fixture.delete("/nodes/host3?force=1").await.status, 200);
    let order = Order::RemoveNode {
        node: node_id(3),
        force: true,
    };
    assert_eq!(last(&fixture).0, order);
}

#[tokio::test]
async fn write_concerns_come_by_query_or_header() {
    let fixture = Fixture::new();
    for (query, header, expected) in [
        ("", None, WriteConcern::One),
        ("?write-concern=local", None, WriteConcern::Local),
        ("", Some("majority"), WriteConcern::Majority),
        ("?write-concern=all", Some("local"), WriteConcern::All),
    ] {
        let headers: Vec<_> = header
            .map(|value| ("Shoal-Write-Concern", value))
            .into_iter()
            .collect();
        let path = format!("/shoal/v1/tokens{query}");
        let reply = fixture.send(Method::POST, &path, &headers, "").await;
        assert_eq!(reply.status, 201);
        assert_eq!(last(&fixture).1, expected, "{query} {header:?}");
    }
    let reply = fixture.delete("/services/app_web?write-concern=some").await;
    assert_eq!(reply.status, 400);
    assert!(reply.message().contains("local, one, majority or all"));
}

#[tokio::test]
async fn tokens_are_made_listed_and_removed() {
    let (fixture, token) = (Fixture::new(), join_token());
    let made = fixture
        .post("/shoal/v1/tokens?ttl=60&uses=3", "")
        .await
        .json();
    assert_eq!(
        (&made["Token"], &made["ID"]),
        (&json!(token.to_string()), &json!(token.name()))
    );
    let listed = fixture.get("/shoal/v1/tokens").await.json();
    assert_eq!(listed[0]["ExpiresAt"], "2026-11-22T10:06:08.088310550Z");
    assert_eq!(
        (&listed[0]["Uses"], &listed[0]["Used"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(
        fixture
            .delete(&format!("/shoal/v1/tokens/{}", token.name()))
            .await
            .status,
        204
    );
    assert_eq!(last(&fixture).0, Order::RemoveToken { id: token.name() });
    fixture.post("/shoal/v1/tokens?ttl=0", "").await;
    assert_eq!(
        last(&fixture).0,
        Order::CreateToken {
            is_standing: false,
            ttl: None,
            uses: None
        }
    );
    assert_eq!(
        fixture.post("/shoal/v1/tokens?ttl=1h", "").await.status,
        400
    );
    assert_eq!(
        fixture.post("/shoal/v1/tokens?uses=0", "").await.status,
        400
    );
}

#[tokio::test]
async fn a_volume_is_released() {
    let fixture = Fixture::new();
    let path = "/shoal/v1/volumes/release?service=app_web&slot=2";
    assert_eq!(fixture.post(path, "").await.status, 200);
    let order = Order::ReleaseVolume {
        service: WEB,
        slot: Slot::Number(2),
    };
    assert_eq!(last(&fixture).0, order);
}

#[tokio::test]
async fn a_node_leaves_when_asked_and_says_why_when_it_does_not() {
    let fixture = Fixture::new();
    let refused = fixture.post("/v1.41/swarm/leave", "").await;
    assert_eq!(
        (refused.status, refused.message().as_str()),
        (503, "not without force")
    );
    let left = fixture.post("/v1.41/swarm/leave?force=1", "").await;
    assert_eq!((left.status, left.body.len()), (200, 0));
}

#[tokio::test]
async fn a_client_is_answered_only_when_the_view_shows_what_it_wrote() {
    // An owner that replies too early: it does nothing.
    let fixture = Fixture::with_owner(|_| {
        Some(Ok(Receipt {
            id: WEB.to_string(),
            holders: 1,
            warnings: Vec::new(),
        }))
    });
    let path = format!("/services/{WEB}");
    let mut removal = std::pin::pin!(fixture.delete(&path));
    while fixture.ordered.lock().unwrap().is_empty() {
        tokio::select! {
            biased;
            _ = &mut removal => panic!("answered too early"),
            () = tokio::task::yield_now() => {}
        }
    }
    fixture.change(|view| {
        view.services.remove(&WEB);
    });
    assert_eq!(removal.await.status, 200);
    assert_eq!(fixture.get(&path).await.status, 404);
}

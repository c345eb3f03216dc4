//! Networks that services share, as `docker stack deploy` and `docker network` ask for them.

use serde_json::{Value, json};
use shoal_scheduler::order::{Order, OrderError};

use super::{
    fixture::{Fixture, filters},
    sample::{NETWORK, WEB},
};

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|one| one["Name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_network_has_the_shape_that_the_docker_client_reads() {
    let fixture = Fixture::new();
    let reply = fixture.get("/v1.41/networks/app_default").await;
    assert_eq!(reply.status, 200);
    let network = reply.json();
    assert_eq!(network["Id"], NETWORK.to_string());
    assert_eq!(
        (&network["Scope"], &network["Driver"]),
        (&json!("swarm"), &json!("overlay"))
    );
    assert_eq!(network["Labels"]["com.docker.stack.namespace"], "app");
    assert_eq!(network["IPAM"]["Driver"], "default");
    assert_eq!(network["Containers"], json!({}));
    assert_eq!(
        fixture
            .get("/networks/app_default?scope=swarm")
            .await
            .status,
        200
    );
    assert_eq!(
        fixture
            .get("/networks/app_default?scope=local")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn networks_are_listed_by_the_filters_of_the_client() {
    let fixture = Fixture::new();
    for (filter, found) in [
        (json!({}), true),
        (
            json!({ "label": { "com.docker.stack.namespace=app": true } }),
            true,
        ),
        (
            json!({ "label": ["com.docker.stack.namespace=other"] }),
            false,
        ),
        (json!({ "name": { "default": true } }), true),
        (json!({ "driver": { "bridge": true } }), false),
        (json!({ "scope": { "swarm": true } }), true),
        (json!({ "dangling": { "true": true } }), true),
        (json!({ "dangling": { "false": true } }), false),
    ] {
        let reply = fixture
            .get(&format!("/networks?{}", filters(filter.clone())))
            .await;
        assert_eq!(names(&reply.json()) == ["app_default"], found, "{filter}");
    }
    let bogus = filters(json!({ "bogus": ["1"] }));
    assert_eq!(fixture.get(&format!("/networks?{bogus}")).await.status, 400);
}

#[tokio::test]
async fn a_network_is_created_as_recorded_and_removed() {
    let fixture = Fixture::new();
    let body = r#"{"Driver":"overlay","Scope":"","IPAM":{"Driver":"default","Options":{},"Config":[{"Subnet":"10.50.0.0/24"}]},
        "Internal":false,"Attachable":true,"Ingress":false,"ConfigOnly":false,"ConfigFrom":null,"Options":{"encrypted":""},
        "Labels":{"a":"b"},"Name":"ov2","CheckDuplicate":true}"#;
    let reply = fixture.post("/v1.41/networks/create", body).await;
    assert_eq!(reply.status, 201);
    let made = reply.json();
    assert_eq!(made["Warning"], "");
    let id = made["Id"].as_str().unwrap();
    let network = fixture.get(&format!("/networks/{id}")).await.json();
    assert_eq!(
        network["IPAM"]["Config"],
        json!([{ "Subnet": "10.50.0.0/24" }])
    );
    assert_eq!(network["Options"], json!({ "encrypted": "" }));
    assert_eq!(network["Attachable"], true);
    assert_eq!(fixture.delete("/networks/ov2").await.status, 204);
    assert_eq!(fixture.get("/networks/ov2").await.status, 404);
    let reply = fixture.delete("/networks/nonet").await;
    assert_eq!(
        (reply.status, reply.message()),
        (404, "network nonet not found".into())
    );
    // The beginning of an id is not enough to remove by accident.
    assert_eq!(
        fixture
            .delete(&format!("/networks/{}", &NETWORK.to_string()[..3]))
            .await
            .status,
        404
    );
    assert_eq!(fixture.post("/networks/create", "{").await.status, 400);
}

#[tokio::test]
async fn refusals_are_swarms() {
    let refusing = |error: OrderError| {
        Fixture::with_owner(move |order: &Order| {
            matches!(
                order,
                Order::CreateNetwork { .. } | Order::RemoveNetwork { .. }
            )
            .then(|| Err(error.clone()))
        })
    };
    let taken = refusing(OrderError::NetworkTaken("ov1".into()));
    let reply = taken.post("/networks/create", r#"{"Name":"ov1"}"#).await;
    assert_eq!(
        (reply.status, reply.message()),
        (409, "network with name ov1 already exists".into())
    );
    let used = refusing(OrderError::NetworkInUse {
        network: NETWORK,
        service: WEB,
    });
    let reply = used.delete("/networks/app_default").await;
    let message = format!(
        "rpc error: code = FailedPrecondition desc = network {NETWORK} is in use by service {WEB}"
    );
    assert_eq!((reply.status, reply.message()), (400, message));
}

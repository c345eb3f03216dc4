//! `/swarm`: in and out of clusters.

use serde_json::json;
use shoal_scheduler::spec::Availability;

use super::{super::NodeState, fixture::Fixture, sample::join_token};

#[tokio::test]
async fn a_node_that_is_in_no_cluster_says_so_to_everybody() {
    let fixture = Fixture::new();
    fixture.state.send_replace(NodeState::Inactive);
    for path in [
        "/nodes",
        "/services",
        "/tasks",
        "/secrets",
        "/configs",
        "/swarm",
        "/shoal/v1/tokens",
    ] {
        let reply = fixture.get(path).await;
        assert_eq!(reply.status, 503, "{path}");
        assert!(
            reply
                .message()
                .starts_with("This node is not a swarm manager."),
            "{path}"
        );
    }
    let left = fixture.post("/swarm/leave", "").await;
    assert_eq!(
        (left.status, left.message().as_str()),
        (503, "This node is not part of a swarm")
    );
    let info = fixture.get("/info").await.json();
    assert_eq!(info["Swarm"]["LocalNodeState"], "inactive");
    assert_eq!(info["Swarm"]["ControlAvailable"], false);
    let ping = fixture.get("/_ping").await;
    assert_eq!(ping.headers["Swarm"], "inactive");
}

#[tokio::test]
async fn a_cluster_is_founded_or_joined_once() {
    let fixture = Fixture::new();
    let body = json!({ "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "10.0.0.7" }).to_string();
    let already = fixture.post("/swarm/init", &body).await;
    assert_eq!(already.status, 503);
    assert!(
        already
            .message()
            .starts_with("This node is already part of a swarm.")
    );

    fixture.state.send_replace(NodeState::Inactive);
    let id = fixture.post("/swarm/init", &body).await;
    assert_eq!(id.status, 200);
    assert_eq!(
        id.json(),
        json!(fixture.handle().view.borrow().this_node.to_string())
    );
    assert_eq!(
        *fixture.entered.lock().unwrap(),
        [(false, Some(([10, 0, 0, 7], 7900).into()))]
    );

    fixture.state.send_replace(NodeState::Inactive);
    let token = join_token().to_string();
    let join = |token: &str, more: serde_json::Value| {
        let mut body = json!({ "RemoteAddrs": ["10.0.0.9:7900"], "JoinToken": token });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let bad = fixture
        .post("/swarm/join", &join("SWMTKN-1-x", json!({})))
        .await;
    assert_eq!(bad.status, 500);
    assert!(
        bad.message().starts_with("invalid join token"),
        "{}",
        bad.message()
    );
    for (more, status) in [
        (json!({ "Availability": "idle" }), 400),
        (json!({ "AdvertiseAddr": "nothing0" }), 400),
        (json!({ "ListenAddr": "nothing0" }), 400),
        (json!({ "ListenAddr": "10.9.9.9" }), 501),
        (json!({ "ListenAddr": "0.0.0.0:7" }), 501),
        (json!({ "DataPathAddr": "10.0.0.7" }), 501),
    ] {
        let turned_down = fixture
            .post("/swarm/join", &join(&token, more.clone()))
            .await;
        assert_eq!(turned_down.status, status, "{more}");
    }
    assert_eq!(
        fixture
            .post("/swarm/join", &join(&token, json!({})))
            .await
            .status,
        200
    );
    assert_eq!(fixture.entered.lock().unwrap().last(), Some(&(true, None)));
}

/// As `docker swarm init --availability drain --task-history-limit 3` sends it.
#[tokio::test]
async fn a_cluster_begins_as_it_was_asked_for() {
    let fixture = Fixture::new();
    fixture.state.send_replace(NodeState::Inactive);
    let body = json!({
        "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "lo", "DataPathAddr": "", "DataPathPort": 0,
        "ForceNewCluster": false, "AutoLockManagers": false, "Availability": "drain", "DefaultAddrPool": [],
        "SubnetSize": 24, "Spec": {
            "Labels": null, "Orchestration": { "TaskHistoryRetentionLimit": 3 },
            "Raft": { "ElectionTick": 0, "HeartbeatTick": 0 }, "Dispatcher": {}, "CAConfig": {},
            "TaskDefaults": {}, "EncryptionConfig": { "AutoLockManagers": false },
        },
    });
    for (pointer, value) in [
        ("/AutoLockManagers", json!(true)),
        ("/DataPathPort", json!(4789)),
        ("/DefaultAddrPool", json!(["10.0.0.0/8"])),
        ("/Spec/EncryptionConfig/AutoLockManagers", json!(true)),
        ("/Spec/Raft/SnapshotInterval", json!(7)),
        ("/Spec/Dispatcher/HeartbeatPeriod", json!(7)),
        ("/Spec/CAConfig/NodeCertExpiry", json!(7)),
    ] {
        let mut asked = body.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        asked.pointer_mut(parent).unwrap()[field] = value;
        let reply = fixture.post("/swarm/init", &asked.to_string()).await;
        assert_eq!(reply.status, 501, "{pointer}");
    }
    assert!(fixture.entered.lock().unwrap().is_empty(), "not in between");
    assert_eq!(
        fixture.post("/swarm/init", &body.to_string()).await.status,
        200
    );
    assert_eq!(
        *fixture.entered.lock().unwrap(),
        [(false, Some(([127, 0, 0, 1], 7900).into()))]
    );
    let view = fixture.handle().view.borrow().clone();
    assert_eq!(view.spec.task_history(), 3);
    assert_eq!(
        view.nodes[&view.this_node].spec.availability,
        Availability::Drain
    );
    let again = body
        .to_string()
        .replace(r#""ForceNewCluster":false"#, r#""ForceNewCluster":true"#);
    let forced = fixture.post("/swarm/init", &again).await;
    assert_eq!(forced.status, 501);
    assert!(forced.message().contains("no quorum to lose"));
}

#[tokio::test]
async fn the_join_token_stands_until_it_is_rotated() {
    let fixture = Fixture::new();
    let swarm = fixture.get("/swarm").await.json();
    let token = swarm["JoinTokens"]["Worker"].as_str().unwrap().to_owned();
    assert_eq!(swarm["JoinTokens"]["Manager"], token);
    assert!(token.parse::<shoal_net::JoinToken>().is_ok(), "{token}");
    assert_eq!(
        fixture.get("/swarm").await.json()["JoinTokens"]["Worker"],
        token
    );
    assert_eq!(fixture.ordered.lock().unwrap().len(), 1, "made once");
    let tokens = fixture.get("/shoal/v1/tokens").await.json();
    assert_eq!(tokens, json!([]), "nobody lists it");
    let update = "/swarm/update?version=0&rotateWorkerToken=true";
    let spec = swarm["Spec"].to_string();
    assert_eq!(fixture.post(update, &spec).await.status, 200);
    fixture.get("/swarm").await;
    assert_eq!(
        fixture.ordered.lock().unwrap().len(),
        3,
        "gone, and made anew"
    );
}

#[tokio::test]
async fn what_means_something_here_can_be_set_and_the_rest_is_turned_down() {
    let fixture = Fixture::new();
    let swarm = fixture.get("/swarm").await.json();
    let with = |pointer: &str, value: serde_json::Value| {
        let mut spec = swarm["Spec"].clone();
        *spec.pointer_mut(pointer).unwrap() = value;
        spec.to_string()
    };
    let history = with("/Orchestration/TaskHistoryRetentionLimit", json!(9));
    assert_eq!(
        fixture
            .post("/swarm/update?version=0", &history)
            .await
            .status,
        200
    );
    let info = fixture.get("/info").await.json();
    let limit = "/Swarm/Cluster/Spec/Orchestration/TaskHistoryRetentionLimit";
    assert_eq!(info.pointer(limit), Some(&json!(9)));
    for (pointer, value, why) in [
        (
            "/CAConfig/NodeCertExpiry",
            json!(7),
            "no certificate authority",
        ),
        ("/Raft/SnapshotInterval", json!(7), "no Raft"),
        ("/Dispatcher/HeartbeatPeriod", json!(7), "no dispatcher"),
        (
            "/EncryptionConfig/AutoLockManagers",
            json!(true),
            "nothing to lock",
        ),
    ] {
        let reply = fixture
            .post("/swarm/update?version=1", &with(pointer, value))
            .await;
        assert_eq!(reply.status, 501, "{pointer}");
        assert!(
            reply.message().contains(why),
            "{pointer}: {}",
            reply.message()
        );
    }
    let no_version = fixture.post("/swarm/update", &history).await;
    assert_eq!(no_version.status, 400);
    assert_eq!(
        fixture.get("/swarm/unlockkey").await.json(),
        json!({ "UnlockKey": "" })
    );
    let unlock = fixture.post("/swarm/unlock", "{}").await;
    assert_eq!(
        (unlock.status, unlock.message().as_str()),
        (409, "swarm is not locked")
    );
}

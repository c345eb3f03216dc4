//! What Docker Swarm answers to a node that is in no cluster, on its way in and on its way out, asked of Shoal: the
//! same statuses, the same words of errors, the same shapes.
//!
//! `recordings/membership.jsonl` holds requests of the docker client 28.2.2 to dockerd 20.10.24, in their order, of two
//! nodes; of `/info` it holds what is said of the Swarm. What differs on purpose is in
//! `recordings/membership-differences.txt`, a line each with its reason.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use shoal_tests::{Cluster, Differences, missing, within};

const SOON: Duration = Duration::from_secs(30);
const EXCHANGES: &str = include_str!("../recordings/membership.jsonl");
const DIFFERENCES: &str = include_str!("../recordings/membership-differences.txt");

/// Waits until a node is in this state.
fn comes_to(cluster: &Cluster, at: usize, state: &str) {
    within(SOON, state, || {
        let info = cluster[at].get("/info")?;
        match info["Swarm"]["LocalNodeState"] == state {
            true => Ok(()),
            false => Err(info["Swarm"].to_string()),
        }
    });
}

#[test]
fn outside_and_on_the_way_in_and_out_a_node_answers_as_swarm_does() {
    // Two nodes, each alone, that leave what they are in.
    let cluster = [Cluster::of(1), Cluster::of(1)];
    for one in &cluster {
        one[0].shoal(&["swarm", "leave", "--force"]).ok();
        comes_to(one, 0, "inactive");
    }
    let mut differences = Differences::read(DIFFERENCES);
    for line in EXCHANGES.lines() {
        let exchange: Value = serde_json::from_str(line).expect("a recording");
        let text = |key: &str| exchange[key].as_str().unwrap_or_default();
        let at = usize::from(exchange["who"] == "b");
        let node = &cluster[at][0];
        let (path, query) = (text("path"), text("query"));
        let path = match path.strip_prefix("/v1.41/nodes/") {
            Some(_) => format!("/v1.41/nodes/{}", node.id()),
            None => path.to_owned(),
        };
        let target = match query {
            "" => path.clone(),
            query => format!("{path}?{query}"),
        };
        let mut request = exchange.get("request").cloned();
        if let Some(request) = &mut request {
            request["AdvertiseAddr"] = json!("");
            if request["RemoteAddrs"].is_array() {
                request["RemoteAddrs"] = json!([cluster[0][0].listen.to_string()]);
            }
            if request["JoinToken"]
                .as_str()
                .is_some_and(|token| token != "SWMTKN-1-bad")
            {
                let swarm = cluster[0][0].get("/swarm").expect("a cluster");
                request["JoinToken"] = swarm["JoinTokens"]["Worker"].clone();
            }
        }
        let (status, body) = node
            .request(text("method"), &target, request.as_ref())
            .expect("an answer");
        let wanted = exchange["status"].as_u64().unwrap_or_default();
        let mut found = BTreeSet::new();
        let (theirs, ours) = (&exchange["body"]["message"], &body["message"]);
        if u64::from(status) != wanted {
            found.insert(format!("status {status}, not {wanted}: {body}"));
        } else if theirs != ours {
            found.insert(format!("{ours}, not {theirs}"));
        } else {
            found = missing(&exchange["body"], &body);
        }
        differences.take(&exchange, found);
        // The client that was recorded asked a person for the next.
        if wanted == 200 && target.contains("/swarm/leave") {
            comes_to(&cluster[at], 0, "inactive");
        }
        if wanted == 200 && target.contains("/swarm/join") {
            comes_to(&cluster[at], 0, "active");
        }
    }
    differences.are_as_listed();
}

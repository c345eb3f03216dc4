//! Generic resources: things that a machine has a few of, given to one task each.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};
use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(30);

/// What the running processes of a service find in their environment.
fn cards(cluster: &Cluster, replicas: usize) -> Result<BTreeSet<String>, String> {
    let running = cluster.processes_of("render");
    if running.len() != replicas {
        return Err(format!("{running:?}"));
    }
    let mut cards = BTreeSet::new();
    for task in &running {
        let environment = fs::read(format!("/proc/{}/environ", task.pid));
        let environment = environment.map_err(|error| error.to_string())?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let mut values = environment
            .split('\0')
            .filter_map(|pair| pair.strip_prefix("DOCKER_RESOURCE_CARD="));
        let value = values.next().ok_or("a task without a card")?;
        if !cards.insert(value.to_owned()) {
            return Err(format!("{value} is given twice"));
        }
    }
    Ok(cards)
}

#[test]
fn each_task_finds_a_card_of_its_own_and_keeps_it_while_the_agent_is_away() {
    let mut cluster = Cluster::of(2);
    let has = ["--node-generic-resource", "card=a,card=b,disk=3"];
    cluster[0].kill_agent();
    cluster[0].start(&has);
    within(SOON, "what the node says it has", || {
        let nodes = cluster[1].get("/nodes")?;
        let nodes = nodes.as_array().ok_or("no list")?;
        let all = nodes
            .iter()
            .flat_map(|node| node["Description"]["Resources"]["GenericResources"].as_array());
        match all.flatten().count() {
            3 => Ok(()),
            other => Err(format!("{other} resources")),
        }
    });

    let create = [
        "service",
        "create",
        "-d",
        "--name",
        "render",
        "--replicas",
        "3",
    ];
    let wants = ["--generic-resource", "card=1", "scratch", "sleep", "1000"];
    cluster[1].shoal(&[&create[..], &wants].concat()).ok();
    let both: BTreeSet<String> = ["a".to_owned(), "b".to_owned()].into();
    let has_both = |cluster: &Cluster| match cards(cluster, 2)? {
        cards if cards == both => Ok(()),
        other => Err(format!("{other:?}")),
    };
    within(SOON, "two tasks with a card each", || has_both(&cluster));

    let tasks = cluster[1].get("/tasks").expect("tasks");
    let tasks = tasks.as_array().expect("a list");
    let given: BTreeSet<&str> = tasks
        .iter()
        .filter_map(|task| task["GenericResources"][0]["NamedResourceSpec"]["Value"].as_str())
        .collect();
    assert_eq!(given, ["a", "b"].into());
    let waiting = tasks.iter().find(|task| task["NodeID"] == Value::Null);
    let reason = waiting.map(|task| task["Status"]["Err"].clone());
    let expected = "no suitable node (insufficient resources on 2 nodes)";
    assert_eq!(reason, Some(Value::from(expected)));

    // Adopted tasks hold what they were given: a new one of another service finds nothing.
    cluster[0].kill_agent();
    cluster[0].start(&has);
    within(SOON, "the same two cards", || has_both(&cluster));
    let update = [
        "service",
        "update",
        "-d",
        "--env-add",
        "VERSION=2",
        "render",
    ];
    cluster[0].shoal(&update).ok();
    within(SOON, "an update that needs the cards again", || {
        let services = cluster[1].get("/services")?;
        let state = services[0]["UpdateStatus"]["State"].clone();
        let is_under_way = state == "updating" || state == "completed";
        match is_under_way {
            true => has_both(&cluster),
            false => Err(format!("{state}")),
        }
    });
    let update = [
        "service",
        "update",
        "-d",
        "--generic-resource-rm",
        "card",
        "render",
    ];
    cluster[0].shoal(&update).ok();
    within(SOON, "all three, without a card", || {
        cluster.runs_once("render", 3)
    });
}

#[test]
fn what_can_not_be_is_refused_with_a_reason() {
    let mut cluster = Cluster::of(1);
    let create = ["service", "create", "-d", "--name", "render"];
    let named = ["--generic-resource", "card=a", "scratch", "true"];
    let said = cluster[0].shoal(&[&create[..], &named].concat());
    let words = "\"card=a\" is no number of generic resources; write KIND=N";
    assert!(said.status == 2 && said.err.contains(words), "{said:?}");
    let card = json!({"NamedResourceSpec": {"Kind": "card", "Value": "a"}});
    let body = json!({"Name": "render", "TaskTemplate": {
        "ContainerSpec": {"Image": "scratch", "Command": ["true"]},
        "Resources": {"Reservations": {"GenericResources": [card]}},
    }});
    let answer = cluster[0].request("POST", "/services/create", Some(&body));
    let (status, body) = answer.expect("an answer");
    assert_eq!(status, 400, "{body}");
    let message = body["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("card=a: a service asks for a number"),
        "{message}"
    );
    cluster[0].kill_agent();
    let ended = cluster[0].run_to_end(SOON, &["--node-generic-resource", "card=2,card=a"]);
    ended.refused(&["--node-generic-resource: generic resource card: it is either counted"]);
}

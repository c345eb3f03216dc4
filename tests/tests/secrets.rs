//! Secrets reach the tasks that use them, and nothing else; and configs, which need not hide.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(20);
const VALUE: &str = "k9-Zebra-Quartz-41";
const VALUE_BASE64: &str = "azktWmVicmEtUXVhcnR6LTQx";
const OTHER_BASE64: &str = "azktWmVicmEtUXVhcnR6LTQy";
/// Copies the secret to where the test can look, in other letters: the value itself is to be nowhere.
const REVEAL: &str = r#"test -r "$SHOAL_SECRETS_DIR/db" && tr a-zA-Z n-za-mN-ZA-M < "$SHOAL_SECRETS_DIR/db"; echo; exec sleep 100000"#;
const REVEALED: &str = "x9-Mroen-Dhnegm-41";

fn make(cluster: &Cluster, node: usize, name: &str) -> String {
    let spec = json!({ "Name": name, "Data": VALUE_BASE64, "Labels": {} });
    let answer = cluster[node].request("POST", "/secrets/create", Some(&spec));
    let (status, body) = answer.expect("an answer");
    assert_eq!(status, 201, "{body}");
    body["ID"].as_str().unwrap_or_default().to_owned()
}

fn readers(cluster: &Cluster, node: usize, name: &str) -> Result<Vec<String>, String> {
    let secret = cluster[node].get(&format!("/secrets/{name}"))?;
    let readers = secret["Readers"].as_array().ok_or("no readers")?;
    let name = |id: &Value| id.as_str().unwrap_or_default().to_owned();
    Ok(readers.iter().map(name).collect())
}

fn read_by(cluster: &Cluster, name: &str, nodes: &[usize]) {
    let mut wanted: Vec<String> = nodes.iter().map(|node| cluster[*node].id()).collect();
    wanted.sort();
    for node in 0..cluster.count() {
        within(SOON, "the readers of the secret", || {
            let mut found = readers(cluster, node, name)?;
            found.sort();
            match found == wanted {
                true => Ok(()),
                false => Err(format!("n{}: {found:?}, not {wanted:?}", node + 1)),
            }
        });
    }
}

fn serve(cluster: &Cluster, more: &[&str]) {
    let create = ["service", "create", "-d", "--name", "web", "--secret", "db"];
    let command = ["scratch", "sh", "-c", REVEAL];
    cluster[0]
        .shoal(&[&create[..], more, &command].concat())
        .ok();
}

/// Every task of the service has shown what it read.
fn revealed(cluster: &Cluster, tasks: usize) {
    within(SOON, "what the tasks read", || {
        let said = cluster[0].shoal(&["service", "logs", "--raw", "web"]);
        match said.checked()?.matches(REVEALED).count() {
            seen if seen >= tasks => Ok(()),
            seen => Err(format!("{seen} of {tasks}: {said:?}")),
        }
    });
}

/// Files below a folder with the value in them, as it is or in base64.
fn holders(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("a kind of file");
        if kind.is_dir() {
            holders(&path, found);
        } else if kind.is_file() && has_value(&fs::read(&path).unwrap_or_default()) {
            found.push(path.display().to_string());
        }
    }
}

fn has_value(bytes: &[u8]) -> bool {
    let is_in = |value: &str| {
        let value = value.as_bytes();
        bytes.windows(value.len()).any(|part| part == value)
    };
    is_in(VALUE) || is_in(&VALUE_BASE64[..20])
}

/// Command lines and environments of all processes that have the value in them.
fn processes_with_value() -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        for file in ["cmdline", "environ"] {
            let path = entry.path().join(file);
            if has_value(&fs::read(&path).unwrap_or_default()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_secret_is_nowhere_but_in_memory_of_the_tasks_that_use_it() {
    let mut cluster = Cluster::of(3);
    let id = make(&cluster, 1, "db");
    let template = "azk9e3tzZWNyZXQgImRiIn19Cg=="; // k9={{secret "db"}}
    let config = json!({ "Name": "conf", "Data": template, "Templating": { "Name": "golang" } });
    let made = cluster[2].request("POST", "/configs/create", Some(&config));
    assert_eq!(made.unwrap().0, 201);
    cluster.agree(SOON);
    serve(&cluster, &["--mode", "global", "--config", "conf"]);
    revealed(&cluster, 3);
    read_by(&cluster, "db", &[0, 1, 2]);

    let mut found = Vec::new();
    holders(cluster.folder(), &mut found);
    assert_eq!(found, Vec::<String>::new(), "on a disk, or in a log");
    assert_eq!(processes_with_value(), Vec::<String>::new());
    let secret = format!("/secrets/{id}");
    let paths = [
        "/secrets",
        &secret,
        "/configs",
        "/services",
        "/tasks",
        "/nodes",
        "/info",
        "/services/web",
        "/shoal/v1/cluster",
        "/shoal/v1/why/web",
        "/events?since=1&until=2",
    ];
    for (node, path) in (0..3).flat_map(|node| paths.map(|path| (node, path))) {
        if path.starts_with("/events") {
            continue;
        }
        let answer = cluster[node].get(path).unwrap().to_string();
        assert!(
            !has_value(answer.as_bytes()),
            "n{}: {path}: {answer}",
            node + 1
        );
    }

    // In use it stays; and what it holds can't be changed, wherever that is asked.
    cluster[0]
        .shoal(&["secret", "rm", "db"])
        .refused(&["is in use by the following service: web"]);
    for node in 0..3 {
        let version = cluster[node].get("/secrets/db").unwrap()["Version"]["Index"].clone();
        let update = |data: &str| {
            let spec = json!({ "Name": "db", "Data": data, "Labels": { "n": node.to_string() } });
            let path = format!("/secrets/{id}/update?version={version}");
            cluster[node].request("POST", &path, Some(&spec)).unwrap()
        };
        let (status, body) = update(OTHER_BASE64);
        assert_eq!(status, 400, "{body}");
        assert!(
            body.to_string()
                .contains("only updates to Labels are allowed"),
            "{body}"
        );
        assert_eq!(update(VALUE_BASE64).0, 200);
        cluster.agree(SOON);
    }

    // With the tasks goes what was in memory for them.
    let memory: Vec<PathBuf> = (0..3).flat_map(|node| cluster[node].memory()).collect();
    let in_memory = || {
        let mut found = Vec::new();
        memory.iter().for_each(|folder| holders(folder, &mut found));
        found
    };
    assert!(in_memory().len() >= 6, "{:?}", in_memory());
    cluster[2].shoal(&["service", "rm", "web"]).ok();
    within(SOON, "an empty memory", || match in_memory() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
    cluster[1].shoal(&["secret", "rm", "db"]).ok();
    cluster[1].shoal(&["config", "rm", "conf"]).ok();
    cluster.agree(SOON);
}

fn label(cluster: &Cluster, node: usize) {
    let id = cluster[node].id();
    let update = ["node", "update", "--label-add", "vault=yes", &id];
    cluster[0].shoal(&update).ok();
}

fn runs_on(cluster: &Cluster, nodes: &[usize]) {
    let running = cluster.settles("web", 2, SOON);
    let ids: Vec<String> = nodes.iter().map(|node| cluster[*node].id()).collect();
    assert!(
        running.iter().all(|task| ids.contains(&task.node)),
        "{running:?}"
    );
}

#[test]
fn a_secret_is_sealed_to_those_that_may_run_its_tasks_and_to_those_that_come_to() {
    let mut cluster = Cluster::of(4);
    make(&cluster, 0, "db");
    label(&cluster, 1);
    label(&cluster, 2);
    cluster.agree(SOON);
    serve(
        &cluster,
        &["--replicas", "2", "--constraint", "node.labels.vault==yes"],
    );
    cluster.settles("web", 2, SOON);
    revealed(&cluster, 2);
    let has = |cluster: &Cluster, node: usize| {
        let id = cluster[node].id();
        move |readers: Vec<String>| readers.contains(&id)
    };
    for node in [1, 2] {
        assert!(has(&cluster, node)(readers(&cluster, 3, "db").unwrap()));
    }

    // One more node may run it now; whoever holds the key seals it to that one, and the others are gone.
    label(&cluster, 3);
    let is_reader = has(&cluster, 3);
    within(
        SOON,
        "a key for the node that may run it now",
        || match is_reader(readers(&cluster, 3, "db")?) {
            true => Ok(()),
            false => Err("none yet".to_owned()),
        },
    );
    cluster[0].power_cut();
    cluster[1].power_cut();
    runs_on(&cluster, &[2, 3]);

    // A machine that joins gets it, too, when its label lets it run the service.
    let at = cluster.place();
    let token = cluster[2].shoal(&["token", "create"]).ok().to_owned();
    cluster[at].start(&["--join", &token, "--label", "vault=yes"]);
    cluster.ready(&[2, 3, at]);
    let is_reader = has(&cluster, at);
    within(SOON, "a key for the node that joined", || {
        match is_reader(readers(&cluster, 2, "db")?) {
            true => Ok(()),
            false => Err("none yet".to_owned()),
        }
    });
    cluster[2].power_cut();
    runs_on(&cluster, &[3, at]);
}

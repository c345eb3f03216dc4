//! What the docker client 28.2.2 posted for these files, and what it printed for `stack config`.

use serde_json::Value as Json;

use super::{environment, merged, project, source};
use crate::compose::{Environment, Project, load, read, render_config};

const POSTED: &str = include_str!("../testdata/posted.jsonl");
const FILES: [(&str, &str); 4] = [
    (
        "docker-compose.yml",
        include_str!("../testdata/docker-compose.yml"),
    ),
    (
        "docker-compose2.yml",
        include_str!("../testdata/docker-compose2.yml"),
    ),
    ("dc3.yml", include_str!("../testdata/dc3.yml")),
    ("dc4.yml", include_str!("../testdata/dc4.yml")),
];

/// The ids that the engine gave are the only thing that a file cannot know.
fn without_ids(mut spec: Json) -> Json {
    for (list, id) in [("Secrets", "SecretID"), ("Configs", "ConfigID")] {
        let path = format!("/TaskTemplate/ContainerSpec/{list}");
        for reference in spec
            .pointer_mut(&path)
            .and_then(Json::as_array_mut)
            .into_iter()
            .flatten()
        {
            reference[id] = Json::from("");
        }
    }
    spec
}

fn made(project: &Project, kind: &str, name: &str) -> Option<Json> {
    match kind {
        "service" => project
            .services
            .iter()
            .find(|service| service.name == name)
            .map(|service| service.spec.clone()),
        _ => project
            .networks
            .iter()
            .find(|network| network.name == name)
            .and_then(|network| network.spec.clone()),
    }
}

#[test]
fn services_and_networks_are_what_docker_posts() {
    let mut compared = 0;
    for line in POSTED.lines() {
        let exchange: Json = serde_json::from_str(line).unwrap();
        let (file, kind) = (
            exchange["file"].as_str().unwrap(),
            exchange["kind"].as_str().unwrap(),
        );
        let posted = without_ids(exchange["body"].clone());
        let name = posted["Name"].as_str().unwrap();
        let text = FILES.iter().find(|(name, _)| *name == file).unwrap().1;
        let made = made(&project(text).unwrap(), kind, name).unwrap();
        assert_eq!(made, posted, "{file}: {kind} {name}");
        compared += 1;
    }
    assert_eq!(compared, 12);
}

/// `rich.yml` uses nearly every form that docker accepts; it was sent to a fake engine.
#[test]
fn every_form_becomes_what_docker_posts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("e.env"),
        include_str!("../testdata/e.env"),
    )
    .unwrap();
    let base = folder.path().to_str().unwrap();
    let around = Environment {
        base_dir: folder.path().to_owned(),
        ..environment()
    };
    let files = [source(include_str!("../testdata/rich.yml"))];
    let project = load(&files, &around, "app").unwrap();
    let posted = include_str!("../testdata/rich.posted.jsonl").replace("/base", base);
    for line in posted.lines() {
        let exchange: Json = serde_json::from_str(line).unwrap();
        let mut posted = exchange["body"].clone();
        let (kind, name) = (
            exchange["kind"].as_str().unwrap(),
            posted["Name"].as_str().unwrap().to_owned(),
        );
        if kind == "network" {
            // Sent to API versions before 1.44 only.
            posted["CheckDuplicate"] = Json::from(true);
        }
        assert_eq!(made(&project, kind, &name), Some(posted), "{kind} {name}");
    }
    assert_eq!((project.services.len(), posted.lines().count()), (3, 5));
    let config = render_config(&read(&files, &around).unwrap());
    // Ours says what docker leaves out (no delay), and has no use for files that it has read.
    let printed = include_str!("../testdata/rich.config.yml")
        .replace("/base", base)
        .replace(
            "      update_config:\n",
            "      update_config:\n        delay: 0s\n",
        )
        .replace("    env_file:\n      - e.env\n", "");
    assert_eq!(config, printed);
}

#[test]
fn the_default_network_is_made_as_docker_makes_it() {
    let posted = r#"{"Driver": "overlay", "Scope": "", "IPAM": null, "Internal": false, "Attachable": false,
        "Ingress": false, "ConfigOnly": false, "ConfigFrom": null, "Options": null,
        "Labels": {"com.docker.stack.namespace": "app"}, "Name": "app_default", "CheckDuplicate": true}"#;
    let project = project("services: {a: {image: b}}").unwrap();
    assert_eq!(
        made(&project, "network", "app_default"),
        serde_json::from_str(posted).unwrap()
    );
    assert_eq!(
        project.services[0].spec["TaskTemplate"]["Networks"][0]["Target"],
        "app_default"
    );
}

#[test]
fn the_config_is_what_docker_prints() {
    let printed =
        include_str!("../testdata/docker-compose.config.yml").replace("file: fix/", "file: /base/");
    let ours = render_config(&merged(FILES[0].1).unwrap());
    assert_eq!(ours, printed);
}

#[test]
fn what_is_printed_can_be_read_again_and_means_the_same() {
    let printed = render_config(&merged(FILES[0].1).unwrap());
    let (first, again) = (project(FILES[0].1).unwrap(), project(&printed).unwrap());
    assert_eq!(first.services, again.services);
    assert_eq!(first.networks, again.networks);
    assert_eq!(printed, render_config(&merged(&printed).unwrap()));
}

#[test]
fn secrets_and_configs_are_represented() {
    let project = project(FILES[0].1).unwrap();
    let files = |list: &[crate::compose::FileRequest]| -> Vec<(String, Option<String>)> {
        list.iter()
            .map(|file| {
                (
                    file.name.clone(),
                    file.file.as_ref().map(|path| path.display().to_string()),
                )
            })
            .collect()
    };
    let own = |name: &str, path: &str| (name.to_owned(), Some(path.to_owned()));
    assert_eq!(
        files(&project.secrets),
        [own("app_sec", "/base/sec.txt"), ("s2".to_owned(), None)]
    );
    assert_eq!(files(&project.configs), [own("app_conf", "/base/cfg.txt")]);
    assert_eq!(project.volumes[0].name, "app_data");
}

//! Several files, and files of variables.

use std::fs;

use super::{environment, source};
use crate::compose::{Environment, Source, load, read, render_config};

fn config(files: &[&str]) -> String {
    let files: Vec<Source> = files.iter().map(|text| source(text)).collect();
    render_config(&read(&files, &environment()).unwrap())
}

/// What the docker client 28.2.2 prints for these two files, except that it takes the one-letter
/// volume names for Windows drives.
#[test]
fn a_later_file_beats_an_earlier_one() {
    let base = "services: {a: {image: x, environment: [A=1], ports: [\"80:80\"], volumes: [\"v:/a\"], command: [a, b], dns: [a], networks: {n: {aliases: [q]}}, deploy: {labels: [a=1]}}}\nnetworks: {n: {}}\nvolumes: {v: }";
    let over = "services: {a: {environment: [A=2, B=3], ports: [\"81:80\", \"80:80\"], volumes: [\"w:/a\", \"/c\"], command: [c], dns: [b], networks: {n: {aliases: [z]}}, deploy: {labels: {b: null}}}, b: {image: y}}\nvolumes: {w: }";
    insta::assert_snapshot!(config(&[base, over]));
}

#[test]
fn logging_options_merge_only_for_the_same_driver() {
    let base = "services: {a: {image: x, logging: {driver: d, options: {a: 1}}}}";
    let same = "services: {a: {logging: {options: {b: 2}}}}";
    let other = "services: {a: {logging: {driver: e}}}";
    assert!(
        config(&[base, same])
            .contains("driver: d\n      options:\n        a: \"1\"\n        b: \"2\"\n")
    );
    assert!(!config(&[base, other]).contains("options"));
}

#[test]
fn findings_name_the_file_that_they_are_in() {
    let second = Source {
        name: "over.yml".to_owned(),
        bytes: b"services:\n  a:\n    nope: 1\n".to_vec(),
    };
    let errors = read(
        &[source("services: {a: {image: x}}"), second],
        &environment(),
    )
    .unwrap_err();
    assert_eq!(
        errors.to_string(),
        "over.yml:3: services.a.nope: unknown key"
    );
}

#[test]
fn files_of_variables() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("a.env"),
        "\u{feff}A=1\n# no\n\n  B=\"q q\"\nHOME\nUNSET\nC=\n",
    )
    .unwrap();
    fs::write(folder.path().join("b.env"), "A=2\n").unwrap();
    let around = Environment {
        base_dir: folder.path().to_owned(),
        ..environment()
    };
    for files in [
        "[a.env, ./b.env]",
        "[a.env, {path: b.env, required: true, format: raw}, {path: none.env, required: false}]",
    ] {
        let text =
            format!("services: {{a: {{image: x, env_file: {files}, environment: {{C: own}}}}}}");
        let project = load(&[source(&text)], &around, "app").unwrap();
        let variables = &project.services[0].spec["TaskTemplate"]["ContainerSpec"]["Env"];
        let wanted = ["A=2", "B=\"q q\"", "C=own", "HOME=/root", "UNSET"];
        assert_eq!(variables, &serde_json::json!(wanted), "{files}");
    }
    let one = load(
        &[source("services: {a: {image: x, env_file: b.env}}")],
        &around,
        "app",
    )
    .unwrap();
    assert_eq!(
        one.services[0].spec["TaskTemplate"]["ContainerSpec"]["Env"][0],
        "A=2"
    );
}

#[test]
fn a_bad_line_in_a_file_of_variables_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.env"), "A=1\nB C=2\n").unwrap();
    let around = Environment {
        base_dir: folder.path().to_owned(),
        ..environment()
    };
    let errors = read(
        &[source("services: {a: {image: x, env_file: [a.env, '.']}}")],
        &around,
    )
    .unwrap_err();
    assert_eq!(
        errors.to_string(),
        "docker-compose.yml:1: services.a.env_file[0]: cannot read \"a.env\": line 2: \"B C\" cannot be the name of a variable\n\
         docker-compose.yml:1: services.a.env_file[1]: cannot read \".\": it is not a file"
    );
}

#[test]
fn a_source_is_read_from_disk_and_limited() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.yml");
    fs::write(&path, vec![b'#'; 3 << 20]).unwrap();
    let big = Source::open(&path).unwrap();
    assert_eq!(big.bytes.len(), (1 << 20) + 1);
    let errors = read(&[big], &environment()).unwrap_err();
    assert!(
        errors
            .to_string()
            .ends_with("the file is larger than 1048576 bytes")
    );
    let around = Environment::of_process(&path).unwrap();
    assert_eq!(around.base_dir, folder.path());
    assert!(Source::open(&folder.path().join("none")).is_err());
}

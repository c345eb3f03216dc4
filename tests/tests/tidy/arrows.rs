//! Which crate may know which, and what the pure ones may never know (see ARCHITECTURE.md).

use super::{nothing_of, tree};

/// Folder, its crate, and the crates of ours that it may know.
const CRATES: [(&str, &str, &[&str]); 6] = [
    ("membership", "shoal-membership", &[]),
    ("scheduler", "shoal-scheduler", &["shoal-membership"]),
    ("net", "shoal-net", &["shoal-membership"]),
    (
        "node",
        "shoal",
        &["shoal-membership", "shoal-net", "shoal-scheduler"],
    ),
    (
        "simulations",
        "shoal-sim",
        &["shoal-membership", "shoal-scheduler"],
    ),
    ("tests", "shoal-tests", &[]),
];

/// Crates without I/O, and what would bring it to them.
const PURE: [&str; 3] = ["membership", "scheduler", "simulations"];
const IMPURE: [&str; 13] = [
    "async-std",
    "axum",
    "bollard",
    "hyper",
    "mio",
    "nix",
    "quinn",
    "redb",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tokio",
];

/// The names under `[dependencies]` and its kin, those for tests and benches left out.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_inside = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            let table = line.trim_matches(['[', ']']);
            is_inside = table.ends_with("dependencies") && !table.ends_with("dev-dependencies");
            if let Some((_, name)) = table.split_once("dependencies.") {
                names.push(name.to_owned());
            }
        } else if is_inside && !line.starts_with('#') {
            let name: String = line
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
                .collect();
            names.extend((!name.is_empty()).then_some(name));
        }
    }
    names
}

#[test]
fn arrows_between_crates_point_down() {
    let mut findings = Vec::new();
    for (folder, name, may_know) in CRATES {
        let manifest = tree::read(&format!("{folder}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{folder}");
        let ours = CRATES.map(|(_, name, _)| name);
        let knows = dependencies(&manifest)
            .into_iter()
            .filter(|one| ours.contains(&one.as_str()));
        findings.extend(
            knows
                .filter(|one| !may_know.contains(&one.as_str()))
                .map(|one| format!("{folder}/Cargo.toml: {name} may not know {one}")),
        );
    }
    nothing_of(&findings);
}

#[test]
fn the_workspace_has_no_other_crates() {
    let workspace = tree::read("Cargo.toml");
    let line = workspace
        .lines()
        .find(|line| line.starts_with("members"))
        .unwrap();
    let quoted: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    let mut members = quoted.clone();
    members.sort_unstable();
    let mut known = CRATES.map(|(folder, _, _)| folder);
    known.sort_unstable();
    assert_eq!(members, known, "say in arrows.rs what a new crate may know");
}

#[test]
fn the_pure_crates_do_no_io() {
    let mut findings = Vec::new();
    for folder in PURE {
        let manifest = tree::read(&format!("{folder}/Cargo.toml"));
        let impure = dependencies(&manifest)
            .into_iter()
            .filter(|one| IMPURE.contains(&one.as_str()));
        findings.extend(impure.map(|one| format!("{folder}/Cargo.toml: {one} does I/O")));
    }
    nothing_of(&findings);
}

#[test]
fn dependencies_are_read_in_all_their_forms() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\n# c = 1\nb-b = \"1\"\n\
                    [dev-dependencies]\nd = \"1\"\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n\
                    [dependencies.f]\nversion = \"1\"\n[features]\ng = []\n";
    let found = dependencies(manifest);
    assert_eq!(found, ["a", "b-b", "e", "f"]);
}

//! The papers beside the code keep to what is there.

use super::{nothing_of, tree};

/// What a newcomer types, and no more than that.
const SET_UP: [&str; 2] = ["cargo run --release -- demo", "tests/run"];

#[test]
fn two_commands_set_everything_up() {
    let readme = tree::read("README.md");
    let (_, after) = readme.split_once("\n## Two commands\n").unwrap();
    let section = after.split("\n## ").next().unwrap_or(after);
    let block = section.split("```").nth(1).unwrap();
    let commands: Vec<&str> = block
        .lines()
        .skip(1)
        .map(|line| line.split('#').next().unwrap_or(line).trim())
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(commands, SET_UP);
}

/// Top-level modules are on the map, so that the map stays true.
#[test]
fn the_map_shows_every_module() {
    let map = tree::read("ARCHITECTURE.md");
    let mut findings = Vec::new();
    for folder in ["membership", "scheduler", "net", "node", "simulations"] {
        for line in tree::read(&format!("{folder}/src/lib.rs")).lines() {
            let declared = line.strip_prefix("pub ").unwrap_or(line);
            let name = declared
                .strip_prefix("mod ")
                .and_then(|rest| rest.strip_suffix(';'));
            let Some(name) = name else { continue };
            let (file, inside) = (
                format!("`{folder}/src/{name}.rs`"),
                format!("`{folder}/src/{name}/`"),
            );
            if !map.contains(&file) && !map.contains(&inside) {
                findings.push(format!(
                    "ARCHITECTURE.md: a line for {file} or {inside} is missing"
                ));
            }
        }
    }
    nothing_of(&findings);
}

/// Paths that the map and the readme name exist.
#[test]
fn the_papers_name_what_exists() {
    let mut findings = Vec::new();
    for paper in ["README.md", "ARCHITECTURE.md"] {
        let text = tree::read(paper);
        for quoted in text.split('`').skip(1).step_by(2) {
            let rooms = [
                "membership/",
                "scheduler/",
                "net/",
                "node/",
                "simulations/",
                "tests/",
            ];
            let is_path = rooms.iter().any(|room| quoted.starts_with(room))
                && !quoted.contains([' ', '*', '<', '\n']);
            if is_path && !tree::root().join(quoted).exists() {
                findings.push(format!("{paper}: there is no {quoted}"));
            }
        }
    }
    nothing_of(&findings);
}

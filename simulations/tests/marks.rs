//! Coverage marks: their words are in the product, and a few seeds reach what is easy to reach.

use std::{fs, path::Path};

use shoal_sim::{fuzz, marks};

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, text),
            false => text.push_str(&fs::read_to_string(&path).unwrap()),
        }
    }
}

#[test]
fn every_mark_is_in_the_product_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = String::new();
    for folder in ["membership/src", "scheduler/src"] {
        sources(&root.join(folder), &mut text);
    }
    for mark in marks::MARKS {
        let quoted = format!("\"{mark}\"");
        assert_eq!(text.matches(&quoted).count(), 1, "{quoted}");
    }
}

#[test]
fn a_few_seeds_reach_what_is_easy_to_reach() {
    let mut all = marks::Reached::default();
    for seed in 10..13 {
        let (report, reached) = marks::reached(|| fuzz::run(seed));
        assert_eq!(report.violation, None, "seed {seed}");
        all.add(&reached);
    }
    let reached: Vec<&str> = marks::MARKS
        .into_iter()
        .zip(all.runs)
        .filter_map(|(mark, runs)| (runs > 0).then_some(mark))
        .collect();
    for mark in [
        "takes this node for down",
        "no longer suspected",
        "compares registries",
        "adopts a task",
        "its owner runs it now",
        "waits before it takes a slot over",
        "takes a slot over",
    ] {
        assert!(reached.contains(&mark), "{mark:?} is not among {reached:?}");
    }
}

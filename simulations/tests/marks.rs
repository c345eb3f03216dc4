//! Coverage marks: their words are in the product, and a few seeds reach what is easy to reach.

use std::{fs, path::Path};

use shoal_sim::{fuzz, marks};

/// All that is written in the files of a folder.
fn sources(folder: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => text.push_str(&sources(&path)?),
            false => text.push_str(&fs::read_to_string(&path)?),
        }
    }
    Ok(text)
}

#[test]
fn every_mark_is_in_the_product_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["membership/src", "scheduler/src"];
    let text = folders.map(|folder| sources(&root.join(folder)).unwrap());
    let text = text.concat();
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

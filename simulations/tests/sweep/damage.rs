//! What is damaged, missing or full is named, and nothing that was kept is lost.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use shoal_sim::{
    report,
    results::{Point, RunRecord},
    sweep::{Experiment, Options, Silent, Stop, sweep},
};

use crate::made_up::{MadeUp, into, try_into};

fn error_of(folder: &Path) -> String {
    report::write(folder).unwrap_err().to_string()
}

fn swept() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    into(folder.path(), &MadeUp::default(), 2, 2);
    folder
}

/// Changes a line, from 1, of a file.
fn change(path: &Path, line: usize, with: impl Fn(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let changed = text
        .lines()
        .zip(1..)
        .map(|(old, number)| match number == line {
            true => with(old),
            false => old.to_owned(),
        });
    fs::write(path, changed.map(|line| line + "\n").collect::<String>()).unwrap();
}

#[test]
fn a_damaged_line_is_named_with_its_reason() {
    type Change = fn(&str) -> String;
    let cases: [(&str, Change); 6] = [
        ("no run: expected", |old| old.replace(':', ";")),
        // Not in the middle of a number, whose beginning may be one or none.
        ("no run: EOF", |old| {
            let end = old.rfind(',').unwrap_or_default();
            old[..end].to_owned()
        }),
        ("no run: missing field `seed`, column ", |old| {
            old.replace("\"seed\"", "\"sEed\"")
        }),
        ("the plan has no point nodes=5", |old| {
            let old = old.replace("64.0", "5.0").replace("256.0", "5.0");
            old.replace("\"nodes\",4.0", "\"nodes\",5.0")
        }),
        ("samples are missing", |old| {
            old.replace("\"kept\":200", "\"kept\":201")
        }),
        ("no samples: invalid type", |old| {
            old.replace("\"values\":[", "\"values\":[\"x\",")
        }),
    ];
    for (reason, damage) in cases {
        let folder = swept();
        change(&folder.path().join("runs.jsonl"), 3, damage);
        let error = error_of(folder.path());
        assert!(
            error.contains("runs.jsonl, line 3: ") && error.contains(reason),
            "{error}"
        );
    }
}

#[test]
fn a_run_that_is_there_twice_is_named() {
    let folder = swept();
    let path = folder.path().join("runs.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap();
    fs::write(&path, format!("{text}{first}\n")).unwrap();
    let error = error_of(folder.path());
    assert!(
        error.contains("line 13: seed") && error.contains("twice"),
        "{error}"
    );
    let error = try_into(folder.path(), &MadeUp::default(), 2, 1).unwrap_err();
    assert!(error.to_string().contains("line 13"), "{error}");
}

#[test]
fn a_damaged_manifest_is_named_with_its_line() {
    let folder = swept();
    let path = folder.path().join("manifest.json");
    let whole = fs::read_to_string(&path).unwrap();
    change(&path, 4, |_| "?".to_owned());
    let error = error_of(folder.path());
    assert!(
        error.contains("manifest.json, line 4: no manifest"),
        "{error}"
    );
    fs::write(&path, whole.replace("hold_down = ", "hold_up = ")).unwrap();
    assert!(error_of(folder.path()).contains("the plan's text has another hash"));
    fs::write(&path, whole.replace("\"format\": 1", "\"format\": 2")).unwrap();
    assert!(error_of(folder.path()).contains("written in form 2, this version reads 1"));
}

#[test]
fn what_is_missing_is_named() {
    let error = error_of(Path::new("/no/such/folder"));
    assert!(
        error.contains("can't read /no/such/folder/manifest.json"),
        "{error}"
    );
    let folder = swept();
    fs::remove_file(folder.path().join("manifest.json")).unwrap();
    let error = try_into(folder.path(), &MadeUp::default(), 2, 1).unwrap_err();
    assert!(error.to_string().contains("manifest.json"), "{error}");
    let error = try_into(Path::new("/proc/none"), &MadeUp::default(), 1, 1).unwrap_err();
    assert!(
        error.to_string().contains("can't make /proc/none"),
        "{error}"
    );
}

struct Named(&'static str, Vec<Point>, AtomicUsize);

impl Experiment for Named {
    fn name(&self) -> &str {
        "named"
    }
    fn plan(&self) -> &str {
        ""
    }
    fn points(&self) -> Vec<Point> {
        self.1.clone()
    }
    fn run(&self, _: &Point, _: u64) -> Result<RunRecord, String> {
        self.2.fetch_add(1, Ordering::Relaxed);
        Ok(RunRecord {
            measures: vec![("x_s".into(), 1.0), (self.0.into(), 1.0)],
            ..RunRecord::default()
        })
    }
}

#[test]
fn names_and_points_that_make_no_table_are_refused() {
    let point = || Point::default().with("nodes", 1_u32);
    let cases = [
        ("\"x_s\"", "x_s", vec![point()]),
        ("\"nodes\"", "nodes", vec![point()]),
        ("\"trace\"", "trace", vec![point()]),
        ("is there twice", "y", vec![point(), point()]),
        (
            "other axes",
            "y",
            vec![point(), Point::default().with("loss", 1_u32)],
        ),
        (
            "nodes can't be NaN",
            "y",
            vec![Point::default().with("nodes", f64::NAN)],
        ),
    ];
    for (reason, name, points) in cases {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(folder.path(), (0..100).collect());
        let experiment = Named(name, points, AtomicUsize::new(0));
        let error = sweep(&experiment, &options, &Stop::default(), &Silent);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        // Each thread may have one more under way.
        let runs = experiment.2.into_inner();
        assert!(
            runs <= 1 + options.jobs,
            "it goes on although it can keep nothing: {runs}"
        );
    }
}

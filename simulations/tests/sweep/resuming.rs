//! What is there is not run again, and the order of runs leaves no mark.

use std::{fs, sync::atomic::Ordering};

use shoal_sim::{
    results::State,
    sweep::{Options, Silent, Stop, sweep},
};

use crate::made_up::{MadeUp, into, kept, try_into};

const TABLES: [&str; 4] = ["runs.csv", "runs.parquet", "samples.csv", "samples.parquet"];

#[test]
fn tables_do_not_depend_on_threads_or_on_interruptions() {
    let folder = tempfile::tempdir().unwrap();
    let [one, many, broken] = ["one", "many", "broken"].map(|name| folder.path().join(name));
    assert_eq!(into(&one, &MadeUp::default(), 5, 1).status(), 0);
    into(&many, &MadeUp::default(), 5, 8);
    let interrupted = MadeUp {
        stop_at: 7,
        ..MadeUp::default()
    };
    let first = into(&broken, &interrupted, 5, 3);
    assert_eq!(first.manifest.state, State::Interrupted);
    assert_eq!(first.status(), 130);
    let there = first.manifest.totals.kept;
    assert!((7..30).contains(&there), "{there}");
    assert!(
        broken.join("runs.csv").exists(),
        "tables are written from what is done"
    );
    let second = MadeUp::default();
    let finished = into(&broken, &second, 5, 2);
    assert_eq!(finished.manifest.state, State::Complete);
    assert_eq!(finished.manifest.starts, 2);
    assert_eq!(finished.manifest.started, first.manifest.started);
    assert!(finished.manifest.wall_s > first.manifest.wall_s);
    assert_eq!(second.runs.load(Ordering::Relaxed) as u64, 30 - there);
    for table in TABLES {
        let content = fs::read(one.join(table)).unwrap();
        assert!(content == fs::read(many.join(table)).unwrap(), "{table}");
        assert!(content == fs::read(broken.join(table)).unwrap(), "{table}");
    }
}

#[test]
fn a_torn_last_line_is_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    into(out, &MadeUp::default(), 2, 1);
    let whole = fs::read(out.join("runs.jsonl")).unwrap();
    fs::write(out.join("runs.jsonl"), &whole[..whole.len() - 30]).unwrap();
    assert_eq!(kept(out).runs().len(), 11);
    let again = MadeUp::default();
    into(out, &again, 2, 1);
    assert_eq!(again.runs.load(Ordering::Relaxed), 1);
    assert_eq!(kept(out).runs().len(), 12);
}

#[test]
fn more_seeds_may_be_added_and_none_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    into(out, &MadeUp::default(), 2, 2);
    let more = MadeUp::default();
    into(out, &more, 3, 2);
    assert_eq!(more.runs.load(Ordering::Relaxed), 6);
    let error = try_into(out, &MadeUp::default(), 1, 2)
        .unwrap_err()
        .to_string();
    assert!(error.contains("seeds 0..3 there, seeds 0 now"), "{error}");
}

#[test]
fn another_plan_or_version_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    into(out, &MadeUp::default(), 1, 2);
    let other = MadeUp {
        plan: "nodes = [5]",
        ..MadeUp::default()
    };
    let error = try_into(out, &other, 1, 2).unwrap_err().to_string();
    assert!(
        error.contains("another plan") && error.contains("BLAKE3"),
        "{error}"
    );
    let path = out.join("manifest.json");
    let manifest = fs::read_to_string(&path).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let older = manifest.replace(
        &format!("\"version\": \"{version}\""),
        "\"version\": \"0.0.9\"",
    );
    fs::write(&path, older).unwrap();
    let error = try_into(out, &MadeUp::default(), 1, 2)
        .unwrap_err()
        .to_string();
    assert!(error.contains("another version: 0.0.9"), "{error}");
}

#[test]
fn two_sweeps_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    into(out, &MadeUp::default(), 1, 2);
    let file = fs::File::open(out.join("runs.jsonl")).unwrap();
    file.lock().unwrap();
    let error = try_into(out, &MadeUp::default(), 1, 2)
        .unwrap_err()
        .to_string();
    assert!(error.contains("in use by another sweep"), "{error}");
}

#[test]
fn a_failed_run_and_a_panic_are_kept_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let odd = MadeUp {
        oddities: true,
        ..MadeUp::default()
    };
    let finished = into(folder.path(), &odd, 5, 4);
    assert_eq!(finished.status(), 1);
    let totals = finished.manifest.totals;
    assert_eq!((totals.kept, totals.failed, totals.not_finite), (30, 4, 6));
    let failures = finished
        .kept
        .runs()
        .iter()
        .filter_map(|run| run.failure.as_deref());
    let failures: Vec<&str> = failures.collect();
    assert!(
        failures.iter().any(|text| text.contains("ran twice")),
        "{failures:?}"
    );
    assert!(failures.contains(&"panicked: out of luck"), "{failures:?}");
}

#[test]
fn no_runs_are_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path(), Vec::new());
    let finished = sweep(&MadeUp::default(), &options, &Stop::default(), &Silent).unwrap();
    assert_eq!(
        (finished.status(), finished.manifest.totals.planned),
        (0, 0)
    );
    let runs = fs::read_to_string(folder.path().join("runs.csv")).unwrap();
    assert_eq!(runs.lines().count(), 1);
    let written = shoal_sim::report::write(folder.path()).unwrap();
    assert!(written.summary.contains("no runs"));
}

//! A sweep that is killed or interrupted loses no more than what was running. The sweep is a process
//! of its own: this test program, started again.

#![cfg(unix)]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use shoal_sim::sweep::{Options, run};

use crate::made_up::{MadeUp, into, kept};

const OUT: &str = "SHOAL_SWEPT_INTO";
/// Enough for ten seconds: whoever starts it is quick enough to stop it, on a slow machine too.
const SEEDS: u64 = 160;

/// Not a test: what the other process does.
#[test]
#[ignore = "started by the tests of this file, as a process of its own"]
fn swept() {
    let out = std::env::var_os(OUT).unwrap();
    let experiment = MadeUp {
        pause: Duration::from_millis(20),
        samples: 20,
        ..MadeUp::default()
    };
    let mut options = Options::new(out, (0..SEEDS).collect());
    options.jobs = 2;
    let status = run(&experiment, &options, &mut std::io::stdout());
    // The harness would make a status of its own of it.
    std::process::exit(if status == std::process::ExitCode::from(130) {
        130
    } else {
        99
    });
}

/// Begun, and some runs are there.
fn begun(out: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["killed::swept", "--exact", "--ignored", "--nocapture"]);
    command
        .env(OUT, out)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let lines = || fs::read_to_string(out.join("runs.jsonl")).map(|text| text.lines().count());
    while lines().unwrap_or(0) < 5 {
        thread::sleep(Duration::from_millis(5));
    }
    child
}

fn all_but_running_are_kept(out: &Path) {
    let there = kept(out).runs().len();
    assert!((5..6 * SEEDS as usize).contains(&there), "{there}");
    let rest = MadeUp {
        samples: 20,
        ..MadeUp::default()
    };
    into(out, &rest, SEEDS, 4);
    assert_eq!(rest.runs.into_inner(), 6 * SEEDS as usize - there);
}

#[test]
fn a_killed_sweep_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(folder.path());
    child.kill().unwrap();
    child.wait().unwrap();
    all_but_running_are_kept(folder.path());
}

#[test]
fn an_interrupt_finishes_quietly_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let child = begun(folder.path());
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("goes on with the rest"), "{said}");
    for file in [
        "runs.csv",
        "samples.parquet",
        "report.html",
        "manifest.json",
    ] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
    all_but_running_are_kept(folder.path());
}

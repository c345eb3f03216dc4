//! What was acknowledged is there after a SIGKILL at any moment.

use std::{
    env,
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::*;

const CHILD: &str = "store::tests::kill::the_child_that_is_killed";
const PATH_VARIABLE: &str = "SHOAL_TEST_KILLED_STORE";
const ROUNDS: u64 = 20;

#[test]
#[ignore = "a part of the test below, which runs it in a process of its own"]
fn the_child_that_is_killed() {
    let Some(path) = env::var_os(PATH_VARIABLE) else {
        return;
    };
    let (mut store, opened) = Store::open(Path::new(&path), CLUSTER).unwrap();
    let (generation, counter) = opened.author;
    for dot in counter + 1.. {
        let write = signed(&format!("{}", dot % 50), dot, (dot % 5_000) as usize);
        store.persist(&batch((generation, dot), &write)).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "ack {dot}").unwrap();
        out.flush().unwrap();
    }
}

/// Lets a child write until it has acknowledged this many writes, and kills it some time later,
/// while it goes on: with none, as it makes or opens the store. Returns the dots that it
/// acknowledged, those on their way through the pipe included.
fn acknowledged(path: &Path, lines: usize, later: Duration) -> Vec<u64> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .env(PATH_VARIABLE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let dot = |line: String| line.split("ack ").nth(1)?.parse().ok();
    let mut dots: Vec<u64> = out
        .by_ref()
        .filter_map(|line| dot(line.unwrap()))
        .take(lines)
        .collect();
    thread::sleep(later);
    child.kill().unwrap();
    child.wait().unwrap();
    dots.extend(out.filter_map(|line| dot(line.ok()?)));
    assert!(dots.len() >= lines, "the child ended by itself");
    dots
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let directory = Directory::new();
    let mut generation = None;
    let mut latest = std::collections::BTreeMap::new();
    for round in 0..ROUNDS {
        let lines = if round % 3 == 0 { 0 } else { round * 7 % 31 };
        let later = Duration::from_micros(round * 7_919 % 30_000);
        let dots = acknowledged(&directory.registry(), lines as usize, later);
        for dot in dots {
            latest.insert((dot % 50).to_string(), dot);
        }
        let (store, opened) = directory.open();
        assert_eq!(opened.was_damaged, None);
        let found: BTreeMap<_, _> = names(&opened.writes).into_iter().collect();
        for (name, dot) in &latest {
            // One more may be on the disk than was acknowledged.
            assert!(found[name] >= *dot, "{name}: {} after {dot}", found[name]);
        }
        let highest = found.values().max().copied().unwrap_or(0);
        assert!(opened.author.1 >= highest, "a dot would be used again");
        assert_eq!(*generation.get_or_insert(opened.author.0), opened.author.0);
        store.close().unwrap();
    }
}

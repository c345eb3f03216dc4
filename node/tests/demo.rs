//! `shoal demo`, as a person runs it: from its first line to an empty machine.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const SHOAL: &str = env!("CARGO_BIN_EXE_shoal");

/// A demo with a TMPDIR of its own: what it leaves behind can be seen.
struct Demo {
    folder: tempfile::TempDir,
    child: Child,
    out: Option<BufReader<ChildStdout>>,
}

impl Demo {
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(SHOAL)
            .args(["demo", "--nodes", "3"])
            .args(options)
            .env("TMPDIR", folder.path())
            // Options of agents in the person's shell are none of the demo's.
            .env("SHOAL_JOIN", "nonsense")
            .env("SHOAL_HOST", "unix:/nowhere")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().map(BufReader::new);
        Self { folder, child, out }
    }

    /// Reads lines until one contains this text.
    fn read_until(&mut self, text: &str) -> String {
        let mut all = String::new();
        let out = self.out.as_mut().unwrap();
        while !all.contains(text) {
            assert_ne!(out.read_line(&mut all).unwrap(), 0, "no {text:?} in {all}");
        }
        all
    }

    /// The rest of the output, what was said on stderr, and the exit status.
    fn finish(&mut self) -> (String, String, ExitStatus) {
        let (mut all, mut error) = (String::new(), String::new());
        if let Some(out) = &mut self.out {
            out.read_to_string(&mut all).unwrap();
        }
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut error).unwrap();
        (all, error, self.child.wait().unwrap())
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGINT).unwrap();
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(processes_of(self.folder.path()), [0; 0]);
        let files: Vec<_> = fs::read_dir(self.folder.path()).unwrap().collect();
        assert!(files.is_empty(), "{files:?}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in processes_of(self.folder.path()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// Processes with this folder among their arguments: agents, and the parents of tasks, without
/// which no task lives.
fn processes_of(folder: &Path) -> Vec<i32> {
    let folder = folder.to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(folder)
    })
    .collect()
}

fn assert_in_order(text: &str, wanted: &[&str]) {
    let mut rest = text;
    for part in wanted {
        let at = rest.find(part);
        let at = at.unwrap_or_else(|| panic!("no {part:?} in its place in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn it_tells_the_whole_story_and_leaves_nothing() {
    let mut demo = Demo::start(&[]);
    let (text, error, status) = demo.finish();
    assert!(status.success(), "{text}{error}");
    assert_eq!(error, "");
    assert_in_order(
        &text,
        &[
            "Shoal: 3 nodes",
            "1. 3 agents start",
            "all 3 are ready",
            "2. A small web service",
            "replicas: 4",
            "4 of 4 replicas run",
            "n1  ready",
            "every node listens on the published port",
            "$ curl 127.0.0.1:",
            "demo_web, replica",
            "$ curl 127.0.0.3:",
            "demo_web, replica",
            "3. Power cut",
            "kill -9",
            "is the first to take",
            "all 4 replicas run again",
            "  down",
            "requests through 2 other nodes meanwhile: ",
            " failed",
            "4. n",
            "comes back",
            "is ready again",
            "restarted without need:   none",
            "fewest running at a time: 4 in",
            "running twice now:        none",
            "5. The end",
            "No process is left, and the folder is removed.",
        ],
    );
    assert!(!text.contains('\x1b'), "escapes in a log:\n{text}");
    demo.assert_nothing_is_left();
}

#[test]
fn kept_agents_answer_until_the_printed_command_stops_them() {
    let mut demo = Demo::start(&["--keep"]);
    let (text, error, status) = demo.finish();
    assert!(status.success(), "{text}{error}");
    let word_after = |start: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(start));
        let line = line.unwrap_or_else(|| panic!("no {start:?} in:\n{text}"));
        line.split_whitespace().next().unwrap().to_owned()
    };
    let socket = word_after("$ export SHOAL_HOST=");
    let script = word_after("$ sh ");
    let nodes = Command::new(SHOAL)
        .args(["node", "ls", "--format", "{{.Hostname}}={{.Status}}"])
        .env("SHOAL_HOST", socket)
        .output()
        .unwrap();
    let nodes = String::from_utf8(nodes.stdout).unwrap();
    assert_eq!(nodes.matches("=Ready").count(), 3, "{nodes}");
    let stopped = Command::new("sh").arg(script).output().unwrap();
    assert!(stopped.status.success(), "{stopped:?}");
    demo.assert_nothing_is_left();
}

#[test]
fn an_interrupt_cleans_up() {
    let mut demo = Demo::start(&[]);
    demo.read_until("3. Power cut");
    assert!(!processes_of(demo.folder.path()).is_empty());
    demo.interrupt();
    let (text, error, status) = demo.finish();
    assert_eq!(status.code(), Some(130), "{text}{error}");
    demo.assert_nothing_is_left();
}

#[test]
fn two_interrupts_clean_up_at_once() {
    let mut demo = Demo::start(&[]);
    demo.read_until("the others start with a token");
    demo.interrupt();
    demo.read_until("Interrupted");
    demo.interrupt();
    let (text, error, status) = demo.finish();
    assert_eq!(status.code(), Some(130), "{text}{error}");
    demo.assert_nothing_is_left();
}

#[test]
fn a_closed_pipe_cleans_up_without_a_word() {
    let mut demo = Demo::start(&[]);
    demo.read_until("1. 3 agents start");
    demo.out = None;
    let (_, error, status) = demo.finish();
    assert!(status.success(), "{error}");
    assert_eq!(error, "");
    demo.assert_nothing_is_left();
}

#[test]
fn a_failure_stops_everything_and_names_the_logs() {
    let mut demo = Demo::start(&["-c", "/nowhere/compose.yml"]);
    let (text, error, status) = demo.finish();
    assert_eq!(status.code(), Some(1), "{text}{error}");
    assert!(
        error.contains("the demo failed: can't read /nowhere/compose.yml"),
        "{error}"
    );
    assert_eq!(processes_of(demo.folder.path()), [0; 0]);
    let logs = error.split_whitespace().last().unwrap();
    let folder = Path::new(logs.strip_suffix("/*.log").unwrap());
    assert!(folder.join("n1.log").exists(), "{logs}");
}

#[test]
fn an_agent_that_dies_is_a_failure() {
    let mut demo = Demo::start(&[]);
    let text = demo.read_until("is ready again");
    let folder = text
        .lines()
        .find_map(|line| line.strip_prefix("Logs and data: "));
    let pid = fs::read_to_string(Path::new(folder.unwrap()).join("n1.pid")).unwrap();
    kill(Pid::from_raw(pid.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
    let (text, error, status) = demo.finish();
    assert_eq!(status.code(), Some(1), "{text}{error}");
    assert!(error.contains("the agent of n1 ended"), "{error}");
    assert_eq!(processes_of(demo.folder.path()), [0; 0]);
}

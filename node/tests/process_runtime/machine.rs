//! A machine with one runtime, whose agent may die and come back.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use shoal::runtime::{
    Adopted, Change, EventReceiver, Launch, Live, LogLine, LogOptions, LogStream, Runtime, events,
    process::{ProcessRuntime, ProcessSettings},
};
use shoal_membership::NodeId;
use shoal_scheduler::{
    spec::ServiceSpec,
    task::{ServiceId, Slot, TaskId},
};

/// Nothing here takes longer on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

static NEXT: AtomicU64 = AtomicU64::new(1);

pub(crate) struct Machine {
    pub(crate) folder: tempfile::TempDir,
    runtime: Option<ProcessRuntime>,
    events: EventReceiver,
    tasks: Vec<TaskId>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (runtime, events) = boot(&folder);
        Self {
            folder,
            runtime: Some(runtime),
            events,
            tasks: Vec::new(),
        }
    }

    pub(crate) fn runtime(&self) -> &dyn Runtime {
        self.runtime.as_ref().unwrap()
    }

    /// The agent goes away.
    pub(crate) fn stop_agent(&mut self) {
        self.runtime = None;
    }

    /// The agent comes back and finds what there is.
    pub(crate) async fn start_agent(&mut self) -> Vec<Adopted> {
        let (runtime, events) = boot(&self.folder);
        self.events = events;
        let adopted = runtime.adopt().await;
        self.runtime = Some(runtime);
        adopted
    }

    pub(crate) fn start(&mut self, spec: ServiceSpec) -> TaskId {
        // Unlike any other test's, in whatever process.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let task = TaskId(u128::from(std::process::id()) << 64 | u128::from(number));
        self.tasks.push(task);
        self.runtime().start(Launch {
            task,
            service: ServiceId(7),
            service_name: "web".into(),
            slot: Slot::Number(3),
            node: NodeId::from_bytes([9; 16]),
            node_name: "pi".into(),
            neighbours: Vec::new(),
            generic: Vec::new(),
            files: Default::default(),
            template: 42,
            update: 0,
            run: 0,
            created_at: Duration::from_secs(1_000),
            spec: Arc::new(spec),
        });
        task
    }

    /// The next change of this task other than `Preparing`.
    pub(crate) async fn next(&mut self, task: TaskId) -> Change {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.next());
            let event = event.await.expect("no event").unwrap();
            if event.task == task && event.change != Change::Preparing {
                return event.change;
            }
        }
    }

    pub(crate) async fn running(&mut self, task: TaskId) -> Live {
        match self.next(task).await {
            Change::Running(live) => live,
            other => panic!("not running: {other:?}"),
        }
    }

    /// Exit status, error, and whether it was stopped.
    pub(crate) async fn exit(&mut self, task: TaskId) -> (i32, String, bool) {
        loop {
            match self.next(task).await {
                Change::Running(_) | Change::Starting(_) | Change::Unhealthy(_) => {}
                other => return exit_of(other),
            }
        }
    }

    pub(crate) async fn refusal(&mut self, task: TaskId) -> String {
        match self.next(task).await {
            Change::Refused { reason } => reason,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Runs a shell line to its end, and returns what it wrote.
    pub(crate) async fn output(&mut self, spec: ServiceSpec) -> String {
        let task = self.start(spec);
        let exit = self.exit(task).await;
        let lines = read_all(self.runtime().logs(task, LogOptions::default())).await;
        assert_eq!(exit.0, 0, "{exit:?} {lines:?}");
        text(&lines)
    }

    pub(crate) fn folder_of(&self, task: TaskId) -> PathBuf {
        self.folder.path().join("tasks").join(task.to_string())
    }

    /// All processes of a task, its parent included.
    pub(crate) fn processes(&self, task: TaskId) -> Vec<Pid> {
        let wanted = format!("SHOAL_TASK_ID={task}");
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                let mut entries = environment.split(|byte| *byte == 0);
                entries.any(|entry| entry == wanted.as_bytes())
            })
        })
        .map(Pid::from_raw)
        .collect()
    }

    /// The task's parent: the one that nobody of the task started.
    pub(crate) fn parent_of(&self, live: &Live) -> Pid {
        let stat = fs::read_to_string(format!("/proc/{}/stat", live.pid)).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1;
        Pid::from_raw(fields.split_whitespace().nth(1).unwrap().parse().unwrap())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.runtime = None;
        for task in &self.tasks {
            let started = Instant::now();
            loop {
                let processes = self.processes(*task);
                if processes.is_empty() || started.elapsed() > PATIENCE {
                    break;
                }
                for pid in processes {
                    let _ = kill(pid, Signal::SIGKILL);
                }
                std::thread::yield_now();
            }
        }
    }
}

fn boot(folder: &tempfile::TempDir) -> (ProcessRuntime, EventReceiver) {
    let (sender, receiver) = events();
    let settings = ProcessSettings {
        data_dir: folder.path().to_owned(),
        binary: Some(env!("CARGO_BIN_EXE_shoal").into()),
    };
    (ProcessRuntime::new(settings, sender).unwrap(), receiver)
}

pub(crate) fn exit_of(change: Change) -> (i32, String, bool) {
    match change {
        Change::Exited {
            code,
            error,
            stopped,
            ..
        } => (code, error, stopped),
        other => panic!("not ended: {other:?}"),
    }
}

/// A service that runs a shell line.
pub(crate) fn shell(line: &str) -> ServiceSpec {
    let mut spec = ServiceSpec::default();
    let container = &mut spec.task_template.container_spec;
    container.command = ["sh", "-c", line].map(String::from).to_vec();
    spec
}

pub(crate) async fn read_all(mut stream: LogStream) -> Vec<LogLine> {
    let mut lines = Vec::new();
    while let Some(line) = next(&mut stream).await {
        lines.push(line);
    }
    lines
}

pub(crate) async fn next_line(stream: &mut LogStream) -> String {
    String::from_utf8(next(stream).await.unwrap().line).unwrap()
}

async fn next(stream: &mut LogStream) -> Option<LogLine> {
    let next = tokio::time::timeout(PATIENCE, stream.next()).await;
    next.unwrap().unwrap()
}

pub(crate) fn text(lines: &[LogLine]) -> String {
    let lines = lines.iter().map(|line| String::from_utf8_lossy(&line.line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: still not so");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn is_alive(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

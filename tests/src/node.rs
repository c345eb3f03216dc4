//! One agent: a process with a folder, a socket and an address of its own.

use std::{
    fs::{self, File, OpenOptions},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{Said, http, process, shoal_binary, within};

/// An agent answers within this, or something is wrong.
const START: Duration = Duration::from_secs(20);

/// An agent, running or not.
#[derive(Debug)]
pub struct Node {
    /// `n1`, `n2`...
    pub name: String,
    /// `--data-dir`
    pub data: PathBuf,
    /// `--api`
    pub socket: PathBuf,
    /// `--listen`
    pub listen: SocketAddr,
    /// `--advertise`
    pub advertise: Option<SocketAddr>,
    /// `--name`
    pub hostname: String,
    /// The socket of its container engine; none: it runs processes.
    pub engine: Option<PathBuf>,
    /// Set in the agent's environment, beside the test's own.
    pub environment: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
}

impl Node {
    /// One that is not started yet.
    pub(crate) fn new(name: &str, folder: &Path, listen: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            data: folder.join(name),
            socket: folder.join(format!("{name}.sock")),
            listen,
            advertise: None,
            hostname: name.to_owned(),
            engine: None,
            environment: Vec::new(),
            log: folder.join(format!("{name}.log")),
            child: None,
        }
    }

    /// The command that runs this agent in the foreground.
    #[must_use]
    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(shoal_binary());
        command.envs(self.environment.iter().cloned());
        command.arg("agent").arg("--data-dir").arg(&self.data);
        command.args(["--listen", &self.listen.to_string()]);
        if let Some(address) = self.advertise {
            command.args(["--advertise", &address.to_string()]);
        }
        match &self.engine {
            Some(engine) => {
                let engine = format!("unix:{}", engine.display());
                command.args(["--runtime", "docker", "--docker-host", &engine])
            }
            None => command.args(["--runtime", "process"]),
        };
        command
            .args(["--api", &format!("unix:{}", self.socket.display())])
            .args(["--name", &self.hostname])
            .args(more)
            .stdin(Stdio::null());
        command
    }

    /// Starts the agent; its log goes to a file.
    ///
    /// # Panics
    /// If it runs already.
    pub fn launch(&mut self, more: &[&str]) {
        assert!(!self.is_running(), "{} runs already", self.name);
        let append = OpenOptions::new().create(true).append(true).open(&self.log);
        let log: File = append.expect("a log file in the test's folder");
        let out = log.try_clone().expect("the same file again");
        let child = self.command(more).stdout(out).stderr(log).spawn();
        self.child = Some(child.expect("the binary starts"));
    }

    /// Starts the agent and waits until its API answers.
    pub fn start(&mut self, more: &[&str]) {
        self.launch(more);
        let name = self.name.clone();
        within(START, &format!("{name} answers"), || {
            assert!(self.is_running(), "{name} ended:\n{}", self.log());
            self.get("/shoal/v1/cluster").map(drop)
        });
    }

    /// Runs an agent that is to end by itself soon, and gives what it said.
    ///
    /// # Panics
    /// If it does not end in time; it is killed then.
    #[must_use]
    pub fn run_to_end(&mut self, limit: Duration, more: &[&str]) -> Said {
        let before = fs::metadata(&self.log).map_or(0, |log| log.len());
        self.launch(more);
        let status = self.wait_end(limit);
        let log = fs::read(&self.log).unwrap_or_default();
        let new = log
            .get(usize::try_from(before).unwrap_or(0)..)
            .unwrap_or(&[]);
        Said {
            status,
            out: String::new(),
            err: String::from_utf8_lossy(new).into_owned(),
        }
    }

    /// Waits until the agent has ended, and gives its exit status; -1: a signal killed it.
    pub fn wait_end(&mut self, limit: Duration) -> i32 {
        let name = self.name.clone();
        let status = within(limit, &format!("{name} ends"), || {
            let child = self.child.as_mut().ok_or("it was not started")?;
            let ended = child.try_wait().map_err(|error| error.to_string())?;
            ended.ok_or_else(|| "it runs".to_owned())
        });
        self.child = None;
        status.code().unwrap_or(-1)
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Sends the agent a signal; its tasks get none.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            process::signal(pid, signal);
        }
    }

    /// The agent's process id.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        i32::try_from(self.child.as_ref()?.id()).ok()
    }

    /// SIGKILL to the agent alone: its tasks go on.
    pub fn kill_agent(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; then there is only its status to collect.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// A power cut: the agent, its tasks and their parents, and what was in memory, all at once.
    pub fn power_cut(&mut self) {
        self.kill_agent();
        process::end_all_below(&self.data);
        for folder in self.memory() {
            // Whatever is left of it nobody looks at.
            let _ = fs::remove_dir_all(folder);
        }
    }

    /// The folders in the machine's memory where its tasks find their files.
    #[must_use]
    pub fn memory(&self) -> Vec<PathBuf> {
        let Ok(owner) = fs::read_to_string(self.data.join("engine-owner")) else {
            return Vec::new();
        };
        let user = nix::unistd::geteuid();
        let rooms = [format!("/dev/shm/shoal-{user}"), "/run/shoal".to_owned()];
        let folders = rooms.map(|room| Path::new(&room).join(owner.trim()));
        folders
            .into_iter()
            .filter(|folder| folder.is_dir())
            .collect()
    }

    /// Everything that it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Runs `shoal ARGUMENTS` against this agent.
    ///
    /// # Panics
    /// If the binary can't be started.
    #[must_use]
    pub fn shoal(&self, arguments: &[&str]) -> Said {
        let host = format!("unix:{}", self.socket.display());
        let output = Command::new(shoal_binary())
            .env("SHOAL_HOST", host)
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        output.expect("the binary starts").into()
    }

    /// Makes a service of tasks that run until they are stopped, and waits until they run.
    #[track_caller]
    pub fn create(&self, name: &str, replicas: usize) {
        let replicas = replicas.to_string();
        let said = self.shoal(&[
            "service",
            "create",
            "-q",
            "--wait-timeout",
            "60s",
            "--name",
            name,
            "--replicas",
            &replicas,
            "scratch",
            "sleep",
            "100000",
        ]);
        said.ok();
    }

    /// Where the docker client finds its API.
    #[must_use]
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// `GET`, to be answered with 200.
    ///
    /// # Errors
    /// What was answered instead, or why nothing was.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        match http::ask(&self.socket, "GET", path, None)? {
            (200, body) => Ok(body),
            (status, body) => Err(format!("{}: {path}: {status} {body}", self.name)),
        }
    }

    /// Any request: status and body.
    ///
    /// # Errors
    /// Why nothing was answered.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), String> {
        http::ask(&self.socket, method, path, body)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.power_cut();
    }
}

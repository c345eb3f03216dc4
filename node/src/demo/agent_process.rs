//! One node of the demo: its agent's process, data directory, log and socket.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{command, folder::Folder, processes};
use crate::cli::{Client, SocketAddress};

/// A node.
pub(super) struct AgentProcess {
    name: String,
    data_dir: PathBuf,
    log: PathBuf,
    pid_file: PathBuf,
    socket: SocketAddress,
    listen: SocketAddr,
    /// Holds the port until the agent starts.
    reserved: Option<UdpSocket>,
    child: Option<Child>,
}

impl AgentProcess {
    /// The node of this number, not started yet, with a free port of its own, and with an address of
    /// its own where the machine has more than one for itself.
    ///
    /// # Errors
    /// A sentence: there is no port, or the socket's path is too long.
    pub(super) fn new(number: u16, folder: &Folder) -> Result<Self, String> {
        let reserve = |ip: Ipv4Addr| {
            let port = UdpSocket::bind((ip, 0))?;
            Ok::<_, io::Error>((port.local_addr()?, port))
        };
        let [high, low] = number.to_be_bytes();
        let own = reserve(Ipv4Addr::new(127, 0, high, low));
        let port = own.or_else(|_| reserve(Ipv4Addr::LOCALHOST));
        let (listen, reserved) =
            port.map_err(|error| format!("there is no free UDP port on 127.0.0.1: {error}"))?;
        let (name, path) = (format!("n{number}"), folder.path());
        Ok(Self {
            data_dir: path.join(&name),
            log: path.join(format!("{name}.log")),
            pid_file: path.join(format!("{name}.pid")),
            socket: format!("unix:{}", folder.socket(&name).display()).parse()?,
            listen,
            reserved: Some(reserved),
            child: None,
            name,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(super) fn listen(&self) -> SocketAddr {
        self.listen
    }

    pub(super) fn socket(&self) -> &SocketAddress {
        &self.socket
    }

    /// A client of its API.
    pub(super) fn client(&self) -> Client {
        Client::new(self.socket.clone())
    }

    /// Whether its agent was started and not killed.
    pub(super) fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Its agent's process.
    pub(super) fn pid(&self) -> Option<Pid> {
        let child = self.child.as_ref()?;
        i32::try_from(child.id()).ok().map(Pid::from_raw)
    }

    /// Starts the agent, in a process group of its own: ^C in the terminal is for the demo alone.
    ///
    /// # Errors
    /// A sentence: it can't be started.
    pub(super) fn start(&mut self, token: Option<&str>) -> Result<(), String> {
        let fail = |error: io::Error| format!("can't start the agent of {}: {error}", self.name);
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.map_err(fail)?;
        let mut command = Command::new(command::binary()?);
        for name in command::options() {
            command.env_remove(name);
        }
        command
            .arg("agent")
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(["--listen", &self.listen.to_string()])
            .args(["--api", &self.socket.to_string()])
            .args(["--name", &self.name, "--runtime", "process"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(fail)?)
            .stderr(log)
            .process_group(0);
        if let Some(token) = token {
            // Other users of the machine see arguments.
            command.env("SHOAL_JOIN", token);
        }
        self.reserved = None;
        let child = command.spawn().map_err(fail)?;
        let pid = child.id();
        self.child = Some(child);
        fs::write(&self.pid_file, format!("{pid}\n")).map_err(fail)
    }

    /// Whether the agent has ended, and how. The sentence has the last line of its log.
    pub(super) fn has_ended(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().rfind(|line| !line.is_empty()).unwrap_or("");
        Some(format!(
            "the agent of {} ended ({status}): {last}",
            self.name
        ))
    }

    /// Whether its process is gone, or was never there.
    pub(super) fn is_gone(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(Some(_))),
            None => true,
        }
    }

    /// Tells the agent to stop its tasks and to leave.
    pub(super) fn interrupt(&self) {
        if let Some(pid) = self.pid() {
            // It was not waited for, so the id is still its own.
            let _ = kill(pid, Signal::SIGINT);
        }
    }

    /// Ends the agent and everything that it started, in one moment: what a power cut does. Says how
    /// many processes of tasks that were.
    pub(super) fn cut_power(&mut self) -> usize {
        let tasks = processes::of_tasks(&self.data_dir);
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            processes::cut_down(&tasks);
            let _ = child.wait();
        }
        processes::cut_down(&tasks);
        tasks.len()
    }

    /// Leaves the agent to itself.
    pub(super) fn let_go(&mut self) {
        self.child = None;
    }
}

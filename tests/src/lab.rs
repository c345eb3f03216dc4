//! Several machines with a Docker engine each, by `tests/lab`.

use std::{path::PathBuf, process::Command, time::Duration};

use serde_json::Value;

use crate::{Said, http, shoal_binary, within};

/// An image that every engine of a lab has: busybox.
pub const LAB_IMAGE: &str = "shoal-lab:1";

/// Machines in one cluster. They end with it.
#[derive(Debug)]
pub struct Lab {
    /// Made and removed by the script.
    folder: PathBuf,
    net: String,
    size: usize,
    with_agents: bool,
}

impl Lab {
    /// This many machines, each with an engine and an agent. None: this machine can't have them, and
    /// stdout says why.
    ///
    /// # Panics
    /// If a lab that should be possible does not come up.
    #[must_use]
    pub fn up(size: usize) -> Option<Self> {
        Self::make(size, true)
    }

    /// The same without agents.
    ///
    /// # Panics
    /// If a lab that should be possible does not come up.
    #[must_use]
    pub fn engines(size: usize) -> Option<Self> {
        Self::make(size, false)
    }

    #[expect(clippy::print_stdout, reason = "says what was skipped, and why")]
    fn make(size: usize, with_agents: bool) -> Option<Self> {
        // Several labs at a time, each with a network of its own.
        let number = std::process::id() % 200 + 20;
        let lab = Self {
            net: format!("10.{number}.0"),
            size,
            with_agents,
            folder: std::env::temp_dir().join(format!("shoal-lab-{}", std::process::id())),
        };
        let check = lab.run(&["check"]);
        if check.status != 0 {
            println!(
                "skipped: machines with engines of their own: {}",
                check.err.trim()
            );
            return None;
        }
        lab.run(&["up", &size.to_string()]).ok();
        Some(lab)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab");
        let mut command = Command::new(script);
        command
            .args(arguments)
            .env("LAB_DIR", &self.folder)
            .env("LAB_NET", &self.net)
            .env("LAB_OWNER", std::process::id().to_string())
            .env("LAB_AGENTS", if self.with_agents { "yes" } else { "no" })
            .env("SHOAL", shoal_binary());
        command
    }

    /// One command of `tests/lab`.
    ///
    /// # Panics
    /// If there is no such script.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output();
        output.expect("tests/lab can be run").into()
    }

    /// Machines in it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The docker client on the agent of a machine, from 1.
    #[must_use]
    pub fn docker(&self, machine: usize, arguments: &[&str]) -> Said {
        let machine = machine.to_string();
        self.run(&[&["docker", machine.as_str()], arguments].concat())
    }

    /// The same, to be read while it goes on.
    #[must_use]
    pub fn docker_command(&self, machine: usize, arguments: &[&str]) -> Command {
        let machine = machine.to_string();
        self.command(&[&["docker", machine.as_str()], arguments].concat())
    }

    /// The docker client on the engine of a machine.
    #[must_use]
    pub fn engine(&self, machine: usize, arguments: &[&str]) -> Said {
        let machine = machine.to_string();
        self.run(&[&["engine", machine.as_str()], arguments].concat())
    }

    /// The address of a machine, from 1.
    #[must_use]
    pub fn address(&self, machine: usize) -> String {
        format!("{}.{machine}", self.net)
    }

    /// The address of the lab's registry, when there is one.
    #[must_use]
    pub fn registry(&self) -> String {
        format!("{}.254:5000", self.net)
    }

    /// A command of `tests/lab` that goes on.
    #[must_use]
    pub fn background(&self, arguments: &[&str]) -> Command {
        self.command(arguments)
    }

    /// The docker client on the engine of a machine, with more to be said to it.
    #[must_use]
    pub fn engine_command(&self, machine: usize, arguments: &[&str]) -> Command {
        let machine = machine.to_string();
        self.command(&[&["engine", machine.as_str()], arguments].concat())
    }

    /// The folder of a machine's agent.
    #[must_use]
    pub fn agent_folder(&self, machine: usize) -> PathBuf {
        self.folder.join(format!("m{machine}/shoal"))
    }

    /// What a machine's agent has said so far.
    #[must_use]
    pub fn agent_log(&self, machine: usize) -> String {
        let path = self.folder.join(format!("m{machine}/agent.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// Any request to the agent of a machine: status and body.
    ///
    /// # Panics
    /// If it is not answered.
    #[must_use]
    pub fn ask(
        &self,
        machine: usize,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> (u16, Value) {
        self.try_ask(machine, method, path, body)
            .expect("an answer")
    }

    /// The same, of a machine whose agent may not be there.
    ///
    /// # Errors
    /// Why nothing was answered.
    pub fn try_ask(
        &self,
        machine: usize,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<(u16, Value), String> {
        let socket = self.folder.join(format!("m{machine}/shoal.sock"));
        let (status, text) = http::ask_text(&socket, method, path, body.unwrap_or_default())?;
        let body = serde_json::from_str(&text).unwrap_or(match text.is_empty() {
            true => Value::Null,
            false => Value::String(text),
        });
        Ok((status, body))
    }

    /// A file that machines can read, as long as the lab is there.
    ///
    /// # Panics
    /// If it can't be written.
    #[must_use]
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("a file in the lab's folder");
        path
    }

    /// Deploys a stack by the agent of a machine.
    ///
    /// # Panics
    /// If it is refused.
    pub fn deploy(&self, machine: usize, stack: &str, compose: &str) {
        let file = self.file(&format!("{stack}.yml"), compose);
        let file = file.to_string_lossy();
        let arguments = [
            "stack",
            "deploy",
            "--detach",
            "--resolve-image",
            "never",
            "-c",
            &file,
            stack,
        ];
        self.docker(machine, &arguments).ok();
    }

    /// Task containers that run on a machine's engine: their names, sorted.
    ///
    /// # Errors
    /// If the engine does not say.
    pub fn containers(&self, machine: usize) -> Result<Vec<String>, String> {
        let label = "label=com.docker.swarm.task";
        let said = self.engine(
            machine,
            &["ps", "--filter", label, "--format", "{{.Names}}"],
        );
        let mut names: Vec<String> = said.checked()?.lines().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    /// Containers of a service on these machines, each with its machine.
    ///
    /// # Errors
    /// If an engine does not say.
    pub fn containers_of(
        &self,
        service: &str,
        machines: &[usize],
    ) -> Result<Vec<(usize, String)>, String> {
        let mut found = Vec::new();
        for machine in machines {
            let names = self.containers(*machine)?.into_iter();
            let wanted = names.filter(|name| name.split('.').next() == Some(service));
            found.extend(wanted.map(|name| (*machine, name)));
        }
        Ok(found)
    }

    /// Waits until each slot of a service runs once on these machines' engines, and gives the
    /// containers.
    ///
    /// # Panics
    /// If that takes too long.
    pub fn runs_once(
        &self,
        service: &str,
        slots: usize,
        machines: &[usize],
        limit: Duration,
    ) -> Vec<(usize, String)> {
        within(limit, &format!("{slots} containers of {service}"), || {
            let found = self.containers_of(service, machines)?;
            let slot_of = |name: &String| name.split('.').nth(1).map(str::to_owned);
            let mut by_slot: Vec<_> = found.iter().filter_map(|(_, name)| slot_of(name)).collect();
            by_slot.sort();
            by_slot.dedup();
            match found.len() == slots && by_slot.len() == slots {
                true => Ok(found),
                false => Err(format!("{found:?}")),
            }
        })
    }

    /// The newest task of each slot of a service, as `docker service ps --no-trunc` shows it.
    ///
    /// # Errors
    /// If that fails.
    pub fn tasks(&self, machine: usize, service: &str) -> Result<Vec<Value>, String> {
        let format = r#"{"Name":"{{.Name}}","Node":"{{.Node}}","Desired":"{{.DesiredState}}","State":"{{.CurrentState}}","Error":{{json .Error}}}"#;
        self.docker(
            machine,
            &["service", "ps", "--no-trunc", "--format", format, service],
        )
        .rows()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What went wrong before is what the test says.
        let _ = self.command(&["down"]).output();
    }
}

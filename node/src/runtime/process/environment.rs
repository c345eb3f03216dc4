//! The environment of a task: what the spec says, and what Shoal tells it. Never the agent's own.
//!
//! | variable | value |
//! |---|---|
//! | `PATH` | the usual folders for programs |
//! | `HOME` | the home of the task's user, or `/` |
//! | `HOSTNAME` | the spec's host name, or the node's |
//! | `SHOAL_SERVICE_<name>`, `SHOAL_SERVICE_<name>_<target>` | where this node brings connections to another service, as `address:port` |
//! | `PORT` | the port on which to listen for the first published port; absent without one |
//! | the spec's `Env` | as it says, with Swarm's templates filled in, in place of any of the above; a name without `=` is ignored |
//! | `DOCKER_RESOURCE_<KIND>` | the generic resources that it was given: their names, or how many |
//! | `SHOAL_PORT_<target>` | the port on which to listen for the published port with this target |
//! | `SHOAL_SECRETS_DIR`, `SHOAL_CONFIGS_DIR` | the folders with the task's secrets and configs, by their targets; absent without one |
//! | `SHOAL_TASK_ID`, `SHOAL_SERVICE_NAME`, `SHOAL_SLOT`, `SHOAL_NODE_ID` | what they say |
//!
//! The ports are free ones of this node: several tasks of a service may share a node. In mode `host` they are the
//! published ones. Other services are those that this node knows when the task starts and that publish a port:
//! what is missing then is there when the task is started again.

use shoal_scheduler::generic;

use super::folder::PortRecord;
use crate::{
    architecture,
    runtime::{
        Launch,
        template::{BadTemplate, Template},
    },
};

/// `PATH` where the spec has none: Docker's.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Carried by every process of a task, by which they are found again.
pub(super) const TASK_ID: &str = "SHOAL_TASK_ID";
/// For a task's parent alone: how many files it may open, by default.
pub(super) const OPEN_FILES: &str = "SHOAL_OPEN_FILES";

/// Names and values; each name once.
pub(super) fn environment(
    launch: &Launch,
    ports: &[PortRecord],
    home: &str,
) -> Result<Vec<(String, String)>, BadTemplate> {
    let container = launch.spec.container();
    let architecture = architecture::of_this_program();
    let template = Template::new(launch, &architecture);
    let hostname = template.expand(&container.hostname)?;
    let mut variables = Variables::default();
    variables.set("PATH", PATH);
    variables.set("HOME", home);
    let hostname = match hostname.as_str() {
        "" => &launch.node_name,
        hostname => hostname,
    };
    variables.set("HOSTNAME", hostname);
    for (name, value) in &launch.neighbours {
        variables.set(name, value);
    }
    if let Some(first) = ports.first() {
        variables.set("PORT", &first.host.to_string());
    }
    for (name, value) in container.env.iter().filter_map(|pair| pair.split_once('=')) {
        variables.set(name, &template.expand(value)?);
    }
    for (name, value) in generic::variables(&launch.generic) {
        variables.set(&name, &value);
    }
    for port in ports {
        let name = format!("SHOAL_PORT_{}", port.target);
        variables.set(&name, &port.host.to_string());
    }
    if let Some(folder) = &launch.files.folder {
        for (name, part) in [
            ("SHOAL_SECRETS_DIR", "secrets"),
            ("SHOAL_CONFIGS_DIR", "configs"),
        ] {
            let folder = folder.join(part);
            if folder.is_dir() {
                variables.set(name, &folder.display().to_string());
            }
        }
    }
    variables.set(TASK_ID, &launch.task.to_string());
    variables.set("SHOAL_SERVICE_NAME", &launch.service_name);
    variables.set("SHOAL_SLOT", &launch.slot.to_string());
    variables.set("SHOAL_NODE_ID", &launch.node.to_string());
    Ok(variables.0)
}

/// The value of a variable.
pub(super) fn value<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let pair = environment.iter().find(|(known, _)| known == name)?;
    Some(&pair.1)
}

#[derive(Default)]
struct Variables(Vec<(String, String)>);

impl Variables {
    fn set(&mut self, name: &str, value: &str) {
        if name.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(pair) => pair.1 = value.to_owned(),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }
}

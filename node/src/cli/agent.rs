//! The options of `shoal agent`. What it does is elsewhere.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use shoal_scheduler::{
    generic::{self, Stocks},
    order::WriteConcern,
};

use super::{
    host::{DEFAULT_SOCKET, SocketAddress},
    values::{Concern, key_value},
};

/// Options of the agent. Each can be given in the environment, too.
#[derive(Args, Clone, Debug)]
pub struct AgentArgs {
    /// Join the cluster that made this token; a member ignores it
    #[arg(long, value_name = "TOKEN", env = "SHOAL_JOIN", hide_env_values = true)]
    pub join: Option<String>,
    /// Folder of the node's identity and state
    #[arg(
        long,
        value_name = "DIR",
        env = "SHOAL_DATA_DIR",
        default_value = "/var/lib/shoal"
    )]
    pub data_dir: PathBuf,
    /// UDP address for the other nodes
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "SHOAL_LISTEN",
        default_value = "0.0.0.0:7900"
    )]
    pub listen: SocketAddr,
    /// Address under which the other nodes reach this one, if it is not the one it listens on
    #[arg(long, value_name = "ADDR:PORT", env = "SHOAL_ADVERTISE")]
    pub advertise: Option<SocketAddr>,
    /// Socket of the API
    #[arg(long, value_name = "unix:PATH", env = "SHOAL_API", default_value = DEFAULT_SOCKET)]
    pub api: SocketAddress,
    /// What runs the tasks
    #[arg(long, value_enum, env = "SHOAL_RUNTIME", default_value_t = RuntimeChoice::Auto)]
    pub runtime: RuntimeChoice,
    /// Socket of the container engine [default: /var/run/docker.sock, if there is one]
    #[arg(long, value_name = "unix:PATH", env = "SHOAL_DOCKER_HOST")]
    pub docker_host: Option<SocketAddress>,
    /// Name of the node [default: the host's name]
    #[arg(long, value_name = "NAME", env = "SHOAL_NAME")]
    pub name: Option<String>,
    /// Label of the node; may be repeated
    #[arg(
        long,
        value_name = "KEY=VALUE",
        env = "SHOAL_LABEL",
        value_delimiter = ',',
        value_parser = key_value
    )]
    pub label: Vec<(String, String)>,
    /// Something that the machine has a few of: how many, or the name of one; may be repeated
    #[arg(
        long,
        value_name = "KIND=COUNT|NAME",
        env = "SHOAL_NODE_GENERIC_RESOURCE",
        value_delimiter = ','
    )]
    pub node_generic_resource: Vec<String>,
    /// How fast a silent node is taken for dead
    #[arg(long, value_enum, env = "SHOAL_PROFILE", default_value_t = ProfileChoice::Lan)]
    pub profile: ProfileChoice,
    /// How many nodes must hold a write before it is acknowledged
    #[arg(long, value_enum, env = "SHOAL_WRITE_CONCERN", default_value_t = Concern::One)]
    pub write_concern: Concern,
}

impl AgentArgs {
    /// What the machine has a few of, as its administrator says.
    ///
    /// # Errors
    /// What of it can't be read.
    pub fn generic_resources(&self) -> Result<Stocks, String> {
        let texts = self.node_generic_resource.iter().map(String::as_str);
        generic::stocks(texts).map_err(|error| format!("--node-generic-resource: {error}"))
    }

    /// The write concern in the scheduler's words.
    #[must_use]
    pub fn concern(&self) -> WriteConcern {
        self.write_concern.into()
    }
}

/// What runs the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeChoice {
    /// Containers where there is an engine; commands as processes everywhere
    Auto,
    /// Containers only
    Docker,
    /// Processes only
    Process,
}

/// A set of timings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileChoice {
    /// A wired network: a dead node is found within seconds
    Lan,
    /// Lossy or slow links: about 15 seconds
    Edge,
}

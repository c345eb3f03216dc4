//! The container engine of this machine: which one, and what it makes of the node.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use shoal_membership::NodeId;
use shoal_scheduler::view::NodeFacts;
use tokio::sync::{mpsc, watch};

use crate::{
    cli::{AgentArgs, RuntimeChoice},
    runtime::{
        Adopted, Events, Runtime,
        docker::{
            CredentialSource, DockerRuntime, DockerSettings, EngineClient, EngineFacts, EngineNews,
            LocalNetworks, NetworkSource, first_news,
        },
    },
};

/// Where Docker listens when nobody says otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine that may be there, and what was heard of it.
#[derive(Default)]
pub(super) struct Engine {
    /// What this machine is without it.
    machine: NodeFacts,
    client: EngineClient,
    networks: Option<watch::Receiver<Arc<LocalNetworks>>>,
    news: Option<mpsc::Receiver<EngineNews>>,
}

/// What an engine's news mean for the peer.
pub(super) struct Changed {
    pub(super) adopted: Vec<Adopted>,
    pub(super) facts: NodeFacts,
}

impl Engine {
    /// The runtime of the engine, unless only processes are wanted.
    pub(super) fn open(
        args: &AgentArgs,
        node: NodeId,
        credentials: Arc<dyn CredentialSource>,
        networks: Arc<dyn NetworkSource>,
        events: Events,
    ) -> Result<(Self, Option<Box<dyn Runtime>>), String> {
        if args.runtime == RuntimeChoice::Process {
            return Ok((Self::default(), None));
        }
        let settings = DockerSettings {
            socket: socket(args),
            data_dir: args.data_dir.clone(),
            is_expected: args.runtime == RuntimeChoice::Docker || args.docker_host.is_some(),
            node,
            credentials,
            networks,
        };
        let folder = args.data_dir.display();
        let (runtime, news) = DockerRuntime::new(settings, events)
            .map_err(|error| format!("the containers of {folder} can't be told apart: {error}"))?;
        let engine = Self {
            machine: NodeFacts::default(),
            client: runtime.client(),
            networks: Some(runtime.networks()),
            news: Some(news),
        };
        Ok((engine, Some(Box::new(runtime))))
    }

    /// The engine itself, for the API.
    pub(super) fn client(&self) -> EngineClient {
        self.client.clone()
    }

    /// The networks that it makes for tasks. None: there is no engine.
    pub(super) fn networks(&self) -> Option<watch::Receiver<Arc<LocalNetworks>>> {
        self.networks.clone()
    }

    /// What this machine is, with its engine if that answers soon; and what it ran before.
    pub(super) async fn begin(
        &mut self,
        args: &AgentArgs,
        machine: NodeFacts,
    ) -> (NodeFacts, Vec<Adopted>) {
        self.machine = machine.clone();
        let Some(news) = &mut self.news else {
            return (machine, Vec::new());
        };
        let is_expected = args.runtime == RuntimeChoice::Docker || args.docker_host.is_some();
        if !is_expected && !socket(args).exists() {
            return (machine, Vec::new());
        }
        match first_news(news).await {
            Some((facts, adopted)) => (with_engine(&machine, &facts), adopted),
            None => (machine, Vec::new()),
        }
    }

    /// The next that is heard of the engine. May be cancelled without loss.
    pub(super) async fn next(&mut self) -> Option<Changed> {
        let news = self.news.as_mut()?.recv().await?;
        Some(match news {
            EngineNews::Up { facts, adopted } => Changed {
                adopted,
                facts: with_engine(&self.machine, &facts),
            },
            EngineNews::Down { trouble } => Changed {
                adopted: Vec::new(),
                facts: NodeFacts {
                    engine_trouble: trouble,
                    ..self.machine.clone()
                },
            },
        })
    }
}

/// `--docker-host`, or Docker's own socket.
fn socket(args: &AgentArgs) -> PathBuf {
    let given = args.docker_host.as_ref().map(|socket| socket.path());
    given.unwrap_or(Path::new(DEFAULT_SOCKET)).to_owned()
}

/// What a machine is for those who place containers: what its engine says.
fn with_engine(machine: &NodeFacts, engine: &EngineFacts) -> NodeFacts {
    let mut facts = machine.clone();
    facts.runtimes.insert(0, "docker".to_owned());
    facts.architecture.clone_from(&engine.architecture);
    facts.nano_cpus = engine.nano_cpus;
    facts.memory_bytes = engine.memory_bytes;
    facts.engine_version.clone_from(&engine.version);
    facts.engine_labels.clone_from(&engine.labels);
    facts.plugins.clone_from(&engine.plugins);
    // What this agent was told itself counts more.
    for (kind, stock) in &engine.generic_resources {
        let known = &mut facts.generic_resources;
        known.entry(kind.clone()).or_insert_with(|| stock.clone());
    }
    facts
}

#[cfg(test)]
mod tests {
    use shoal_scheduler::generic::Stock;

    use super::*;

    #[test]
    fn a_machine_with_an_engine_is_what_the_engine_says_and_runs_processes_too() {
        let machine = NodeFacts {
            hostname: "pi".into(),
            architecture: "amd64".into(),
            os: "linux".into(),
            nano_cpus: 1,
            memory_bytes: 2,
            runtimes: vec!["process".into()],
            placement_version: 3,
            generic_resources: [("GPU".to_owned(), Stock::Count(2))].into(),
            ..NodeFacts::default()
        };
        let engine = EngineFacts {
            architecture: "arm/v7".into(),
            nano_cpus: 4,
            memory_bytes: 5,
            version: "20.10.24".into(),
            labels: [("disk".to_owned(), "ssd".to_owned())].into(),
            plugins: vec!["Volume/local".into()],
            generic_resources: [
                ("GPU".to_owned(), Stock::Count(1)),
                ("SSD".to_owned(), Stock::Count(3)),
            ]
            .into(),
            ..EngineFacts::default()
        };
        let facts = with_engine(&machine, &engine);
        assert_eq!(facts.runtimes, ["docker", "process"]);
        assert_eq!((facts.nano_cpus, facts.memory_bytes), (4, 5));
        assert_eq!(
            (facts.architecture.as_str(), facts.engine_version.as_str()),
            ("arm/v7", "20.10.24")
        );
        assert_eq!(facts.engine_labels["disk"], "ssd");
        assert_eq!(facts.plugins, ["Volume/local"]);
        assert_eq!(facts.generic_resources["GPU"], Stock::Count(2));
        assert_eq!(facts.generic_resources["SSD"], Stock::Count(3));
        assert_eq!(
            (facts.hostname.as_str(), facts.placement_version),
            ("pi", 3)
        );
    }
}

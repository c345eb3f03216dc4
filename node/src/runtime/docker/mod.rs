//! The Docker runtime: a task is a container of this machine's engine.
//!
//! Docker's, or one that speaks its API (Podman's socket). It keeps nothing of its own: what a new
//! agent must know is in the labels of each container. It touches what it made and nothing else, and
//! works beside a Docker Swarm on the same engine. The engine's event stream says when to look at a
//! container; what is seen then counts. An engine that restarts or hangs is waited for.

mod client;
mod config;
mod credentials;
mod engine;
mod error;
mod facts;
mod guests;
mod images;
mod labels;
mod local;
mod logs;
mod making;
mod monitor;
mod mounts;
mod networks;
mod ranges;
mod ranges6;
#[cfg(test)]
mod samples;
mod security;
mod seen;
#[cfg(test)]
mod tests;
mod watcher;
mod watchers;
mod whereabouts;

use std::{
    io,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use shoal_membership::NodeId;
use shoal_scheduler::{spec::ContainerSpec, task::TaskId};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, mpsc, watch},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub(crate) use self::labels::LAUNCH;
pub use self::{
    client::{EngineClient, EngineRefusal},
    credentials::{CREDENTIALS_BYTES_MAX, CredentialSource, CredentialStore, Credentials},
    facts::EngineFacts,
    local::{LocalNetwork, LocalNetworks, Routed},
    networks::NetworkSource,
    ranges::Range,
    ranges6::Range6,
};
use self::{
    engine::Engine, images::Images, monitor::Patience, networks::Networks, watcher::Wish,
    watchers::Shared,
};
use super::{Adopted, BoxFuture, Events, Launch, LogOptions, LogStream, Runtime, installation};

/// Tasks that are made ready and started at the same time; others wait.
const STARTS_MAX: usize = 8;
/// Time for an engine to answer when the agent starts, such as on a machine that boots. Later it is
/// [news](EngineNews).
const ADOPTION_TIME_MAX: Duration = Duration::from_secs(10);
/// News that wait for the agent.
const NEWS_MAX: usize = 16;

/// What an engine is, when that changes.
#[derive(Debug)]
pub enum EngineNews {
    /// It is there: now, or again, or with other facts.
    Up {
        /// What it is.
        facts: EngineFacts,
        /// Tasks of earlier runs that were not known before.
        adopted: Vec<Adopted>,
    },
    /// It has not been there for a while.
    Down {
        /// Why, for people. Empty where nobody expects one.
        trouble: String,
    },
}

/// Where a Docker runtime works.
#[derive(Clone)]
pub struct DockerSettings {
    /// The engine's socket.
    pub socket: PathBuf,
    /// The agent's data directory: whose containers are its own.
    pub data_dir: PathBuf,
    /// Whether somebody said that there is an engine: then its absence is a warning.
    pub is_expected: bool,
    /// This node.
    pub node: NodeId,
    /// Where the credentials of registries are.
    pub credentials: Arc<dyn CredentialSource>,
    /// Where the networks of services are.
    pub networks: Arc<dyn NetworkSource>,
}

/// Runs containers. Dropping it leaves them as they are.
pub struct DockerRuntime {
    shared: Arc<Shared>,
    /// Ends the watchers.
    _end: DropGuard,
}

impl DockerRuntime {
    /// A runtime of this engine, which reports to this channel, and what becomes of the engine. To be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// If the data directory can't be given a name, or its name can't be read.
    pub fn new(
        settings: DockerSettings,
        events: Events,
    ) -> io::Result<(Self, mpsc::Receiver<EngineNews>)> {
        Self::with_patience(settings, events, Patience::default())
    }

    fn with_patience(
        settings: DockerSettings,
        events: Events,
        patience: Patience,
    ) -> io::Result<(Self, mpsc::Receiver<EngineNews>)> {
        let end = CancellationToken::new();
        let owner = installation::of(&settings.data_dir)?;
        let shared = Arc::new(Shared {
            engine: Arc::new(Engine::new(settings.socket)),
            owner,
            is_expected: settings.is_expected,
            patience,
            node: settings.node,
            credentials: settings.credentials,
            source: settings.networks,
            networks: Networks::default(),
            unused: Notify::new(),
            events,
            images: Images::default(),
            starts: Semaphore::new(STARTS_MAX),
            tasks: Mutex::default(),
            facts: watch::Sender::default(),
            watchers: TaskTracker::new(),
            end: end.clone(),
            handle: Handle::current(),
        });
        let (news, receiver) = mpsc::channel(NEWS_MAX);
        let watching = monitor::run(shared.clone(), news);
        let clearing = monitor::clear_networks(shared.clone());
        let ended = end.clone();
        tokio::spawn(async move {
            let both = async { tokio::join!(watching, clearing) };
            ended.run_until_cancelled(both).await;
        });
        let runtime = Self {
            shared,
            _end: end.drop_guard(),
        };
        Ok((runtime, receiver))
    }
}

impl DockerRuntime {
    /// The engine itself, for what is not about tasks.
    #[must_use]
    pub fn client(&self) -> EngineClient {
        EngineClient::new(self.shared.clone())
    }

    /// The networks of this engine, as they come and go.
    #[must_use]
    pub fn networks(&self) -> watch::Receiver<Arc<LocalNetworks>> {
        self.shared.networks.watch()
    }
}

/// The first word of an engine: what it is, and the tasks of earlier runs. None: it did not answer in
/// time, and what it says later comes as more news.
pub async fn first_news(
    news: &mut mpsc::Receiver<EngineNews>,
) -> Option<(EngineFacts, Vec<Adopted>)> {
    let first = tokio::time::timeout(ADOPTION_TIME_MAX, news.recv()).await;
    match first {
        Ok(Some(EngineNews::Up { facts, adopted })) => Some((facts, adopted)),
        _ => None,
    }
}

impl Runtime for DockerRuntime {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn takes(&self, container: &ContainerSpec) -> bool {
        !container.is_process()
    }

    /// Tasks of earlier runs come with the [news](EngineNews) of the engine.
    fn adopt(&self) -> BoxFuture<'_, Vec<Adopted>> {
        Box::pin(async { Vec::new() })
    }

    fn knows(&self, task: TaskId) -> bool {
        self.shared.knows(task)
    }

    fn start(&self, launch: Launch) {
        self.shared.watch(launch, None, None);
    }

    fn stop(&self, task: TaskId) {
        self.shared.wish(task, Wish::Stop);
    }

    fn remove(&self, task: TaskId) {
        self.shared.wish(task, Wish::Remove);
    }

    fn address(&self, task: TaskId) -> Option<IpAddr> {
        self.shared.tasks().get(&task)?.address
    }

    fn logs(&self, task: TaskId, options: LogOptions) -> LogStream {
        let _entered = self.shared.handle.enter();
        let container = self.shared.container_of(task);
        match container {
            Some(container) => logs::stream(&self.shared.engine, container, options),
            None => LogStream::new(mpsc::channel(1).1),
        }
    }
}

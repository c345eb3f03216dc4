//! What the API asks of the local engine: what it is, what it knows of images elsewhere, and networks for containers
//! that are no tasks.

use std::{path::Path, sync::Arc, time::Duration};

use bollard::{Docker, errors::Error, models::SystemInfo};
use serde_json::Value;
use shoal_scheduler::{task::NetworkId, view::NetworkView};
use tokio::time::timeout;

use super::{Credentials, LocalNetwork, LocalNetworks, error::Trouble, guests, watchers::Shared};

/// Time for an engine to say what it is; it counts its containers for that.
const INFO_TIME_MAX: Duration = Duration::from_secs(3);
/// Time for an engine to make a network.
const NETWORK_TIME_MAX: Duration = Duration::from_secs(30);
/// Time for an engine to ask a registry.
const REGISTRY_TIME_MAX: Duration = Duration::from_secs(30);

/// The local engine, as far as the API needs it. Without an engine it knows nothing.
#[derive(Clone, Default)]
pub struct EngineClient(Option<Arc<Shared>>);

/// Why an engine did not answer: a status of HTTP, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineRefusal {
    /// The status.
    pub status: u16,
    /// Why.
    pub message: String,
}

impl EngineClient {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(Some(shared))
    }

    fn now(&self) -> Option<Docker> {
        self.0.as_ref()?.engine.now()
    }

    /// Where the engine listens, if it is there.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.now()?;
        Some(self.0.as_ref()?.engine.socket())
    }

    /// The minor number of the newest API that it speaks. None: it is not there.
    #[must_use]
    pub fn api_minor(&self) -> Option<u16> {
        let version = self.now()?.client_version();
        u16::try_from(version.minor_version).ok()
    }

    /// What the engine says of itself. None: it is not there.
    pub async fn info(&self) -> Option<SystemInfo> {
        let docker = self.now()?;
        timeout(INFO_TIME_MAX, docker.info()).await.ok()?.ok()
    }

    /// What a registry has under this name: Docker's `DistributionInspect`.
    ///
    /// # Errors
    /// What the engine or the registry says instead.
    pub async fn distribution(
        &self,
        image: &str,
        credentials: Option<Credentials>,
    ) -> Result<Value, EngineRefusal> {
        let refusal = |status, message: String| EngineRefusal { status, message };
        let docker = self.now().ok_or_else(absent)?;
        let docker = docker.with_request_modifier(super::images::url_safe);
        let credentials = credentials.and_then(|known| known.docker());
        let asked = docker.inspect_registry_image(image, credentials);
        let answer = timeout(REGISTRY_TIME_MAX, asked).await;
        let answer = answer.map_err(|_| refusal(504, "the registry does not answer".to_owned()))?;
        let found = answer.map_err(|error| match error {
            Error::DockerResponseServerError {
                status_code,
                message,
            } => refusal(status_code, message),
            other => refusal(502, other.to_string()),
        })?;
        serde_json::to_value(found).map_err(|error| refusal(500, error.to_string()))
    }

    /// The networks that this engine has for tasks.
    #[must_use]
    pub fn networks(&self) -> Arc<LocalNetworks> {
        let shared = self.0.as_ref();
        shared.map_or_else(Arc::default, |shared| {
            shared.networks.watch().borrow().clone()
        })
    }

    /// A network of services on this engine, made if it is not there, for a container that is no task. It stays as
    /// long as there is such a container, and a minute at least: the container is made after it.
    ///
    /// # Errors
    /// What the engine says instead.
    pub async fn guest_network(&self, wanted: &NetworkView) -> Result<LocalNetwork, EngineRefusal> {
        let docker = self.now().ok_or_else(absent)?;
        let shared = self.0.as_ref().ok_or_else(absent)?;
        shared.networks.promised.add(wanted.id);
        shared.unused.notify_one();
        let made = shared.networks.ensure(&docker, &shared.owner, wanted);
        let made = timeout(NETWORK_TIME_MAX, made).await;
        let made = made.unwrap_or(Err(Trouble::Unreachable));
        made.map_err(|trouble| EngineRefusal {
            status: if matches!(trouble, Trouble::Unreachable) {
                503
            } else {
                400
            },
            message: trouble.words().to_owned(),
        })
    }

    /// The names of running containers on a network of services that are no tasks. None: nothing is known of them.
    pub async fn guests(&self, network: NetworkId) -> Option<Vec<String>> {
        let shared = self.0.as_ref()?;
        let name = self.networks().networks.get(&network)?.name.clone();
        let docker = self.now()?;
        let guests = guests::guests(&docker, &shared.owner, &name, false);
        timeout(INFO_TIME_MAX, guests).await.ok()?
    }
}

fn absent() -> EngineRefusal {
    EngineRefusal {
        status: 503,
        message: "this node has no container engine to ask".to_owned(),
    }
}

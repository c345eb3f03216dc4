//! What the API asks of the local engine: what it is, and what it knows of images elsewhere.

use std::{path::Path, sync::Arc, time::Duration};

use bollard::{errors::Error, models::SystemInfo};
use serde_json::Value;
use tokio::time::timeout;

use super::{Credentials, engine::Engine};

/// Time for an engine to say what it is; it counts its containers for that.
const INFO_TIME_MAX: Duration = Duration::from_secs(3);
/// Time for an engine to ask a registry.
const REGISTRY_TIME_MAX: Duration = Duration::from_secs(30);

/// The local engine, as far as the API needs it. Without an engine it knows nothing.
#[derive(Clone, Default)]
pub struct EngineClient(Option<Arc<Engine>>);

/// Why an engine did not answer: a status of HTTP, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineRefusal {
    /// The status.
    pub status: u16,
    /// Why.
    pub message: String,
}

impl EngineClient {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self(Some(engine))
    }

    /// Where the engine listens, if it is there.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        let engine = self.0.as_ref()?;
        engine.now().map(|_| engine.socket())
    }

    /// The minor number of the newest API that it speaks. None: it is not there.
    #[must_use]
    pub fn api_minor(&self) -> Option<u16> {
        let version = self.0.as_ref()?.now()?.client_version();
        u16::try_from(version.minor_version).ok()
    }

    /// What the engine says of itself. None: it is not there.
    pub async fn info(&self) -> Option<SystemInfo> {
        let docker = self.0.as_ref()?.now()?;
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
        let docker = self.0.as_ref().and_then(|engine| engine.now());
        let refusal = |status, message: String| EngineRefusal { status, message };
        let absent = || refusal(503, "this node has no container engine to ask".to_owned());
        let docker = docker.ok_or_else(absent)?;
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
}

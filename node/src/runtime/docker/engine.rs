//! The connection to an engine: whether it is there, and who waits for it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker, models::SystemInfo};
use tokio::sync::watch;

use super::error::Trouble;

/// Longest time for an answer, such as to a container's start on a slow SD card. Stopping, pulling
/// and reading logs take as long as they take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(120);
/// The oldest API that has all that is asked of it: Docker 20.10.
const OLDEST: ClientVersion = ClientVersion {
    major_version: 1,
    minor_version: 41,
};

/// One engine, there or not.
pub(super) struct Engine {
    socket: PathBuf,
    docker: watch::Sender<Option<Docker>>,
}

/// Why an engine can't be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum NoEngine {
    #[error("no engine listens at {}: {words}", socket.display())]
    Absent { socket: PathBuf, words: String },
    #[error("the engine at {} speaks API {version} only: Shoal needs {} (Docker 20.10) or newer", socket.display(), OLDEST)]
    TooOld {
        socket: PathBuf,
        version: ClientVersion,
    },
    #[error("the engine at {} runs containers of {os}: Shoal runs those of Linux", socket.display())]
    OtherSystem { socket: PathBuf, os: String },
}

impl Engine {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            docker: watch::Sender::new(None),
        }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks the engine whether it is there, and what it is, and waits so long at most. Whoever waits is told by
    /// [`Engine::set`] only.
    pub(super) async fn greet(&self, limit: Duration) -> Result<(Docker, SystemInfo), NoEngine> {
        let greeting = async {
            let path = self.socket.display().to_string();
            let docker =
                Docker::connect_with_unix(&path, ANSWER_TIME_MAX.as_secs(), API_DEFAULT_VERSION)?;
            let docker = docker.negotiate_version().await?;
            let info = docker.info().await?;
            Ok::<_, bollard::errors::Error>((docker, info))
        };
        let absent = |words: String| NoEngine::Absent {
            socket: self.socket.clone(),
            words,
        };
        let (docker, info) = match tokio::time::timeout(limit, greeting).await {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => {
                let words = match Trouble::of(&error) {
                    Trouble::Unreachable => error.to_string(),
                    trouble => trouble.words().to_owned(),
                };
                return Err(absent(words));
            }
            Err(_) => return Err(absent("it does not answer".to_owned())),
        };
        let socket = self.socket.clone();
        let version = docker.client_version();
        if version < OLDEST {
            return Err(NoEngine::TooOld { socket, version });
        }
        match info.os_type.as_deref() {
            Some("linux") | None => Ok((docker, info)),
            Some(os) => Err(NoEngine::OtherSystem {
                socket,
                os: os.to_owned(),
            }),
        }
    }

    /// The engine is there, or it is not.
    pub(super) fn set(&self, docker: Option<Docker>) {
        self.docker.send_replace(docker);
    }

    /// The engine, if it is there.
    pub(super) fn now(&self) -> Option<Docker> {
        self.docker.borrow().clone()
    }

    /// The engine, when it is there.
    pub(super) async fn up(&self) -> Docker {
        let mut docker = self.docker.subscribe();
        let found = docker.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|docker| docker.clone());
        match found {
            Some(docker) => docker,
            // The sender is `self`.
            None => std::future::pending().await,
        }
    }
}

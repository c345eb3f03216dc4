//! From a task to its container, started: or why there is none.

use std::collections::BTreeMap;

use bollard::{
    Docker,
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, StartContainerOptions,
    },
};
use shoal_scheduler::view::NetworkView;
use tokio::time::sleep;

use super::{
    config,
    config::Container,
    error::Trouble,
    facts::NO_MEMORY_LIMIT,
    images::NoImage,
    labels,
    local::LocalNetwork,
    networks,
    seen::now,
    watcher::{Found, RETRY_MAX, RETRY_MIN, Watcher, Wish},
};
use crate::runtime::Change;

/// Why there is nothing to watch.
pub(super) enum NoContainer {
    /// It can't run here.
    Refused(String),
    /// Its program could not be run.
    Failed(String),
    /// It is not wanted any more.
    Unwanted,
}

impl NoContainer {
    /// What becomes of the task.
    pub(super) fn change(self) -> Change {
        let at = now();
        match self {
            Self::Refused(reason) => Change::Refused { reason },
            Self::Failed(error) => Change::Exited {
                code: 127,
                error,
                stopped: false,
                at,
            },
            Self::Unwanted => Change::Exited {
                code: 0,
                error: String::new(),
                stopped: true,
                at,
            },
        }
    }
}

impl Watcher {
    /// The task's container, started.
    pub(super) async fn container(&mut self, found: Option<Found>) -> Result<String, NoContainer> {
        let (container, networks) = match found {
            Some(found) if found.was_started => return Ok(found.container),
            Some(found) => (found.container, self.networks().await?),
            None => {
                self.tell(Change::Preparing);
                let networks = self.networks().await?;
                (self.create(&networks).await?, networks)
            }
        };
        self.shared.set_container(self.task(), &container);
        self.start(&container, &networks).await?;
        Ok(container)
    }

    /// The networks that it is to be on, made where they were not there.
    async fn networks(&mut self) -> Result<Vec<LocalNetwork>, NoContainer> {
        let mut wanted = BTreeMap::new();
        for target in config::own_networks(&self.launch.spec) {
            let Some(network) = self.shared.source.find(target).await else {
                return Err(NoContainer::Refused(format!("network {target} not found")));
            };
            wanted.insert(network.id, network);
        }
        let ids = wanted.keys().copied().collect();
        self.shared.set_networks(self.task(), ids);
        let mut made = Vec::new();
        for network in wanted.values() {
            made.push(self.network(network).await?);
        }
        Ok(made)
    }

    async fn network(&mut self, network: &NetworkView) -> Result<LocalNetwork, NoContainer> {
        let mut pause = RETRY_MIN;
        loop {
            let docker = self.engine().await?;
            let (networks, owner) = (&self.shared.networks, &self.shared.owner);
            match networks.ensure(&docker, owner, network).await {
                Ok(network) => return Ok(network),
                Err(Trouble::Unreachable) => {}
                Err(trouble) => return Err(NoContainer::Refused(trouble.words().to_owned())),
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    async fn create(&mut self, networks: &[LocalNetwork]) -> Result<String, NoContainer> {
        let made = config::container(
            &self.launch,
            &self.shared.owner,
            &self.shared.facts().architecture,
        );
        let mut made = made.map_err(|unfit| NoContainer::Refused(unfit.to_string()))?;
        if let Some(first) = networks.first() {
            config::attach(&mut made.body, first);
        }
        self.warnings.clone_from(&made.warnings);
        let mut pause = RETRY_MIN;
        loop {
            let docker = self.engine().await?;
            let trouble = match self.try_create(&docker, &made).await {
                Ok(container) => return Ok(container),
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Unreachable => {}
                Trouble::Conflict(words) => {
                    // An answer that was lost: it is ours already.
                    if let Some(container) = self.ours(&docker, &made.name).await {
                        return Ok(container);
                    }
                    return Err(NoContainer::Refused(words));
                }
                trouble => return Err(NoContainer::Refused(trouble.words().to_owned())),
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    async fn try_create(&mut self, docker: &Docker, made: &Container) -> Result<String, Trouble> {
        let image = &self.launch.spec.container().image;
        let facts = self.shared.facts();
        let ensured = {
            let credentials = self.shared.credentials.find(self.launch.service);
            let ensure = self
                .shared
                .images
                .ensure(docker, image, &facts.architecture, credentials);
            tokio::select! {
                ensured = ensure => ensured,
                // A pull ends with the wish for it.
                _ = self.wishes.wait_for(|wish| *wish > Wish::Run) => Err(NoImage::Unreachable),
            }
        };
        ensured.map_err(|no| match no {
            NoImage::Unreachable => Trouble::Unreachable,
            NoImage::Refused(words) => Trouble::Refused(words),
        })?;
        let options = CreateContainerOptionsBuilder::default()
            .name(&made.name)
            .build();
        // Closed: the runtime ends, and this with it.
        let _place = self.shared.starts.acquire().await;
        let created = docker.create_container(Some(options), made.body.clone());
        let created = created.await.map_err(|error| Trouble::of(&error))?;
        if !facts.limits_memory && self.memory_limit() > 0 {
            self.warnings.push(NO_MEMORY_LIMIT.to_owned());
        }
        self.warnings.extend(created.warnings);
        for warning in &self.warnings {
            tracing::warn!(task = %self.task(), service = %self.launch.service_name, "{warning}");
        }
        Ok(created.id)
    }

    /// The id of the container of this name, if it is this task's.
    async fn ours(&self, docker: &Docker, name: &str) -> Option<String> {
        let options = None::<InspectContainerOptions>;
        let found = docker.inspect_container(name, options).await.ok()?;
        let labels = found.config.and_then(|config| config.labels)?;
        let is_ours = labels.get(labels::OWNER) == Some(&self.shared.owner);
        (is_ours && labels::task(&labels) == Some(self.task()))
            .then_some(found.id)
            .flatten()
    }

    async fn start(
        &mut self,
        container: &str,
        networks: &[LocalNetwork],
    ) -> Result<(), NoContainer> {
        let mut pause = RETRY_MIN;
        loop {
            let docker = self.engine().await?;
            // An engine takes one of them with the container.
            for network in networks.iter().skip(1) {
                match networks::connect(&docker, network, container).await {
                    Ok(()) | Err(Trouble::Unreachable) => {}
                    Err(trouble) => return Err(NoContainer::Refused(trouble.words().to_owned())),
                }
            }
            let started = {
                let _place = self.shared.starts.acquire().await;
                let options = None::<StartContainerOptions>;
                docker.start_container(container, options).await
            };
            let Err(error) = started else {
                return Ok(());
            };
            match Trouble::of(&error) {
                Trouble::Unreachable => {}
                // It runs already: the answer to the first attempt was lost.
                Trouble::Conflict(_) => return Ok(()),
                trouble if trouble.is_of_the_image() => {
                    let words = trouble.words();
                    return Err(NoContainer::Failed(format!(
                        "starting container failed: {words}"
                    )));
                }
                trouble => return Err(NoContainer::Refused(trouble.words().to_owned())),
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// The engine, when it is there, as long as the task is wanted.
    async fn engine(&mut self) -> Result<Docker, NoContainer> {
        if !self.is_wanted() {
            return Err(NoContainer::Unwanted);
        }
        let engine = self.shared.engine.clone();
        tokio::select! {
            docker = engine.up() => Ok(docker),
            _ = self.wishes.wait_for(|wish| *wish > Wish::Run) => Err(NoContainer::Unwanted),
        }
    }
}

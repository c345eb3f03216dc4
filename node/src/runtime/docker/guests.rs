//! Containers that are no tasks, on networks of services: people run them by hand.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bollard::{Docker, models::ContainerSummary, query_parameters::ListContainersOptionsBuilder};
use shoal_scheduler::task::NetworkId;
use tokio::time::Instant;

use super::labels;

/// How long a network waits for the container that it was made for.
const PROMISED_FOR: Duration = Duration::from_secs(60);

/// Networks that somebody is about to use, and until when each is kept for that.
#[derive(Default)]
pub(super) struct Promises(Mutex<BTreeMap<NetworkId, Instant>>);

impl Promises {
    fn held(&self) -> MutexGuard<'_, BTreeMap<NetworkId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a network for a while.
    pub(super) fn add(&self, network: NetworkId) {
        self.held().insert(network, Instant::now() + PROMISED_FOR);
    }

    /// Those that are kept.
    pub(super) fn all(&self) -> BTreeSet<NetworkId> {
        let mut held = self.held();
        held.retain(|_, until| Instant::now() < *until);
        held.keys().copied().collect()
    }
}

/// Containers on a network that are no tasks, by their names; with `all`, those that don't run, too. None: the
/// engine does not say.
pub(super) async fn guests(
    docker: &Docker,
    owner: &str,
    network: &str,
    all: bool,
) -> Option<Vec<String>> {
    let options = ListContainersOptionsBuilder::default()
        .all(all)
        .filters(&HashMap::from([("network", vec![network])]))
        .build();
    let found = docker.list_containers(Some(options)).await.ok()?;
    let is_task =
        |labels: &HashMap<String, String>| labels.get(labels::OWNER).is_some_and(|of| of == owner);
    let guests = found
        .into_iter()
        .filter(|container| !container.labels.as_ref().is_some_and(is_task));
    let name = |container: ContainerSummary| {
        let names = container.names.unwrap_or_default();
        let name = names
            .first()
            .map(|name| name.trim_start_matches('/').to_owned());
        name.or(container.id).unwrap_or_default()
    };
    Some(guests.map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_network_is_kept_for_a_minute_after_the_last_promise() {
        let promises = Promises::default();
        promises.add(NetworkId(1));
        tokio::time::advance(PROMISED_FOR / 2).await;
        promises.add(NetworkId(2));
        assert_eq!(promises.all(), [NetworkId(1), NetworkId(2)].into());
        tokio::time::advance(PROMISED_FOR / 2).await;
        assert_eq!(promises.all(), [NetworkId(2)].into());
        promises.add(NetworkId(2));
        tokio::time::advance(PROMISED_FOR / 2).await;
        assert_eq!(promises.all(), [NetworkId(2)].into());
    }
}

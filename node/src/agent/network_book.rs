//! The networks that everybody agreed on, for the runtimes.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use shoal_scheduler::view::{ClusterView, NetworkView};
use tokio::{sync::watch, time::timeout};

use crate::runtime::{BoxFuture, docker::NetworkSource};

/// How long a service's network may come after the service.
const LATE_MAX: Duration = Duration::from_secs(10);

/// Looks them up in the node's own view.
#[derive(Default)]
pub(super) struct NetworkBook {
    /// Known when the node has one.
    view: OnceLock<watch::Receiver<Arc<ClusterView>>>,
}

impl NetworkBook {
    pub(super) fn connect(&self, view: watch::Receiver<Arc<ClusterView>>) {
        // Once a life.
        let _ = self.view.set(view);
    }
}

fn named(view: &ClusterView, target: &str) -> Option<NetworkView> {
    let mut networks = view.networks.values();
    let found = networks.find(|one| one.spec.name == target || one.id.to_string() == target);
    found.cloned()
}

impl NetworkSource for NetworkBook {
    fn find<'a>(&'a self, target: &'a str) -> BoxFuture<'a, Option<NetworkView>> {
        Box::pin(async move {
            let mut view = self.view.get()?.clone();
            let is_there = view.wait_for(|view| named(view, target).is_some());
            let found = timeout(LATE_MAX, is_there).await.ok()?.ok()?;
            named(&found, target)
        })
    }
}

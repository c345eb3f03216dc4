//! Watches one engine: whether it is there, what happens to its containers, and what earlier runs of
//! this agent left on it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bollard::{
    Docker,
    models::{ContainerSummary, EventMessage},
    query_parameters::{
        EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    },
};
use futures_util::{Stream, StreamExt};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{
    EngineFacts, EngineNews,
    engine::NoEngine,
    error::short,
    labels::{self, Whose},
    seen::{Seen, seen},
    watcher::{self, Found},
    watchers::Shared,
};
use crate::runtime::{Adopted, Change, Launch};

/// Pauses between two attempts at an engine that is not there.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How long an engine is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long an engine may take to say that it is there.
    pub(super) greeting: Duration,
    /// An engine that says nothing for so long is asked whether it still is there.
    pub(super) silence: Duration,
    /// And answers within.
    pub(super) ping: Duration,
    /// An engine that is not there for so long is no longer counted on: others take its tasks over.
    /// Restarting an engine takes less.
    pub(super) absence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            ping: Duration::from_secs(20),
            absence: Duration::from_secs(30),
        }
    }
}

/// A network is kept for so long after its last task: the next one may come.
const UNUSED_FOR: Duration = Duration::from_secs(10);
/// Events of this long ago are heard again after a new beginning: none is lost between.
const OVERLAP_S: i64 = 3;

/// Watches until the runtime ends.
pub(super) async fn run(shared: Arc<Shared>, news: mpsc::Sender<EngineNews>) {
    let mut pause = RETRY_MIN;
    let mut down_since: Option<Instant> = None;
    let mut is_told = false;
    let mut said: Option<NoEngine> = None;
    loop {
        match shared.engine.greet(shared.patience.greeting).await {
            Ok((docker, info)) => {
                (pause, down_since, is_told) = (RETRY_MIN, None, false);
                said = None;
                let facts = EngineFacts::of(&info);
                let socket = shared.engine.socket().display();
                let (version, architecture) = (&facts.version, &facts.architecture);
                tracing::info!(%socket, %version, %architecture, "the engine is there");
                for warning in &facts.warnings {
                    tracing::warn!("{warning}");
                }
                if facts.is_in_a_swarm {
                    tracing::warn!(
                        "this engine is a node of a Docker Swarm, too: its tasks are left alone, and Shoal's run beside them"
                    );
                }
                attend(&shared, docker, facts, &news).await;
                shared.engine.set(None);
                tracing::warn!(%socket, "the engine is gone; waiting for it");
            }
            Err(error) => {
                let is_new = said.as_ref() != Some(&error);
                if is_new {
                    // Without a socket this is a machine without an engine, as many are.
                    match shared.is_expected || shared.engine.socket().exists() {
                        true => tracing::warn!("{error}"),
                        false => tracing::debug!("{error}"),
                    }
                    said = Some(error);
                }
            }
        }
        let since = *down_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= shared.patience.absence && !std::mem::replace(&mut is_told, true) {
            let is_missed = shared.is_expected || shared.engine.socket().exists();
            let trouble = said.as_ref().filter(|_| is_missed);
            let trouble = trouble.map_or(String::new(), |error| short(&error.to_string()));
            // The agent is stopping: then nobody needs it.
            let _ = news.send(EngineNews::Down { trouble }).await;
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Removes networks some time after the last task that needed them, until the runtime ends.
pub(super) async fn clear_networks(shared: Arc<Shared>) {
    loop {
        shared.unused.notified().await;
        sleep(UNUSED_FOR).await;
        let docker = shared.engine.up().await;
        let needed = || shared.needed();
        if let Err(trouble) = shared.networks.clear(&docker, &shared.owner, needed).await {
            let words = trouble.words();
            tracing::debug!(%words, "the engine's networks can't be cleared");
        }
        if !shared.networks.promised.all().is_empty() {
            shared.unused.notify_one();
        }
    }
}

/// Works with an engine until it is gone.
async fn attend(
    shared: &Arc<Shared>,
    docker: Docker,
    facts: EngineFacts,
    news: &mpsc::Sender<EngineNews>,
) {
    let began = jiff::Timestamp::now().as_second();
    shared.facts.send_replace(facts.clone());
    if let Err(trouble) = shared.networks.learn(&docker, &shared.owner).await {
        let words = trouble.words();
        tracing::warn!(%words, "the engine's networks can't be listed");
        return;
    }
    shared.unused.notify_one();
    let Some(found) = find(shared, &docker).await else {
        return;
    };
    let adopted = found.iter().map(|(launch, _, change)| Adopted {
        launch: launch.clone(),
        change: change.clone(),
    });
    let up = EngineNews::Up {
        facts,
        adopted: adopted.collect(),
    };
    // Who hears of a task's end knows the task already.
    if news.send(up).await.is_err() {
        return;
    }
    for (launch, found, change) in found {
        shared.watch(launch, Some(found), Some(change));
    }
    shared.engine.set(Some(docker.clone()));
    shared.look(None);
    let since = (began - OVERLAP_S).to_string();
    let kinds = HashMap::from([("type", vec!["container"])]);
    let options = EventsOptionsBuilder::default()
        .since(&since)
        .filters(&kinds)
        .build();
    let events = docker.events(Some(options));
    listen(shared, &docker, events).await;
}

/// Passes events on until the engine is gone.
async fn listen(
    shared: &Arc<Shared>,
    docker: &Docker,
    mut events: impl Stream<Item = Result<EventMessage, bollard::errors::Error>> + Unpin,
) {
    loop {
        match timeout(shared.patience.silence, events.next()).await {
            Ok(Some(Ok(event))) => heard(shared, event),
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "the engine's events end");
                return;
            }
            Ok(None) => return,
            Err(_) => {
                let answer = timeout(shared.patience.ping, docker.ping()).await;
                if !matches!(answer, Ok(Ok(_))) {
                    tracing::warn!("the engine does not answer any more");
                    return;
                }
            }
        }
    }
}

fn heard(shared: &Shared, event: EventMessage) {
    let labels = event.actor.and_then(|actor| actor.attributes);
    let Some(task) = labels.as_ref().and_then(labels::task) else {
        // No task of ours, but it may have been the last one on a network.
        if event.action.as_deref() == Some("destroy") {
            shared.unused.notify_one();
        }
        return;
    };
    // Each health check is three of them.
    let action = event.action.unwrap_or_default();
    if !action.starts_with("exec_") {
        shared.look(Some(task));
    }
}

/// What earlier runs of this agent left, and nobody watches yet. Leftovers are removed. None: the
/// engine is gone again.
async fn find(shared: &Arc<Shared>, docker: &Docker) -> Option<Vec<(Launch, Found, Change)>> {
    let label = format!("{}={}", labels::OWNER, shared.owner);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&HashMap::from([("label", vec![label])]))
        .build();
    let containers = match docker.list_containers(Some(options)).await {
        Ok(containers) => containers,
        Err(error) => {
            tracing::warn!(%error, "the engine's containers can't be listed");
            return None;
        }
    };
    let mut found = Vec::new();
    for container in containers {
        found.extend(sort(shared, docker, container).await);
    }
    Some(found)
}

async fn sort(
    shared: &Arc<Shared>,
    docker: &Docker,
    container: ContainerSummary,
) -> Option<(Launch, Found, Change)> {
    let id = container.id?;
    let labels = container.labels.unwrap_or_default();
    let launch = match labels::read(&labels, &shared.owner, shared.node) {
        Whose::NotOurs => return None,
        Whose::Leftover => {
            let names = container.names.unwrap_or_default().join(" ");
            tracing::warn!(container = %names, "what this machine ran as another node is removed");
            watcher::remove(docker, &id).await;
            return None;
        }
        Whose::Ours(launch) => *launch,
    };
    if shared.knows(launch.task) {
        return None;
    }
    let options = None::<InspectContainerOptions>;
    let (was_started, change) = match docker.inspect_container(&id, options).await {
        Ok(inspected) => {
            let memory = launch.spec.task_template.resources.limits.memory_bytes;
            match seen(&inspected, &[], memory, None) {
                Seen::Created => (false, Change::Preparing),
                Seen::Live(change) => (true, change),
                Seen::Unhealthy(live) => (true, Change::Unhealthy(live)),
                Seen::Ended(end) => (true, end.change(false)),
            }
        }
        // Gone this moment, or too slow to say: its watcher will know.
        Err(_) => (true, watcher::unknown()),
    };
    let found = Found {
        container: id,
        was_started,
    };
    Some((launch, found, change))
}

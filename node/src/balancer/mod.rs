//! Published ports: each node listens on all of them, and brings who connects to a task that runs. And
//! virtual addresses: containers reach the services of their networks by one each, on any port.
//!
//! A client reaches this node's listener; the task may be here, and is dialled, or on another node: then
//! one QUIC stream between the two nodes carries the connection, and that node dials. So what passes
//! between machines is encrypted, and needs no port but that of the members. A task that can't be
//! reached is passed over before the client notices. Swarm's routing mesh does the same with IPVS and
//! VXLAN; power-of-two choices and the like are of no use here, since one node sees all its connections:
//! the task with the fewest is next.
//!
//! A container sees the address of who came by a published port, where its answers can be had (`sources`).
//!
//! Where the two nodes can't reach each other, both behind a NAT or with a path lost, a third one carries
//! the connection between them.
//!
//! Who runs where is read from the node's own view; nobody is asked.

mod accepting;
pub(crate) mod attached;
mod backends;
mod capture;
mod claims;
mod commands;
mod doors;
mod flows;
mod front;
mod halves;
mod keeper;
pub(crate) mod ledger;
mod loads;
mod meant;
mod missing;
mod neighbours;
mod pipe;
mod plain;
mod proxy;
mod published;
mod reach;
mod relay;
#[cfg(test)]
pub(crate) mod samples;
mod sources;
pub(crate) mod virtuals;
mod wire;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shoal_membership::NodeId;
use shoal_net::{Endpoint, RecvStream, SendStream, StreamHeader};
use shoal_scheduler::{
    task::{NetworkId, ServiceId, TaskId},
    view::ClusterView,
};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::doors::NameServer;
pub use self::missing::PortTroubles;
use self::{ledger::Ledger, loads::Loads, missing::Missing, virtuals::Virtuals};
use crate::runtime::docker::LocalNetworks;

/// Connections that this node carries at a time, of clients and of other nodes each, where it may open
/// enough files. More wait in the kernel for a while, and are refused then.
const CARRIED_MAX: usize = 4_096;
/// Of these, connections of clients of one service, so that it does not take all places; and as many flows.
const CONNECTIONS_MAX: usize = 2_048;
/// Time for the rules of nftables to go.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);
/// Open files that are left to everything else.
const FILES_KEPT: usize = 384;
/// Open files that a place of each kind takes, together: a client and its task, and another's task; and of
/// flows, to whom and from where, and another's task.
const FILES_EACH: usize = 6;
/// Connections to one other node. A pair of nodes has 1,024 streams for all that is no gossip, logs and
/// credentials included.
const OF_NODE_MAX: usize = 768;

/// Where a task of this node has its own network.
pub trait Addresses: Send + Sync {
    /// Its address there. None: it shares the machine's.
    fn of(&self, task: TaskId) -> Option<IpAddr>;
}

/// What was carried so far.
#[derive(Debug, Default)]
struct Counters {
    /// Connections that found no task.
    refused: AtomicU64,
    /// Tasks that could not be reached, and were passed over.
    passed_over: AtomicU64,
    /// Connections that went around by a third node.
    around: AtomicU64,
    /// Connections between two other nodes that this one carried.
    between: AtomicU64,
}

/// What everybody here shares.
struct Shared {
    me: NodeId,
    /// Where it listens; unspecified: everywhere.
    listen: IpAddr,
    endpoint: Endpoint,
    view: watch::Receiver<Arc<ClusterView>>,
    addresses: Arc<dyn Addresses>,
    /// The networks of this node's engine.
    networks: watch::Receiver<Arc<LocalNetworks>>,
    virtuals: Virtuals,
    names: Box<dyn NameServer>,
    /// The networks on which it serves containers.
    opened: watch::Sender<BTreeSet<NetworkId>>,
    /// The name of this agent's rules.
    table: String,
    sources: sources::Sources,
    directory: backends::Directory,
    ledger: Ledger,
    loads: Loads,
    flows: flows::Flows,
    detours: relay::Detours,
    missing: Missing,
    places: Arc<Semaphore>,
    served: Arc<Semaphore>,
    counters: Counters,
    carried: TaskTracker,
    /// Ends when its rules are gone.
    doors: TaskTracker,
    stop: CancellationToken,
}

/// Listens on published ports, and serves what other nodes bring. Clones share it.
#[derive(Clone)]
pub struct Balancer(Arc<Shared>);

/// What a balancer works with.
pub(crate) struct Setting<'a> {
    /// Where it listens; unspecified: everywhere.
    pub(crate) listen: IpAddr,
    /// Rules of nftables go by this: what a former run of it left is replaced, whichever node it was.
    pub(crate) data_dir: &'a Path,
    pub(crate) endpoint: Endpoint,
    /// Says what is published, and who runs where.
    pub(crate) view: watch::Receiver<Arc<ClusterView>>,
    /// Where tasks of this node have networks of their own.
    pub(crate) addresses: Arc<dyn Addresses>,
    /// The networks of this node's engine.
    pub(crate) networks: watch::Receiver<Arc<LocalNetworks>>,
    /// The addresses under which services and tasks are reached from this node: kept by the balancer.
    pub(crate) virtuals: Virtuals,
    /// Knows them by their names.
    pub(crate) names: Box<dyn NameServer>,
}

impl Balancer {
    /// Begins to listen as the view says, until `stop`. To be called within a tokio runtime.
    #[must_use]
    pub(crate) fn start(setting: Setting<'_>, stop: CancellationToken) -> Self {
        let files = crate::descriptors::most();
        let places = (files.saturating_sub(FILES_KEPT) / FILES_EACH).clamp(16, CARRIED_MAX);
        let (networks, table) = (setting.networks, table_of(setting.data_dir));
        let shared = Arc::new(Shared {
            me: setting.endpoint.id(),
            listen: setting.listen,
            endpoint: setting.endpoint,
            view: setting.view,
            addresses: setting.addresses,
            networks: networks.clone(),
            virtuals: setting.virtuals,
            names: setting.names,
            opened: watch::Sender::default(),
            sources: sources::Sources::new(&table),
            table,
            directory: backends::Directory::default(),
            ledger: Ledger::of(CONNECTIONS_MAX.min(places / 2)),
            loads: Loads::of(OF_NODE_MAX),
            flows: flows::Flows::new(places),
            detours: relay::Detours::default(),
            missing: Missing::default(),
            places: Arc::new(Semaphore::new(places)),
            served: Arc::new(Semaphore::new(places)),
            counters: Counters::default(),
            carried: TaskTracker::new(),
            doors: TaskTracker::new(),
            stop,
        });
        shared.doors.spawn(keeper::keep(shared.clone()));
        match shared.endpoint.packets() {
            Some(packets) => {
                let end = shared.stop.clone();
                let dispatching = flows::dispatch(shared.clone(), packets);
                tokio::spawn(end.run_until_cancelled_owned(dispatching));
            }
            None => tracing::warn!("packets of users' traffic are somebody else's: UDP stays here"),
        }
        shared.doors.spawn(doors::keep(shared.clone(), networks));
        shared.doors.close();
        Self(shared)
    }

    /// Waits until nothing of it is left on this machine, once it was told to stop; for a moment at most:
    /// the next start clears it, too.
    pub async fn closed(&self) {
        if timeout(CLOSE_TIME_MAX, self.0.doors.wait()).await.is_err() {
            tracing::warn!("rules of nftables may be left; the next start replaces them");
        }
    }

    /// What is carried for each service.
    pub(crate) fn ledger(&self) -> Ledger {
        self.0.ledger.clone()
    }

    /// The networks on which containers of this node reach services by their names.
    pub(crate) fn opened(&self) -> watch::Receiver<BTreeSet<NetworkId>> {
        self.0.opened.subscribe()
    }

    /// Variables of the environment by which a process of this service finds others, from this node.
    pub(crate) fn neighbours(
        &self,
        view: &ClusterView,
        service: ServiceId,
    ) -> Vec<(String, String)> {
        neighbours::of(view, service, self.0.listen)
    }

    /// A node is suspected: its tasks are tried last for a while.
    pub fn suspect(&self, node: NodeId) {
        for loads in [&self.0.loads, &self.0.flows.loads] {
            loads.suspect(node);
        }
    }

    /// Tells on which published ports this node can't listen.
    #[must_use]
    pub fn port_troubles(&self) -> PortTroubles {
        self.0.missing.troubles()
    }

    /// Takes a stream of another node, if it is one that carries a connection.
    pub fn serve(
        &self,
        header: &StreamHeader,
        send: SendStream,
        recv: RecvStream,
    ) -> Option<(SendStream, RecvStream)> {
        if let Some(asked) = wire::PassOn::of_header(&header.0) {
            relay::serve(&self.0, asked, send, recv);
            return None;
        }
        let Some(ask) = wire::Ask::of_header(&header.0) else {
            return Some((send, recv));
        };
        let shared = self.0.clone();
        let serving = shared.clone();
        shared.carried.spawn(async move {
            let stop = serving.stop.clone();
            stop.run_until_cancelled(front::serve_far(serving, ask, send, recv))
                .await;
        });
        None
    }
}

/// The name of the rules of the agent with this data directory.
fn table_of(data_dir: &Path) -> String {
    let path = data_dir.canonicalize();
    let path = path.as_deref().unwrap_or(data_dir);
    let hash = blake3::derive_key(
        "shoal 2026 rules of an agent",
        path.as_os_str().as_encoded_bytes(),
    );
    format!("shoal_{}", hex::encode(&hash[..6]))
}

impl Shared {
    /// Another node has brought somebody to a task of this one.
    fn served(&self, task: TaskId) {
        let service = {
            let view = self.view.borrow();
            view.tasks.get(&task).map(|task| task.report.service)
        };
        if let Some(service) = service {
            self.ledger.account(service).served.one();
        }
    }

    /// No task of a service took a connection, or a flow.
    fn no_task(&self, front: &published::Front, tried: usize) {
        let refused = Self::one_more(&self.counters.refused);
        // The first, and then each time it has doubled.
        if refused.is_power_of_two() {
            tracing::warn!(service = %front.name, tried, refused, "no task takes connections");
        }
    }

    fn one_more(counter: &AtomicU64) -> u64 {
        counter.fetch_add(1, Ordering::Relaxed) + 1
    }
}

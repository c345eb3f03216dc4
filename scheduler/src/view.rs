//! What one node knows of the whole cluster at a moment: what the API, `why` and the demo show.
//!
//! A plain, cheap-to-share value. Nothing in it is asked of another node when it is read.

mod apart;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

pub use apart::Apart;
use shoal_membership::{ClusterId, NodeId, PublicKey};

use crate::{
    file::Contents,
    generic::Stocks,
    observed::PortTrouble,
    spec::{ClusterSpec, FileSpec, NetworkSpec, NodeSpec, PortConfig, PublishMode, ServiceSpec},
    task::{FileId, NetworkId, ServiceId, Slot, TaskId, TaskReport},
    update::Stage,
};

/// The whole cluster, as this node knows it.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// The cluster.
    pub cluster: ClusterId,
    /// When it was founded (wall time since 1970).
    pub created_at: Duration,
    /// The node that this view is of.
    pub this_node: NodeId,
    /// Everybody on the roster, this node included.
    pub nodes: BTreeMap<NodeId, NodeView>,
    /// All services.
    pub services: BTreeMap<ServiceId, ServiceView>,
    /// Networks that services share.
    pub networks: BTreeMap<NetworkId, NetworkView>,
    /// Secrets.
    pub secrets: BTreeMap<FileId, FileView>,
    /// Configs.
    pub configs: BTreeMap<FileId, FileView>,
    /// All tasks that any node reports, recently ended ones included.
    pub tasks: BTreeMap<TaskId, TaskView>,
    /// Slots that nobody runs because they fit nowhere.
    pub pending: Vec<PendingSlot>,
    /// What holds for the whole cluster.
    pub spec: ClusterSpec,
    /// Changes whenever that does. Equal on nodes that hold the same registry.
    pub spec_version: u64,
    /// Join tokens that are still good.
    pub tokens: Vec<TokenView>,
    /// Digest of the desired state. Equal on two nodes: they hold the same registry.
    pub desired_root: u64,
    /// Things that a person should know: clocks apart, a conflict, a clone.
    pub warnings: Vec<String>,
}

/// One network that services share.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkView {
    /// Its id.
    pub id: NetworkId,
    /// What was asked for.
    pub spec: NetworkSpec,
    /// When it was created (wall time since 1970).
    pub created_at: Duration,
}

/// One secret or config.
#[derive(Clone, Debug, PartialEq)]
pub struct FileView {
    /// Its id.
    pub id: FileId,
    /// What was asked for.
    pub spec: FileSpec,
    /// Changes with every write. Equal on nodes that hold the same registry.
    pub version: u64,
    /// What it holds, as far as it is here; of a secret, encrypted.
    pub contents: Option<Contents>,
    /// What a secret's value is recognised by.
    pub digest: String,
    /// Nodes that may open a secret.
    pub readers: BTreeSet<NodeId>,
    /// When it was created (wall time since 1970).
    pub created_at: Duration,
    /// When it was written last (wall time since 1970).
    pub updated_at: Duration,
}

/// One node of the roster.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// Who.
    pub id: NodeId,
    /// Its public key.
    pub key: PublicKey,
    /// Its name for people: `--name`, or the machine's host name.
    pub hostname: String,
    /// What people decided about it.
    pub spec: NodeSpec,
    /// Changes whenever `spec` or `facts` do. Equal on nodes that hold the same registry.
    pub version: u64,
    /// Whether it answers.
    pub status: NodeStatus,
    /// Where it can be reached; the first is the preferred one. Empty when nobody told.
    pub addresses: Vec<SocketAddr>,
    /// Living nodes that it can't reach, nor they it: what is between them goes by way of others.
    pub apart_from: BTreeSet<NodeId>,
    /// What its machine is.
    pub facts: NodeFacts,
    /// Published ports on which it can't listen.
    pub port_troubles: Vec<PortTrouble>,
    /// When it was admitted (wall time since 1970).
    pub created_at: Duration,
    /// When `spec` or `facts` changed last (wall time since 1970).
    pub updated_at: Duration,
}

/// Whether a node answers, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeStatus {
    /// It answers.
    Ready,
    /// It was suspected, asked directly, and did not answer; or it left.
    Down,
    /// It stopped for an upgrade and said that it will be back.
    Away,
    /// Not heard of since this node started.
    Unknown,
}

/// What a machine is. Persisted in the registry, so that placement knows it of a node that is off.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeFacts {
    /// Name for people.
    pub hostname: String,
    /// Docker's word for the processor, such as `amd64` or `arm/v7`.
    pub architecture: String,
    /// Docker's word for the operating system, such as `linux`.
    pub os: String,
    /// Processor capacity in billionths of a core.
    pub nano_cpus: i64,
    /// Memory capacity in bytes.
    pub memory_bytes: i64,
    /// Runtimes that this node has: `process`, `docker`.
    pub runtimes: Vec<String>,
    /// Version of the engine, or of Shoal where there is none.
    pub engine_version: String,
    /// Why an engine that should be there can't be used; for people. Empty: it can, or there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub engine_trouble: String,
    /// Labels of the engine (`engine.labels.K`).
    pub engine_labels: BTreeMap<String, String>,
    /// Plugins of the engine as `Kind/name`, such as `Volume/local`; sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<String>,
    /// Things that the machine has a few of, by kind.
    #[serde(skip_serializing_if = "Stocks::is_empty")]
    pub generic_resources: Stocks,
    /// Version of the placement function that the node's program has.
    pub placement_version: u32,
}

/// One service.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// Its id.
    pub id: ServiceId,
    /// What people asked for, as far as this version understands it.
    pub spec: Arc<ServiceSpec>,
    /// The same, byte for byte as it was written.
    pub spec_json: Arc<str>,
    /// Its published ports, with those that were chosen where the spec leaves them open.
    pub ports: Vec<PortConfig>,
    /// The spec before the last update.
    pub previous_spec_json: Option<Arc<str>>,
    /// Changes with every write. Equal on nodes that hold the same registry.
    pub version: u64,
    /// Fingerprint of the task template that `spec` asks for (`ServiceSpec::template_hash`). A task
    /// whose report has another one is not up to date.
    pub template: u64,
    /// That of the spec before the last update; after one that was rolled back, of what it led to.
    pub previous_template: Option<u64>,
    /// The last write, by which tasks that are made now are known.
    pub update_id: u64,
    /// How far it is, if it is a job.
    pub job: Option<JobView>,
    /// How far the last update is. None: the last write changed no task.
    pub update: Option<UpdateStatus>,
    /// When it was created (wall time since 1970).
    pub created_at: Duration,
    /// When it was written last (wall time since 1970).
    pub updated_at: Duration,
    /// Number of tasks that should run now (for a global service: nodes that qualify).
    pub desired_tasks: u64,
    /// Concurrent writes that lost: author and time of each. Resolved by the next write.
    pub conflicts: Vec<Conflict>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobView {
    /// How often it was asked to run again.
    pub iteration: u64,
    /// Runs that ended well since it was asked the last time.
    pub completed: u64,
    /// Runs that were given up since then.
    pub failed: u64,
}

impl ServiceView {
    /// Whether a task runs what the service asks for now.
    #[must_use]
    pub fn is_current(&self, task: &TaskReport) -> bool {
        match self.job {
            Some(_) => task.update == self.update_id,
            None => task.template == self.template,
        }
    }
}

/// How far an update of a service is: Swarm's `UpdateStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateStatus {
    /// Where it is.
    pub stage: Stage,
    /// When it was asked for (wall time since 1970).
    pub started_at: Duration,
    /// When it was found to be over (wall time since 1970).
    pub ended_at: Option<Duration>,
    /// For people, in Swarm's words.
    pub message: String,
}

/// A concurrent write that is not the one shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who wrote it.
    pub author: NodeId,
    /// When, by its clock (wall time since 1970).
    pub written_at: Duration,
    /// What it says: a spec's JSON, or nothing for a removal.
    pub spec_json: Option<Arc<str>>,
}

/// One task, and the node that reports it.
#[derive(Clone, Debug)]
pub struct TaskView {
    /// The node that runs it.
    pub node: NodeId,
    /// What that node says.
    pub report: Arc<TaskReport>,
    /// Whether that node still answers. If not, the report is what it last said.
    pub node_is_alive: bool,
}

/// A slot that nobody runs because it fits nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSlot {
    /// Of this service.
    pub service: ServiceId,
    /// This slot.
    pub slot: Slot,
    /// Why, in Swarm's words: `no suitable node (...)`.
    pub reason: String,
}

/// A join token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenView {
    /// Its id: the first characters of the token.
    pub id: String,
    /// When it was made (wall time since 1970).
    pub created_at: Duration,
    /// How long it is good for from then on. None: for ever.
    pub ttl: Option<Duration>,
    /// How many nodes may use it. None: any number.
    pub uses: Option<u32>,
    /// How many have.
    pub used: u32,
    /// Whether it stands until it is rotated.
    pub is_standing: bool,
}

/// On which ports of a service a node can't listen, a sentence each: what to tell people beside its tasks
/// there, which run all the same, and are reached by way of other nodes.
pub fn port_troubles<'a>(
    node: &'a NodeView,
    service: &'a ServiceView,
) -> impl Iterator<Item = String> + 'a {
    let is_published = |trouble: &PortTrouble| {
        service.ports.iter().any(|port| {
            (port.published_port, port.protocol) == (trouble.port, trouble.protocol)
                && port.publish_mode == PublishMode::Ingress
        })
    };
    let troubles = node.port_troubles.iter();
    let own = troubles.filter(move |trouble| is_published(trouble));
    own.map(|trouble| {
        let (port, protocol) = (trouble.port, trouble.protocol);
        format!("port {port}/{protocol} is closed here: {}", trouble.words)
    })
}

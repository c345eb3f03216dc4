//! What people order, and how it ends. Each order becomes one write of the registry.

use std::time::Duration;

use bytes::Bytes;
use shoal_membership::NodeId;

use crate::{
    file::SealedKeys,
    spec::{ClusterSpec, FileKind, FileSpec, NetworkSpec, NodeSpec, SpecError},
    task::{FileId, NetworkId, ServiceId, Slot},
};

/// An order of a person.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Make a service of this spec's JSON. Its name must be free.
    CreateService {
        /// Docker's `ServiceSpec`.
        spec_json: String,
    },
    /// Replace a service's spec.
    UpdateService {
        /// Which.
        service: ServiceId,
        /// The version that the change was made from; another one is refused.
        version: u64,
        /// The whole new spec. None: return to the spec before the last update.
        spec_json: Option<String>,
    },
    /// Remove a service and its tasks.
    RemoveService {
        /// Which.
        service: ServiceId,
    },
    /// Make a network that services share. Its name must be free.
    CreateNetwork {
        /// What is asked for.
        spec: NetworkSpec,
    },
    /// Remove a network that no service uses.
    RemoveNetwork {
        /// Which.
        network: NetworkId,
    },
    /// Make a secret or a config. Its name must be free.
    CreateFile(Box<NewFile>),
    /// Change labels of a secret or a config.
    UpdateFile {
        /// Which.
        file: FileId,
        /// The version that the change was made from; another one is refused.
        version: u64,
        /// The whole new spec.
        spec: FileSpec,
    },
    /// Remove a secret or a config that no service uses.
    RemoveFile {
        /// Which.
        file: FileId,
    },
    /// Change labels or availability of a node.
    UpdateNode {
        /// Which.
        node: NodeId,
        /// The version that the change was made from; another one is refused.
        version: u64,
        /// The whole new spec.
        spec: NodeSpec,
    },
    /// Take a node off the roster and revoke its key. A live one is refused unless forced.
    RemoveNode {
        /// Which.
        node: NodeId,
        /// Even if it is alive.
        force: bool,
    },
    /// Make a join token.
    CreateToken {
        /// How long it is good for. None: for ever.
        ttl: Option<Duration>,
        /// How many nodes may use it. None: any number.
        uses: Option<u32>,
        /// Whether it is one that stands until it is rotated: see `RotateTokens`.
        is_standing: bool,
    },
    /// Remove all join tokens that stand until they are rotated.
    RotateTokens,
    /// Change what holds for the whole cluster.
    UpdateCluster {
        /// The version that the change was made from; another one is refused.
        version: u64,
        /// The whole new spec.
        spec: ClusterSpec,
    },
    /// Remove a join token.
    RemoveToken {
        /// Its id.
        id: String,
    },
    /// Let a slot start without the local volume it is bound to.
    ReleaseVolume {
        /// Of this service.
        service: ServiceId,
        /// This slot.
        slot: Slot,
    },
}

/// A secret or a config to be made. A secret's value is encrypted before it becomes one of these.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFile {
    /// Which kind.
    pub kind: FileKind,
    /// Its id, chosen at random.
    pub id: FileId,
    /// What is asked for.
    pub spec: FileSpec,
    /// What it holds; of a secret, encrypted.
    pub contents: Bytes,
    /// What a secret's value is recognised by.
    pub digest: String,
    /// The key of a secret's contents, sealed to those who keep it.
    pub sealed: SealedKeys,
}

/// How many nodes must hold a write on disk before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteConcern {
    /// This node.
    Local,
    /// And one other live node, if there is one.
    #[default]
    One,
    /// More than half of the roster.
    Majority,
    /// All of the roster.
    All,
}

/// An order that was carried out: it is on this node's disk, and on `holders - 1` others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Id of what was made or changed; for a token, the token itself.
    pub id: String,
    /// Nodes that hold the write on disk, this one included.
    pub holders: u32,
    /// What the person should know: fewer holders than asked for, ports that nothing listens on.
    pub warnings: Vec<String>,
}

/// An order that was refused. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No such thing.
    #[error("{kind} {id} not found")]
    NotFound {
        /// `service`, `node`, `token`...
        kind: &'static str,
        /// What was looked for.
        id: String,
    },
    /// The name is taken.
    #[error("name conflicts with an existing object: {kind} {name} already exists")]
    NameTaken {
        /// `service`...
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The name of a secret or a config is taken.
    #[error("{kind} {name} already exists")]
    FileTaken {
        /// Which kind.
        kind: FileKind,
        /// The name.
        name: String,
    },
    /// The name of a network is taken.
    #[error("network with name {0} already exists")]
    NetworkTaken(String),
    /// A service is attached to the network.
    #[error("network {network} is in use by service {service}")]
    NetworkInUse {
        /// The network.
        network: NetworkId,
        /// One of the services.
        service: ServiceId,
    },
    /// A service refers to a secret or a config that is not there.
    #[error("{kind} not found: {name}")]
    NoSuchFile {
        /// Which kind.
        kind: FileKind,
        /// What it is called.
        name: String,
    },
    /// Two files of a service would be in one place.
    #[error("{kind} references '{first}' and '{second}' have a conflicting target: '{target}'")]
    FileTarget {
        /// Which kind.
        kind: FileKind,
        /// Name of one.
        first: String,
        /// Name of the other.
        second: String,
        /// The place.
        target: String,
    },
    /// Services use the secret or config.
    #[error("{kind} '{name}' is in use by the following service{}: {services}", if services.contains(',') { "s" } else { "" })]
    FileInUse {
        /// Which kind.
        kind: FileKind,
        /// Its name.
        name: String,
        /// Names of the services, with commas.
        services: String,
    },
    /// Something other than labels of a secret or a config was to be changed.
    #[error("only updates to Labels are allowed")]
    FileFixed,
    /// The object changed since it was read.
    #[error("update out of sequence")]
    OutOfSequence,
    /// The spec is not acceptable.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The spec is not even JSON of the right shape.
    #[error("the spec can't be read: {0}")]
    Json(String),
    /// A change that is not possible, such as a new name.
    #[error("{0}")]
    Unsupported(String),
    /// All ports that are given away are taken.
    #[error("no port is left for target port {0}: name a published port outside 30000 to 32767")]
    NoPortLeft(u16),
    /// An ingress port that another service has.
    #[error("port '{port}' is already in use by service '{service}' ({id}) as an ingress port")]
    PortTaken {
        /// The port.
        port: u16,
        /// Name of the other service.
        service: String,
        /// Its id.
        id: String,
    },
    /// The node is alive.
    #[error("node {0} is not down and can't be removed (drain and stop it first, or use --force)")]
    NotDown(NodeId),
    /// Larger than an entry may be.
    #[error("the spec has {size} bytes; at most {limit} are possible")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// This node's disk did not take it.
    #[error("this node's disk did not take the write: {0}")]
    Disk(String),
    /// Too many orders are under way.
    #[error("too many orders are under way; try again")]
    Busy,
}

//! What people ask for, in the shape of Docker's Swarm API (1.41 to 1.50).
//!
//! These types are read from a spec's JSON and hold what Shoal acts on. The JSON itself travels
//! through the registry byte for byte as it was signed, so a field that this version does not know
//! is kept and shown again. Nothing here goes through bincode.

mod cluster;
mod constraint;
mod container;
mod endpoint;
mod file;
mod json;
mod network;
mod node;
mod placement;
mod policy;
mod privileges;
mod resources;
mod service;
mod template;
mod validate;

pub use cluster::{ClusterSpec, Orchestration};
pub use constraint::{BadConstraint, Constraint};
pub(crate) use constraint::{ConstraintKey, label_name};
pub use container::{
    BindOptions, ConfigFile, ContainerSpec, DriverConfig, FileReference, FileTarget, Healthcheck,
    Mount, MountType, SecretFile, TmpfsOptions, Ulimit, VolumeOptions,
};
pub use endpoint::{EndpointSpec, PortConfig, Protocol, PublishMode};
pub use file::{FileKind, FileSpec};
pub use network::{Ipam, IpamConfig, NetworkSpec, PREDEFINED_NETWORKS};
pub use node::{Availability, NodeSpec};
pub use placement::{Placement, Platform, Preference, SpreadOver};
pub use policy::{FailureAction, RestartCondition, RestartPolicy, UpdateConfig, UpdateOrder};
pub use privileges::{AppArmor, DnsConfig, Privileges, SeLinux, Seccomp};
pub use resources::{DiscreteResource, GenericResource, NamedResource, ResourceLimits, Resources};
pub use service::{
    DataPolicy, JobMode, Mode, NetworkAttachment, ProxyProtocol, Replicated, ServiceSpec, TaskSpec,
};
pub use validate::SpecError;

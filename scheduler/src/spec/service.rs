//! A service: Swarm's `ServiceSpec` and `TaskSpec`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ContainerSpec, DriverConfig, EndpointSpec, Placement, Resources, RestartCondition,
    RestartPolicy, UpdateConfig, json::null_default,
};

/// What a service is asked to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceSpec {
    /// Name, unique in the cluster: a DNS label of at most 63 characters.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Labels. `com.docker.stack.namespace` makes it part of a stack.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// What each task is.
    #[serde(deserialize_with = "null_default")]
    pub task_template: TaskSpec,
    /// How many tasks there are, and where.
    #[serde(deserialize_with = "null_default")]
    pub mode: Mode,
    /// How it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_config: Option<UpdateConfig>,
    /// How it changes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_config: Option<UpdateConfig>,
    /// How it is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_spec: Option<EndpointSpec>,
}

/// Whether a slot may start elsewhere without its local volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataPolicy {
    /// It waits for the node that holds its data.
    #[default]
    Home,
    /// It starts empty elsewhere, as on Swarm.
    Move,
}

/// How a task learns who its client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// By a line of text.
    V1,
    /// By a few bytes.
    V2,
}

impl ServiceSpec {
    /// When a task that ended is started again. A job's that ended well never is.
    #[must_use]
    pub fn restart_policy(&self) -> RestartPolicy {
        let mut policy = self.task_template.restart_policy.clone();
        if self.mode.is_job() && policy.condition == RestartCondition::Any {
            policy.condition = RestartCondition::OnFailure;
        }
        policy
    }

    /// Label that stacks put on what they make.
    pub const STACK_LABEL: &'static str = "com.docker.stack.namespace";
    /// Label that carries Compose's `x-shoal.priority`.
    pub const PRIORITY_LABEL: &'static str = "shoal.priority";
    /// Label that carries Compose's `x-shoal.data`.
    pub const DATA_LABEL: &'static str = "shoal.data";

    /// Label that asks for the PROXY protocol, also Compose's `x-shoal.proxy-protocol`: `v1` or `v2`.
    pub const PROXY_LABEL: &'static str = "shoal.proxy-protocol";

    /// The stack that this service belongs to.
    #[must_use]
    pub fn stack(&self) -> Option<&str> {
        self.labels.get(Self::STACK_LABEL).map(String::as_str)
    }

    /// Services of a higher priority choose their nodes first. Default 0.
    #[must_use]
    pub fn priority(&self) -> i32 {
        self.labels
            .get(Self::PRIORITY_LABEL)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    /// Whether a slot may start elsewhere without its local volume.
    #[must_use]
    pub fn data_policy(&self) -> DataPolicy {
        match self.labels.get(Self::DATA_LABEL).map(String::as_str) {
            Some("move") => DataPolicy::Move,
            _ => DataPolicy::Home,
        }
    }

    /// Whether connections that are brought to its tasks begin with who the client is. None: with the client's
    /// own first byte.
    #[must_use]
    pub fn proxy_protocol(&self) -> Option<ProxyProtocol> {
        match self.labels.get(Self::PROXY_LABEL)?.as_str() {
            "v1" => Some(ProxyProtocol::V1),
            "v2" => Some(ProxyProtocol::V2),
            _ => None,
        }
    }

    /// The container, or an empty one where the spec has none.
    #[must_use]
    pub fn container(&self) -> &ContainerSpec {
        &self.task_template.container_spec
    }

    /// Published ports.
    #[must_use]
    pub fn ports(&self) -> &[super::PortConfig] {
        self.endpoint_spec
            .as_ref()
            .map_or(&[], |endpoint| &endpoint.ports)
    }
}

/// What each task of a service is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskSpec {
    /// What to run.
    #[serde(deserialize_with = "null_default")]
    pub container_spec: ContainerSpec,
    /// What it may use.
    #[serde(deserialize_with = "null_default")]
    pub resources: Resources,
    /// When it is started again.
    #[serde(deserialize_with = "null_default")]
    pub restart_policy: RestartPolicy,
    /// Where it may run.
    #[serde(deserialize_with = "null_default")]
    pub placement: Placement,
    /// A change of this number alone replaces the tasks.
    #[serde(deserialize_with = "null_default")]
    pub force_update: u64,
    /// Networks that it is attached to.
    #[serde(deserialize_with = "null_default")]
    pub networks: Vec<NetworkAttachment>,
    /// Where its output goes, in place of the engine's own logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_driver: Option<DriverConfig>,
    /// `container` (also when empty); plugins and attachments are not supported.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub runtime: String,
}

/// A network that a task is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkAttachment {
    /// Name or id of the network.
    #[serde(deserialize_with = "null_default")]
    pub target: String,
    /// Further names of the service on it.
    #[serde(deserialize_with = "null_default")]
    pub aliases: Vec<String>,
}

/// How many tasks a service has. Exactly one field is set; none at all means one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Mode {
    /// A number of slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicated: Option<Replicated>,
    /// One task on every node that qualifies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<BTreeMap<String, String>>,
    /// A number of tasks that run to their end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicated_job: Option<JobMode>,
    /// One task on every node that runs to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_job: Option<BTreeMap<String, String>>,
}

impl Mode {
    /// This many replicas.
    #[must_use]
    pub fn replicas(number: u64) -> Self {
        Self {
            replicated: Some(Replicated {
                replicas: Some(number),
            }),
            ..Self::default()
        }
    }

    /// One task on every node.
    #[must_use]
    pub fn everywhere() -> Self {
        Self {
            global: Some(BTreeMap::new()),
            ..Self::default()
        }
    }

    /// Whether there is one task on every node that qualifies.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.global.is_some() || self.global_job.is_some()
    }

    /// Whether this is a job of either kind.
    #[must_use]
    pub fn is_job(&self) -> bool {
        self.replicated_job.is_some() || self.global_job.is_some()
    }

    /// Number of slots of a replicated service, or tasks at a time of a replicated job; 0 for a global one.
    #[must_use]
    pub fn slots(&self) -> u64 {
        match (&self.replicated, &self.replicated_job) {
            (Some(replicated), _) => replicated.replicas.unwrap_or(1),
            (None, Some(job)) => job.max_concurrent().min(self.completions()),
            (None, None) if self.is_global() => 0,
            (None, None) => 1,
        }
    }

    /// Runs of a replicated job in all; of a global one, one on each node; 0 for what is no job.
    #[must_use]
    pub fn completions(&self) -> u64 {
        match (&self.replicated_job, &self.global_job) {
            (Some(job), _) => job.total_completions.unwrap_or(job.max_concurrent()),
            (None, Some(_)) => 1,
            (None, None) => 0,
        }
    }

    /// Whether one can be changed into the other.
    #[must_use]
    pub fn is_of_the_kind_of(&self, other: &Self) -> bool {
        (self.is_global(), self.is_job()) == (other.is_global(), other.is_job())
    }
}

/// A number of slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Replicated {
    /// None: 1.
    pub replicas: Option<u64>,
}

/// A number of tasks that run to their end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobMode {
    /// At most this many at a time.
    pub max_concurrent: Option<u64>,
    /// This many in all.
    pub total_completions: Option<u64>,
}

impl JobMode {
    /// At most this many at a time: Swarm's default is one. 0 would never come to an end, and is one, too.
    #[must_use]
    pub fn max_concurrent(&self) -> u64 {
        self.max_concurrent.unwrap_or(1).max(1)
    }
}

//! The only things that the API knows of the agent: a view to read, and channels to ask and order.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, sync::Arc};

use shoal_net::JoinToken;
use shoal_scheduler::{
    order::{Order, OrderError, Receipt, WriteConcern},
    spec::ServiceSpec,
    task::{NetworkId, ServiceId, Slot},
    view::ClusterView,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{events::History, log_source::LogSource, standing::StandingToken, version::ApiVersion};
use crate::{
    balancer::{ledger::Ledger, virtuals::Virtuals},
    runtime::docker::{CredentialStore, EngineClient},
};

/// What the API works with. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    /// The cluster as this node knows it now.
    pub view: watch::Receiver<Arc<ClusterView>>,
    /// Orders of people, for the owner of the peer.
    pub orders: mpsc::Sender<OrderRequest>,
    /// Where the logs of tasks come from.
    pub logs: Arc<dyn LogSource>,
    /// Credentials of registries that clients sent with services.
    pub credentials: Arc<CredentialStore>,
    /// The addresses of services on the networks of this machine.
    pub(crate) virtuals: Virtuals,
    /// The networks on which containers of this node reach services.
    pub(crate) opened: watch::Receiver<BTreeSet<NetworkId>>,
    /// What is carried for each service.
    pub(crate) ledger: Ledger,
    /// What happened of late.
    pub(crate) history: History,
    /// The local engine.
    pub engine: EngineClient,
    /// Questions that the view does not answer.
    pub questions: mpsc::Sender<Question>,
    /// Where people ask this node to leave its cluster.
    pub leaving: mpsc::Sender<LeaveRequest>,
    /// Where people ask this node to found a cluster, or to join one.
    pub entering: mpsc::Sender<EnterRequest>,
    /// Whether it is in one.
    pub state: watch::Receiver<NodeState>,
    /// The token that stands until it is rotated.
    pub(crate) standing: StandingToken,
    /// Facts about this agent that do not change while it runs.
    pub identity: Arc<Identity>,
}

impl Handle {
    /// The newest API version that is offered: no newer than the local engine's, as requests about single containers
    /// are passed on to it.
    #[must_use]
    pub fn newest_api(&self) -> ApiVersion {
        let of_engine = self.engine.api_minor().map(ApiVersion);
        of_engine.map_or(ApiVersion::NEWEST, |of_engine| {
            of_engine.min(ApiVersion::NEWEST)
        })
    }
}

/// An order, and where its outcome goes.
///
/// The owner publishes the view that shows the effect before it replies: clients read what they
/// just wrote.
#[derive(Debug)]
pub struct OrderRequest {
    /// What to do.
    pub order: Order,
    /// How many nodes must hold it first. None: as the agent was told at its start.
    pub concern: Option<WriteConcern>,
    /// The outcome. Dropped without an answer: the agent is stopping.
    pub reply: oneshot::Sender<Result<Receipt, OrderError>>,
}

/// Somebody wants this node out of its cluster: its tasks are to stop, its state is to be set aside,
/// and the agent is to end.
#[derive(Debug)]
pub struct LeaveRequest {
    /// Even if nobody else can be reached who knows what the cluster is to run.
    pub force: bool,
    /// When all is done, or why it is not. Dropped without an answer: the agent is stopping.
    pub reply: oneshot::Sender<Result<(), String>>,
}

/// Whether a node is in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It is in none, and waits for somebody to say which.
    Inactive,
    /// It is on its way into one.
    Pending,
    /// It is in one.
    Active,
}

impl NodeState {
    /// Docker's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Active => "active/manager",
        }
    }
}

/// Somebody wants this node, which is in no cluster, in one.
#[derive(Debug)]
pub struct EnterRequest {
    /// The token of the cluster to join. None: found one.
    pub token: Option<JoinToken>,
    /// Where others are to reach this node, if not where it says.
    pub advertise: Option<SocketAddr>,
    /// When it is in, or why it is not. Dropped without an answer: the agent is stopping.
    pub reply: oneshot::Sender<Result<(), String>>,
}

/// The answer to a [`Question`]: JSON as the client gets it.
pub type Answer = Result<serde_json::Value, OrderError>;

/// A question that takes work to answer.
#[derive(Debug)]
pub enum Question {
    /// Who owns the slots of a service, who is next, and what stands in the way.
    Why {
        /// Of this service.
        service: ServiceId,
        /// Of this slot alone. None: of all.
        slot: Option<Slot>,
        /// The explanation.
        reply: oneshot::Sender<Answer>,
    },
    /// What would start, stop and move.
    Forecast {
        /// If these services were like this: which (none: a new one), and what it would be (none: removed).
        changes: Vec<(Option<ServiceId>, Option<Arc<ServiceSpec>>)>,
        /// The steps.
        reply: oneshot::Sender<Answer>,
    },
}

/// Facts about this agent and its machine.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `--name`, or the machine's host name.
    pub hostname: String,
    /// Version of Shoal, such as `0.1.0`.
    pub version: String,
    /// Commit that it was built from, or nothing.
    pub git_commit: String,
    /// Where its state is.
    pub data_dir: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Release of the kernel, or nothing.
    pub kernel_version: String,
    /// Name of the operating system for people, or nothing.
    pub operating_system: String,
}

impl Identity {
    /// This program on this machine: reads the kernel's release and the name of the system.
    #[must_use]
    pub fn of_this_machine(hostname: String, data_dir: PathBuf, listen: SocketAddr) -> Self {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        Self {
            hostname,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit: option_env!("SHOAL_GIT_COMMIT").unwrap_or("").to_owned(),
            data_dir,
            listen,
            kernel_version: release.trim().to_owned(),
            operating_system: pretty_name(&system).unwrap_or("Linux").to_owned(),
        }
    }
}

/// `PRETTY_NAME` of os-release(5).
fn pretty_name(os_release: &str) -> Option<&str> {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_system_is_read_without_its_quotes() {
        let text = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(text), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("NAME=x"), None);
    }
}

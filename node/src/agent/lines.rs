//! What reaches an agent from outside: its port and its API, open before it is in a cluster.

use std::sync::Arc;

use shoal_membership::{Addresses, ClusterId};
use shoal_net::{Endpoint, EndpointConfig, Inbox, TrustSet};
use shoal_scheduler::view::{ClusterView, NodeFacts, NodeStatus, NodeView};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{facts, logs::Logs, start::Start, streams::Takers};
use crate::{
    api::{
        EnterRequest, Handle, History, Identity as ApiIdentity, LeaveRequest, NodeState,
        OrderRequest, Question, Server, StandingToken,
    },
    balancer::{Balancer, Setting, virtuals::Virtuals},
    cli::ProfileChoice,
    names::Names,
};

/// Orders and questions that wait for the owner.
const QUEUE: usize = 256;

/// The API's server.
pub(super) type ServerTask = tokio::task::JoinHandle<()>;

/// What reaches an agent from outside, from its start on.
pub(super) struct Lines {
    pub(super) endpoint: Endpoint,
    pub(super) inbox: Inbox,
    pub(super) addresses: Addresses,
    pub(super) facts: NodeFacts,
    pub(super) balancer: Balancer,
    pub(super) view: watch::Sender<Arc<ClusterView>>,
    pub(super) orders: mpsc::Receiver<OrderRequest>,
    pub(super) questions: mpsc::Receiver<Question>,
    pub(super) leavers: mpsc::Receiver<LeaveRequest>,
    pub(super) entering: mpsc::Receiver<EnterRequest>,
    pub(super) state: watch::Sender<NodeState>,
    pub(super) stop: CancellationToken,
    pub(super) api: ServerTask,
}

impl Start {
    /// Opens the port and the API: people can ask from now on.
    pub(super) fn open(&self, server: Server, facts: NodeFacts) -> Result<Lines, String> {
        let hostname = facts.hostname.clone();
        let (endpoint, inbox) = self.bind()?;
        let addresses = facts::addresses(endpoint.local_addr(), self.args.advertise);
        let me = self.identity.secret.node_id();
        let logs = Logs::new(me, self.runtimes.clone(), endpoint.clone());
        let (view, seen) = watch::channel(Arc::new(self.waiting_view(&facts, &addresses)));
        self.desk.connect(endpoint.clone(), seen.clone());
        self.book.connect(seen.clone());
        let (history, heard) = (History::new(), seen.clone());
        let (orders, order_queue) = mpsc::channel(QUEUE);
        let (questions, question_queue) = mpsc::channel(QUEUE);
        let (leaving, leavers) = mpsc::channel(1);
        let (entering, enterers) = mpsc::channel(1);
        let (state, seen_state) = watch::channel(NodeState::Pending);
        let machine = ApiIdentity::of_this_machine(
            hostname.clone(),
            self.args.data_dir.clone(),
            endpoint.local_addr(),
        );
        let virtuals = Virtuals::default();
        let stop = CancellationToken::new();
        let balancer = self.serve(&endpoint, &seen, &virtuals, &stop);
        let handle = Handle {
            view: seen,
            orders,
            logs: Arc::new(logs.clone()),
            credentials: self.desk.held.clone(),
            virtuals,
            ledger: balancer.ledger(),
            opened: balancer.opened(),
            history: history.clone(),
            engine: self.engine.client(),
            questions,
            leaving,
            entering,
            state: seen_state,
            standing: StandingToken::of(&self.args.data_dir),
            identity: Arc::new(machine),
        };
        history.start(heard, stop.child_token());
        let api = tokio::spawn(server.run(handle, stop.clone()));
        let takers = Takers {
            balancer: balancer.clone(),
            desk: self.desk.clone(),
            logs,
        };
        takers.start(&endpoint, stop.child_token());
        let socket = self.args.api.path().display();
        tracing::info!(node = %me, %hostname, listen = %endpoint.local_addr(), api = %socket, "agent started");
        Ok(Lines {
            endpoint,
            inbox,
            addresses,
            facts,
            balancer,
            view,
            orders: order_queue,
            questions: question_queue,
            leavers,
            entering: enterers,
            state,
            stop,
            api,
        })
    }

    /// Serves published ports, virtual addresses and names.
    fn serve(
        &self,
        endpoint: &Endpoint,
        view: &watch::Receiver<Arc<ClusterView>>,
        virtuals: &Virtuals,
        stop: &CancellationToken,
    ) -> Balancer {
        // Without an engine there are none, and nothing changes.
        let networks = self.engine.networks();
        let networks = networks.unwrap_or_else(|| watch::channel(Arc::default()).1);
        let names = Names {
            networks: networks.clone(),
            view: view.clone(),
            virtuals: virtuals.clone(),
        };
        let setting = Setting {
            listen: self.args.listen.ip(),
            data_dir: &self.args.data_dir,
            endpoint: endpoint.clone(),
            view: view.clone(),
            addresses: Arc::new(self.runtimes.clone()),
            networks,
            virtuals: virtuals.clone(),
            names: Box::new(Arc::new(names)),
        };
        Balancer::start(setting, stop.child_token())
    }

    fn bind(&self) -> Result<(Endpoint, Inbox), String> {
        let secret = self.identity.secret.clone();
        let cluster = self
            .known_cluster()
            .unwrap_or(ClusterId::from_bytes([0; 16]));
        let trust = TrustSet::empty(cluster);
        let listen = self.args.listen;
        let config = match self.args.profile {
            ProfileChoice::Lan => EndpointConfig::lan(secret, listen, trust),
            ProfileChoice::Edge => EndpointConfig::edge(secret, listen, trust),
        };
        Endpoint::bind(config).map_err(|error| {
            format!(
                "{error}; if another agent runs on this machine, give this one another --listen"
            )
        })
    }

    /// What the API shows until the node is in a cluster.
    fn waiting_view(&self, facts: &NodeFacts, addresses: &Addresses) -> ClusterView {
        let now = self.clock.now().wall;
        let id = self.identity.secret.node_id();
        let node = NodeView {
            id,
            key: self.identity.secret.public(),
            hostname: facts.hostname.clone(),
            spec: Default::default(),
            version: 0,
            status: NodeStatus::Unknown,
            addresses: addresses.as_slice().to_vec(),
            apart_from: Default::default(),
            facts: facts.clone(),
            port_troubles: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        let cluster = self.token.as_ref().map(|token| token.cluster);
        let cluster = self.known_cluster().or(cluster);
        ClusterView {
            cluster: cluster.unwrap_or(ClusterId::from_bytes([0; 16])),
            created_at: now,
            this_node: id,
            nodes: [(id, node)].into(),
            services: Default::default(),
            networks: Default::default(),
            spec: Default::default(),
            spec_version: 0,
            secrets: Default::default(),
            configs: Default::default(),
            tasks: Default::default(),
            pending: Vec::new(),
            tokens: Vec::new(),
            desired_root: 0,
            warnings: vec!["this node is not in a cluster yet: it is joining".to_owned()],
        }
    }
}

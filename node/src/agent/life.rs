//! One life of an agent: from its identity, over the cluster that it enters, to its end.

use std::sync::Arc;

use shoal_membership::{Addresses, ClusterId, Profile, SecretKey};
use shoal_net::{Endpoint, EndpointConfig, Inbox, JoinToken, TrustSet};
use shoal_scheduler::{
    peer::{Config, Memory, Peer, Timing},
    placement::LoadCaps,
    view::{ClusterView, NodeFacts, NodeStatus, NodeView},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clock,
    credentials::Desk,
    disk::DiskThread,
    ended::{Next, farewell},
    engine::Engine,
    enter::{self, Entered},
    facts,
    logs::Logs,
    member_book::MemberBook,
    network_book::NetworkBook,
    owner::{Owner, Sources, Waiting},
    planner::PlannerThread,
    recall,
    run::entropy,
    signals::Signals,
    streams::Takers,
    task_files::TaskFiles,
    tasks::{Runtimes, adopted_task},
};
use crate::{
    api::{Handle, History, Identity as ApiIdentity, LeaveRequest, OrderRequest, Question, Server},
    balancer::{Balancer, Setting, virtuals::Virtuals},
    cli::{AgentArgs, ProfileChoice, RuntimeChoice},
    names::Names,
    runtime::{
        self,
        files::FileRoom,
        installation,
        process::{ProcessRuntime, ProcessSettings},
    },
    store::Identity,
    vault::Vault,
};

/// Orders and questions that wait for the owner.
const QUEUE: usize = 256;

/// Lives until the agent is told to stop, or until it must start anew. The data directory is this
/// process's own.
///
/// # Errors
/// One sentence for the person: what was wrong, where, and what to do.
pub(super) async fn live(args: AgentArgs, signals: &mut Signals) -> Result<Next, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let identity = Identity::load_or_create(&args.data_dir).map_err(|error| said(&error))?;
    let token = args.join.as_deref().map(parse_token).transpose()?;
    let server = Server::bind(args.api.path().to_owned()).map_err(|error| said(&error))?;
    let (events, runtime_events) = runtime::events();
    let settings = ProcessSettings {
        data_dir: args.data_dir.clone(),
        binary: None,
    };
    let desk = Arc::new(Desk::default());
    let node = identity.secret.node_id();
    let book = Arc::new(NetworkBook::default());
    let room = FileRoom::of(&installation::of(&args.data_dir).map_err(|error| said(&error))?);
    let (engine, containers) =
        Engine::open(&args, node, desk.clone(), book.clone(), events.clone())?;
    let mut runtimes = Vec::from_iter(containers);
    if args.runtime != RuntimeChoice::Docker {
        let process = ProcessRuntime::new(settings, events).map_err(|error| {
            format!(
                "can't make the folder of the tasks in {}: {error}",
                args.data_dir.display()
            )
        })?;
        runtimes.push(Box::new(process));
    }
    let runtimes = Runtimes::new(runtimes);
    let start = Start {
        args,
        clock: Clock::start(),
        identity,
        token,
        runtimes,
        engine,
        desk,
        book,
        room,
    };
    start.go(server, signals, runtime_events).await
}

fn parse_token(text: &str) -> Result<JoinToken, String> {
    text.parse().map_err(|error| format!("--join: {error}"))
}

/// What an agent has before it is in a cluster.
struct Start {
    args: AgentArgs,
    clock: Clock,
    identity: Identity,
    token: Option<JoinToken>,
    runtimes: Runtimes,
    engine: Engine,
    desk: Arc<Desk>,
    book: Arc<NetworkBook>,
    room: FileRoom,
}

/// The API's server.
type ServerTask = tokio::task::JoinHandle<()>;

/// What reaches an agent from outside, from its start on.
struct Lines {
    endpoint: Endpoint,
    inbox: Inbox,
    addresses: Addresses,
    facts: NodeFacts,
    balancer: Balancer,
    view: watch::Sender<Arc<ClusterView>>,
    orders: mpsc::Receiver<OrderRequest>,
    questions: mpsc::Receiver<Question>,
    leavers: mpsc::Receiver<LeaveRequest>,
    stop: CancellationToken,
    api: ServerTask,
}

impl Start {
    async fn go(
        mut self,
        server: Server,
        signals: &mut Signals,
        runtime_events: runtime::EventReceiver,
    ) -> Result<Next, String> {
        let machine = facts::of_this_machine(
            &facts::hostname(self.args.name.clone()),
            self.runtimes.without_engine(),
        );
        let (facts, adopted) = tokio::select! {
            begun = self.engine.begin(&self.args, machine) => begun,
            _ = signals.next() => return Ok(Next::End),
        };
        let mut lines = self.open(server, facts)?;
        let door = enter::Door {
            endpoint: &lines.endpoint,
            hostname: &lines.facts.hostname,
            data_dir: &self.args.data_dir,
            token: self.token.as_ref(),
        };
        let entered = tokio::select! {
            entered = door.enter(&mut self.identity) => entered?,
            () = enter::refuse(&mut lines.orders, &mut lines.leavers) => return Ok(Next::End),
            _ = signals.next() => return Ok(Next::End),
        };
        let (folder, can_join) = (self.args.data_dir.clone(), self.token.is_some());
        let (endpoint, stop) = (lines.endpoint.clone(), lines.stop.clone());
        let balancer = lines.balancer.clone();
        let (owner, sources, api) = self
            .assemble(lines, &entered, signals, runtime_events, adopted)
            .await?;
        let (ended, disk) = owner.run(sources).await;
        endpoint.close().await;
        let farewell = move || {
            disk.close();
            farewell(ended, &folder, can_join)
        };
        let next = tokio::task::spawn_blocking(farewell).await;
        stop.cancel();
        balancer.closed().await;
        // The server ends by itself when it is told to; what it says then is in the log.
        let _ = api.await;
        next.map_err(|error| error.to_string())?
    }

    /// Opens the port and the API: people can ask from now on.
    fn open(&self, server: Server, facts: NodeFacts) -> Result<Lines, String> {
        let hostname = facts.hostname.clone();
        let (endpoint, inbox) = self.bind()?;
        let addresses = facts::addresses(endpoint.local_addr(), self.args.advertise);
        let me = self.identity.secret.node_id();
        let logs = Logs::new(me, self.runtimes.clone(), endpoint.clone());
        let (view, seen) = watch::channel(Arc::new(self.waiting_view(&facts, &addresses)));
        self.desk.connect(endpoint.clone(), seen.clone());
        self.book.connect(seen.clone());
        let (seen_ports, named) = (seen.clone(), seen.clone());
        let (history, heard) = (History::new(), seen.clone());
        // Without an engine there are none, and nothing changes.
        let networks = self.engine.networks();
        let networks = networks.unwrap_or_else(|| watch::channel(Arc::default()).1);
        let (orders, order_queue) = mpsc::channel(QUEUE);
        let (questions, question_queue) = mpsc::channel(QUEUE);
        let (leaving, leavers) = mpsc::channel(1);
        let machine = ApiIdentity::of_this_machine(hostname.clone(), self.args.data_dir.clone());
        let virtuals = Virtuals::default();
        let stop = CancellationToken::new();
        let names = Names {
            networks: networks.clone(),
            view: named,
            virtuals: virtuals.clone(),
        };
        let setting = Setting {
            listen: self.args.listen.ip(),
            data_dir: &self.args.data_dir,
            endpoint: endpoint.clone(),
            view: seen_ports,
            addresses: Arc::new(self.runtimes.clone()),
            networks,
            virtuals: virtuals.clone(),
            names: Box::new(Arc::new(names)),
        };
        let balancer = Balancer::start(setting, stop.child_token());
        let handle = Handle {
            view: seen,
            orders,
            logs: Arc::new(logs.clone()),
            credentials: self.desk.held.clone(),
            virtuals,
            ledger: balancer.ledger(),
            history: history.clone(),
            engine: self.engine.client(),
            questions,
            leaving,
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
            stop,
            api,
        })
    }

    /// Puts the owner together with everything that it works with.
    async fn assemble<'a>(
        self,
        lines: Lines,
        entered: &Entered,
        signals: &'a mut Signals,
        runtime: runtime::EventReceiver,
        contained: Vec<runtime::Adopted>,
    ) -> Result<(Owner, Sources<'a>, ServerTask), String> {
        let (store, memory) = recall::open_store(&self.args.data_dir, &self.identity, entered)?;
        let known = self.identity.cluster.as_ref();
        let members = MemberBook::of(known.map_or(&[], |known| &known.members));
        for (node, addresses) in &members.addresses {
            let addresses = addresses.as_slice().to_vec();
            lines.endpoint.set_addresses(*node, addresses);
        }
        let wall = self.clock.now().wall;
        let mut tasks = self.runtimes.adopt(wall).await;
        let contained = contained.into_iter();
        tasks.extend(contained.map(|one| adopted_task(one, wall)));
        let memory = Memory { tasks, ..memory };
        let (inputs, input_queue) = mpsc::channel(QUEUE);
        let ports = lines.balancer.port_troubles();
        let planner = PlannerThread::start(inputs.clone())?;
        let secret = self.identity.secret.clone();
        let files = Arc::new(TaskFiles {
            vault: Vault::new(secret.clone()),
            room: self.room,
        });
        files
            .room
            .keep_only(&memory.tasks.iter().map(|task| task.report.id).collect());
        let disk = DiskThread::start(store, self.identity, inputs.clone())?;
        let hostname = lines.facts.hostname.clone();
        let config = peer_config(&self.args, secret, entered, lines.addresses, lines.facts)?;
        let owner = Owner {
            peer: Peer::new(config, memory, self.clock.now()),
            clock: self.clock,
            endpoint: lines.endpoint,
            disk,
            planner,
            runtimes: self.runtimes,
            files,
            balancer: lines.balancer,
            hostname,
            view: lines.view,
            inputs,
            members,
            waiting: Waiting::default(),
            next_ticket: 0,
            concern: self.args.concern(),
            view_due: true,
            out_of_reach: Default::default(),
            ending: None,
            ended: None,
        };
        let sources = Sources {
            inbox: lines.inbox,
            inputs: input_queue,
            runtime,
            engine: self.engine,
            ports,
            orders: lines.orders,
            questions: lines.questions,
            leavers: lines.leavers,
            signals,
        };
        Ok((owner, sources, lines.api))
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

    fn known_cluster(&self) -> Option<ClusterId> {
        self.identity.cluster.as_ref().map(|known| known.id)
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

fn peer_config(
    args: &AgentArgs,
    secret: SecretKey,
    entered: &Entered,
    addresses: Addresses,
    facts: NodeFacts,
) -> Result<Config, String> {
    let profile = match args.profile {
        ProfileChoice::Lan => Profile::Lan,
        ProfileChoice::Edge => Profile::Edge,
    };
    Ok(Config {
        secret,
        cluster: entered.cluster,
        addresses,
        facts,
        labels: args.label.iter().cloned().collect(),
        profile,
        timing: Timing::of(profile),
        seed: u64::from_le_bytes(entropy()?),
        swim: None,
        anti_entropy: true,
        load_caps: LoadCaps::On,
        founder_nonce: entered.founder_nonce,
    })
}

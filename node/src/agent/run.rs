//! From options to a running agent, and to its end.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use rand::TryRng;
use shoal_membership::{Addresses, ClusterId, NodeId, Profile, SecretKey};
use shoal_net::{Endpoint, EndpointConfig, Inbox, JoinToken, TrustSet};
use shoal_scheduler::{
    peer::{Config, Memory, Peer, Timing},
    view::{ClusterView, NodeFacts, NodeStatus, NodeView},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clock,
    disk::DiskThread,
    ended::farewell,
    enter::{self, Entered},
    facts,
    logs::Logs,
    owner::{MemberBook, Owner, Sources, Waiting},
    planner::PlannerThread,
    signals::Signals,
    tasks::Runtimes,
};
use crate::{
    api::{Handle, Identity as ApiIdentity, OrderRequest, Question, Server},
    cli::{AgentArgs, ProfileChoice, RuntimeChoice},
    runtime::{
        self,
        process::{ProcessRuntime, ProcessSettings},
    },
    store::{DirectoryLock, Identity, Store},
};

/// Orders and questions that wait for the owner.
const QUEUE: usize = 256;

/// Starts a named thread.
pub(super) fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, String> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder
        .spawn(work)
        .map_err(|error| format!("can't start a thread: {error}"))
}

/// Random bytes of the operating system.
pub(super) fn entropy<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| format!("the system has no randomness: {error}"))?;
    Ok(bytes)
}

/// Runs an agent until it is told to stop.
///
/// # Errors
/// One sentence for the person: what was wrong, where, and what to do.
pub async fn run(args: AgentArgs) -> Result<(), String> {
    init_log();
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let clock = Clock::start();
    let signals = Signals::new()?;
    let lock = DirectoryLock::take(&args.data_dir).map_err(|error| said(&error))?;
    let identity = Identity::load_or_create(&args.data_dir).map_err(|error| said(&error))?;
    let token = args.join.as_deref().map(parse_token).transpose()?;
    let server = Server::bind(args.api.path().to_owned()).map_err(|error| said(&error))?;
    let (events, runtime_events) = runtime::events();
    let settings = ProcessSettings {
        data_dir: args.data_dir.clone(),
        binary: None,
    };
    let process = ProcessRuntime::new(settings, events).map_err(|error| {
        format!(
            "can't make the folder of the tasks in {}: {error}",
            args.data_dir.display()
        )
    })?;
    let runtimes = match args.runtime {
        // There is no container runtime in this version: processes are the best there is.
        RuntimeChoice::Auto | RuntimeChoice::Process => Runtimes::new(vec![Box::new(process)]),
    };
    let start = Start {
        args,
        clock,
        identity,
        token,
        runtimes,
    };
    let outcome = start.go(server, signals, runtime_events).await;
    drop(lock);
    outcome
}

/// The log goes to stderr; `SHOAL_LOG` filters it as `RUST_LOG` does elsewhere (default: info).
fn init_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SHOAL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false);
    // A log that is set up already, as in a test, stays.
    let _ = log.try_init();
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
}

/// The API's server.
type ServerTask = tokio::task::JoinHandle<()>;

/// What reaches an agent from outside, from its start on.
struct Lines {
    endpoint: Endpoint,
    inbox: Inbox,
    addresses: Addresses,
    facts: NodeFacts,
    logs: Logs,
    view: watch::Sender<Arc<ClusterView>>,
    orders: mpsc::Receiver<OrderRequest>,
    questions: mpsc::Receiver<Question>,
    stop: CancellationToken,
    api: ServerTask,
}

impl Start {
    async fn go(
        mut self,
        server: Server,
        mut signals: Signals,
        runtime_events: runtime::EventReceiver,
    ) -> Result<(), String> {
        let mut lines = self.open(server)?;
        let door = enter::Door {
            endpoint: &lines.endpoint,
            hostname: &lines.facts.hostname,
            data_dir: &self.args.data_dir,
            token: self.token.as_ref(),
        };
        let entered = tokio::select! {
            entered = door.enter(&mut self.identity, &mut lines.orders) => entered?,
            _ = signals.next() => return Ok(()),
        };
        let folder = self.args.data_dir.clone();
        let (endpoint, stop) = (lines.endpoint.clone(), lines.stop.clone());
        let (owner, sources, api) = self
            .assemble(lines, &entered, signals, runtime_events)
            .await?;
        let (ended, disk) = owner.run(sources).await;
        stop.cancel();
        // The server ends by itself when it is told to; what it says then is in the log.
        let _ = api.await;
        endpoint.close().await;
        tokio::task::spawn_blocking(move || disk.close())
            .await
            .map_err(|error| error.to_string())?;
        farewell(&ended, &folder)
    }

    /// Opens the port and the API: people can ask from now on.
    fn open(&self, server: Server) -> Result<Lines, String> {
        let hostname = facts::hostname(self.args.name.clone());
        let (endpoint, inbox) = self.bind()?;
        let addresses = facts::addresses(endpoint.local_addr(), self.args.advertise);
        let facts = facts::of_this_machine(&hostname, self.runtimes.names());
        let me = self.identity.secret.node_id();
        let logs = Logs::new(me, self.runtimes.clone(), endpoint.clone());
        let (view, seen) = watch::channel(Arc::new(self.waiting_view(&facts, &addresses)));
        let (orders, order_queue) = mpsc::channel(QUEUE);
        let (questions, question_queue) = mpsc::channel(QUEUE);
        let machine = ApiIdentity::of_this_machine(hostname.clone(), self.args.data_dir.clone());
        let handle = Handle {
            view: seen,
            orders,
            logs: Arc::new(logs.clone()),
            questions,
            identity: Arc::new(machine),
        };
        let stop = CancellationToken::new();
        let api = tokio::spawn(server.run(handle, stop.clone()));
        let socket = self.args.api.path().display();
        tracing::info!(node = %me, %hostname, listen = %endpoint.local_addr(), api = %socket, "agent started");
        Ok(Lines {
            endpoint,
            inbox,
            addresses,
            facts,
            logs,
            view,
            orders: order_queue,
            questions: question_queue,
            stop,
            api,
        })
    }

    /// Puts the owner together with everything that it works with.
    async fn assemble(
        self,
        lines: Lines,
        entered: &Entered,
        signals: Signals,
        runtime: runtime::EventReceiver,
    ) -> Result<(Owner, Sources, ServerTask), String> {
        let (store, memory) = open_store(&self.args.data_dir, &self.identity, entered)?;
        let known: BTreeMap<NodeId, Addresses> = memory.members.iter().cloned().collect();
        for (node, addresses) in &known {
            let addresses = addresses.as_slice().to_vec();
            lines.endpoint.set_addresses(*node, addresses);
        }
        let tasks = self.runtimes.adopt(self.clock.now().wall).await;
        let memory = Memory { tasks, ..memory };
        let (inputs, input_queue) = mpsc::channel(QUEUE);
        let planner = PlannerThread::start(inputs.clone())?;
        let secret = self.identity.secret.clone();
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
            logs: lines.logs,
            hostname,
            view: lines.view,
            inputs,
            members: MemberBook {
                addresses: known,
                ..MemberBook::default()
            },
            waiting: Waiting::default(),
            next_ticket: 0,
            concern: self.args.concern(),
            view_due: true,
            ended: None,
            was_removed: false,
        };
        let sources = Sources {
            inbox: lines.inbox,
            inputs: input_queue,
            runtime,
            orders: lines.orders,
            questions: lines.questions,
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
            hostname: facts.hostname.clone(),
            spec: Default::default(),
            version: 0,
            status: NodeStatus::Unknown,
            addresses: addresses.as_slice().to_vec(),
            facts: facts.clone(),
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
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
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
        founder_nonce: entered.founder_nonce,
    })
}

/// The store, and everything that this node remembers.
fn open_store(
    folder: &Path,
    identity: &Identity,
    entered: &Entered,
) -> Result<(Store, Memory), String> {
    let path = folder.join(crate::store::REGISTRY_FILE);
    let (mut store, opened) =
        Store::open(&path, entered.cluster).map_err(|error| error.to_string())?;
    if let Some(aside) = &opened.was_damaged {
        tracing::error!(set_aside = %aside.display(), "the store was damaged: it is refilled from the other nodes");
    }
    let mut writes = opened.writes;
    let known = identity.cluster.as_ref();
    writes.extend(
        known
            .into_iter()
            .flat_map(|known| known.trust.iter().cloned()),
    );
    let members = known.into_iter().flat_map(|known| &known.members);
    let members = members
        .map(|member| (member.id, member.addresses.clone()))
        .collect();
    let memory = Memory {
        author: opened.author,
        incarnation: opened.incarnation,
        writes,
        members,
        tasks: Vec::new(),
    };
    // Incarnations are reserved before any is used.
    let batch = shoal_scheduler::peer::Batch {
        entries: Vec::new(),
        author: memory.author,
        incarnation: memory.incarnation.saturating_add(INCARNATIONS_RESERVED),
    };
    store.persist(&batch).map_err(|error| error.to_string())?;
    Ok((store, memory))
}

/// Incarnations that a start takes for itself: renewals within them need not wait for the disk.
const INCARNATIONS_RESERVED: u64 = 1_000;

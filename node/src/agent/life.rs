//! One life of an agent: from its identity, over the cluster that it enters, to its end.

use std::sync::Arc;

use shoal_membership::{Addresses, Profile, SecretKey};
use shoal_net::JoinToken;
use shoal_scheduler::{
    peer::{Config, Memory, Peer, Timing},
    placement::LoadCaps,
    view::NodeFacts,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    clock::Clock,
    credentials::Desk,
    disk::DiskThread,
    ended::{Next, farewell},
    engine::Engine,
    enter::{self, Entered},
    facts,
    lines::{Lines, ServerTask},
    member_book::MemberBook,
    network_book::NetworkBook,
    owner::{Owner, Sources, Waiting},
    planner::PlannerThread,
    recall,
    run::entropy,
    signals::Signals,
    start::Start,
    task_files::TaskFiles,
    tasks::{Runtimes, adopted_task},
};
use crate::{
    api::{NodeState, Server, Socket},
    cli::{AgentArgs, ProfileChoice, RuntimeChoice},
    runtime::{
        self,
        files::FileRoom,
        installation,
        process::{ProcessRuntime, ProcessSettings},
    },
    store::{Identity, is_inactive, set_active},
    vault::Vault,
};

/// Orders and questions that wait for the owner.
const QUEUE: usize = 256;

/// Lives until the agent is told to stop, or until it must start anew. The data directory is this
/// process's own.
///
/// # Errors
/// One sentence for the person: what was wrong, where, and what to do.
pub(super) async fn live(
    args: AgentArgs,
    socket: &Socket,
    signals: &mut Signals,
) -> Result<Next, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let identity = Identity::load_or_create(&args.data_dir).map_err(|error| said(&error))?;
    let token = args.join.as_deref().map(parse_token).transpose()?;
    let server = Server::on(socket).map_err(|error| said(&error))?;
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
    start.go(server, socket, signals, runtime_events).await
}

fn parse_token(text: &str) -> Result<JoinToken, String> {
    text.parse().map_err(|error| format!("--join: {error}"))
}

/// The cluster that a node is in now, and who waits to hear of it.
struct GotIn {
    cluster: Entered,
    reply: Option<oneshot::Sender<Result<(), String>>>,
}

impl Start {
    async fn go(
        mut self,
        server: Server,
        socket: &Socket,
        signals: &mut Signals,
        runtime_events: runtime::EventReceiver,
    ) -> Result<Next, String> {
        let machine = facts::of_this_machine(
            &facts::hostname(self.args.name.clone()),
            self.runtimes.without_engine(),
            self.args.generic_resources()?,
        );
        let (facts, adopted) = tokio::select! {
            begun = self.engine.begin(&self.args, machine) => begun,
            _ = signals.next() => return Ok(Next::End),
        };
        let mut lines = self.open(server, facts)?;
        let entered = tokio::select! {
            entered = self.get_in(&mut lines) => entered?,
            _ = signals.next() => return Ok(Next::End),
        };
        let (folder, can_join) = (self.args.data_dir.clone(), self.token.is_some());
        let (endpoint, stop) = (lines.endpoint.clone(), lines.stop.clone());
        let state = lines.state.clone();
        let balancer = lines.balancer.clone();
        let (owner, sources, api) = self
            .assemble(lines, &entered.cluster, signals, runtime_events, adopted)
            .await?;
        state.send_replace(NodeState::Active);
        if let Some(reply) = entered.reply {
            // Whoever asked may be gone.
            let _ = reply.send(Ok(()));
        }
        let (ended, disk) = owner.run(sources).await;
        endpoint.close().await;
        let farewell = move || {
            disk.close();
            farewell(ended, &folder, can_join)
        };
        let next = tokio::task::spawn_blocking(farewell).await;
        // Who asks meanwhile is answered by the next life.
        socket.stays(matches!(next, Ok(Ok(Next::Idle | Next::StartAnew))));
        stop.cancel();
        balancer.closed().await;
        // The server ends by itself when it is told to; what it says then is in the log.
        let _ = api.await;
        next.map_err(|error| error.to_string())?
    }

    /// Gets this node into a cluster: at once, or when somebody says into which.
    async fn get_in(&mut self, lines: &mut Lines) -> Result<GotIn, String> {
        if self.args.join.is_some() || !is_inactive(&self.args.data_dir) {
            let token = self.token.take();
            let cluster = self.enter(lines, token.as_ref()).await;
            self.token = token;
            return Ok(GotIn {
                cluster: cluster?,
                reply: None,
            });
        }
        lines.state.send_replace(NodeState::Inactive);
        tracing::info!(
            "this node is in no cluster: docker swarm init or docker swarm join brings it into one"
        );
        loop {
            let asked = tokio::select! {
                asked = lines.entering.recv() => asked,
                never = enter::refuse(&mut lines.orders, &mut lines.leavers) => match never {},
            };
            let Some(asked) = asked else {
                return Err("the API has ended".to_owned());
            };
            lines.state.send_replace(NodeState::Pending);
            if let Some(advertise) = asked.advertise {
                self.args.advertise = Some(advertise);
                let bound = lines.endpoint.local_addr();
                lines.addresses = facts::addresses(bound, Some(advertise));
            }
            match self.enter(lines, asked.token.as_ref()).await {
                Ok(cluster) => {
                    return Ok(GotIn {
                        cluster,
                        reply: Some(asked.reply),
                    });
                }
                Err(why) => {
                    tracing::warn!(%why, "this node is still in no cluster");
                    lines.state.send_replace(NodeState::Inactive);
                    // Whoever asked may be gone.
                    let _ = asked.reply.send(Err(why));
                }
            }
        }
    }

    async fn enter(
        &mut self,
        lines: &mut Lines,
        token: Option<&JoinToken>,
    ) -> Result<Entered, String> {
        let door = enter::Door {
            endpoint: &lines.endpoint,
            hostname: &lines.facts.hostname,
            data_dir: &self.args.data_dir,
            token,
        };
        let entered = tokio::select! {
            entered = door.enter(&mut self.identity) => entered?,
            never = enter::refuse(&mut lines.orders, &mut lines.leavers) => match never {},
        };
        set_active(&self.args.data_dir).map_err(|error| error.to_string())?;
        Ok(entered)
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

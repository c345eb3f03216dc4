//! The one task that owns the peer: inputs in, effects out, in order.

mod carry_out;
mod ending;
mod vouching;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use shoal_membership::{Addresses, NodeId};
use shoal_net::{Endpoint, Inbox, Incoming, JoinRefusal, JoinReply, JoinRequest, Reply};
use shoal_scheduler::{
    order::{Order, OrderError, Receipt, WriteConcern},
    peer::{Input, Peer, Ticket},
    view::ClusterView,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    clock::Clock,
    disk::DiskThread,
    door,
    ended::Ended,
    engine::{self, Engine},
    forecast,
    member_book::MemberBook,
    planner::PlannerThread,
    signals::Signals,
    task_files::TaskFiles,
    tasks::{Runtimes, adopted_task, task_change},
    why,
};
use crate::{
    api::{LeaveRequest, OrderRequest, Question},
    balancer::{Balancer, PortTroubles},
    runtime::EventReceiver,
};

/// The view is rebuilt for readers this often at most, orders aside.
const VIEW_PACE: Duration = Duration::from_millis(50);
/// How often it is looked who is out of reach.
const REACH_PACE: Duration = Duration::from_secs(1);
/// Packets taken before everybody else gets a turn.
const PACKETS_IN_A_ROW: u32 = 64;
/// Inputs taken before the effects of the first are carried out and others get their turn.
const INPUTS_AHEAD: usize = 64;

/// Everything that the owner works with.
pub(super) struct Owner {
    pub(super) peer: Peer,
    pub(super) clock: Clock,
    pub(super) endpoint: Endpoint,
    pub(super) disk: DiskThread,
    pub(super) planner: PlannerThread,
    pub(super) runtimes: Runtimes,
    pub(super) files: Arc<TaskFiles>,
    pub(super) balancer: Balancer,
    pub(super) hostname: String,
    pub(super) view: watch::Sender<Arc<ClusterView>>,
    /// Where effects that take time send what came of them.
    pub(super) inputs: mpsc::Sender<Input>,
    /// Where to write down members' addresses and admissions.
    pub(super) members: MemberBook,
    pub(super) waiting: Waiting,
    pub(super) next_ticket: u64,
    /// For orders that do not say.
    pub(super) concern: WriteConcern,
    pub(super) view_due: bool,
    /// Peers that could not be reached when it was looked last.
    pub(super) out_of_reach: BTreeSet<NodeId>,
    /// Why it stops, if not because it was told to.
    pub(super) ending: Option<Ended>,
    pub(super) ended: Option<Ended>,
}

/// How an order ended, and who is told.
type Outcome = Result<Receipt, OrderError>;
type Orderer = oneshot::Sender<Outcome>;

/// Who waits for the peer.
#[derive(Default)]
pub(super) struct Waiting {
    /// With the text of the token, where one was ordered.
    orders: BTreeMap<Ticket, (Orderer, Option<String>)>,
    joins: BTreeMap<Ticket, JoinReply>,
    replies: BTreeMap<Ticket, Reply>,
    /// Orders that are done, to be answered when the view shows them.
    done: Vec<(Orderer, Outcome)>,
}

/// Where inputs come from.
pub(super) struct Sources<'a> {
    pub(super) inbox: Inbox,
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) runtime: EventReceiver,
    pub(super) engine: Engine,
    pub(super) ports: PortTroubles,
    pub(super) orders: mpsc::Receiver<OrderRequest>,
    pub(super) questions: mpsc::Receiver<Question>,
    pub(super) leavers: mpsc::Receiver<LeaveRequest>,
    pub(super) signals: &'a mut Signals,
}

impl Owner {
    /// Runs until told to stop.
    pub(super) async fn run(mut self, mut sources: Sources<'_>) -> (Ended, DiskThread) {
        self.carry_out();
        let mut pace = tokio::time::interval(VIEW_PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut packets = 0;
        let mut book = tokio::time::interval(Duration::from_secs(1));
        let mut reach = tokio::time::interval(REACH_PACE);
        loop {
            let deadline = self
                .peer
                .next_deadline()
                .unwrap_or(Duration::from_secs(3600));
            // Packets that have arrived go before timers that are due: hence the order.
            tokio::select! {
                biased;
                stop = sources.signals.next() => self.stop(stop),
                Some(incoming) = sources.inbox.recv(), if packets < PACKETS_IN_A_ROW => {
                    packets += 1;
                    self.arrived(incoming);
                }
                Some(input) = sources.inputs.recv() => self.input(input),
                // Before the events: they are about tasks that it may bring.
                Some(changed) = sources.engine.next() => self.engine_changed(changed),
                Some(ports) = sources.ports.changed() => self.input(Input::Ports(ports)),
                Some(event) = sources.runtime.next() => {
                    if event.change.state().is_terminal() {
                        self.files.room.clear(event.task);
                    }
                    self.input(Input::Task(task_change(event.task, event.change)));
                }
                Some(request) = sources.orders.recv() => self.order(request),
                Some(question) = sources.questions.recv() => self.question(question),
                Some(request) = sources.leavers.recv() => self.leave(request),
                () = tokio::time::sleep_until(self.clock.instant(deadline)) => {
                    self.input(Input::Tick);
                }
                _ = pace.tick(), if self.view_due => self.publish_view(),
                _ = book.tick(), if self.members.is_changed => self.write_members(),
                _ = reach.tick() => self.look_around(),
                // All others had their turn.
                () = std::future::ready(()), if packets >= PACKETS_IN_A_ROW => packets = 0,
            }
            for _ in 0..INPUTS_AHEAD {
                let Ok(input) = sources.inputs.try_recv() else {
                    break;
                };
                self.input(input);
            }
            self.answer_orders();
            if let Some(ended) = self.ended.take() {
                self.write_members();
                return (ended, self.disk);
            }
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    pub(super) fn input(&mut self, input: Input) {
        self.peer.handle(input, self.clock.now());
        self.carry_out();
        self.view_due |= self.peer.view_is_stale();
    }

    /// Tells the peer who is out of reach, when these are others than before.
    fn look_around(&mut self) {
        let now: BTreeSet<NodeId> = self.endpoint.out_of_reach().into_iter().collect();
        if now != self.out_of_reach {
            self.out_of_reach.clone_from(&now);
            self.input(Input::OutOfReach(now));
        }
    }

    /// An engine came, went, or was changed.
    fn engine_changed(&mut self, changed: engine::Changed) {
        let wall = self.clock.now().wall;
        for found in changed.adopted {
            self.input(Input::Adopt(Box::new(adopted_task(found, wall))));
        }
        self.input(Input::Facts(Box::new(changed.facts)));
    }

    fn arrived(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Datagram { from, bytes } => {
                self.input(Input::Datagram {
                    from,
                    bytes: bytes.to_vec(),
                });
            }
            Incoming::Rumour { from, bytes } => {
                self.input(Input::Rumour {
                    from,
                    bytes: bytes.to_vec(),
                });
            }
            Incoming::Request { from, bytes, reply } => {
                let ticket = self.ticket();
                self.waiting.replies.insert(ticket, reply);
                self.input(Input::Question {
                    from,
                    ticket,
                    bytes: bytes.to_vec(),
                });
            }
            Incoming::Join(request) => self.join(request),
            Incoming::Vouch(request) => self.vouched(request),
            Incoming::Unknown { by } => self.input(Input::Unknown { by }),
            Incoming::Connected { from, addr } => tracing::debug!(%from, %addr, "connected"),
            Incoming::Disconnected { from } => tracing::debug!(%from, "disconnected"),
            Incoming::Removed { by } => {
                // Each member says so at each dial.
                if !matches!(self.ending, Some(Ended::Removed)) {
                    tracing::error!(%by, "a member says that this node was removed from the cluster");
                }
                self.removed();
            }
            Incoming::Clone {
                id,
                ours,
                theirs,
                is_refused,
            } => {
                self.cloned(id, ours, theirs, is_refused);
            }
        }
    }

    fn join(&mut self, request: JoinRequest) {
        let name: String = request
            .token_id
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let Some(key) = self.peer.token_key(&name) else {
            request.reply.refuse(JoinRefusal::UnknownToken);
            return;
        };
        if !request.is_proved_by(&key) {
            request.reply.refuse(JoinRefusal::BadProof);
            return;
        }
        let hello: door::JoinHello = serde_json::from_slice(&request.hello).unwrap_or_default();
        tracing::info!(hostname = %hello.hostname.escape_debug(), from = %request.from, "a machine asks to join");
        let ticket = self.ticket();
        let joiner = request.key;
        self.waiting.joins.insert(ticket, request.reply);
        self.input(Input::Join {
            ticket,
            key: joiner,
            token: name,
        });
    }

    fn order(&mut self, request: OrderRequest) {
        let ticket = self.ticket();
        let OrderRequest {
            order,
            concern,
            reply,
        } = request;
        let concern = concern.unwrap_or(self.concern);
        let Order::CreateToken {
            ttl,
            uses,
            is_standing,
        } = order
        else {
            self.waiting.orders.insert(ticket, (reply, None));
            self.input(Input::Order {
                ticket,
                order,
                concern,
            });
            return;
        };
        let view = self.peer.view();
        // This node is not on its own roster until its disk has taken its first write.
        let this_node = (view.this_node, self.peer.addresses());
        let others = view.nodes.values().filter(|node| {
            node.id != view.this_node && node.status == shoal_scheduler::view::NodeStatus::Ready
        });
        let others =
            others.map(|node| (node.id, Addresses::new(&node.addresses).unwrap_or_default()));
        let members = std::iter::once(this_node).chain(others);
        match door::make_token(view.cluster, members) {
            Ok(token) => {
                self.waiting
                    .orders
                    .insert(ticket, (reply, Some(token.to_string())));
                let ttl = ttl.map(|ttl| ttl.as_secs());
                let (id, key) = (token.name(), token.public());
                self.input(Input::Token {
                    ticket,
                    id,
                    key,
                    ttl,
                    uses,
                    is_standing,
                    concern,
                });
            }
            Err(error) => {
                // Whoever asked may be gone.
                let _ = reply.send(Err(OrderError::Unsupported(error)));
            }
        }
    }

    /// Explaining costs as much as a few plans: it is done beside the owner.
    fn question(&mut self, question: Question) {
        let (input, plan) = self.peer.placement();
        let view = self.view.borrow().clone();
        match question {
            Question::Why {
                service,
                slot,
                reply,
            } => {
                let slots = match slot {
                    Some(slot) => vec![slot],
                    None => self.peer.slots_of(service),
                };
                tokio::task::spawn_blocking(move || {
                    let answer = why::answer(&view, &input, &plan, service, &slots, slot);
                    // Whoever asked may be gone.
                    let _ = reply.send(answer);
                });
            }
            Question::Forecast { changes, reply } => {
                tokio::task::spawn_blocking(move || {
                    let answer = forecast::answer(&view, &input, &plan, changes);
                    // Whoever asked may be gone.
                    let _ = reply.send(Ok(answer));
                });
            }
        }
    }

    /// Answers orders when the view shows what they did.
    fn answer_orders(&mut self) {
        if self.waiting.done.is_empty() {
            return;
        }
        self.publish_view();
        for (reply, result) in self.waiting.done.drain(..) {
            // Whoever asked may be gone.
            let _ = reply.send(result);
        }
    }

    fn publish_view(&mut self) {
        self.view_due = false;
        self.view.send_replace(self.peer.view());
    }

    /// Keeps what is needed to find the others again, and to know whom to trust, beside the store.
    fn write_members(&mut self) {
        if !std::mem::take(&mut self.members.is_changed) {
            return;
        }
        self.disk
            .remember(self.members.known(), self.peer.admissions());
    }

    fn ask(&self, to: NodeId, call: Ticket, bytes: Vec<u8>) {
        let (endpoint, inputs) = (self.endpoint.clone(), self.inputs.clone());
        let timeout = self.peer.question_timeout();
        tokio::spawn(async move {
            let answer = endpoint.request(to, Bytes::from(bytes), timeout).await;
            if let Err(error) = &answer {
                tracing::debug!(%to, %error, "a question was not answered");
            }
            let bytes = answer.ok().map(|bytes| bytes.to_vec());
            // The agent is stopping: then nobody needs the answer.
            let _ = inputs.send(Input::Answer { call, bytes }).await;
        });
    }
}

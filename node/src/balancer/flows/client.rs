//! A client's flow.

use std::{io, net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use shoal_membership::NodeId;
use shoal_scheduler::view::ClusterView;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    super::{Shared, ledger::Account, published::Front},
    Event, SILENT_FOR, UNANSWERED_FOR,
    choice::{Chosen, Tried, Way},
    listener::Key,
    received,
    reply::Reply,
    table::Flow,
    wire::{FlowId, Head, Kind, Route},
};

/// Who was not answered for so long may have another task, with the next packet.
const PATIENCE: Duration = Duration::from_secs(1);
/// A flow that was never answered, as those where nobody answers, has so many tasks and stays with the last.
const MOVES_MAX: u32 = 3;
/// A larger packet is not sent again, in bytes.
const KEPT_MAX: usize = 1_500;

/// Who sends, and how it is answered.
pub(super) struct Client {
    pub(super) reply: Arc<Reply>,
    /// What it asked, and where answers come from.
    pub(super) own: IpAddr,
    pub(super) address: SocketAddr,
    pub(super) account: Arc<Account>,
}

impl Client {
    fn answer(&self, bytes: &[u8]) {
        self.account.bytes_from_tasks.many(bytes.len());
        // As any packet it may be lost.
        let _ = self.reply.socket.send(bytes, self.own, self.address);
    }
}

/// A flow has nobody to go to.
struct NoTask;

/// Who can't be reached.
#[derive(Clone, Copy, Debug)]
enum NoAnswer {
    /// The task, from its node.
    Task,
    /// Its node, from here.
    Node,
}

struct Carrier {
    shared: Arc<Shared>,
    view: watch::Receiver<Arc<ClusterView>>,
    front: Front,
    client: Client,
    id: FlowId,
    chosen: Option<Chosen>,
    tried: Tried,
    /// The last packet that has no answer, if it is small.
    kept: Option<Bytes>,
    /// The first packet since the last answer.
    asked_at: Option<Instant>,
    is_doubted: bool,
    /// Whether its task ever answered.
    is_answered: bool,
    moves: u32,
}

/// Carries a flow until it has ended.
pub(super) async fn carry(shared: Arc<Shared>, front: Front, client: Client, mut flow: Flow<Key>) {
    let id = shared.flows.next_id();
    let _answers = Answers::open(&shared, id, &flow);
    let closed = client.reply.closed.clone();
    let _counted = client.account.flow();
    let mut carrier = Carrier {
        view: shared.view.clone(),
        shared,
        front,
        client,
        id,
        chosen: None,
        tried: Tried::default(),
        kept: None,
        asked_at: None,
        is_doubted: false,
        is_answered: false,
        moves: 0,
    };
    loop {
        let lasts = match carrier.is_answered {
            true => SILENT_FOR,
            false => UNANSWERED_FOR,
        };
        let ends_at = flow.seen_at() + lasts;
        let doubt_at = carrier.doubt_at();
        let went_on = tokio::select! {
            event = flow.queue.recv() => match event {
                Some(Event::OfClient(bytes, _room)) => carrier.asked(bytes).await,
                Some(Event::OfNode { by, head, bytes, .. }) => {
                    flow.touch();
                    carrier.heard(by, head, &bytes).await
                }
                None => return,
            },
            answers = near_answers(carrier.chosen.as_ref(), &carrier.client) => match answers {
                Ok(()) => {
                    flow.touch();
                    carrier.was_answered();
                    Ok(())
                }
                Err(_) => carrier.is_gone().await,
            },
            () = sleep_until(doubt_at.unwrap_or(ends_at)), if doubt_at.is_some() => {
                carrier.doubt();
                Ok(())
            }
            () = sleep_until(ends_at) => {
                if Instant::now() >= flow.seen_at() + lasts {
                    return;
                }
                Ok(())
            }
            () = closed.cancelled() => return,
        };
        if went_on.is_err() {
            carrier.client.account.no_task.one();
            carrier
                .shared
                .no_task(&carrier.front, carrier.tried.tasks.len());
            return;
        }
    }
}

/// Passes on what a task of this node has sent. An error: nobody listens there any more.
async fn near_answers(chosen: Option<&Chosen>, client: &Client) -> io::Result<()> {
    let Some(Way::Near(task)) = chosen.map(|chosen| &chosen.way) else {
        return std::future::pending().await;
    };
    received(task, |answer| client.answer(answer)).await
}

impl Carrier {
    /// The client has sent something.
    async fn asked(&mut self, bytes: Bytes) -> Result<(), NoTask> {
        let now = Instant::now();
        if self.view.has_changed().unwrap_or(false) {
            let view = self.view.borrow_and_update().clone();
            let stands = |chosen: &Chosen| chosen.still_stands(&self.shared, &view);
            if !self.chosen.as_ref().is_some_and(stands) {
                self.chosen = None;
                self.tried.clear();
            }
        }
        if self.asked_at.is_some_and(|at| now - at >= PATIENCE) {
            self.lose_patience(now);
        }
        self.asked_at.get_or_insert(now);
        self.client.account.bytes_to_tasks.many(bytes.len());
        self.kept = (bytes.len() <= KEPT_MAX).then(|| bytes.clone());
        self.send(&bytes).await
    }

    /// Leaves a task that does not answer for another one, if there is any.
    fn lose_patience(&mut self, now: Instant) {
        let Some(silent) = &self.chosen else { return };
        if !self.is_answered && self.moves >= MOVES_MAX {
            return;
        }
        let silent = silent.backend.clone();
        self.tried.tasks.push(silent.clone());
        let loads = &self.shared.flows.loads;
        let next = self.shared.next(loads, &self.front, &self.tried.tasks);
        if next.is_none() {
            // They may be asked again, it among them.
            self.tried.clear();
            return;
        }
        tracing::debug!(service = %self.front.name, task = %silent.task, "a task does not answer: another one is asked");
        if self.is_answered {
            loads.task_failed(silent.task);
        }
        self.chosen = None;
        self.moves += 1;
        self.asked_at = Some(now);
        self.is_doubted = false;
    }

    /// Sends a packet to its task, or to the next one that takes it.
    async fn send(&mut self, bytes: &Bytes) -> Result<(), NoTask> {
        loop {
            if self.chosen.is_none() {
                let client = self.seen();
                let choosing = self.shared.choose(&self.front, client, &mut self.tried);
                self.chosen = choosing.await;
            }
            let chosen = self.chosen.as_ref().ok_or(NoTask)?;
            let failed = match &chosen.way {
                Way::Near(task) => match task.send(bytes).await {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        NoAnswer::Task
                    }
                    // Whatever else is wrong: as any packet it may be lost.
                    _ => return Ok(()),
                },
                Way::Far(by) => match self.send_far(*by, chosen, bytes).await {
                    true => return Ok(()),
                    false => NoAnswer::Node,
                },
            };
            self.pass_over(failed);
        }
    }

    /// Whose address its task is to see. Who was not answered at its own may be at this machine's, where something keeps
    /// answers from the agent; and if not there either, nobody answers, and it is to be seen as it is.
    fn seen(&self) -> Option<IpAddr> {
        (self.moves != 1).then(|| self.client.address.ip())
    }

    async fn send_far(&self, by: NodeId, chosen: &Chosen, bytes: &[u8]) -> bool {
        let ask = self.front.ask(chosen.backend.task, self.seen());
        let route = match chosen.is_around() {
            true => Route::Onward(chosen.backend.node),
            false => Route::Direct,
        };
        let head = Head {
            flow: self.id,
            route,
            kind: Kind::Question(ask),
        };
        let packet = head.before(bytes);
        if self.shared.endpoint.send_packet(by, packet.clone()) {
            return true;
        }
        // There is no connection any more, or no room: then it is lost, as any packet may be.
        let is_open = self.shared.opened(by).await;
        if is_open {
            self.shared.endpoint.send_packet(by, packet);
        } else {
            self.shared.flows.loads.node_failed(by);
        }
        is_open
    }

    fn pass_over(&mut self, failed: NoAnswer) {
        let Some(chosen) = self.chosen.take() else {
            return;
        };
        let task = chosen.backend.task;
        self.client.account.passed_over.one();
        tracing::debug!(service = %self.front.name, %task, ?failed, "a task is passed over");
        // By a third node it was the way that failed, and the next is tried.
        if chosen.is_around() {
            return;
        }
        match failed {
            NoAnswer::Node => self.tried.apart.push(chosen.backend.clone()),
            NoAnswer::Task => self.shared.flows.loads.task_failed(task),
        }
        self.tried.tasks.push(chosen.backend.clone());
    }

    /// Its task is not there any more.
    async fn is_gone(&mut self) -> Result<(), NoTask> {
        self.pass_over(NoAnswer::Task);
        match self.kept.clone() {
            Some(bytes) => self.send(&bytes).await,
            None => Ok(()),
        }
    }

    /// Another node has sent something.
    async fn heard(&mut self, by: NodeId, head: Head, bytes: &[u8]) -> Result<(), NoTask> {
        let is_meant = self.chosen.as_ref().is_some_and(|chosen| {
            let of = match head.route {
                Route::From(node) => node,
                _ => by,
            };
            matches!(chosen.way, Way::Far(way) if way == by) && of == chosen.backend.node
        });
        match head.kind {
            // Of a task that it has left.
            _ if !is_meant => Ok(()),
            Kind::Answer => {
                self.client.answer(bytes);
                self.was_answered();
                Ok(())
            }
            _ => self.is_gone().await,
        }
    }

    fn was_answered(&mut self) {
        if let Some(chosen) = &self.chosen
            && self.asked_at.is_some()
        {
            self.shared.flows.loads.reached(&chosen.backend);
            let node = chosen.backend.node;
            match chosen.way {
                Way::Near(_) => {}
                Way::Far(by) if by == node => self.shared.detours.forget(node),
                Way::Far(by) => {
                    if self.shared.detours.found(node, by) {
                        tracing::info!(%node, %by, "a node that can't be reached from here is reached by way of another");
                    }
                }
            }
        }
        self.is_answered = true;
        self.is_doubted = false;
        (self.asked_at, self.kept) = (None, None);
        self.tried.clear();
    }

    /// When its node is asked whether it is still there. None: there is no need.
    fn doubt_at(&self) -> Option<Instant> {
        let chosen = self.chosen.as_ref().filter(|_| !self.is_doubted)?;
        let is_far = matches!(chosen.way, Way::Far(_));
        Some(self.asked_at.filter(|_| is_far)? + PATIENCE)
    }

    fn doubt(&mut self) {
        if let Some(Way::Far(by)) = self.chosen.as_ref().map(|chosen| &chosen.way) {
            self.shared.endpoint.doubt_streams(*by);
        }
        self.is_doubted = true;
    }
}

/// Where other nodes' answers to a flow go, as long as it lasts.
struct Answers {
    shared: Arc<Shared>,
    id: FlowId,
}

impl Answers {
    fn open(shared: &Arc<Shared>, id: FlowId, flow: &Flow<Key>) -> Self {
        shared.flows.answers().insert(id, flow.sender.clone());
        Self {
            shared: shared.clone(),
            id,
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.shared.flows.answers().remove(&self.id);
    }
}

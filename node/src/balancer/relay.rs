//! The way around: a task whose node can't be reached from here is reached by way of a third node, which has
//! a connection with both.
//!
//! Two nodes behind NATs of their own can't find each other; they stay members, because others hear both. The
//! third opens a stream to the task's node, which answers as it would answer anybody, and passes the bytes
//! both ways: once, never on to a fourth. It serves members only, since nobody else opens streams, and gives
//! what it carries the same places as connections to its own tasks.
//!
//! Which node is reached by which is remembered for a while, so that not every client waits for a way that
//! does not exist; then one of them tries the direct way again.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shoal_membership::NodeId;
use shoal_net::{RecvStream, SendStream, StreamError, StreamHeader};
use shoal_scheduler::view::{ClusterView, NodeStatus};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::{
    Shared,
    backends::Backend,
    loads::Counted,
    pipe::{self, Far},
    published::Front,
    reach::Way,
    wire::{Ask, NO_NODE, NOT_REACHED, PassOn, REACHED},
};

/// The direct way is tried again after this.
const REMEMBERED_FOR: Duration = Duration::from_secs(30);
/// Nodes to which a way around is remembered. Others are found anew each time.
const REMEMBERED_MAX: usize = 256;
/// Tasks that are tried for one connection, and nodes by which each is.
const TASKS_MAX: usize = 2;
const RELAYS_MAX: usize = 2;
/// Time for all of these.
const AROUND_TIME_MAX: Duration = Duration::from_secs(3);
/// Time for a node to pass a question on and hear the answer: the other node may take a second for it.
const PASS_ON_TIME_MAX: Duration = Duration::from_millis(1_500);

#[derive(Debug)]
struct Detour {
    by: NodeId,
    /// When the direct way is tried again.
    again: Instant,
}

/// Which nodes are reached by way of which others.
#[derive(Debug, Default)]
pub(super) struct Detours(Mutex<BTreeMap<NodeId, Detour>>);

impl Detours {
    fn held(&self) -> MutexGuard<'_, BTreeMap<NodeId, Detour>> {
        // Nothing under this lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a node is to be reached by way of another for now. Once in a while it is not, for one asker.
    fn stands(&self, node: NodeId) -> bool {
        let mut held = self.held();
        let Some(known) = held.get_mut(&node) else {
            return false;
        };
        let now = Instant::now();
        let stands = now < known.again;
        if !stands {
            known.again = now + REMEMBERED_FOR;
        }
        stands
    }

    fn by(&self, node: NodeId) -> Option<NodeId> {
        self.held().get(&node).map(|known| known.by)
    }

    /// Remembers that a node was reached by way of another. Whether there was none before.
    pub(super) fn found(&self, node: NodeId, by: NodeId) -> bool {
        let mut held = self.held();
        if let Some(known) = held.get_mut(&node) {
            known.by = by;
            return false;
        }
        if held.len() >= REMEMBERED_MAX {
            let first = held.iter().min_by_key(|(_, known)| known.again);
            if let Some(first) = first.map(|(node, _)| *node) {
                held.remove(&first);
            }
        }
        let again = Instant::now() + REMEMBERED_FOR;
        held.insert(node, Detour { by, again });
        true
    }

    /// A node was reached directly.
    pub(super) fn forget(&self, node: NodeId) {
        if let Some(known) = self.held().remove(&node) {
            tracing::info!(%node, by = %known.by, "a node is reached directly again");
        }
    }
}

/// What came of asking by way of a third node.
enum Passed {
    Reached(Far),
    /// The task's node could not reach it, or would not.
    Refused,
    /// That node can't be reached from there either.
    NoNode,
}

impl Shared {
    /// Whether a node is known not to be reached from here.
    pub(super) fn is_apart(&self, node: NodeId) -> bool {
        node != self.me && (self.endpoint.is_out_of_reach(node) || self.detours.stands(node))
    }

    /// The node by which another may be reached, those apart that were tried: the one by which it was before,
    /// else the nearest.
    pub(super) fn next_relay(&self, to: NodeId, tried: &[NodeId]) -> Option<NodeId> {
        let view = self.view.borrow().clone();
        let near = |node: NodeId| {
            let may = node != self.me
                && node != to
                && !tried.contains(&node)
                && is_ready(&view, node)
                && !view.are_apart(node, to)
                && self.loads.has_room(node)
                && !self.endpoint.is_out_of_reach(node);
            may.then(|| self.endpoint.round_trip(node)).flatten()
        };
        let before = self.detours.by(to).filter(|node| near(*node).is_some());
        before.or_else(|| {
            let all = view.nodes.keys();
            let near = all.filter_map(|node| Some((near(*node)?, *node)));
            near.min().map(|(_, node)| node)
        })
    }

    /// Has a third node ask a task's node.
    async fn ask_by(&self, by: NodeId, asked: PassOn) -> Result<Passed, StreamError> {
        let header = StreamHeader(asked.to_header());
        let (send, mut recv) = self.endpoint.open_stream(by, header).await?;
        Ok(match AsyncReadExt::read_u8(&mut recv).await {
            Ok(REACHED) => Passed::Reached(Far::new(send, recv)),
            Ok(NOT_REACHED) => Passed::Refused,
            _ => Passed::NoNode,
        })
    }

    /// Asks a task's node for another node.
    async fn pass_on(&self, asked: PassOn) -> Result<Passed, StreamError> {
        let PassOn { to, ask } = asked;
        let is_known = is_ready(&self.view.borrow(), to);
        if to == self.me || !is_known || self.endpoint.is_out_of_reach(to) {
            return Ok(Passed::NoNode);
        }
        let header = StreamHeader(ask.to_header());
        let (send, mut recv) = self.endpoint.open_stream(to, header).await?;
        Ok(match AsyncReadExt::read_u8(&mut recv).await {
            Ok(REACHED) => Passed::Reached(Far::new(send, recv)),
            Ok(_) => Passed::Refused,
            Err(_) => Passed::NoNode,
        })
    }
}

pub(super) fn is_ready(view: &ClusterView, node: NodeId) -> bool {
    let known = view.nodes.get(&node);
    known.is_some_and(|known| known.status == NodeStatus::Ready)
}

/// A connection with one of these tasks, whose nodes can't be reached from here. None: no other node reaches
/// them, or none takes it.
pub(super) async fn around(
    shared: &Shared,
    apart: &[Backend],
    front: &Front,
    client: IpAddr,
) -> Option<(Counted, Way)> {
    let trying = async {
        for backend in apart.iter().take(TASKS_MAX) {
            if let Some(found) =
                one_around(shared, backend.node, front.ask(backend.task, Some(client))).await
            {
                return Some(found);
            }
        }
        None
    };
    timeout(AROUND_TIME_MAX, trying).await.ok().flatten()
}

async fn one_around(shared: &Shared, to: NodeId, ask: Ask) -> Option<(Counted, Way)> {
    let asked = PassOn { to, ask };
    let mut tried = Vec::new();
    while tried.len() < RELAYS_MAX {
        let by = shared.next_relay(to, &tried)?;
        tried.push(by);
        // The stream is one of those with that node.
        let counted = shared.loads.count(&Backend {
            task: ask.task,
            node: by,
        });
        let passed = timeout(super::reach::REACH_TIME_MAX, shared.ask_by(by, asked)).await;
        match passed {
            Ok(Ok(Passed::Reached(way))) => {
                let around = Shared::one_more(&shared.counters.around);
                if shared.detours.found(to, by) {
                    tracing::info!(node = %to, %by, around, "a node that can't be reached from here is reached by way of another");
                }
                return Some((counted, Way::Far(way)));
            }
            Ok(Ok(Passed::Refused)) => {
                shared.loads.task_failed(ask.task);
                return None;
            }
            failed => {
                if failed.is_err() {
                    shared.endpoint.doubt_streams(by);
                }
                let failed = failed.map(|passed| passed.err());
                tracing::debug!(node = %to, %by, ?failed, "a node is not reached by way of this one");
            }
        }
    }
    None
}

/// Passes on what another node asks, and carries the connection if there is one.
pub(super) fn serve(shared: &Arc<Shared>, asked: PassOn, send: SendStream, recv: RecvStream) {
    let serving = shared.clone();
    shared.carried.spawn(async move {
        let stop = serving.stop.clone();
        stop.run_until_cancelled(carry(serving, asked, send, recv))
            .await;
    });
}

async fn carry(shared: Arc<Shared>, asked: PassOn, mut send: SendStream, recv: RecvStream) {
    let place = shared.served.clone().try_acquire_owned();
    let has_room = place.is_ok() && shared.loads.has_room(asked.to);
    // Its stream is one of those with that node.
    let _counted = shared.loads.count(&Backend {
        task: asked.ask.task,
        node: asked.to,
    });
    let passed = match has_room {
        true => timeout(PASS_ON_TIME_MAX, shared.pass_on(asked)).await,
        false => Ok(Ok(Passed::NoNode)),
    };
    let task = match passed {
        Ok(Ok(Passed::Reached(task))) => task,
        failed => {
            let answer = match failed {
                Ok(Ok(Passed::Refused)) => NOT_REACHED,
                _ => NO_NODE,
            };
            tracing::debug!(node = %asked.to, task = %asked.ask.task, answer, "a connection between others is not carried");
            // An error: the asker has gone.
            let _ = send.write_u8(answer).await;
            return;
        }
    };
    let between = Shared::one_more(&shared.counters.between);
    // The first, and then each time it has doubled.
    if between.is_power_of_two() {
        tracing::info!(to = %asked.to, between, "carries a connection between nodes that can't reach each other");
    }
    let is_told = send.write_u8(REACHED).await.is_ok();
    if !is_told || !pipe::between(Far::new(send, recv), task).await {
        tracing::debug!(to = %asked.to, "a connection between others was cut off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 16])
    }

    #[tokio::test]
    async fn a_way_around_stands_for_a_while_then_one_tries_the_direct_way() {
        let detours = Detours::default();
        assert!(!detours.stands(node(1)));
        assert!(detours.found(node(1), node(2)));
        assert!(!detours.found(node(1), node(3)), "it is known");
        assert_eq!(detours.by(node(1)), Some(node(3)));
        assert!(detours.stands(node(1)));
        detours.held().get_mut(&node(1)).unwrap().again = Instant::now();
        assert!(!detours.stands(node(1)), "one tries");
        assert!(detours.stands(node(1)), "the others do not wait for it");
        detours.forget(node(1));
        assert_eq!(
            (detours.stands(node(1)), detours.by(node(1))),
            (false, None)
        );
    }

    #[tokio::test]
    async fn not_more_is_remembered_than_may_be() {
        let detours = Detours::default();
        for number in 0..300_u128 {
            detours.found(NodeId::from_bytes(number.to_be_bytes()), node(255));
        }
        assert_eq!(detours.held().len(), REMEMBERED_MAX);
    }
}

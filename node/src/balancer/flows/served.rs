//! Another node's flow to a task of this one.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use shoal_membership::NodeId;
use shoal_scheduler::{
    task::{TaskId, TaskState},
    view::ClusterView,
};
use tokio::{net::UdpSocket, sync::watch, time::sleep_until};

use super::{
    super::{Shared, backends::Backend, loads::Counted, wire::Ask},
    Event, FarKey, Given, SILENT_FOR, UNANSWERED_FOR, received,
    table::{Flow, Uncounted},
    wire::{FlowId, Head, Kind, Route},
};

/// Whoever ends a flow here lets the other node end it first.
const LONGER: Duration = Duration::from_secs(5);

/// Takes a packet of another node.
pub(super) fn take(shared: &Arc<Shared>, by: NodeId, head: Head, bytes: Bytes) {
    let origin = match head.route {
        Route::From(node) => Some(node),
        _ => None,
    };
    let flows = &shared.flows;
    let Some(event) = Event::of_node(by, head, bytes, &flows.room) else {
        return flows.dropped(Given::Dropped);
    };
    let given = flows
        .served
        .give((by, origin, head.flow), event, &Uncounted, |flow| {
            let serving = shared.clone();
            shared.carried.spawn(async move {
                let stop = serving.stop.clone();
                let back = Back {
                    shared: serving,
                    by,
                    origin,
                    flow: head.flow,
                };
                stop.run_until_cancelled(serve(back, flow)).await;
            });
        });
    flows.dropped(given);
}

/// The way back to the client's node.
struct Back {
    shared: Arc<Shared>,
    by: NodeId,
    origin: Option<NodeId>,
    flow: FlowId,
}

impl Back {
    fn send(&self, kind: Kind, bytes: &[u8]) {
        let head = Head {
            flow: self.flow,
            route: self.origin.map_or(Route::Direct, Route::Onward),
            kind,
        };
        // As any packet it may be lost.
        self.shared
            .endpoint
            .send_packet(self.by, head.before(bytes));
    }
}

/// A task of this node that packets go to.
struct Task {
    ask: Ask,
    socket: UdpSocket,
    _counted: Counted,
}

impl Task {
    /// Whether somebody listens there.
    async fn takes(&self, bytes: &[u8]) -> bool {
        let sent = self.socket.send(bytes).await;
        // Whatever else is wrong: as any packet it may be lost.
        !sent.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

async fn serve(back: Back, mut flow: Flow<FarKey>) {
    let mut view = back.shared.view.clone();
    let mut task: Option<Task> = None;
    let mut is_answered = false;
    loop {
        let lasts = match is_answered {
            true => SILENT_FOR,
            false => UNANSWERED_FOR,
        };
        let ends_at = flow.seen_at() + lasts + LONGER;
        tokio::select! {
            event = flow.queue.recv() => {
                let Some(Event::OfNode { head, bytes, .. }) = event else { return };
                let Kind::Question(ask) = head.kind else { continue };
                if !still_stands(task.as_ref(), ask, &mut view, back.shared.me) {
                    task = open(&back.shared, ask).await;
                }
                let is_sent = match &task {
                    Some(task) => task.takes(&bytes).await,
                    None => false,
                };
                if !is_sent {
                    return back.send(Kind::Gone, &[]);
                }
            }
            answers = answers(task.as_ref(), &back) => {
                if let Err(error) = answers {
                    tracing::debug!(%error, "a task of this node takes no packets of another one");
                    return back.send(Kind::Gone, &[]);
                }
                is_answered = true;
                flow.touch();
            }
            () = sleep_until(ends_at) => {
                if flow.seen_at().elapsed() >= lasts + LONGER {
                    return;
                }
            }
        }
    }
}

/// Whether the task is the one that is asked, and still runs.
fn still_stands(
    task: Option<&Task>,
    ask: Ask,
    view: &mut watch::Receiver<Arc<ClusterView>>,
    me: NodeId,
) -> bool {
    let is_asked = task.is_some_and(|task| task.ask == ask);
    is_asked
        && (!view.has_changed().unwrap_or(false) || runs(&view.borrow_and_update(), ask.task, me))
}

/// Also one that is to end soon.
fn runs(view: &ClusterView, task: TaskId, me: NodeId) -> bool {
    let known = view.tasks.get(&task);
    known.is_some_and(|known| known.node == me && known.report.state == TaskState::Running)
}

async fn open(shared: &Shared, ask: Ask) -> Option<Task> {
    let opened = shared.task_socket(ask).await;
    let failed = |error| tracing::debug!(task = %ask.task, port = ask.target, %error, "can't be reached for another node");
    let socket = opened?.map_err(failed).ok()?;
    shared.served(ask.task);
    let backend = Backend {
        task: ask.task,
        node: shared.me,
    };
    Some(Task {
        ask,
        socket,
        _counted: shared.flows.loads.count(&backend),
    })
}

async fn answers(task: Option<&Task>, back: &Back) -> io::Result<()> {
    let Some(task) = task else {
        return std::future::pending().await;
    };
    received(&task.socket, |answer| back.send(Kind::Answer, answer)).await
}

//! One connection: from a client to a task that takes it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use shoal_net::{RecvStream, SendStream};
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    Shared,
    backends::Backend,
    ledger::Account,
    pipe::{self, Far, Near},
    published::Front,
    reach::NoWay,
    relay,
    wire::{Ask, NOT_REACHED, REACHED},
};

/// Tasks that are tried for one connection.
const TRIES_MAX: usize = 4;
/// Time for a task of this node to take a connection from another one.
const DIAL_TIME_MAX: Duration = Duration::from_secs(1);

/// Who has connected.
pub(super) struct Client {
    pub(super) near: Near,
    pub(super) address: IpAddr,
    /// What its task gets before its own bytes.
    pub(super) first: Vec<u8>,
    pub(super) account: Arc<Account>,
}

/// Brings a client to a task.
pub(super) async fn serve(shared: Arc<Shared>, front: Front, client: Client) {
    let account = client.account.clone();
    let (mut tried, mut apart) = (Vec::new(), Vec::new());
    while tried.len() < TRIES_MAX {
        // What is known may have changed while another was tried.
        let Some(backend) = shared.next(&shared.loads, &front, &tried) else {
            break;
        };
        let _counted = shared.loads.count(&backend);
        let ask = front.ask(backend.task, Some(client.address));
        match shared.reach(backend.node, ask).await {
            Ok(way) => {
                shared.loads.reached(&backend);
                shared.detours.forget(backend.node);
                if !pipe::to_task(client, way).await {
                    tracing::debug!(service = %front.name, task = %backend.task, "a connection was cut off");
                }
                return;
            }
            Err(error) => {
                match error {
                    NoWay::NoNode(_) | NoWay::TooSlow | NoWay::Apart
                        if backend.node != shared.me =>
                    {
                        shared.loads.node_failed(backend.node);
                        shared.endpoint.doubt_streams(backend.node);
                        apart.push(backend.clone());
                    }
                    _ => shared.loads.task_failed(backend.task),
                }
                account.passed_over.one();
                let passed_over = Shared::one_more(&shared.counters.passed_over);
                tracing::debug!(service = %front.name, task = %backend.task, %error, passed_over, "a task is passed over");
                tried.push(backend);
            }
        }
    }
    if let Some((_counted, way)) =
        Box::pin(relay::around(&shared, &apart, &front, client.address)).await
    {
        account.around.one();
        if !pipe::to_task(client, way).await {
            tracing::debug!(service = %front.name, "a connection was cut off");
        }
        return;
    }
    account.no_task.one();
    shared.no_task(&front, tried.len());
}

/// Brings a connection of another node to a task of this one.
pub(super) async fn serve_far(
    shared: Arc<Shared>,
    ask: Ask,
    mut send: SendStream,
    recv: RecvStream,
) {
    let dialled = async {
        let place = shared.served.clone().try_acquire_owned().ok()?;
        let dialled = timeout(DIAL_TIME_MAX, shared.dial(ask)).await;
        match dialled {
            Ok(Ok(task)) => Some((place, task)),
            failed => {
                let failed = failed.map(|dialled| dialled.err());
                tracing::debug!(task = %ask.task, port = ask.target, ?failed, "can't be reached for another node");
                None
            }
        }
    };
    let Some((_place, task)) = dialled.await else {
        // An error: the asker has gone.
        let _ = send.write_u8(NOT_REACHED).await;
        return;
    };
    shared.served(ask.task);
    let _counted = shared.loads.count(&Backend {
        task: ask.task,
        node: shared.me,
    });
    if send.write_u8(REACHED).await.is_ok() && !pipe::from_node(Far::new(send, recv), task).await {
        tracing::debug!(task = %ask.task, "a connection from another node was cut off");
    }
}

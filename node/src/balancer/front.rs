//! One connection: from a client to a task that takes it.

use std::sync::Arc;

use shoal_net::{RecvStream, SendStream};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{
    Shared, backends, pipe,
    published::Front,
    wire::{Ask, NOT_REACHED, REACHED},
};

/// Tasks that are tried for one connection.
const TRIES_MAX: usize = 4;
/// Time for a task of this node to take a connection from another one.
const DIAL_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(1);

/// Brings a client to a task.
pub(super) async fn serve(shared: Arc<Shared>, front: Front, client: TcpStream) {
    // Small answers are not to wait for more of them. Where that can't be had, they do.
    let _ = client.set_nodelay(true);
    let view = shared.view.borrow().clone();
    let backends = backends::of(&view, &shared.loads, front.service);
    let count = backends.len();
    for backend in backends.into_iter().take(TRIES_MAX) {
        let _counted = shared.loads.count(backend.task);
        match shared.reach(&backend, front.target).await {
            Ok(way) => {
                if let Err(error) = pipe::carry(client, way).await {
                    tracing::debug!(service = %front.name, task = %backend.task, %error, "a connection was cut off");
                }
                return;
            }
            Err(error) => {
                shared.loads.failed(backend.task);
                let passed_over = Shared::one_more(&shared.counters.passed_over);
                tracing::debug!(service = %front.name, task = %backend.task, %error, passed_over, "a task is passed over");
            }
        }
    }
    let refused = Shared::one_more(&shared.counters.refused);
    // The first, and then each time it has doubled.
    if refused.is_power_of_two() {
        tracing::warn!(service = %front.name, tasks = count, refused, "no task takes connections");
    }
    pipe::cut_off(&client);
}

/// Brings a connection of another node to a task of this one.
pub(super) async fn serve_far(
    shared: Arc<Shared>,
    ask: Ask,
    mut send: SendStream,
    recv: RecvStream,
) {
    let Ok(_place) = shared.served.clone().try_acquire_owned() else {
        // An error: the asker has gone.
        let _ = send.write_u8(NOT_REACHED).await;
        return;
    };
    match timeout(DIAL_TIME_MAX, shared.dial(ask.task, ask.target)).await {
        Ok(Ok(task)) => {
            let _counted = shared.loads.count(ask.task);
            if send.write_u8(REACHED).await.is_err() {
                return;
            }
            if let Err(error) = pipe::far(task, send, recv).await {
                tracing::debug!(task = %ask.task, %error, "a connection from another node was cut off");
            }
        }
        failed => {
            tracing::debug!(task = %ask.task, port = ask.target, ?failed, "can't be reached for another node");
            let _ = send.write_u8(NOT_REACHED).await;
        }
    }
}

//! Takes the connections of one listener, as many as there are places for.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    front::{self, Client},
    pipe::{self, Near},
    proxy,
    published::Front,
};

/// Time for a place to become free.
const PLACE_TIME_MAX: Duration = Duration::from_secs(5);
/// Pause after a connection that could not be taken, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Brings each connection to what it is meant for, until `end`; one that is meant for nothing is reset.
/// `meant` says which, and the address that was asked for where a task is told it.
pub(super) async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    end: CancellationToken,
    meant: impl Fn(&TcpStream, SocketAddr) -> Option<(Front, Option<SocketAddr>)>,
) {
    pipe::prepare(&listener);
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (client, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection can't be taken");
                sleep(PAUSE).await;
                continue;
            }
        };
        let meant = meant(&client, from);
        let client = Near::accepted(client);
        let Some((front, asked)) = meant else {
            continue;
        };
        let account = shared.ledger.account(front.service);
        // One at most waits here for each listener, and not for ever: who holds the places may wait for it.
        let free = async {
            let own = account.place()?;
            Some((own, shared.places.clone().acquire_owned().await.ok()?))
        };
        let free = tokio::select! {
            () = end.cancelled() => return,
            free = timeout(PLACE_TIME_MAX, free) => free,
        };
        let Ok(Some(free)) = free else {
            let refused = Shared::one_more(&shared.counters.refused);
            if refused.is_power_of_two() {
                tracing::warn!(service = %front.name, refused, "too many connections at once: clients are refused");
            }
            continue;
        };
        let first = front
            .proxy
            .zip(asked)
            .map(|(version, asked)| proxy::header(version, from, asked));
        let client = Client {
            near: client,
            address: from.ip(),
            first: first.unwrap_or_default(),
            account,
        };
        let shared = shared.clone();
        let tracker = shared.carried.clone();
        tracker.spawn(async move {
            let _free = free;
            let stop = shared.stop.clone();
            stop.run_until_cancelled(front::serve(shared, front, client))
                .await;
        });
    }
}

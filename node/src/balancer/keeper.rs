//! Listeners: one for each published port, opened and closed as the view says.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Shared, front,
    pipe::Near,
    published::{self, Front},
};

/// A port that another program has is asked for again after this.
const RETRY: Duration = Duration::from_secs(5);
/// Connections that wait in the kernel.
const BACKLOG: u32 = 1_024;
/// Connections of one port that are carried at a time, so that one service does not take all places.
const CONNECTIONS_MAX: usize = 2_048;
/// Time for a place to become free.
const PLACE_TIME_MAX: Duration = Duration::from_secs(5);
/// Until something changes.
const NEVER: Duration = Duration::from_secs(86_400);
/// Pause after a connection that could not be taken, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// A port of this node.
struct Open {
    /// What is behind it, for connections from now on.
    front: watch::Sender<Front>,
    /// Ends its listener; connections go on.
    _end: DropGuard,
}

/// Keeps them until it is told to stop.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut view = shared.view.clone();
    let mut open: BTreeMap<u16, Open> = BTreeMap::new();
    let mut missing: BTreeMap<u16, String> = BTreeMap::new();
    loop {
        let wanted = {
            let view = view.borrow_and_update();
            shared.loads.keep(
                |task| view.tasks.contains_key(&task),
                |node| view.nodes.contains_key(&node),
            );
            published::of(view.services.values())
        };
        open.retain(|port, _| wanted.contains_key(port));
        missing.retain(|port, _| wanted.contains_key(port));
        for (port, front) in wanted {
            match open.get(&port) {
                Some(known) => {
                    known.front.send_if_modified(|known| {
                        let is_other = *known != front;
                        *known = front;
                        is_other
                    });
                }
                None => take(&shared, port, front, &mut open, &mut missing),
            }
        }
        let again = Instant::now()
            + match missing.is_empty() {
                true => NEVER,
                false => RETRY,
            };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            changed = timeout_at(again, view.changed()) => {
                if matches!(changed, Ok(Err(_))) {
                    return;
                }
            }
        }
    }
}

/// Begins to listen on a port, or says once why it can't.
fn take(
    shared: &Arc<Shared>,
    port: u16,
    front: Front,
    open: &mut BTreeMap<u16, Open>,
    missing: &mut BTreeMap<u16, String>,
) {
    match listen(shared.listen, port) {
        Ok(listener) => {
            tracing::info!(port, service = %front.name, "listens on a published port");
            missing.remove(&port);
            let end = shared.stop.child_token();
            let (front, behind) = watch::channel(front);
            tokio::spawn(accept(shared.clone(), behind, listener, end.clone()));
            let _end = end.drop_guard();
            open.insert(port, Open { front, _end });
        }
        Err(error) => {
            let words = error.to_string();
            if missing.get(&port) != Some(&words) {
                tracing::warn!(
                    port, service = %front.name, %error,
                    "can't listen on a published port of this node; other nodes may: free it, and it is taken within {} s", RETRY.as_secs()
                );
                missing.insert(port, words);
            }
        }
    }
}

/// Listens on an address of this node; an unspecified one means all, of both kinds where there are both.
fn listen(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    match address {
        IpAddr::V6(_) => bind(SocketAddr::new(address, port)).or_else(|error| {
            match address.is_unspecified() && error.kind() != io::ErrorKind::AddrInUse {
                // A kernel without IPv6.
                true => bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)),
                false => Err(error),
            }
        }),
        IpAddr::V4(_) => bind(SocketAddr::new(address, port)),
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of a former run may linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(
    shared: Arc<Shared>,
    front: watch::Receiver<Front>,
    listener: TcpListener,
    end: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX.min(shared.places_max)));
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let front = front.borrow().clone();
        let client = match accepted {
            Ok((client, _)) => Near::new(client),
            Err(error) => {
                tracing::warn!(service = %front.name, %error, "a connection can't be taken");
                sleep(PAUSE).await;
                continue;
            }
        };
        // One at most waits here for each port, and not for ever: who holds the places may wait for it.
        let free = async {
            let own = places.clone().acquire_owned().await;
            (own, shared.places.clone().acquire_owned().await)
        };
        let free = tokio::select! {
            () = end.cancelled() => return,
            free = timeout(PLACE_TIME_MAX, free) => free,
        };
        let Ok(free) = free else {
            let refused = Shared::one_more(&shared.counters.refused);
            if refused.is_power_of_two() {
                tracing::warn!(service = %front.name, refused, "too many connections at once: clients are refused");
            }
            continue;
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

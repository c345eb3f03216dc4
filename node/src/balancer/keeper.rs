//! Listeners: one for each published port, opened and closed as the view says.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use shoal_scheduler::spec::Protocol;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::DropGuard;

use super::{
    Shared,
    accepting::accept,
    flows::PublishedPackets,
    published::{self, Front, Port},
};

/// A port that another program has is asked for again after this.
const RETRY: Duration = Duration::from_secs(5);
/// Connections that wait in the kernel.
const BACKLOG: u32 = 1_024;
/// Until something changes.
const NEVER: Duration = Duration::from_secs(86_400);

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
    let mut networks = shared.networks.clone();
    let mut open: BTreeMap<Port, Open> = BTreeMap::new();
    // It may have been killed.
    shared.sources.clear().await;
    loop {
        let wanted = {
            let view = view.borrow_and_update();
            shared.ledger.keep(&view);
            for loads in [&shared.loads, &shared.flows.loads] {
                loads.keep(
                    |task| view.tasks.contains_key(&task),
                    |node| view.nodes.contains_key(&node),
                );
            }
            let mut wanted = published::of(view.services.values());
            // Where nobody would answer clients are refused, and who looks whether a service is there sees that.
            wanted.retain(|_, front| shared.has_any(&view, front.service));
            wanted
        };
        open.retain(|port, _| wanted.contains_key(port));
        let is_wanted = |port, protocol| wanted.contains_key(&(port, protocol));
        shared.missing.keep(is_wanted);
        for (port, front) in wanted {
            match open.get(&port) {
                Some(known) => {
                    known.front.send_if_modified(|known| {
                        let is_other = *known != front;
                        *known = front;
                        is_other
                    });
                }
                None => take(&shared, port, front, &mut open),
            }
        }
        // Those who came by a port that is no more may still be there.
        let are_published = !open.is_empty() || shared.missing.has_any();
        let is_in_use = shared.sources.are_standing() && !shared.carried.is_empty();
        let has_tasks = !shared.networks.borrow().routed.is_empty();
        let sources_again = shared
            .sources
            .keep(has_tasks && (are_published || is_in_use))
            .await;
        let soon = shared.missing.has_any() || sources_again || is_in_use;
        let again = Instant::now()
            + match soon || (are_published && has_tasks) {
                false => NEVER,
                true => RETRY,
            };
        tokio::select! {
            () = shared.stop.cancelled() => break,
            // A container came or went.
            Ok(()) = networks.changed() => {}
            changed = timeout_at(again, view.changed()) => {
                if matches!(changed, Ok(Err(_))) {
                    break;
                }
            }
        }
    }
    shared.sources.keep(false).await;
}

/// Begins to listen on a port, or says once why it can't.
fn take(shared: &Arc<Shared>, port: Port, front: Front, open: &mut BTreeMap<Port, Open>) {
    let (number, protocol) = port;
    let (end, name) = (shared.stop.child_token(), front.name.clone());
    let (front, behind) = watch::channel(front);
    let begun = match protocol {
        Protocol::Udp => {
            PublishedPackets::listen(SocketAddr::new(shared.listen, number)).map(|packets| {
                tokio::spawn(packets.carry(shared.clone(), behind, end.clone()));
            })
        }
        _ => listen(shared.listen, number).map(|listener| {
            let meant = move |client: &TcpStream, _| {
                let front = behind.borrow().clone();
                // Of interest to nobody else, and the kernel is asked for it.
                let asked = front.proxy.and_then(|_| client.local_addr().ok());
                Some((front, asked))
            };
            tokio::spawn(accept(shared.clone(), listener, end.clone(), meant));
        }),
    };
    match begun {
        Ok(()) => {
            tracing::info!(port = number, %protocol, service = %name, "listens on a published port");
            shared.missing.remove(number, protocol);
            let _end = end.drop_guard();
            open.insert(port, Open { front, _end });
        }
        Err(error) => {
            if shared.missing.add(number, protocol, &error.to_string()) {
                tracing::warn!(
                    port = number, %protocol, service = %name, %error,
                    "can't listen on a published port of this node; other nodes may: free it, and it is taken within {} s", RETRY.as_secs()
                );
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

//! Takes the packets that come to one socket, and gives each to its flow.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Shared, published::Front},
    Event, Given,
    client::{self, Client},
    replies::Reply,
    socket::{Inbound, Received, ToldSocket},
    table::{Own, Table},
};

/// Pause after a packet that could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// A client's address, and ours that it sends to.
pub(super) type Key = (SocketAddr, SocketAddr);

/// A published port of this node.
pub(in super::super) struct PublishedPackets(Arc<ToldSocket>);

impl PublishedPackets {
    /// Begins to listen on it.
    ///
    /// # Errors
    /// If the port can't be had.
    pub(in super::super) fn listen(shared: &Shared, port: u16) -> io::Result<Self> {
        let address = SocketAddr::new(shared.listen, port);
        let is_taken = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
        let listening = ToldSocket::published(address);
        if listening.as_ref().is_err_and(is_taken) && shared.flows.replies.give_way(port) {
            tracing::debug!(
                port,
                "flows of virtual addresses begin again: their port is published now"
            );
        }
        Ok(Self(Arc::new(listening?)))
    }

    /// Carries what comes, until `end`.
    pub(in super::super) async fn carry(
        self,
        shared: Arc<Shared>,
        behind: watch::Receiver<Front>,
        end: CancellationToken,
    ) {
        let table = shared.flows.table();
        let front = |_: &Received| Some(behind.borrow().clone());
        let reply = |_: &Received| Some(Reply::listening(&self.0, &end));
        let mut changes = behind.clone();
        let clearing = async {
            // What is behind it now is another service, or another port.
            while changes.changed().await.is_ok() {
                table.clear();
            }
        };
        tokio::select! {
            () = end.cancelled() => {}
            () = take(&shared, &self.0, &table, front, reply) => {}
            () = clearing => {}
        }
    }
}

/// All virtual addresses of a network.
pub(in super::super) struct VirtualPackets(Arc<ToldSocket>);

impl VirtualPackets {
    /// Listens on this node's address on the network, to which rules bring what is sent to virtual ones.
    ///
    /// # Errors
    /// If it may not.
    pub(in super::super) fn listen(gateway: IpAddr) -> io::Result<Self> {
        let socket = ToldSocket::transparent(SocketAddr::new(gateway, 0))?;
        Ok(Self(Arc::new(socket)))
    }

    /// Listens on one virtual address and port, where no rules bring anything.
    ///
    /// # Errors
    /// If it can't be had.
    pub(in super::super) fn at(address: SocketAddr) -> io::Result<Self> {
        Ok(Self(Arc::new(ToldSocket::published(address)?)))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub(in super::super) fn port(&self) -> io::Result<u16> {
        self.0.port()
    }

    /// Carries what comes, until `end`. `front`: what is meant by who sends a packet, and where to.
    pub(in super::super) async fn carry(
        self,
        shared: Arc<Shared>,
        front: impl Fn(SocketAddr, SocketAddr) -> Option<Front>,
        end: CancellationToken,
    ) {
        let table = shared.flows.table();
        let front = |received: &Received| front(received.from, received.to);
        let reply = |received: &Received| {
            let reply = shared.flows.replies.of(received.to);
            let failed = |error: io::Error| {
                tracing::debug!(address = %received.to, %error, "packets to a virtual address can't be answered");
            };
            reply.map_err(failed).ok()
        };
        tokio::select! {
            () = end.cancelled() => {}
            () = take(&shared, &self.0, &table, front, reply) => {}
        }
    }
}

async fn take(
    shared: &Arc<Shared>,
    socket: &ToldSocket,
    table: &Table<Key>,
    front: impl Fn(&Received) -> Option<Front>,
    reply: impl Fn(&Received) -> Option<Arc<Reply>>,
) {
    let dropped = |received: &Received, given: Given| {
        shared.flows.dropped(given);
        if let Some(front) = front(received) {
            shared.ledger.account(front.service).dropped.one();
        }
    };
    let mut inbound = Inbound::new();
    loop {
        let received = match socket.receive(&mut inbound).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "a packet can't be taken");
                sleep(PAUSE).await;
                continue;
            }
        };
        let bytes = Bytes::copy_from_slice(&inbound.buffer[..received.size]);
        let Some(event) = Event::of_client(bytes, &shared.flows.room) else {
            dropped(&received, Given::Dropped);
            continue;
        };
        let own = || match front(&received) {
            Some(front) => Own::of(shared.ledger.account(front.service).flow_place()),
            None => Own::NotCounted,
        };
        let given = table.give((received.from, received.to), event, own, |flow| {
            // It ends at once, if it is meant for nothing.
            let Some(front) = front(&received) else {
                return;
            };
            let Some(reply) = reply(&received) else {
                return;
            };
            let client = Client {
                reply,
                own: received.to.ip(),
                address: received.from,
                account: shared.ledger.account(front.service),
            };
            let serving = shared.clone();
            shared.carried.spawn(async move {
                let stop = serving.stop.clone();
                stop.run_until_cancelled(client::carry(serving, front, client, flow))
                    .await;
            });
        });
        if given != Given::Taken {
            dropped(&received, given);
        }
    }
}

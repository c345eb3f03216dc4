//! Takes the packets that come to one socket, and gives each to its flow.

use std::{
    cell::OnceCell,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Shared, ledger::Account, published::Front},
    Event, Given,
    client::{self, Client},
    reply::Reply,
    socket::{Inbound, Received, ToldSocket},
    table::{Opening, Own, Table},
    tracking::Tracking,
};

/// Pause after a packet that could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// Where packets to virtual addresses are led, on each network: a port that nobody else is likely to want.
const PORT: u16 = 7_942;

/// How often it is tried before any other is taken.
const TRIES_MAX: u32 = 6;

/// A client's address, and ours that it sends to.
pub(super) type Key = (SocketAddr, SocketAddr);

/// A published port of this node.
pub(in super::super) struct PublishedPackets(Arc<ToldSocket>);

impl PublishedPackets {
    /// Begins to listen on it.
    ///
    /// # Errors
    /// If the port can't be had.
    pub(in super::super) fn listen(address: SocketAddr) -> io::Result<Self> {
        Ok(Self(Arc::new(ToldSocket::published(address)?)))
    }

    /// Carries what comes, until `end`.
    pub(in super::super) async fn carry(
        self,
        shared: Arc<Shared>,
        behind: watch::Receiver<Front>,
        end: CancellationToken,
    ) {
        let table = shared.flows.table();
        let front = |_: &Received| Some((behind.borrow().clone(), None));
        let reply = Reply::of(&self.0, &end);
        let mut changes = behind.clone();
        let clearing = async {
            // What is behind it now is another service, or another port.
            while changes.changed().await.is_ok() {
                table.clear();
            }
        };
        tokio::select! {
            () = end.cancelled() => {}
            () = take(&shared, &reply, &table, front, false) => {}
            () = clearing => {}
        }
    }
}

/// Virtual addresses of a network: one, or all.
pub(in super::super) struct VirtualPackets {
    socket: Arc<ToldSocket>,
    /// Says which one was asked. None: the one that the socket has.
    tracking: Option<Tracking>,
}

impl VirtualPackets {
    /// Listens on this node's address on the network, to which rules bring what is sent to virtual ones. By the same
    /// port each time, if it can be had: who is led there already is not forgotten when the agent starts anew.
    ///
    /// # Errors
    /// If it may not, or the kernel does not say what was asked.
    pub(in super::super) async fn led_to(own: IpAddr) -> io::Result<Self> {
        let at = |port| ToldSocket::published(SocketAddr::new(own, port));
        let mut tries = 0;
        let socket = loop {
            match at(PORT) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES_MAX => {
                    // Of this agent itself, mostly, and about to end.
                    tries += 1;
                    sleep(PAUSE).await;
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => break at(0)?,
                socket => break socket?,
            }
        };
        Ok(Self {
            socket: Arc::new(socket),
            tracking: Some(Tracking::open()?),
        })
    }

    /// Listens on one virtual address and port, where no rules bring anything.
    ///
    /// # Errors
    /// If it can't be had.
    pub(in super::super) fn at(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: Arc::new(ToldSocket::published(address)?),
            tracking: None,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub(in super::super) fn port(&self) -> io::Result<u16> {
        self.socket.port()
    }

    /// Carries what comes, until `end`. `front`: what is meant by who sends a packet, and where to.
    pub(in super::super) async fn carry(
        self,
        shared: Arc<Shared>,
        front: impl Fn(SocketAddr, SocketAddr) -> Option<Front>,
        end: CancellationToken,
    ) {
        let table = shared.flows.table();
        let reply = Reply::of(&self.socket, &end);
        let front = |received: &Received| {
            let asked = match &self.tracking {
                None => received.to,
                Some(tracking) => tracking
                    .original(received.from, received.to)
                    .inspect_err(|error| {
                        tracing::debug!(from = %received.from, %error, "it is not known where a packet was sent");
                    })
                    .ok()?,
            };
            Some((front(received.from, asked)?, Some(asked)))
        };
        tokio::select! {
            () = end.cancelled() => {}
            () = take(&shared, &reply, &table, front, self.tracking.is_some()) => {}
        }
    }
}

/// What a packet is meant for, and the address that was asked where there are several.
type Meant = Option<(Front, Option<SocketAddr>)>;

/// A packet that may begin a flow.
struct Packet<'a, F> {
    shared: &'a Shared,
    received: Received,
    find: &'a F,
    meant: OnceCell<Meant>,
}

impl<F: Fn(&Received) -> Meant> Packet<'_, F> {
    /// Found out once, if at all.
    fn meant(&self) -> Option<&(Front, Option<SocketAddr>)> {
        self.meant
            .get_or_init(|| (self.find)(&self.received))
            .as_ref()
    }

    fn account(&self) -> Option<Arc<Account>> {
        let (front, _) = self.meant()?;
        Some(self.shared.ledger.account(front.service))
    }
}

impl<F: Fn(&Received) -> Meant> Opening for Packet<'_, F> {
    fn asked(&self) -> Option<SocketAddr> {
        self.meant()?.1
    }

    fn own(&self) -> Own {
        match self.account() {
            Some(account) => Own::of(account.flow_place()),
            None => Own::NotCounted,
        }
    }
}

async fn take(
    shared: &Arc<Shared>,
    reply: &Arc<Reply>,
    table: &Table<Key>,
    find: impl Fn(&Received) -> Meant,
    asks_kernel: bool,
) {
    let mut inbound = Inbound::new();
    loop {
        let received = match reply.socket.receive(&mut inbound).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "a packet can't be taken");
                sleep(PAUSE).await;
                continue;
            }
        };
        let packet = Packet {
            shared,
            received,
            find: &find,
            meant: OnceCell::new(),
        };
        let bytes = Bytes::copy_from_slice(&inbound.buffer[..received.size]);
        let given = match Event::of_client(bytes, &shared.flows.room) {
            Some(event) => table.give((received.from, received.to), event, &packet, |flow| {
                // It ends at once, if it is meant for nothing.
                let Some((front, _)) = packet.meant() else {
                    return;
                };
                let client = Client {
                    reply: reply.clone(),
                    own: received.to.ip(),
                    address: received.from,
                    account: shared.ledger.account(front.service),
                };
                let (serving, front) = (shared.clone(), front.clone());
                // Whoever listens ends with the agent, at the latest.
                let closed = reply.closed.clone();
                shared.carried.spawn(async move {
                    let carrying = client::carry(serving, front, client, flow);
                    closed.run_until_cancelled(carrying).await;
                });
            }),
            None => Given::Dropped,
        };
        if given != Given::Taken {
            shared.flows.dropped(given);
            // A flood is not worth a question each to the kernel.
            let is_cheap = !asks_kernel || packet.meant.get().is_some();
            if let Some(account) = is_cheap.then(|| packet.account()).flatten() {
                account.dropped.one();
            }
        }
    }
}

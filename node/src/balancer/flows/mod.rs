//! UDP: packets of a client go to one task, and the answers back to the client, as long as either sends.
//!
//! A flow is all packets from one address of a client to one of ours. It begins with its first packet, which
//! waits for nobody: to a task of another node it goes together with the question whose it is, over the data
//! connection between the two nodes. It stays with its task while that runs; if the task is gone, its node
//! can't be reached, or it stops to answer, it goes to another, and what was not answered is sent there again.
//! Nothing here makes packets safe: what finds no room is dropped and counted, as on any network.
//!
//! Whoever is silent is forgotten: after 30 s if no answer was ever heard, else after 120 s, as Linux's own
//! connection tracking does.

mod choice;
mod client;
mod listener;
mod onward;
mod reply;
mod served;
mod socket;
mod table;
mod tracking;
mod wire;

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use shoal_membership::NodeId;
use shoal_net::Packets;
use tokio::{
    net::UdpSocket,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};

pub(super) use self::listener::{PublishedPackets, VirtualPackets};
use self::{
    listener::Key,
    table::{Given, Table},
    wire::{FlowId, Head, Kind, Route},
};
use super::{Shared, loads::Loads};

/// Flows of one listener at a time, so that one network does not take all places.
const FLOWS_MAX: usize = 2_048;
/// A flow that nobody ever answered is forgotten after so long a silence.
const UNANSWERED_FOR: Duration = Duration::from_secs(30);
/// And any other.
const SILENT_FOR: Duration = Duration::from_secs(120);
/// Bytes of packets that wait for flows, in KiB, all together.
const WAITING_KIB: usize = 16 << 10;
/// Packets that a task sent which are carried before its flow looks at anything else.
const BURST: usize = 64;

/// What a flow is given.
enum Event {
    /// A packet of its client.
    OfClient(Bytes, OwnedSemaphorePermit),
    /// What another node sent.
    OfNode {
        by: NodeId,
        head: Head,
        bytes: Bytes,
        _room: OwnedSemaphorePermit,
    },
}

impl Event {
    fn of_client(bytes: Bytes, room: &Arc<Semaphore>) -> Option<Self> {
        let own = room_for(&bytes, room)?;
        Some(Self::OfClient(bytes, own))
    }

    fn of_node(by: NodeId, head: Head, bytes: Bytes, room: &Arc<Semaphore>) -> Option<Self> {
        let own = room_for(&bytes, room)?;
        Some(Self::OfNode {
            by,
            head,
            bytes,
            _room: own,
        })
    }
}

fn room_for(bytes: &Bytes, room: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    let kib = u32::try_from(bytes.len() / 1024 + 1).ok()?;
    room.clone().try_acquire_many_owned(kib).ok()
}

/// Of another node's flow to a task of this one: who sends its packets, whose they are, and its name there.
type FarKey = (NodeId, Option<NodeId>, FlowId);

/// What all flows of this node share.
pub(super) struct Flows {
    pub(super) loads: Loads,
    places_max: usize,
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
    /// Where answers of other nodes go.
    answers: Mutex<HashMap<FlowId, mpsc::WeakSender<Event>>>,
    next_id: AtomicU64,
    served: Table<FarKey>,
    /// Packets that found no room.
    dropped: AtomicU64,
    /// Packets between two other nodes that this one passed on.
    passed_on: AtomicU64,
}

impl Flows {
    /// So many flows of clients, and as many of other nodes.
    pub(super) fn new(places: usize) -> Self {
        Self {
            loads: Loads::of(usize::MAX),
            places_max: places,
            places: Arc::new(Semaphore::new(places)),
            room: Arc::new(Semaphore::new(WAITING_KIB)),
            answers: Mutex::default(),
            next_id: AtomicU64::new(rand::random()),
            served: Table::new(places, Arc::new(Semaphore::new(places))),
            dropped: AtomicU64::new(0),
            passed_on: AtomicU64::new(0),
        }
    }

    fn table(&self) -> Table<Key> {
        Table::new(FLOWS_MAX.min(self.places_max / 2), self.places.clone())
    }

    fn next_id(&self) -> FlowId {
        FlowId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<FlowId, mpsc::WeakSender<Event>>> {
        // Nothing under this lock can leave it half changed.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dropped(&self, given: Given) {
        if given == Given::Taken {
            return;
        }
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        // The first, and then each time it has doubled.
        if dropped.is_power_of_two() {
            let why = match given {
                Given::NoPlace => "too many flows at once",
                _ => "they come faster than they are carried",
            };
            tracing::warn!(dropped, why, "packets of users' traffic are dropped");
        }
    }
}

/// Gives what other nodes send to the flows that it is for, until there is nothing more.
pub(super) async fn dispatch(shared: Arc<Shared>, mut packets: Packets) {
    while let Some((by, packet)) = packets.recv().await {
        let Some((head, bytes)) = Head::of(&packet) else {
            tracing::debug!(%by, "what should be a packet of a flow is none");
            continue;
        };
        match (head.route, head.kind) {
            (Route::Onward(to), _) => onward::pass_on(&shared, by, to, head, &bytes),
            (_, Kind::Question(_)) => served::take(&shared, by, head, bytes),
            (_, Kind::Answer | Kind::Gone) => {
                let flows = &shared.flows;
                let known = flows.answers().get(&head.flow).cloned();
                let Some(queue) = known.and_then(|known| known.upgrade()) else {
                    continue;
                };
                let event = Event::of_node(by, head, bytes, &flows.room);
                if event.is_none_or(|event| queue.try_send(event).is_err()) {
                    flows.dropped(Given::Dropped);
                }
            }
        }
    }
}

thread_local! {
    /// Where a packet is read into and sent from, with nothing awaited between.
    static PACKET: RefCell<Vec<u8>> = RefCell::new(vec![0; usize::from(u16::MAX)]);
}

/// Waits until a task has sent something, and passes it on. An error: nobody listens there.
async fn received(task: &UdpSocket, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        task.readable().await?;
        let mut count = 0;
        let took: io::Result<()> = PACKET.with_borrow_mut(|packet| {
            while count < BURST {
                let size = task.try_recv(packet)?;
                each(&packet[..size]);
                count += 1;
            }
            Ok(())
        });
        match took {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            // It may have been woken for nothing.
            _ if count == 0 => {}
            _ => return Ok(()),
        }
    }
}

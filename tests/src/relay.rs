//! Links that a test can cut: a relay before each node, as a router would be.
//!
//! A node advertises its relay's address. Each peer that sends to it gets a socket of its own behind
//! the relay, from which the node hears it and to which it answers; so the relay knows of every
//! packet who sent it and who is to get it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// The largest UDP packet, in bytes.
const PACKET_MAX: usize = 65_536;
/// How long a relay may take to notice that it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// What is lost on the way.
#[derive(Debug, Default)]
struct Weather {
    /// Cut paths: from one node to another.
    cut: Mutex<BTreeSet<(SocketAddr, SocketAddr)>>,
    /// Packets lost of a hundred, everywhere.
    loss: AtomicU64,
    /// A cheap generator: which packets are lost need not be random, only spread.
    count: AtomicU64,
    is_over: AtomicBool,
}

impl Weather {
    fn passes(&self, from: SocketAddr, to: SocketAddr) -> bool {
        let loss = self.loss.load(Ordering::Relaxed);
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let draw = count.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        draw % 100 >= loss && !cut.contains(&(from, to))
    }
}

/// All relays of a cluster.
#[derive(Debug, Default)]
pub struct Links {
    weather: Arc<Weather>,
    nodes: Vec<SocketAddr>,
    fronts: Vec<JoinHandle<()>>,
}

impl Links {
    /// A relay at `front` for the node that listens on `node`.
    pub(crate) fn add(&mut self, front: SocketAddr, node: SocketAddr) {
        let socket = UdpSocket::bind(front).expect("a relay's port is free");
        let relay = Relay {
            front: Arc::new(socket),
            node,
            weather: self.weather.clone(),
        };
        self.nodes.push(node);
        self.fronts.push(std::thread::spawn(move || relay.run()));
    }

    /// Cuts every path, both ways, between one group of nodes and another.
    pub fn cut(&self, one: &[usize], other: &[usize]) {
        for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
            self.cut_one_way(*a, *b);
            self.cut_one_way(*b, *a);
        }
    }

    /// Drops what one node sends to another; answers pass.
    pub fn cut_one_way(&self, from: usize, to: usize) {
        let path = (self.nodes[from], self.nodes[to]);
        let mut cut = self
            .weather
            .cut
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cut.insert(path);
    }

    /// Loses so many packets of a hundred, on all paths.
    pub fn lose(&self, percent: u64) {
        self.weather.loss.store(percent, Ordering::Relaxed);
    }

    /// Everything passes again.
    pub fn heal(&self) {
        self.lose(0);
        let mut cut = self
            .weather
            .cut
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cut.clear();
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.weather.is_over.store(true, Ordering::Relaxed);
        for front in self.fronts.drain(..) {
            // A relay that panicked has said so; the test fails by what it sees.
            let _ = front.join();
        }
    }
}

#[derive(Clone)]
struct Relay {
    front: Arc<UdpSocket>,
    node: SocketAddr,
    weather: Arc<Weather>,
}

impl Relay {
    /// From peers to the node.
    fn run(self) {
        let mut peers: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
        let mut backs = Vec::new();
        let front = self.front.clone();
        self.receive(&front, |relay, packet, peer| {
            let socket = match peers.entry(peer) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let socket = relay.socket_for_peer()?;
                    let (relay, own) = (relay.clone(), socket.clone());
                    backs.push(std::thread::spawn(move || relay.run_back(&own, peer)));
                    new.insert(socket)
                }
            };
            if relay.weather.passes(peer, relay.node) {
                socket.send_to(packet, relay.node)?;
            }
            Ok(())
        });
        for back in backs {
            // As above.
            let _ = back.join();
        }
    }

    fn socket_for_peer(&self) -> io::Result<Arc<UdpSocket>> {
        Ok(Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?))
    }

    /// From the node to one peer.
    fn run_back(&self, socket: &UdpSocket, peer: SocketAddr) {
        self.receive(socket, |relay, packet, _| {
            if relay.weather.passes(relay.node, peer) {
                relay.front.send_to(packet, peer)?;
            }
            Ok(())
        });
    }

    /// Hands on what arrives until the test is over. UDP promises nothing: a packet that can't be
    /// handed on, because its receiver was killed, is lost.
    fn receive(
        &self,
        socket: &UdpSocket,
        mut hand_on: impl FnMut(&Self, &[u8], SocketAddr) -> io::Result<()>,
    ) {
        let timed = socket.set_read_timeout(Some(LOOK));
        timed.expect("a socket can have a timeout");
        let mut packet = vec![0; PACKET_MAX];
        while !self.weather.is_over.load(Ordering::Relaxed) {
            if let Ok((length, from)) = socket.recv_from(&mut packet) {
                let _ = hand_on(self, &packet[..length], from);
            }
        }
    }
}

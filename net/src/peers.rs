//! Who is connected to us, how, and where else a peer could be reached. No I/O: this decides.
//!
//! Of several connections between two nodes both sides keep the same one, without a word about it:
//! the larger (epoch, dialled by the smaller id) stays. Two simultaneous dials have the same
//! epoch; a dial that is to replace a connection has the next.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use shoal_membership::NodeId;
use tokio::sync::Notify;

use crate::{
    alpn::Class,
    backoff::Backoff,
    config::{MAX_ADDRESSES, RETIRED_AT_ONCE},
    hello::Hello,
    refusal::Refusal,
    rumours::Rumours,
    stream::Lease,
    trust::TrustSet,
};

/// So many peers are remembered.
const MAX_PEERS: usize = 16_384;

/// An established connection with a trusted peer.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: quinn::Connection,
    pub(crate) peer: NodeId,
    pub(crate) class: Class,
    /// Which run of the peer, and which connection (the dialler's epoch).
    pub(crate) hello: Hello,
    /// The smaller id of the two dialled it.
    pub(crate) dialled_by_smaller: bool,
    pub(crate) lease: Lease,
    pub(crate) retired: AtomicBool,
    pub(crate) retiring: Notify,
    /// It is being asked whether anybody is at its other end.
    pub(crate) doubted: AtomicBool,
}

impl Link {
    pub(crate) fn address(&self) -> SocketAddr {
        canonical(self.connection.remote_address())
    }

    fn rank(&self) -> (u32, bool) {
        (self.hello.epoch, self.dialled_by_smaller)
    }

    /// Packets that have come by it.
    fn heard(&self) -> u64 {
        self.connection.stats().udp_rx.datagrams
    }

    fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }
}

/// An IPv4 address that came through an IPv6 socket, as people write it.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// One class of connection to one peer.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) live: Option<Arc<Link>>,
    pub(crate) retired: Vec<Arc<Link>>,
    pub(crate) dialling: bool,
    pub(crate) backoff: Backoff,
    pub(crate) epoch: u32,
    pub(crate) last_failure: Option<String>,
    /// What had come by the connection that stood when a dial began.
    pub(crate) heard_before: Option<u64>,
    /// The same when a dial beside it failed, and nothing had come meanwhile.
    mute_at: Option<u64>,
    /// Woken when a connection stands or a dial has failed.
    pub(crate) changed: Arc<Notify>,
}

impl Line {
    /// A dial begins.
    pub(crate) fn dials(&mut self) {
        self.dialling = true;
        self.heard_before = self.live.as_ref().map(|link| link.heard());
    }

    /// A dial has failed. If nothing came meanwhile by the connection that stands either, it is mute; unless
    /// there was an answer, and so little time.
    pub(crate) fn dial_failed(&mut self, now: Instant) {
        let heard = self.live.as_ref().map(|link| link.heard());
        let is_same = heard.is_some() && heard == self.heard_before;
        if is_same && self.backoff.is_rested(now) {
            self.mute_at = heard;
        }
    }

    /// Whether nothing comes from there, though it was tried.
    fn is_dead_end(&self) -> bool {
        let open = self.live.as_ref().filter(|link| link.is_open());
        match (open, self.mute_at) {
            (Some(link), Some(heard)) => link.heard() == heard,
            (Some(_), None) => false,
            (None, mute) => mute.is_some() || self.last_failure.is_some(),
        }
    }

    /// Uses a connection no more: it is closed when what runs on it has ended.
    fn retire(&mut self, link: Arc<Link>) {
        link.retired.store(true, Ordering::Relaxed);
        link.retiring.notify_one();
        self.retired.push(link);
        while self.retired.len() > RETIRED_AT_ONCE {
            Refusal::Duplicate.close(&self.retired.remove(0).connection);
        }
    }
}

/// What is known of one peer.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    addresses: Vec<SocketAddr>,
    pub(crate) last_seen: Option<SocketAddr>,
    control: Line,
    data: Line,
    pub(crate) rumours: Rumours,
    pub(crate) announced: bool,
}

impl Peer {
    pub(crate) fn line(&mut self, class: Class) -> &mut Line {
        match class {
            Class::Control => &mut self.control,
            Class::Data => &mut self.data,
        }
    }

    pub(crate) fn live(&self, class: Class) -> Option<&Arc<Link>> {
        match class {
            Class::Control => self.control.live.as_ref(),
            Class::Data => self.data.live.as_ref(),
        }
    }

    /// Where to dial, best first.
    pub(crate) fn dial_addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<_> = self.last_seen.into_iter().collect();
        for address in &self.addresses {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        addresses
    }

    /// Whether no control connection stands that works, and a dial has failed.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.control.is_dead_end()
    }

    fn links(&self) -> impl Iterator<Item = &Arc<Link>> {
        [&self.control, &self.data]
            .into_iter()
            .flat_map(|line| line.live.iter().chain(&line.retired))
    }
}

/// What becomes of a new connection.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is the one that is used from now on.
    Kept,
    /// It has to go.
    Refused(Refusal),
    /// Another run of the same key is connected from elsewhere: only if that one lives, it is a
    /// clone.
    AskIfAlive(Arc<Link>),
}

/// All peers, and who may be one.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) trust: TrustSet,
    pub(crate) peers: BTreeMap<NodeId, Peer>,
    /// Peers whose control connection came or went since the agent was told.
    pub(crate) unannounced: BTreeSet<NodeId>,
}

impl Peers {
    pub(crate) const fn new(trust: TrustSet) -> Self {
        Self {
            trust,
            peers: BTreeMap::new(),
            unannounced: BTreeSet::new(),
        }
    }

    /// The record of a trusted peer.
    pub(crate) fn trusted(&mut self, id: NodeId) -> Result<&mut Peer, Refusal> {
        self.trust.judge_node(&id)?;
        self.remembered(id).ok_or(Refusal::Busy)
    }

    /// Nothing stands in the way of a connection with this peer any more.
    pub(crate) fn may_dial_at_once(&mut self, id: NodeId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            for class in Class::ALL {
                peer.line(class).backoff.reset();
            }
        }
    }

    fn remembered(&mut self, id: NodeId) -> Option<&mut Peer> {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&id) {
            return None;
        }
        Some(self.peers.entry(id).or_default())
    }

    pub(crate) fn set_addresses(&mut self, id: NodeId, mut addresses: Vec<SocketAddr>) {
        addresses.truncate(MAX_ADDRESSES);
        let addresses: Vec<_> = addresses.into_iter().map(canonical).collect();
        let Some(peer) = self.remembered(id) else {
            return;
        };
        if peer.addresses != addresses {
            peer.addresses = addresses;
            peer.last_seen = peer.live(Class::Control).map(|link| link.address());
            for class in Class::ALL {
                peer.line(class).backoff.reset();
            }
        }
    }

    /// Takes a new trust set. Gives back the connections that have to be closed, and why.
    pub(crate) fn set_trust(&mut self, trust: TrustSet) -> Vec<(Arc<Link>, Refusal)> {
        let moved = self.trust.cluster != trust.cluster;
        self.trust = trust;
        let mut closing = Vec::new();
        for (id, peer) in &mut self.peers {
            let verdict = match self.trust.judge_node(id) {
                Ok(()) if moved => Err(Refusal::AnotherCluster),
                verdict => verdict,
            };
            if let Err(reason) = verdict {
                closing.extend(peer.links().map(|link| (link.clone(), reason)));
            }
        }
        let trust = &self.trust;
        self.peers.retain(|id, peer| {
            !peer.addresses.is_empty()
                || trust.judge_node(id).is_ok()
                || peer.announced
                || peer.links().next().is_some()
        });
        closing
    }

    /// Decides about a new connection, and installs it if it is kept. `dead` is a run of the peer
    /// that was asked and did not answer. `answered` says that the peer has kept it already, and so
    /// may use it: if it loses, it is drained and not cut.
    pub(crate) fn enrol(&mut self, link: &Arc<Link>, answered: bool, dead: Option<u64>) -> Verdict {
        let peer = match self.trusted(link.peer) {
            Ok(peer) => peer,
            Err(reason) => return Verdict::Refused(reason),
        };
        let address = link.address();
        let other_run = peer
            .links()
            .find(|old| old.hello.run != link.hello.run && old.is_open())
            .cloned();
        if let Some(old) = other_run {
            let gone = dead == Some(old.hello.run) || old.address() == address;
            if !gone {
                return Verdict::AskIfAlive(old);
            }
            for old in peer.links().filter(|old| old.hello.run != link.hello.run) {
                Refusal::Duplicate.close(&old.connection);
            }
        }
        let line = peer.line(link.class);
        if let Some(old) = line.live.take_if(|old| old.hello.run != link.hello.run) {
            line.retired.push(old);
        }
        if let Some(old) = &line.live
            && old.is_open()
            && old.rank() > link.rank()
        {
            if !answered {
                return Verdict::Refused(Refusal::Duplicate);
            }
            line.retire(link.clone());
            return Verdict::Kept;
        }
        if let Some(old) = line.live.replace(link.clone()) {
            line.retire(old);
        }
        line.epoch = line.epoch.max(link.hello.epoch);
        line.backoff.reset();
        (line.last_failure, line.mute_at) = (None, None);
        line.changed.notify_waiters();
        peer.last_seen = Some(address);
        self.unannounced.insert(link.peer);
        Verdict::Kept
    }

    /// The connection with a peer that is used.
    pub(crate) fn standing(&self, id: NodeId, class: Class) -> Option<Arc<Link>> {
        self.peers.get(&id)?.live(class).cloned()
    }

    /// Uses a connection no more: the next who needs one dials.
    pub(crate) fn give_up(&mut self, link: &Arc<Link>) {
        let Some(peer) = self.peers.get_mut(&link.peer) else {
            return;
        };
        let line = peer.line(link.class);
        if let Some(link) = line.live.take_if(|live| Arc::ptr_eq(live, link)) {
            line.retire(link);
        }
    }

    /// Forgets a connection that is gone.
    pub(crate) fn ended(&mut self, link: &Arc<Link>) {
        let Some(peer) = self.peers.get_mut(&link.peer) else {
            return;
        };
        let line = peer.line(link.class);
        line.live.take_if(|live| Arc::ptr_eq(live, link));
        line.retired.retain(|old| !Arc::ptr_eq(old, link));
        line.changed.notify_waiters();
        self.unannounced.insert(link.peer);
    }

    /// The next change of a peer's control connection that the agent was not told: the peer, and
    /// its address if it is connected.
    pub(crate) fn next_announcement(&mut self) -> Option<(NodeId, Option<SocketAddr>)> {
        while let Some(id) = self.unannounced.pop_first() {
            let Some(peer) = self.peers.get_mut(&id) else {
                continue;
            };
            let address = peer.live(Class::Control).map(|link| link.address());
            if peer.announced != address.is_some() {
                peer.announced = address.is_some();
                return Some((id, address));
            }
        }
        None
    }

    /// Every connection that stands.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.peers.values().flat_map(Peer::links)
    }
}

#[cfg(test)]
mod tests {
    use shoal_membership::ClusterId;

    use super::*;

    #[test]
    fn addresses_and_peers_are_bounded() {
        let mut peers = Peers::new(TrustSet::empty(ClusterId::from_bytes([0; 16])));
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        for number in 0..20_000_u128 {
            let id = NodeId::from_bytes(number.to_be_bytes());
            peers.set_addresses(id, (1..20).map(address).collect());
        }
        assert_eq!(peers.peers.len(), MAX_PEERS);
        let first = peers.peers.values().next().unwrap();
        assert_eq!(first.dial_addresses().len(), MAX_ADDRESSES);
    }
}

//! Eager push of news: to a few random peers, by each peer once (infect and die). What it misses,
//! anti-entropy finds.

use std::sync::Arc;

use rand::{RngExt, seq::SliceRandom};
use shoal_membership::NodeId;

use super::{Effect, Peer};
use crate::{
    gossip::{Rumour, open_message, seal_message},
    observed::Record,
    registry::Signed,
};

/// Fewest peers told.
const FANOUT_MIN: usize = 3;
/// Most bytes in one rumour. What does not fit is left to anti-entropy.
const RUMOUR_BYTES_MAX: usize = 512 * 1024;

/// News to be told when the current input has been dealt with.
#[derive(Debug, Default)]
pub(super) struct Rumours {
    news: Rumour,
    bytes: usize,
    heard_from: Option<NodeId>,
}

impl Rumours {
    pub(super) fn tell_write(&mut self, signed: Arc<Signed>) {
        let bytes = signed.to_bytes();
        if self.fits(bytes.len()) {
            self.news.writes.push(bytes);
        }
    }

    pub(super) fn tell_record(&mut self, record: Record) {
        if self.fits(record.body.len()) {
            self.news.records.push(record);
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.news.writes.len() + self.news.records.len()
    }

    fn fits(&mut self, size: usize) -> bool {
        let fits = self.bytes.saturating_add(size) <= RUMOUR_BYTES_MAX;
        self.bytes += if fits { size } else { 0 };
        fits
    }
}

/// How many of so many living peers each node tells: about log N, so that it is likely that all hear.
#[must_use]
pub const fn fanout(peers: usize) -> usize {
    let bits = (usize::BITS - peers.leading_zeros()) as usize;
    if bits > FANOUT_MIN { bits } else { FANOUT_MIN }
}

impl Peer {
    /// A rumour arrived.
    pub(super) fn rumour(&mut self, from: NodeId, bytes: &[u8]) {
        match open_message::<Rumour>(bytes) {
            Ok(rumour) => {
                self.membership.heard_from(from, self.now);
                self.rumours.heard_from = Some(from);
                let writes = self.admissible(&from, rumour.writes);
                self.take_writes(writes);
                self.take_records(rumour.records);
            }
            Err(error) => tracing::debug!(%from, %error, "a rumour that can't be read"),
        }
    }

    /// Tells the news to a few.
    pub(super) fn flush_rumours(&mut self) {
        let rumours = std::mem::take(&mut self.rumours);
        if rumours.news.writes.is_empty() && rumours.news.records.is_empty() {
            return;
        }
        let bytes = seal_message(&rumours.news);
        for to in self.some_peers(rumours.heard_from) {
            self.effects.push_back(Effect::Rumour {
                to,
                bytes: bytes.clone(),
            });
        }
    }

    /// As many random living peers as make it likely that everybody hears.
    fn some_peers(&mut self, but: Option<NodeId>) -> Vec<NodeId> {
        let mut peers: Vec<NodeId> = self
            .living_members()
            .filter(|node| Some(*node) != but)
            .collect();
        peers.shuffle(&mut self.rng);
        peers.truncate(fanout(peers.len()));
        peers
    }

    /// A random living peer.
    pub(super) fn any_peer(&mut self) -> Option<NodeId> {
        let number = self.living.len();
        (number > 0)
            .then(|| self.rng.random_range(0..number))
            .and_then(|place| self.living.get(place))
    }
}

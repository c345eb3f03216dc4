//! This node's own writes: made, then put on the disk, then applied.

use std::{sync::Arc, time::Duration};

use super::{FORMAT, Key, Registry, Signed, Write, trust};

impl Registry {
    /// Makes a write that follows all that is known of its entry, and signs it. It uses up a dot,
    /// but is not applied: it must reach the disk first. A revocation holds from now on all the same:
    /// what its node writes meanwhile would overwrite what others wrote, and then be dropped itself.
    /// Whoever does not [apply](Self::apply) it has to [abandon](Self::abandon) it.
    pub fn prepare(&mut self, key: Key, payload: Option<Vec<u8>>, wall: Duration) -> Arc<Signed> {
        let mut clock = self
            .entries
            .get(&key)
            .map(|entry| entry.clock().dots)
            .unwrap_or_default();
        let seen = clock.get(&self.author).copied().unwrap_or(0);
        self.counter = self.counter.max(seen).saturating_add(1);
        clock.insert(self.author, self.counter);
        let write = Write {
            format: FORMAT,
            cluster: self.cluster,
            key,
            author: self.author,
            clock,
            stamp: self.clock.tick(wall),
            payload,
        };
        if let Some(line) = trust::line_of(&write) {
            self.drawn.insert(write.key.clone(), line);
        }
        Arc::new(Signed::sign(write, &self.secret))
    }

    /// A write of this node's own making did not reach the disk, and is not applied.
    pub fn abandon(&mut self, write: &Write) {
        self.drawn.remove(&write.key);
    }

    /// Applies a write of this node's own making.
    pub fn apply(&mut self, signed: Arc<Signed>) -> bool {
        self.drawn.remove(&signed.write.key);
        self.take_in(signed)
    }
}

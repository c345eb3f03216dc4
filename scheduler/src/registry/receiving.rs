//! Writes of others, judged and taken in.

use std::sync::Arc;

use shoal_membership::NodeId;

use super::{
    BadWrite, Received, Registry, Rejected, Signed, SignedBytes, Trust, Write, kind, trust,
};

impl Registry {
    /// Takes in writes from a peer or a disk, in whatever order: admissions and revocations are
    /// learnt first, so that the writes that depend on them are judged rightly.
    pub fn receive(&mut self, batch: Vec<SignedBytes>) -> Received {
        let mut received = Received::default();
        let mut waiting = Vec::with_capacity(batch.len());
        for bytes in batch {
            match bytes.open() {
                Ok(signed) => waiting.push(Arc::new(signed)),
                Err(error) => reject(&mut received, &error.into()),
            }
        }
        waiting.sort_by_key(|signed| match signed.write.key.kind.as_str() {
            kind::MEMBER => 0,
            kind::REVOCATION => 1,
            _ => 2,
        });
        self.receive_in_rounds(waiting, &mut received);
        received.changed.extend(self.take_dropped());
        received
    }

    fn receive_in_rounds(&mut self, mut waiting: Vec<Arc<Signed>>, received: &mut Received) {
        loop {
            let before = waiting.len();
            waiting.retain(|signed| match self.receive_one(signed) {
                Ok(false) => false,
                Ok(true) => {
                    received.changed.insert(signed.write.key.clone());
                    received.new.push(signed.clone());
                    false
                }
                Err(Rejected::Author(_)) => true,
                Err(error) => {
                    reject(received, &error);
                    false
                }
            });
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
        for signed in waiting {
            reject(received, &Rejected::Author(signed.write.author.node));
        }
    }

    fn receive_one(&mut self, signed: &Arc<Signed>) -> Result<bool, Rejected> {
        let write = &signed.write;
        if write.cluster != self.cluster {
            return Err(Rejected::Cluster(write.cluster));
        }
        if self.purged.contains(&signed.hash) {
            return Err(Rejected::Purged);
        }
        if self.holds(signed) {
            return Ok(false);
        }
        if !trust::is_proper(write) {
            return Err(Rejected::Bad(BadWrite::Malformed));
        }
        let author = write.author.node;
        let key = match self.trust.key_of(&author) {
            Some(key) => *key,
            None => Trust::is_founding(&self.cluster, signed).ok_or(Rejected::Author(author))?,
        };
        signed.verify(&key)?;
        let is_beyond =
            |(node, line): &(NodeId, trust::Line)| *node == author && trust::is_beyond(line, write);
        if !self.trust.counts(write) || self.drawn.values().any(is_beyond) {
            return Err(Rejected::Revoked(author));
        }
        self.notice_own_dots(write);
        self.clock.hear(write.stamp);
        Ok(self.take_in(signed.clone()))
    }

    fn holds(&self, signed: &Signed) -> bool {
        self.entries
            .get(&signed.write.key)
            .is_some_and(|entry| entry.siblings().iter().any(|held| held.hash == signed.hash))
    }

    fn notice_own_dots(&mut self, write: &Write) {
        if write
            .clock
            .get(&self.author)
            .is_some_and(|count| *count > self.counter)
        {
            self.heard_newer_self = true;
        }
    }
}

fn reject(received: &mut Received, error: &Rejected) {
    received.rejected += 1;
    tracing::debug!(%error, "a write was not taken in");
}

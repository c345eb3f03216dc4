//! A write: what one author once said of one entry, signed. The unit of the registry, on the wire
//! and on disk.

use std::collections::BTreeMap;

use crdts::VClock;
use shoal_membership::{
    ClusterId, NodeId, PublicKey, SecretKey, Signature,
    codec::{decode, encode},
};

use super::{Key, Stamp};

/// Version of the form of [`Write`]. Another one is not accepted.
pub const FORMAT: u16 = 1;
/// Most bytes of a write, encoded: 1 MiB.
pub const WRITE_BYTES_MAX: usize = 1024 * 1024;
/// Most actors in one entry's clock.
const CLOCK_ACTORS_MAX: usize = 10_000;

/// Who counts dots: a node, in one life of its store. A store made anew takes a new generation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode,
)]
pub struct Actor {
    /// The node.
    pub node: NodeId,
    /// Random, new with each new store.
    pub generation: u64,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Write {
    /// Form of what follows.
    pub format: u16,
    /// In this cluster only.
    pub cluster: ClusterId,
    /// Of this entry.
    pub key: Key,
    /// By this author.
    pub author: Actor,
    /// Knowing all this of the entry, this write's own dot included.
    pub clock: BTreeMap<Actor, u64>,
    /// At this time.
    pub stamp: Stamp,
    /// What the entry says from now on. None: it is removed (a tombstone).
    pub payload: Option<Vec<u8>>,
}

impl Write {
    /// The clock, as the CRDT takes it.
    #[must_use]
    pub fn vclock(&self) -> VClock<Actor> {
        VClock {
            dots: self.clock.clone(),
        }
    }

    /// The author's own count: the dot of this write.
    #[must_use]
    pub fn dot(&self) -> u64 {
        self.clock.get(&self.author).copied().unwrap_or(0)
    }
}

/// Bytes that are no acceptable write.
#[derive(Debug, thiserror::Error)]
pub enum BadWrite {
    /// Not a write at all.
    #[error("not a write: {0}")]
    Form(#[from] shoal_membership::codec::DecodeError),
    /// A form of another version.
    #[error("a write of format {0}; this version knows {FORMAT}")]
    Format(u16),
    /// Not the one way to encode it, or parts beyond their limits.
    #[error("a write that is malformed or beyond its limits")]
    Malformed,
    /// The signature is not its author's.
    #[error("a write that its author did not sign")]
    Signature,
}

/// A write with its author's signature and the hash that stands for both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// What was written.
    pub write: Write,
    /// By the author, over the encoded write.
    pub signature: Signature,
    /// First 128 bits of BLAKE3 over the encoded write and the signature.
    pub hash: u128,
}

/// How a [`Signed`] travels: the write's bytes exactly as they were signed.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct SignedBytes {
    body: Vec<u8>,
    signature: Signature,
}

impl SignedBytes {
    /// Size on the wire, nearly.
    #[must_use]
    pub fn len(&self) -> usize {
        self.body.len() + 70
    }

    /// The digest of the key that it writes, if it can be read.
    #[must_use]
    pub fn key_digest(&self) -> Option<u64> {
        Some(decode::<Write>(&self.body).ok()?.key.digest())
    }

    /// Whether there is nothing in it (never, for a write).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Reads the write. The signature is not checked here: that takes the author's key.
    ///
    /// # Errors
    /// If it is not an acceptable write.
    pub fn open(self) -> Result<Signed, BadWrite> {
        if self.body.len() > WRITE_BYTES_MAX {
            return Err(BadWrite::Malformed);
        }
        let write: Write = decode(&self.body)?;
        if write.format != FORMAT {
            return Err(BadWrite::Format(write.format));
        }
        let is_acceptable = write.key.is_well_formed()
            && write.dot() > 0
            && write.clock.len() <= CLOCK_ACTORS_MAX
            && encode(&write) == self.body;
        if !is_acceptable {
            return Err(BadWrite::Malformed);
        }
        Ok(Signed::assemble(write, &self.body, self.signature))
    }
}

impl Signed {
    /// Signs a write.
    #[must_use]
    pub fn sign(write: Write, key: &SecretKey) -> Self {
        let body = encode(&write);
        let signature = key.sign(&signed_message(&body));
        Self::assemble(write, &body, signature)
    }

    fn assemble(write: Write, body: &[u8], signature: Signature) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(body).update(signature.as_bytes());
        let hash = super::first_u128(&hasher.finalize());
        Self {
            write,
            signature,
            hash,
        }
    }

    /// Checks the signature against the author's key, and that the key is the author's.
    ///
    /// # Errors
    /// If either fails.
    pub fn verify(&self, key: &PublicKey) -> Result<(), BadWrite> {
        if key.node_id() != self.write.author.node {
            return Err(BadWrite::Signature);
        }
        key.verify(&signed_message(&encode(&self.write)), &self.signature)
            .map_err(|_| BadWrite::Signature)
    }

    /// The bytes that travel.
    #[must_use]
    pub fn to_bytes(&self) -> SignedBytes {
        SignedBytes {
            body: encode(&self.write),
            signature: self.signature,
        }
    }
}

/// A signature of a registry's write can't be taken for one of anything else.
fn signed_message(body: &[u8]) -> Vec<u8> {
    [b"shoal registry write\0".as_slice(), body].concat()
}

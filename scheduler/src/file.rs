//! What secrets and configs hold, on its way from those who wrote it to the tasks that use it.
//!
//! A secret's value is encrypted with a key of its own, once, before it is written. That key is sealed to each node
//! that may run a task with the secret, by whoever holds it already: so all nodes keep the value, and only those can
//! read it. Nothing here can: the peer moves sealed things about, and its driver opens them.

use std::{fmt, sync::Arc};

use shoal_membership::NodeId;

use crate::{
    registry::{Key, Signed, kind},
    spec::{FileKind, FileTarget},
    task::FileId,
};

/// Bytes of a piece of contents: two hold the largest config.
pub const PIECE_BYTES_MAX: usize = 512 * 1024;

/// What a secret or a config holds; of a secret, encrypted. Shared with the registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contents(Vec<Arc<Signed>>);

impl Contents {
    /// Made of these pieces, in their order.
    pub(crate) fn new(pieces: Vec<Arc<Signed>>) -> Self {
        Self(pieces)
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let pieces = self.0.iter().filter_map(|one| one.write.payload.as_deref());
        pieces.flatten().copied().collect()
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({} pieces)", self.0.len())
    }
}

/// The key of a secret's contents, sealed to a node each.
pub type SealedKeys = Vec<(NodeId, Vec<u8>)>;

/// A file that a task is to find.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFile {
    /// Which kind of object it comes from.
    pub kind: FileKind,
    /// Which.
    pub id: FileId,
    /// The object's name.
    pub name: String,
    /// Where the task finds it.
    pub target: FileTarget,
    /// Whether it is to be filled in for the task.
    pub is_template: bool,
    /// What it holds.
    pub contents: Contents,
    /// Of a secret: the key of its contents, sealed to this node.
    pub sealed_key: Option<Vec<u8>>,
}

/// The key of one piece.
pub(crate) fn piece_key(id: FileId, piece: u32) -> Key {
    Key::of(kind::CONTENTS, format!("{id}.{piece}"))
}

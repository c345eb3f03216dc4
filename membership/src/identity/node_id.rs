//! The stable name of a node: what its key says it is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Base36, ParseIdError, PublicKey};

/// The first 128 bits of the BLAKE3 hash of a node's public key. Shown as 25 characters of base 36.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
pub struct NodeId([u8; 16]);

impl NodeId {
    /// The id of the node that holds this key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(key.as_bytes()).as_bytes()[..16]);
        Self(id)
    }

    /// The id made of these 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of this id.
    #[inline]
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Base36(u128::from_be_bytes(self.0)), f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodeId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse::<Base36>()
            .map(|number| Self(number.0.to_be_bytes()))
    }
}

//! The name of a cluster, which also proves who founded it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Base36, ParseIdError, PublicKey};

/// The first 128 bits of BLAKE3(founder's public key, nonce). Shown as 25 characters of base 36.
///
/// Self-certifying: whoever holds the id can check the founder's own admission, which is the root
/// from which every other admission is signed, without asking anybody.
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
pub struct ClusterId([u8; 16]);

impl ClusterId {
    /// The id of the cluster that the holder of this key founds with this nonce.
    #[must_use]
    pub fn founded_by(founder: &PublicKey, nonce: &[u8; 16]) -> Self {
        let mut hash = blake3::Hasher::new_derive_key("shoal 2026 cluster id");
        hash.update(founder.as_bytes()).update(nonce);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize().as_bytes()[..16]);
        Self(id)
    }

    /// The id made of these 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of this id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Base36(u128::from_be_bytes(self.0)), f)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ClusterId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse::<Base36>()
            .map(|number| Self(number.0.to_be_bytes()))
    }
}

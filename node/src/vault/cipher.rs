//! A value, encrypted with a key of its own.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use shoal_scheduler::task::FileId;
use zeroize::Zeroizing;

use super::{VaultError, random};

/// The key encrypts one value, once.
const NONCE: [u8; 12] = [0; 12];

/// The key of one value. Wiped when it is dropped, and never printed.
pub(super) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub(super) fn random() -> Result<Self, VaultError> {
        random().map(Self)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 32] = bytes.try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// Encrypts the value of this secret: to be called once for each key.
    pub(super) fn encrypt(&self, id: FileId, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let aad = id.0.to_le_bytes();
        let payload = Payload {
            msg: value,
            aad: &aad,
        };
        let encrypted = self.cipher().encrypt(&Nonce::from(NONCE), payload);
        encrypted.map_err(|_| VaultError::TooLong)
    }

    /// The value, if it was encrypted with this key for this secret, and not changed.
    pub(super) fn decrypt(&self, id: FileId, contents: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let aad = id.0.to_le_bytes();
        let payload = Payload {
            msg: contents,
            aad: &aad,
        };
        let value = self.cipher().decrypt(&Nonce::from(NONCE), payload);
        value.ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&*self.0).into())
    }
}

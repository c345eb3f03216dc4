//! Ed25519 key pairs (RFC 8032). Signing is deterministic, so it belongs in the pure core.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::NodeId;

/// DER in front of a 32-byte Ed25519 seed: PKCS #8 version 1 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// DER in front of a 32-byte Ed25519 public key: SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// 32 bytes that are not an Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 public key")]
pub struct BadKey;

/// A signature that this key did not make over these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match")]
pub struct BadSignature;

/// The public half of a key: 32 bytes. Not checked to be a point of the curve before it is used.
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
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key made of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key in a SubjectPublicKeyInfo, as TLS raw public keys carry it (RFC 7250).
    ///
    /// # Errors
    /// If it is not an Ed25519 key of 44 bytes.
    pub fn from_spki(der: &[u8]) -> Result<Self, BadKey> {
        let key = der.strip_prefix(&SPKI_PREFIX).ok_or(BadKey)?;
        key.try_into().map(Self).map_err(|_| BadKey)
    }

    /// This key as a SubjectPublicKeyInfo of 44 bytes.
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.0].concat()
    }

    /// The 32 bytes of this key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The node that holds this key.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId::of(self)
    }

    /// This key as one of X25519 (RFC 7748), to seal something to its holder: the same point on the other form of the
    /// curve, as libsodium and age have it.
    ///
    /// # Errors
    /// If it is not an Ed25519 key.
    pub fn to_x25519(&self) -> Result<[u8; 32], BadKey> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| BadKey)?;
        Ok(key.to_montgomery().to_bytes())
    }

    /// Checks that the holder of this key signed these bytes (strictly: no malleable signatures).
    ///
    /// # Errors
    /// If it did not, or if this is no key at all.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| {
                key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0))
            })
            .map_err(|_| BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The secret half of a key. Never printed; wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key that grows from this seed. The caller brings the entropy.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed that makes this key again: what a key file holds.
    #[must_use]
    pub fn to_seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The secret half of [`PublicKey::to_x25519`].
    #[must_use]
    pub fn to_x25519(&self) -> [u8; 32] {
        self.0.to_scalar_bytes()
    }

    /// This key as PKCS #8 version 1, as TLS libraries load it.
    #[must_use]
    pub fn to_pkcs8(&self) -> Vec<u8> {
        [&PKCS8_PREFIX[..], &self.0.to_bytes()].concat()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The node that holds this key.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.public().node_id()
    }

    /// Signs these bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.node_id())
    }
}

/// An Ed25519 signature: 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, bincode::Encode, bincode::Decode)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The signature made of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes of this signature.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_and_key_only() {
        let key = SecretKey::from_seed(&[7; 32]);
        let signature = key.sign(b"deploy");
        assert_eq!(key.public().verify(b"deploy", &signature), Ok(()));
        assert_eq!(
            key.public().verify(b"destroy", &signature),
            Err(BadSignature)
        );
        let other = SecretKey::from_seed(&[8; 32]).public();
        assert_eq!(other.verify(b"deploy", &signature), Err(BadSignature));
    }

    #[test]
    fn spki_round_trips_and_rejects_other_algorithms() {
        let key = SecretKey::from_seed(&[7; 32]).public();
        assert_eq!(PublicKey::from_spki(&key.to_spki()), Ok(key));
        assert_eq!(PublicKey::from_spki(&key.to_spki()[1..]), Err(BadKey));
        assert_eq!(PublicKey::from_spki(&[]), Err(BadKey));
    }

    #[test]
    fn a_secret_is_never_printed() {
        let key = SecretKey::from_seed(&[0x41; 32]);
        assert!(!format!("{key:?}").contains("41, 41"));
    }
}

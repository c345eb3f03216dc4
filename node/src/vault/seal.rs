//! The key of a value, sealed to a node: HPKE in base mode, single-shot.

use hpke::{
    Deserializable, HpkeError, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305,
    kdf::HkdfSha256, kem::X25519HkdfSha256 as Kem, single_shot_open, single_shot_seal_with_rng,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use shoal_membership::{PublicKey, SecretKey};
use shoal_scheduler::task::FileId;
use zeroize::Zeroizing;

use super::{VaultError, cipher::DataKey, random};

/// What a sealed key is for, so that it is good for nothing else.
const INFO: &[u8] = b"shoal secret 1";
/// Bytes of the encapsulated key, which come first.
const ENCAPSULATED_BYTES: usize = 32;

/// Seals a key. None, if the node's key is none.
pub(super) fn seal(
    id: FileId,
    key: &DataKey,
    to: &PublicKey,
) -> Result<Option<Vec<u8>>, VaultError> {
    let Ok(recipient) = to.to_x25519() else {
        return Ok(None);
    };
    let mut rng = ChaCha20Rng::from_seed(*random()?);
    let aad = id.0.to_le_bytes();
    let sealed = <Kem as hpke::Kem>::PublicKey::from_bytes(&recipient).and_then(|recipient| {
        single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeS::Base,
            &recipient,
            INFO,
            key.as_bytes(),
            &aad,
            &mut rng,
        )
    });
    let whole =
        sealed.map(|(encapsulated, sealed)| [&encapsulated.to_bytes()[..], &sealed].concat());
    Ok(whole.ok())
}

/// The key that was sealed to this node, for this secret.
pub(super) fn open(id: FileId, sealed: &[u8], secret: &SecretKey) -> Option<DataKey> {
    let (encapsulated, sealed) = sealed.split_at_checked(ENCAPSULATED_BYTES)?;
    let own = Zeroizing::new(secret.to_x25519());
    let opened = || -> Result<Vec<u8>, HpkeError> {
        single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &<Kem as hpke::Kem>::PrivateKey::from_bytes(own.as_ref())?,
            &<Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated)?,
            INFO,
            sealed,
            &id.0.to_le_bytes(),
        )
    };
    let key = Zeroizing::new(opened().ok()?);
    DataKey::from_bytes(&key)
}

//! By what a value is recognised where it can't be read: `stack deploy` sends the values of all secrets each time, to
//! whichever node, and one that differs is an error.
//!
//! A salted Argon2id digest (RFC 9106), with the second of OWASP's equal choices of costs: 7 MiB, five passes.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::{VaultError, random};

const MEMORY_KIB: u32 = 7 * 1024;
const PASSES: u32 = 5;
const SALT_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;

/// The digest of a value: salt and hash, in hexadecimal.
pub(super) fn of(value: &[u8]) -> Result<String, VaultError> {
    let salt = &random()?[..SALT_BYTES];
    let hash = hash(value, salt).ok_or(VaultError::TooLong)?;
    Ok(hex::encode([salt, hash.as_ref()].concat()))
}

/// Whether this is the digest of this value. Takes some 20 ms.
pub(crate) fn is_of(digest: &str, value: &[u8]) -> bool {
    let Ok(bytes) = hex::decode(digest) else {
        return false;
    };
    let Some((salt, known)) = bytes.split_at_checked(SALT_BYTES) else {
        return false;
    };
    hash(value, salt).is_some_and(|hash| hash.as_slice() == known)
}

fn hash(value: &[u8], salt: &[u8]) -> Option<Zeroizing<[u8; DIGEST_BYTES]>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(DIGEST_BYTES)).ok()?;
    let mut hash = Zeroizing::new([0; DIGEST_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(value, salt, hash.as_mut())
        .ok()?;
    Some(hash)
}

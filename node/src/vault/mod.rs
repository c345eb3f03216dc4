//! Secrets: how a value is encrypted, who can open it, and how it is recognised without being read.
//!
//! A value is encrypted once, with ChaCha20-Poly1305 and a key of its own. That key is sealed to nodes by HPKE (RFC
//! 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305), to the very keys by which nodes know each other, in their
//! Montgomery form. All nodes keep the encrypted value; only a node that the key was sealed to can read it, and who
//! that is follows from what people asked for: see `shoal_scheduler::file`.
//!
//! What a stolen node, or its disk with its key, gives away: the values of all secrets that were sealed to it since
//! the secret was made, even if it was taken out again; of all others their names, labels, sizes, and a salted
//! Argon2id digest, against which a guess can be tried at the price of 7 MiB and some 20 ms each.

mod cipher;
mod digest;
mod seal;

use shoal_membership::{NodeId, PublicKey, SecretKey};
use shoal_scheduler::{
    file::{SealedKeys, TaskFile},
    spec::FileKind,
    task::FileId,
};
use zeroize::Zeroizing;

use self::cipher::DataKey;
pub(crate) use self::digest::is_of;

/// Why something can't be sealed or opened. Says nothing of any value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    #[error("the system has no randomness: {0}")]
    Randomness(String),
    #[error("secret {0} can't be opened by this node's key: make it anew under another name")]
    Closed(String),
    #[error("secret {0} is damaged: make it anew under another name")]
    Damaged(String),
    #[error("a value can't be encrypted: it is too long")]
    TooLong,
}

/// An encrypted value.
pub(crate) struct Sealed {
    pub(crate) contents: Vec<u8>,
    pub(crate) digest: String,
    pub(crate) keys: SealedKeys,
}

/// Encrypts a value for these nodes. Takes some 20 ms.
pub(crate) fn encrypt(
    id: FileId,
    value: &[u8],
    readers: &[(NodeId, PublicKey)],
) -> Result<Sealed, VaultError> {
    let key = DataKey::random()?;
    Ok(Sealed {
        contents: key.encrypt(id, value)?,
        digest: digest::of(value)?,
        keys: seal_to(id, &key, readers)?,
    })
}

fn seal_to(
    id: FileId,
    key: &DataKey,
    readers: &[(NodeId, PublicKey)],
) -> Result<SealedKeys, VaultError> {
    let mut keys = SealedKeys::new();
    for (node, public) in readers {
        match seal::seal(id, key, public)? {
            Some(sealed) => keys.push((*node, sealed)),
            None => tracing::warn!(%node, "nothing can be sealed to the key of this node"),
        }
    }
    Ok(keys)
}

/// What this node can open.
pub(crate) struct Vault {
    secret: SecretKey,
}

impl Vault {
    pub(crate) fn new(secret: SecretKey) -> Self {
        Self { secret }
    }

    /// What a file of a task holds, in the clear.
    pub(crate) fn open(&self, file: &TaskFile) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let held = file.contents.bytes();
        if file.kind == FileKind::Config {
            return Ok(Zeroizing::new(held));
        }
        let sealed = file.sealed_key.as_deref().unwrap_or_default();
        let key = seal::open(file.id, sealed, &self.secret);
        let key = key.ok_or_else(|| VaultError::Closed(file.name.clone()))?;
        let value = key.decrypt(file.id, &held);
        value.ok_or_else(|| VaultError::Damaged(file.name.clone()))
    }

    /// The key that was sealed to this node, sealed to more of them. None, if it does not open.
    pub(crate) fn seal_more(
        &self,
        id: FileId,
        own: &[u8],
        readers: &[(NodeId, PublicKey)],
    ) -> Option<SealedKeys> {
        let key = seal::open(id, own, &self.secret)?;
        match seal_to(id, &key, readers) {
            Ok(keys) => Some(keys),
            Err(error) => {
                tracing::error!(%error, secret = %id, "can't seal a secret to more nodes");
                None
            }
        }
    }
}

/// Bytes that nobody can foresee.
fn random() -> Result<Zeroizing<[u8; 32]>, VaultError> {
    use rand::TryRng;
    let mut bytes = Zeroizing::new([0; 32]);
    rand::rngs::SysRng
        .try_fill_bytes(bytes.as_mut())
        .map_err(|error| VaultError::Randomness(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: FileId = FileId(7);

    fn node(seed: u8) -> (SecretKey, (NodeId, PublicKey)) {
        let secret = SecretKey::from_seed(&[seed; 32]);
        let public = secret.public();
        (secret, (public.node_id(), public))
    }

    #[test]
    fn only_those_open_a_secret_to_whom_it_was_sealed() {
        let ((one, to_one), (two, to_two), (three, _)) = (node(1), node(2), node(3));
        let sealed = encrypt(ID, b"s3cret value", &[to_one]).unwrap();
        let contents = sealed.contents.clone();
        assert!(!contents.windows(6).any(|part| part == b"s3cret"));
        let open = |secret: &SecretKey, sealed_key: &[u8], contents: &[u8]| {
            let key = seal::open(ID, sealed_key, secret)?;
            key.decrypt(ID, contents)
        };
        let key = &sealed.keys[0].1;
        assert_eq!(
            open(&one, key, &contents).unwrap().as_slice(),
            b"s3cret value"
        );
        assert!(open(&two, key, &contents).is_none());
        // Whoever can open it can let others.
        let more = Vault::new(one).seal_more(ID, key, &[to_two]).unwrap();
        assert_eq!(
            open(&two, &more[0].1, &contents).unwrap().as_slice(),
            b"s3cret value"
        );
        assert!(Vault::new(three).seal_more(ID, key, &[to_two]).is_none());
        // It opens nothing else, and nothing that was changed.
        assert!(seal::open(FileId(8), key, &two).is_none());
        let mut changed = contents.clone();
        changed[20] ^= 1;
        assert!(open(&two, &more[0].1, &changed).is_none());
        assert!(open(&two, &more[0].1, &[]).is_none());
        assert!(open(&two, &[], &contents).is_none());
    }

    #[test]
    fn a_value_is_recognised_without_being_read() {
        let sealed = encrypt(ID, b"hunter2", &[]).unwrap();
        assert!(is_of(&sealed.digest, b"hunter2"));
        assert!(!is_of(&sealed.digest, b"hunter3"));
        assert!(!is_of("", b""));
        assert!(!is_of("zz", b"hunter2"));
        let again = encrypt(ID, b"hunter2", &[]).unwrap();
        assert_ne!(again.digest, sealed.digest, "each has a salt of its own");
    }
}

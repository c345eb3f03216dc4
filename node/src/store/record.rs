//! How an entry lies on the disk: its checksum, then all its writes as they travel.
//!
//! redb's own checksums are for its trees. This one covers an entry from end to end, its key
//! included, so that no flipped bit becomes a write under another name.

use shoal_membership::codec::{DecodeError, decode, encode};
use shoal_scheduler::registry::{BadWrite, Key, Signed, SignedBytes};

/// Bytes of the checksum: the first of BLAKE3.
const CHECKSUM_BYTES: usize = 16;

/// Bytes that are not as they were written.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadRecord {
    #[error("a checksum does not match")]
    Checksum,
    #[error("there is no row \"{0}\"")]
    Missing(&'static str),
    #[error("an entry can't be read: {0}")]
    Form(#[from] DecodeError),
    #[error("an entry holds {0}")]
    Write(#[from] BadWrite),
    #[error("an entry has more or fewer bytes than it says")]
    Length,
    #[error("an entry holds a write of another one")]
    Key,
}

/// The value of a row: a checksum over the row's key and the content, then the content.
pub(super) fn seal(key: &[u8], content: &[u8]) -> Vec<u8> {
    [&checksum(key, content)[..], content].concat()
}

/// The content of a row.
pub(super) fn unseal<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], BadRecord> {
    let (sum, content) = value
        .split_at_checked(CHECKSUM_BYTES)
        .ok_or(BadRecord::Checksum)?;
    if sum != checksum(key, content) {
        return Err(BadRecord::Checksum);
    }
    Ok(content)
}

/// The value of an entry's row. Each write has its length (32 bits, little-endian) before it: an
/// entry of many siblings may be larger than the codec takes at a time.
pub(super) fn seal_entry(key: &[u8], siblings: &[impl AsRef<Signed>]) -> Vec<u8> {
    let mut content = Vec::new();
    for signed in siblings {
        let bytes = encode(&signed.as_ref().to_bytes());
        content.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        content.extend(bytes);
    }
    seal(key, &content)
}

/// The writes in an entry's row, each of them well formed and under its own key.
pub(super) fn unseal_entry(key: &[u8], value: &[u8]) -> Result<Vec<SignedBytes>, BadRecord> {
    let name: Key = decode(key)?;
    let mut rest = unseal(key, value)?;
    let mut writes = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (bytes, after) = after.split_at_checked(length).ok_or(BadRecord::Length)?;
        let write: SignedBytes = decode(bytes)?;
        if write.clone().open()?.write.key != name {
            return Err(BadRecord::Key);
        }
        writes.push(write);
        rest = after;
    }
    match rest {
        [] => Ok(writes),
        _ => Err(BadRecord::Length),
    }
}

fn checksum(key: &[u8], content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&(key.len() as u64).to_le_bytes())
        .update(key)
        .update(content);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use shoal_membership::{ClusterId, SecretKey};
    use shoal_scheduler::registry::{Actor, FORMAT, Stamp, Write};

    use super::*;

    fn write(name: &str) -> Arc<Signed> {
        let secret = SecretKey::from_seed(&[3; 32]);
        let author = Actor {
            node: secret.node_id(),
            generation: 5,
        };
        let write = Write {
            format: FORMAT,
            cluster: ClusterId::from_bytes([7; 16]),
            key: Key::of("thing", name),
            author,
            clock: BTreeMap::from([(author, 1)]),
            stamp: Stamp {
                millis: 1,
                count: 0,
            },
            payload: None,
        };
        Arc::new(Signed::sign(write, &secret))
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let key = encode(&Key::of("thing", "a"));
        let value = seal_entry(&key, &[write("a"), write("a")]);
        assert_eq!(unseal_entry(&key, &value).unwrap().len(), 2);
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal_entry(&key, &flipped).is_err(), "bit {bit}");
        }
        for length in 0..value.len() {
            assert!(unseal_entry(&key, &value[..length]).is_err());
        }
    }

    #[test]
    fn an_entry_does_not_pass_under_another_name() {
        let [a, b] = ["a", "b"].map(|name| encode(&Key::of("thing", name)));
        let value = seal_entry(&a, &[write("a")]);
        assert!(matches!(unseal_entry(&b, &value), Err(BadRecord::Checksum)));
        let value = seal_entry(&b, &[write("a")]);
        assert!(matches!(unseal_entry(&b, &value), Err(BadRecord::Key)));
    }
}

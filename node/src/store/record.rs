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

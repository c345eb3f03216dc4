//! What goes over the wire between two peers. Every message begins with the version of its form.

use bincode::{Decode, Encode};
use shoal_membership::codec::{DecodeError, decode, encode};

use crate::{observed::Record, registry::SignedBytes};

/// Version of the form of all messages.
pub const WIRE_VERSION: u8 = 1;
/// Most bytes of one message: 4 MiB.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes that are no message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Nothing at all, or more than a message may have.
    #[error("a message of {0} bytes")]
    Size(usize),
    /// Another version.
    #[error("a message of version {0}; this version speaks {WIRE_VERSION}")]
    Version(u8),
    /// Not of the form.
    #[error(transparent)]
    Form(#[from] DecodeError),
}

/// What rides on every SWIM packet: the roots of both states, so that a difference is noticed
/// within a probe period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Root of the desired state.
    pub desired: u64,
    /// Root of the observed state.
    pub observed: u64,
}

/// A datagram: a heartbeat and a SWIM packet.
#[must_use]
pub fn seal_datagram(heartbeat: Heartbeat, packet: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17 + packet.len());
    bytes.push(WIRE_VERSION);
    bytes.extend_from_slice(&heartbeat.desired.to_le_bytes());
    bytes.extend_from_slice(&heartbeat.observed.to_le_bytes());
    bytes.extend_from_slice(packet);
    bytes
}

/// Takes a datagram apart.
///
/// # Errors
/// If it is too short or of another version.
pub fn open_datagram(bytes: &[u8]) -> Result<(Heartbeat, &[u8]), WireError> {
    let (version, rest) = bytes.split_first().ok_or(WireError::Size(0))?;
    if *version != WIRE_VERSION {
        return Err(WireError::Version(*version));
    }
    let size = WireError::Size(bytes.len());
    let Some((desired, rest)) = rest.split_first_chunk() else {
        return Err(size);
    };
    let Some((observed, packet)) = rest.split_first_chunk() else {
        return Err(size);
    };
    let heartbeat = Heartbeat {
        desired: u64::from_le_bytes(*desired),
        observed: u64::from_le_bytes(*observed),
    };
    Ok((heartbeat, packet))
}

/// News, sent to a few peers on a one-way stream. Losing it costs time only.
#[derive(Clone, Debug, Default, Encode, Decode)]
pub struct Rumour {
    /// New writes.
    pub writes: Vec<SignedBytes>,
    /// New records.
    pub records: Vec<Record>,
}

/// What one peer asks of another on a two-way stream. The one that answers keeps no state of it.
#[derive(Clone, Debug, Encode, Decode)]
pub enum Question {
    /// Where do we differ? Bucket digests of the states whose roots differ, and of the member list.
    Compare {
        /// Bucket digests of the desired state; empty: not asked.
        desired: Vec<u64>,
        /// Bucket digests of the observed state; empty: not asked.
        observed: Vec<u64>,
        /// Digest of the member list.
        members: u64,
    },
    /// Take this and give me that.
    Trade {
        /// Writes that the other lacks.
        writes: Vec<SignedBytes>,
        /// Records that the other lacks.
        records: Vec<Record>,
        /// Members as an encoded list, where the lists differ.
        members: Vec<u8>,
        /// Digests of keys whose writes are wanted.
        want_writes: Vec<u64>,
        /// Digests of names whose records are wanted.
        want_records: Vec<u64>,
    },
    /// Put these writes on your disk and say so.
    Hold {
        /// The writes.
        writes: Vec<SignedBytes>,
    },
}

/// An answer.
#[derive(Clone, Debug, Encode, Decode)]
pub enum Answer {
    /// Too much under way here: ask somebody else.
    Busy,
    /// To `Compare`.
    Differences(super::Differences),
    /// To `Trade`: what was wanted.
    Traded {
        /// Writes.
        writes: Vec<SignedBytes>,
        /// Records.
        records: Vec<Record>,
    },
    /// To `Hold`: they are on the disk here.
    Held,
    /// To `Hold`: they are not, for this reason.
    NotHeld(String),
}

/// A message's bytes.
#[must_use]
pub fn seal_message<T: Encode>(message: &T) -> Vec<u8> {
    let mut bytes = vec![WIRE_VERSION];
    bytes.extend(encode(message));
    bytes
}

/// Takes a message apart.
///
/// # Errors
/// If it is too large, of another version, or not of the form.
pub fn open_message<T: Decode<()>>(bytes: &[u8]) -> Result<T, WireError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(WireError::Size(bytes.len()));
    }
    let (version, rest) = bytes.split_first().ok_or(WireError::Size(0))?;
    if *version != WIRE_VERSION {
        return Err(WireError::Version(*version));
    }
    Ok(decode(rest)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_datagram_comes_apart_as_it_was_put_together() {
        let heartbeat = Heartbeat {
            desired: 7,
            observed: u64::MAX,
        };
        let sealed = seal_datagram(heartbeat, b"swim");
        let (back, packet) = open_datagram(&sealed).unwrap();
        assert_eq!((back, packet), (heartbeat, b"swim".as_slice()));
        assert!(matches!(
            open_datagram(&[9; 40]),
            Err(WireError::Version(9))
        ));
        assert!(matches!(
            open_datagram(&sealed[..12]),
            Err(WireError::Size(12))
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = WIRE_VERSION;
            }
            let _ = open_datagram(&bytes);
            let _ = open_message::<Rumour>(&bytes);
            let _ = open_message::<Question>(&bytes);
            let _ = open_message::<Answer>(&bytes);
        }
    }
}

//! The one codec for what goes over the wire and onto the disk: bincode 2, with limits.
//!
//! Only for own types that derive `Encode` and `Decode`. It never reads more than it was given,
//! never allocates more than [`LIMIT_BYTES`] on the word of a length field, and never accepts bytes
//! left over. Two things it can't guard against, so no wire type may have them: elements without a
//! size (`Vec<()>` of 200 million takes nine bytes), and recursion.

use bincode::{Decode, Encode, config};

/// No value on the wire or on disk is larger: 16 MiB.
pub const LIMIT_BYTES: usize = 16 << 20;

/// Bytes that are not one value of the expected type.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Cut short, out of range, or beyond [`LIMIT_BYTES`].
    #[error("malformed bytes: {0}")]
    Malformed(#[from] bincode::error::DecodeError),
    /// One value, and then this many bytes more.
    #[error("{0} bytes left over")]
    Trailing(usize),
}

const fn codec() -> impl config::Config {
    config::standard().with_limit::<LIMIT_BYTES>()
}

/// The bytes of a value.
///
/// # Panics
/// Never for a type that derives `Encode` from integers, bytes, text and collections: memory
/// accepts every byte, and only types of the operating system (paths, locks) refuse to be encoded.
#[must_use]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, codec()).expect("derived types encode into memory")
}

/// The value that these bytes are, all of them.
///
/// # Errors
/// If they are cut short, out of range, too large, or more than one value.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, consumed) = bincode::decode_from_slice(bytes, codec())?;
    match bytes.len().saturating_sub(consumed) {
        0 => Ok(value),
        left => Err(DecodeError::Trailing(left)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Sample {
        number: u64,
        text: String,
        blobs: Vec<Vec<u8>>,
    }

    #[test]
    fn bytes_left_over_are_refused() {
        let mut bytes = encode(&7_u32);
        bytes.push(0);
        assert!(matches!(
            decode::<u32>(&bytes),
            Err(DecodeError::Trailing(1))
        ));
    }

    #[test]
    fn a_huge_length_allocates_nothing() {
        let mut claim = vec![253];
        claim.extend(u64::MAX.to_le_bytes());
        assert!(matches!(
            decode::<Vec<u8>>(&claim),
            Err(DecodeError::Malformed(_))
        ));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(number: u64, text: String, blobs: Vec<Vec<u8>>) {
            let sample = Sample { number, text, blobs };
            prop_assert_eq!(decode::<Sample>(&encode(&sample)).unwrap(), sample);
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = decode::<Sample>(&bytes);
        }
    }
}

//! The one way in which values become bytes and bytes become values, on the wire and on disk.
//!
//! bincode 2 in its standard configuration, with a size limit, and with every byte accounted for:
//! bincode alone ignores bytes after a value. It is not for types with elements of no size, nor for
//! recursive types: the limit doesn't see either (measured; see deny.toml for why it is bincode).

use bincode::{
    Decode, Encode,
    config::{Configuration, Limit, LittleEndian, Varint},
    error::DecodeError as BincodeError,
};

/// The most bytes that one value may claim: 16 MiB.
pub const DECODED_BYTES_MAX: usize = 16 * 1024 * 1024;

type Config = Configuration<LittleEndian, Varint, Limit<DECODED_BYTES_MAX>>;

/// bincode's standard configuration with our limit. Varints keep small numbers small.
pub(crate) const CONFIG: Config = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

/// Bytes that are no value of the type asked for.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end early, claim too much, or say what the type can't be.
    #[error("not a valid value: {0}")]
    Invalid(#[from] BincodeError),
    /// A whole value, and then more.
    #[error("{0} bytes too many after the value")]
    TrailingBytes(usize),
}

/// The bytes of a value.
#[must_use]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    // The writer is a growing Vec and our types encode infallibly: no locks, no skipped fields.
    bincode::encode_to_vec(value, bincode::config::standard()).unwrap_or_default()
}

/// The value that these bytes are, all of them.
///
/// # Errors
/// If they are no such value, if it claims over 16 MiB, or if bytes follow it.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, consumed) = bincode::decode_from_slice(bytes, CONFIG)?;
    match bytes.len().saturating_sub(consumed) {
        0 => Ok(value),
        trailing => Err(DecodeError::TrailingBytes(trailing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_and_trailing_bytes_are_refused() {
        let mut bytes = encode(&(7_u64, String::from("seven")));
        assert_eq!(
            decode::<(u64, String)>(&bytes).unwrap(),
            (7, String::from("seven"))
        );
        bytes.push(0);
        assert!(matches!(
            decode::<(u64, String)>(&bytes),
            Err(DecodeError::TrailingBytes(1))
        ));
    }

    #[test]
    fn a_claim_of_great_length_is_refused_without_memory() {
        let bytes = encode(&(u64::MAX / 2));
        assert!(matches!(
            decode::<Vec<u8>>(&bytes),
            Err(DecodeError::Invalid(_))
        ));
        assert!(decode::<Vec<u8>>(&[]).is_err());
    }
}

//! 128-bit ids written as 25 characters of base 36, as Docker writes the ids of Swarm objects.

use std::fmt;

/// Digits of an id, least first while it is being taken apart.
const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// 36^25 is just above 2^129: every 128-bit number has 25 digits.
const LENGTH: usize = 25;

/// A 128-bit number that prints and parses as 25 characters of base 36.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Base36(pub u128);

/// A text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// Not 25 characters long.
    #[error("an id has 25 characters, not {0}")]
    Length(usize),
    /// A character other than `0-9` and `a-z`, or a number of more than 128 bits.
    #[error("an id has only the characters 0-9 and a-z, and fits 128 bits")]
    Digit,
}

impl fmt::Display for Base36 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [b'0'; LENGTH];
        let mut rest = self.0;
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(rest % 36) as usize];
            rest /= 36;
        }
        f.pad(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl std::str::FromStr for Base36 {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != LENGTH {
            return Err(ParseIdError::Length(text.len()));
        }
        text.bytes()
            .try_fold(0_u128, |number, byte| {
                let digit = ALPHABET.iter().position(|known| *known == byte)?;
                number.checked_mul(36)?.checked_add(digit as u128)
            })
            .map(Self)
            .ok_or(ParseIdError::Digit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_id_has_25_characters() {
        assert_eq!(Base36(u128::MAX).to_string(), "f5lxx1zz5pnorynqglhzmsp33");
        assert_eq!(Base36(0).to_string(), "0".repeat(25));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        assert_eq!("abc".parse::<Base36>(), Err(ParseIdError::Length(3)));
        assert_eq!("Z".repeat(25).parse::<Base36>(), Err(ParseIdError::Digit));
        assert_eq!("z".repeat(25).parse::<Base36>(), Err(ParseIdError::Digit));
    }

    proptest! {
        #[test]
        fn printing_and_parsing_agree(number: u128) {
            prop_assert_eq!(Base36(number).to_string().parse(), Ok(Base36(number)));
        }
    }
}

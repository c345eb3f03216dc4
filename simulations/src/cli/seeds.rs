//! Ranges of seeds, as `A..B`.

use std::{ops::Range, str::FromStr};

/// Seeds from A to B, B left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no range of seeds: write it as 0..100 (100 is left out)");
        let (first, end) = text.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let range = number(first)?..number(end)?;
        match range.is_empty() {
            true => Err(format!("{text:?} holds no seed")),
            false => Ok(Self(range)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_what_is_none_is_refused() {
        assert_eq!("3..7".parse(), Ok(Seeds(3..7)));
        for text in ["", "3", "7..3", "3..3", "a..b", "-1..3", "1..2..3"] {
            assert!(text.parse::<Seeds>().is_err(), "{text}");
        }
    }
}

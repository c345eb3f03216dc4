//! How much of the load a node should carry, next to the others.

use std::{collections::BTreeMap, fmt};

/// A weight in thousandths: 0.01 to 100, and 1 where nothing was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u32);

impl Weight {
    /// The node label that holds it: a positive decimal number such as `2` or `0.5`.
    pub const LABEL: &'static str = "shoal.weight";
    /// The smallest: 0.01.
    pub const MIN: Self = Self(10);
    /// The largest: 100.
    pub const MAX: Self = Self(100_000);

    /// The weight that these labels give. No label, or one that is no positive decimal number: 1.
    #[must_use]
    pub fn of(labels: &BTreeMap<String, String>) -> Self {
        labels
            .get(Self::LABEL)
            .and_then(|text| Self::parse(text))
            .unwrap_or_default()
    }

    /// Reads a positive decimal number. Digits behind the third are dropped; what lies outside the
    /// bounds becomes the nearer bound. None: it is no positive decimal number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_positive = text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        if !is_number(whole) || !is_number(fraction) || !is_positive {
            return None;
        }
        let in_thousandths = fraction.bytes().chain(*b"000").take(3);
        let thousandths = whole
            .bytes()
            .chain(in_thousandths)
            .fold(0_u64, |number, digit| {
                (number * 10 + u64::from(digit - b'0')).min(u64::from(u32::MAX))
            });
        let thousandths = u32::try_from(thousandths).unwrap_or(u32::MAX);
        Some(Self(thousandths).clamp(Self::MIN, Self::MAX))
    }

    /// The number of thousandths: 10 to 100,000.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(1000)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_bounded() {
        for (text, thousandths) in [
            ("1", 1000),
            (" 2.5 ", 2500),
            ("0.0501", 50),
            (".5", 500),
            ("3.", 3000),
            ("0.0001", 10),
            ("99999999999999999999999999", 100_000),
        ] {
            assert_eq!(Weight::parse(text), Some(Weight(thousandths)), "{text}");
        }
    }

    #[test]
    fn what_is_no_positive_number_is_refused() {
        for text in ["", "0", "0.0", "-1", "1e3", "one", "1.2.3", "."] {
            assert_eq!(Weight::parse(text), None, "{text}");
        }
    }

    #[test]
    fn it_prints_as_people_write_it() {
        assert_eq!(Weight::default().to_string(), "1");
        assert_eq!(Weight(2500).to_string(), "2.5");
        assert_eq!(Weight(10).to_string(), "0.01");
    }
}

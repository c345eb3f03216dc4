//! Durations as Go reads and writes them: `1h30m`, `1.5s`, `500ms`. Also whole days, `7d`.

use std::time::Duration;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The longest duration that Go can hold, in nanoseconds (292 years).
const NANOSECONDS_MAX: u128 = i64::MAX as u128;

/// Reads a duration that is not negative.
///
/// # Errors
/// A sentence that quotes the text.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration; write for example 90s, 1h30m or 500ms");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut nanoseconds: u128 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(end);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let (_, factor) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        let part = decimal(number, *factor).ok_or_else(wrong)?;
        nanoseconds = nanoseconds.saturating_add(part);
        rest = tail;
    }
    if nanoseconds > NANOSECONDS_MAX {
        return Err(format!(
            "{text:?} is too long; at most 292 years are possible"
        ));
    }
    Ok(Duration::from_nanos(
        u64::try_from(nanoseconds).unwrap_or(u64::MAX),
    ))
}

/// `number` x `factor`, the fraction cut off. None if it is no decimal number.
fn decimal(number: &str, factor: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    // More digits than this are below a nanosecond.
    let fraction = &fraction[..fraction.len().min(15)];
    let part = match fraction.parse::<u128>() {
        Ok(value) => value * factor / 10_u128.pow(u32::try_from(fraction.len()).ok()?),
        Err(_) => 0,
    };
    whole.checked_mul(factor)?.checked_add(part)
}

/// As Go's `Duration.String`: `1h0m0s`, `1.5s`, `20ms`, `0s`.
pub(crate) fn show(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total < 1_000_000_000 {
        let (factor, unit) = match total {
            0 => return "0s".into(),
            1..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{unit}", with_fraction(total, factor));
    }
    let (hours, minutes) = (total / 3_600_000_000_000, total / 60_000_000_000 % 60);
    let seconds = with_fraction(total % 60_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn with_fraction(value: u64, factor: u64) -> String {
    let fraction = value % factor;
    if fraction == 0 {
        return (value / factor).to_string();
    }
    let width = factor.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{}.{}", value / factor, digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn go_durations_are_read() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("1s", 1_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("500ms", 500_000_000),
            ("7d", 604_800_000_000_000),
            ("1µs2ns", 1_002),
        ] {
            assert_eq!(parse(text).map(|d| d.as_nanos()), Ok(nanoseconds), "{text}");
        }
        for text in ["", "1", "s", "-1s", "1x", "1..2s", ".s", "1s ", "300000d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_go_shows_them() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (20_000_000, "20ms"),
            (1_000_000_000, "1s"),
            (90_500_000_000, "1m30.5s"),
            (3_600_000_000_000, "1h0m0s"),
            (-5_000_000_000, "-5s"),
        ] {
            assert_eq!(show(nanoseconds), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read(nanoseconds in 0..i64::MAX) {
            let read = parse(&show(nanoseconds)).unwrap();
            prop_assert_eq!(read.as_nanos(), nanoseconds as u128);
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = parse(&text);
        }
    }
}

//! Moments, as people give them.

use jiff::Timestamp;

use super::duration;

/// Seconds since 1970 of a time stamp, of such a number, or of a span that ends now.
pub(crate) fn since_1970(text: &str, now: Timestamp) -> Result<String, String> {
    if text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Ok(text.to_owned());
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Ok(stamp.as_second().to_string());
    }
    let span = duration::parse(text)
        .map_err(|_| format!("{text:?} is no time; write 2026-11-22T10:00:00Z or 42m"))?;
    let nanoseconds = i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    let at = now.as_nanosecond().saturating_sub(nanoseconds).max(0);
    let (seconds, part) = (at / 1_000_000_000, at % 1_000_000_000);
    Ok(match part {
        0 => seconds.to_string(),
        part => format!("{seconds}.{part:09}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_stamps_numbers_or_spans() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        assert_eq!(since_1970("42m", now).unwrap(), "997480");
        assert_eq!(since_1970("1970-01-01T00:00:10Z", now).unwrap(), "10");
        assert_eq!(since_1970("12.5", now).unwrap(), "12.5");
        assert!(since_1970("yesterday", now).is_err());
        let now = Timestamp::from_millisecond(1_000_250).unwrap();
        assert_eq!(since_1970("0s", now).unwrap(), "1000.250000000");
        assert_eq!(since_1970("2h", now).unwrap(), "0");
    }
}

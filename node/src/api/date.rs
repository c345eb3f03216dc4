//! Dates as Docker prints them: RFC 3339 in UTC with nanoseconds.

use std::time::Duration;

use jiff::Timestamp;

/// Wall time since 1970 as `2026-11-22T10:05:08.088310550Z`. What jiff can't show (past the year
/// 9999) is shown as its last moment.
pub(super) fn rfc3339(wall: Duration) -> String {
    let moment = i128::try_from(wall.as_nanos())
        .ok()
        .and_then(|nanoseconds| Timestamp::from_nanosecond(nanoseconds).ok())
        .unwrap_or(Timestamp::MAX);
    format!("{moment:.9}")
}

/// What a client sends as a time: `SECONDS` or `SECONDS.FRACTION` since 1970. None: it is neither.
pub(super) fn parse_unix(text: &str) -> Option<Duration> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !is_digits(seconds) || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(seconds.parse().ok()?, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_nine_digits() {
        let moment = Duration::new(1_795_341_908, 88_310_550);
        assert_eq!(rfc3339(moment), "2026-11-22T10:05:08.088310550Z");
        assert_eq!(rfc3339(Duration::ZERO), "1970-01-01T00:00:00.000000000Z");
        assert!(rfc3339(Duration::MAX).starts_with("9999-12-30"));
    }

    #[test]
    fn times_of_clients_are_read() {
        assert_eq!(parse_unix("12"), Some(Duration::from_secs(12)));
        assert_eq!(parse_unix("12.5"), Some(Duration::from_millis(12_500)));
        for bad in [
            "",
            "-1",
            "1h",
            "1.2.3",
            "1.0000000001",
            "99999999999999999999999",
        ] {
            assert_eq!(parse_unix(bad), None, "{bad}");
        }
    }
}

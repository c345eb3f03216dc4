//! Time spans in words, as Docker's `units.HumanDuration`: "About a minute", "3 weeks".

use jiff::Timestamp;

/// A span in words. A negative one reads as zero.
pub(crate) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let minutes = seconds / 60;
    let hours = (seconds + 1_800) / 3_600;
    match () {
        () if seconds < 1 => "Less than a second".into(),
        () if seconds == 1 => "1 second".into(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3_600 / 24 / 365),
    }
}

/// How long ago a time stamp of the API was: "3 minutes ago". Empty if it is no time stamp.
pub(crate) fn ago(stamp: &str, now: Timestamp) -> String {
    match stamp.parse::<Timestamp>() {
        Ok(then) => format!("{} ago", span(now.as_second() - then.as_second())),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_dockers() {
        const HOUR: i64 = 3_600;
        const DAY: i64 = 24 * HOUR;
        for (seconds, text) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (3 * 60, "3 minutes"),
            (HOUR, "About an hour"),
            (89 * 60, "About an hour"),
            (90 * 60, "2 hours"),
            (3 * HOUR, "3 hours"),
            (2 * DAY, "2 days"),
            (7 * DAY, "7 days"),
            (14 * DAY, "2 weeks"),
            (30 * DAY, "4 weeks"),
            (60 * DAY, "2 months"),
            (700 * DAY, "23 months"),
            (730 * DAY, "2 years"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn ago_counts_from_now() {
        let now = "2026-11-22T10:04:20Z".parse().unwrap();
        assert_eq!(ago("2026-11-22T10:01:13.095842913Z", now), "3 minutes ago");
        assert_eq!(ago("", now), "");
    }
}

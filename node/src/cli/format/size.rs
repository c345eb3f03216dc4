//! Sizes of memory, as Docker's `units`: `64m` is 64 MiB, and 64 MiB is shown as `64MiB`.

const SUFFIXES: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Reads bytes: a number, then `b`, `k`, `m`, `g`, `t` or `p`, also as `kb` or `KiB`.
///
/// # Errors
/// A sentence that quotes the text.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size; write for example 64m, 1.5g or 1048576");
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let letter = match unit.as_str() {
        "" | "b" => 'b',
        other => {
            let mut letters = other.chars();
            let letter = letters.next().ok_or_else(wrong)?;
            if !matches!(letters.as_str(), "" | "b" | "ib") {
                return Err(wrong());
            }
            letter
        }
    };
    let power = "bkmgtp".find(letter).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * 1024_f64.powi(i32::try_from(power).unwrap_or(0));
    // 2^63: what Go's int64 can't hold any more.
    if !(0.0..9_223_372_036_854_775_808.0).contains(&bytes) {
        return Err(wrong());
    }
    Ok(bytes as u64)
}

/// As Docker's `BytesSize`: four significant digits and a binary unit.
pub(crate) fn show(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < SUFFIXES.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    format!("{}{}", significant(value), SUFFIXES[unit])
}

/// Four significant digits, zeros at the end dropped (Go's `%.4g` in this range).
fn significant(value: f64) -> String {
    let decimals = match value {
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Nanoseconds of processor time per second, from a decimal number of processors.
///
/// # Errors
/// A sentence that quotes the text.
pub(crate) fn parse_cpus(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no number of processors; write for example 0.5 or 2");
    let cpus: f64 = text.parse().map_err(|_| wrong())?;
    if !(0.0..1_000_000.0).contains(&cpus) {
        return Err(wrong());
    }
    let nanoseconds = (cpus * 1e9).round();
    if cpus > 0.0 && nanoseconds < 1.0 {
        return Err(format!("{text:?}: below a billionth of a processor"));
    }
    Ok(nanoseconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        for (text, bytes) in [
            ("0", 0),
            ("64m", 67_108_864),
            ("64MiB", 67_108_864),
            ("64mb", 67_108_864),
            ("1.5g", 1_610_612_736),
            ("10 k", 10_240),
            ("12b", 12),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "m", "-1", "1x", "1mbb", "1.2.3k", "99999999999p"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_as_docker_shows_them() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1KiB"),
            (67_108_864, "64MiB"),
            (25_276_502_016, "23.54GiB"),
            (u64::MAX, "16EiB"),
        ] {
            assert_eq!(show(bytes), text);
        }
    }

    #[test]
    fn processors_become_nanoseconds() {
        assert_eq!(parse_cpus("0.1"), Ok(100_000_000));
        assert_eq!(parse_cpus("2"), Ok(2_000_000_000));
        assert!(parse_cpus("-1").is_err());
        assert!(parse_cpus("nan").is_err());
        assert!(parse_cpus("0.0000000001").is_err());
    }
}

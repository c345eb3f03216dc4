//! Durations, sizes and processor shares, read as the docker client reads them (Go's
//! `time.ParseDuration`, go-units' `RAMInBytes`, `opts.ParseCPUs`).

/// Reads a duration such as `1m30s` or `250ms`; gives nanoseconds. None: not a duration, or longer
/// than 292 years.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds = 0_i128;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(unit_at);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        nanoseconds = nanoseconds.checked_add(scaled(number, unit_nanoseconds(unit)?)?)?;
        rest = tail;
    }
    i64::try_from(if is_negative {
        -nanoseconds
    } else {
        nanoseconds
    })
    .ok()
}

/// Writes nanoseconds as Go does: `1m30s`, `1.5s`, `250ms`.
pub(crate) fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let shown = match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{size}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(size, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(size, 1_000_000)),
        _ => {
            let (minutes, seconds) = (size / 60_000_000_000, size % 60_000_000_000);
            let seconds = decimal(seconds, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{shown}")
}

/// Reads a size such as `64m`, `1.5gb`, `512KiB` or `1024`; gives bytes. A thousand is always 1024.
pub(crate) fn size(text: &str) -> Option<i64> {
    let text = text.trim();
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim_start().to_ascii_lowercase();
    let power = match unit
        .strip_suffix("ib")
        .or(unit.strip_suffix('b'))
        .unwrap_or(&unit)
    {
        "" if unit == "ib" => return None,
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    i64::try_from(scaled(number, 1_i128 << (10 * power))?).ok()
}

/// Reads a number of processors such as `0.5`; gives billionths. None: not a number, or finer than
/// a billionth.
pub(crate) fn cpus(text: &str) -> Option<i64> {
    let digits = text.split_once('.').map_or("", |(_, digits)| digits);
    if digits.trim_end_matches('0').len() > 9 {
        return None;
    }
    i64::try_from(scaled(text, 1_000_000_000)?).ok()
}

fn unit_nanoseconds(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `number` (digits with at most one point) times `unit`, rounded down.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    if whole.len() > 19 {
        return None;
    }
    let part = &part[..part.len().min(18)];
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let numerator: i128 = if part.is_empty() {
        0
    } else {
        part.parse().ok()?
    };
    let denominator = 10_i128.pow(u32::try_from(part.len()).ok()?);
    whole
        .checked_mul(unit)?
        .checked_add(numerator.checked_mul(unit)? / denominator)
}

fn decimal(size: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", size / unit, size % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_reads_and_writes_them() {
        for (text, nanoseconds, written) in [
            ("1m30s", 90_000_000_000, "1m30s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("250ms", 250_000_000, "250ms"),
            ("1500ms", 1_500_000_000, "1.5s"),
            (".5s", 500_000_000, "500ms"),
            ("10us", 10_000, "10µs"),
            ("7ns", 7, "7ns"),
            ("0", 0, "0s"),
            ("-1s", -1_000_000_000, "-1s"),
        ] {
            assert_eq!(duration(text), Some(nanoseconds), "{text}");
            assert_eq!(duration_text(nanoseconds), written);
        }
        for text in [
            "",
            "3",
            "3q",
            "s",
            "1s2",
            "1..5s",
            "--1s",
            "1 s",
            "99999999999999h",
            "1d",
            ".",
        ] {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_as_docker_reads_them() {
        for (text, bytes) in [
            ("64M", 64 << 20),
            ("64mb", 64 << 20),
            ("1gb", 1 << 30),
            ("1GiB", 1 << 30),
            ("1.5k", 1536),
            ("10", 10),
            ("10b", 10),
            ("1 g", 1 << 30),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "m", "1x", "-1m", "1mm", "1ib", "1.2.3m", "99999999999p"] {
            assert_eq!(size(text), None, "{text:?}");
        }
    }

    #[test]
    fn processors_are_counted_in_billionths() {
        for (text, nano) in [
            ("0.5", 500_000_000),
            ("2", 2_000_000_000),
            (".05", 50_000_000),
            ("0.000000001", 1),
        ] {
            assert_eq!(cpus(text), Some(nano), "{text}");
        }
        for text in ["", "x", "-1", "0.0000000001", "1e3", "."] {
            assert_eq!(cpus(text), None, "{text:?}");
        }
    }
}

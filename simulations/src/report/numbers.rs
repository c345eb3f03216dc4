//! Numbers as people read them: as many digits as mean something.

use super::summary::Estimate;

/// Four significant digits.
pub(super) fn short(value: f64) -> String {
    with_digits(value, 4)
}

/// The mean and how far the interval goes to either side, both to the same place: `12.31 ± 0.45`.
pub(super) fn mean(estimate: Option<&Estimate>) -> String {
    let Some(estimate) = estimate else {
        return "-".to_owned();
    };
    let Some((low, high)) = estimate.interval else {
        return short(estimate.value);
    };
    let half = (high - low) / 2.0;
    if half == 0.0 {
        return format!("{} ± 0", short(estimate.value));
    }
    // A mean that is much smaller than its interval is shown to the interval's second digit as well.
    let place = half.abs().log10().floor() as i32 - 1;
    if !(-9..=5).contains(&place) || estimate.value.abs() >= 1e9 {
        return format!("{} ± {}", short(estimate.value), with_digits(half, 2));
    }
    let decimals = usize::try_from(-place).unwrap_or(0);
    format!("{:.decimals$} ± {half:.decimals$}", estimate.value + 0.0)
}

/// The number alone.
pub(super) fn value(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(|| "-".to_owned(), |estimate| short(estimate.value))
}

/// From where to where the interval goes; empty if there is none.
pub(super) fn interval(estimate: Option<&Estimate>) -> String {
    let ends = estimate.and_then(|estimate| estimate.interval);
    ends.map_or_else(String::new, |(low, high)| {
        format!("{} to {}", short(low), short(high))
    })
}

fn with_digits(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs().log10().floor() as i32;
    if !(-5..9).contains(&size) {
        let digits = usize::try_from(digits - 1).unwrap_or(0);
        return format!("{value:.digits$e}");
    }
    let decimals = usize::try_from(digits - 1 - size).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let texts = [
            (1234.567, "1235"),
            (0.001_234_56, "0.001235"),
            (64.0, "64"),
            (1e12, "1.000e12"),
            (-2.5, "-2.5"),
            (0.0, "0"),
        ];
        for (number, text) in texts {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn a_mean_is_shown_as_far_as_it_is_known() {
        let of = |value, half: f64| {
            mean(Some(&Estimate {
                value,
                interval: Some((value - half, value + half)),
            }))
        };
        assert_eq!(of(12.3456, 0.456), "12.35 ± 0.46");
        assert_eq!(of(12_345.6, 456.0), "12346 ± 456");
        assert_eq!(of(5.0, 0.0), "5 ± 0");
        let single = Estimate {
            value: 5.25,
            interval: None,
        };
        assert_eq!(mean(Some(&single)), "5.25");
        assert_eq!(mean(None), "-");
    }
}

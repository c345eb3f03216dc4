//! Quantities with their units, as plans write them: `"250 ms"`, `"20 %"`, `"2 Mbit/s"`, `"-50 ppm"`.
//!
//! A number without a unit is refused: nobody has to guess, and nobody's guess is wrong.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};

/// The longest time in a plan.
const TIME_MAX: Duration = Duration::from_secs(366 * 86_400);

/// A time: ns, us, ms, s, min, h or d. At most 366 d.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

/// A range of times, ends included: `"0.2..2 ms"`, `"1 ms..2 s"`; or one time, which is both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times(pub RangeInclusive<Duration>);

/// A share of a whole, in per cent, from 0 to 100; here from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// Bits per second: bit/s, kbit/s, Mbit/s or Gbit/s. Not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u64);

/// Parts per million: ppm. At most a tenth, either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ppm(pub i64);

/// Splits `"2.5 ms"` into its number and its unit.
fn split(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
    let number: f64 = text[..end]
        .parse()
        .map_err(|_| format!("{text:?} does not begin with a number"))?;
    match text[end..].trim() {
        "" => Err(format!("{text:?} has no unit")),
        unit => Ok((number, unit)),
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) =
            split(text).map_err(|error| format!("{error}; a time is written as \"250 ms\""))?;
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => {
                return Err(format!(
                    "{unit:?} is no unit of time: use ns, us, ms, s, min, h or d"
                ));
            }
        };
        let time = Duration::try_from_secs_f64(number * seconds)
            .map_err(|_| format!("{text:?} is no time: it may not be negative"))?;
        match time > TIME_MAX {
            true => Err(format!("{text:?} is too long: at most 366 d")),
            false => Ok(Self(time)),
        }
    }
}

impl FromStr for Times {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((low, high)) = text.split_once("..") else {
            let Time(only) = text.parse()?;
            return Ok(Self(only..=only));
        };
        let Time(high) = high.parse()?;
        // `0.2..2 ms`: the unit stands for both.
        let Time(low) = match low.trim().parse::<f64>() {
            Ok(_) => {
                let unit = text.trim_start_matches(|c: char| !c.is_alphabetic() && c != 'µ');
                format!("{low} {unit}").parse()?
            }
            Err(_) => low.parse()?,
        };
        match low <= high {
            true => Ok(Self(low..=high)),
            false => Err(format!("{text:?} ends before it begins")),
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) =
            split(text).map_err(|error| format!("{error}; a share is written as \"20 %\""))?;
        match (unit, number) {
            ("%", 0.0..=100.0) => Ok(Self(number / 100.0)),
            ("%", _) => Err(format!("{text:?} is not between 0 % and 100 %")),
            _ => Err(format!("{unit:?} is no unit of a share: use %")),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) =
            split(text).map_err(|error| format!("{error}; a rate is written as \"2 Mbit/s\""))?;
        let factor = match unit {
            "bit/s" => 1.0,
            "kbit/s" => 1e3,
            "Mbit/s" => 1e6,
            "Gbit/s" => 1e9,
            _ => {
                return Err(format!(
                    "{unit:?} is no unit of a rate: use bit/s, kbit/s, Mbit/s or Gbit/s"
                ));
            }
        };
        let bits = number * factor;
        match (1.0..=1e15).contains(&bits) {
            true => Ok(Self(bits as u64)),
            false => Err(format!("{text:?} is not between 1 bit/s and 10^15 bit/s")),
        }
    }
}

impl FromStr for Ppm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) =
            split(text).map_err(|error| format!("{error}; a drift is written as \"50 ppm\""))?;
        let most = crate::DRIFT_PPM_MAX as f64;
        match unit {
            "ppm" if number.abs() <= most => Ok(Self(number as i64)),
            "ppm" => Err(format!("{text:?} is more than {most} ppm")),
            _ => Err(format!("{unit:?} is no unit of drift: use ppm")),
        }
    }
}

macro_rules! from_text {
    ($($quantity:ty),*) => {$(
        impl<'de> Deserialize<'de> for $quantity {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

from_text!(Time, Times, Share, Rate, Ppm);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units() {
        let millis = Duration::from_millis;
        assert_eq!("250 ms".parse(), Ok(Time(millis(250))));
        assert_eq!("1.5min".parse(), Ok(Time(millis(90_000))));
        assert_eq!(
            "0.2..2 ms".parse(),
            Ok(Times(Duration::from_micros(200)..=millis(2)))
        );
        assert_eq!("1 ms..2 s".parse(), Ok(Times(millis(1)..=millis(2_000))));
        assert_eq!("3 s".parse(), Ok(Times(millis(3_000)..=millis(3_000))));
        assert_eq!("20 %".parse(), Ok(Share(0.2)));
        assert_eq!("2.5 Mbit/s".parse(), Ok(Rate(2_500_000)));
        assert_eq!("-50 ppm".parse(), Ok(Ppm(-50)));
    }

    #[test]
    fn what_is_none_is_refused_with_the_reason() {
        let time = |text: &str| text.parse::<Time>().unwrap_err();
        assert!(time("250").contains("no unit"));
        assert!(time("ms").contains("number"));
        assert!(time("2 parsec").contains("use ns"));
        assert!(time("-1 s").contains("negative"));
        assert!(time("400 d").contains("366 d"));
        assert!(
            "2..1 s"
                .parse::<Times>()
                .unwrap_err()
                .contains("ends before")
        );
        assert!("120 %".parse::<Share>().unwrap_err().contains("100 %"));
        assert!("0.2".parse::<Share>().unwrap_err().contains("no unit"));
        assert!("0 bit/s".parse::<Rate>().is_err());
        assert!("5 MB/s".parse::<Rate>().unwrap_err().contains("kbit/s"));
        assert!("200000 ppm".parse::<Ppm>().is_err());
    }
}

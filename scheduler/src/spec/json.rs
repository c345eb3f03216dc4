//! Habits of Go's JSON: lists and maps may be `null`, durations are whole nanoseconds.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads `null` as the default value.
pub(super) fn null_default<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(input).map(Option::unwrap_or_default)
}

/// An optional duration as nanoseconds, as Go writes one. A negative one reads as zero.
pub(super) mod nanoseconds {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        output: S,
    ) -> Result<S::Ok, S::Error> {
        value
            .map(|duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
            .serialize(output)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<Duration>, D::Error> {
        let nanoseconds = Option::<i64>::deserialize(input)?;
        Ok(nanoseconds.map(|number| Duration::from_nanos(number.try_into().unwrap_or(0))))
    }
}

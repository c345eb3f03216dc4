//! What a task may use, and what is kept free for it.

use serde::{Deserialize, Serialize};

use super::json::null_default;

/// Limits and reservations of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Resources {
    /// At most this much.
    #[serde(deserialize_with = "null_default")]
    pub limits: ResourceLimits,
    /// A node must have this much not yet reserved.
    #[serde(deserialize_with = "null_default")]
    pub reservations: ResourceLimits,
}

/// Amounts. Zero: none asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceLimits {
    /// Billionths of a processor core.
    #[serde(rename = "NanoCPUs", deserialize_with = "null_default")]
    pub nano_cpus: i64,
    /// Bytes of memory.
    #[serde(rename = "MemoryBytes", deserialize_with = "null_default")]
    pub memory_bytes: i64,
    /// Processes and threads (limits only).
    #[serde(
        rename = "Pids",
        skip_serializing_if = "is_zero",
        deserialize_with = "null_default"
    )]
    pub pids: i64,
    /// Number of generic resources: kinds of things that a machine has a few of. Not supported.
    #[serde(
        rename = "GenericResources",
        skip_serializing,
        deserialize_with = "number_of"
    )]
    pub generic_resources: usize,
}

/// How many there are in a list.
fn number_of<'de, D: serde::Deserializer<'de>>(input: D) -> Result<usize, D::Error> {
    let list = Option::<Vec<serde::de::IgnoredAny>>::deserialize(input)?;
    Ok(list.map_or(0, |list| list.len()))
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

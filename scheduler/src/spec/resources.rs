//! What a task may use, and what is kept free for it.

use std::collections::BTreeMap;

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

impl Resources {
    /// How many things of each kind a node must have for this task alone. Some of each; those asked for by name or
    /// below zero, which no spec may, are left out.
    #[must_use]
    pub fn generic(&self) -> BTreeMap<String, u64> {
        let mut wanted = BTreeMap::new();
        for one in &self.reservations.generic_resources {
            let discrete = one.discrete.as_ref();
            let count = discrete.and_then(|one| u64::try_from(one.value).ok());
            if let (Some(one), Some(count @ 1..)) = (discrete, count) {
                let sum: &mut u64 = wanted.entry(one.kind.clone()).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        wanted
    }
}

/// Amounts. Zero: none asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Things that a machine has a few of (reservations only).
    #[serde(
        rename = "GenericResources",
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_default"
    )]
    pub generic_resources: Vec<GenericResource>,
}

/// Things of a kind that a machine has a few of. A task asks for a number of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenericResource {
    /// So many.
    #[serde(
        rename = "DiscreteResourceSpec",
        skip_serializing_if = "Option::is_none"
    )]
    pub discrete: Option<DiscreteResource>,
    /// One, by name. Only a node's description and a task may say so.
    #[serde(rename = "NamedResourceSpec", skip_serializing_if = "Option::is_none")]
    pub named: Option<NamedResource>,
}

/// A number of things.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DiscreteResource {
    /// Of this kind.
    pub kind: String,
    /// How many.
    pub value: i64,
}

/// One thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NamedResource {
    /// Of this kind.
    pub kind: String,
    /// Its name.
    pub value: String,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

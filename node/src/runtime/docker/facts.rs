//! What placement asks about an engine.

use std::collections::BTreeMap;

use bollard::models::SystemInfo;
use shoal_scheduler::generic::{self, Stocks};

use crate::architecture::word_of;

/// What an engine says of its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFacts {
    /// Docker's word for the processor, such as `amd64`.
    pub architecture: String,
    /// Processor capacity in billionths of a core.
    pub nano_cpus: i64,
    /// Memory in bytes.
    pub memory_bytes: i64,
    /// Version of the engine.
    pub version: String,
    /// Labels that its administrator gave it.
    pub labels: BTreeMap<String, String>,
    /// Its plugins as `Kind/name` in Swarm's words, such as `Volume/local`; sorted.
    pub plugins: Vec<String>,
    /// Things that its administrator says the machine has a few of.
    pub generic_resources: Stocks,
    /// What it can't do, a sentence each.
    pub warnings: Vec<String>,
    /// Whether it is a node of a Docker Swarm, too.
    pub is_in_a_swarm: bool,
    /// Whether the kernel holds containers to their memory limits.
    pub limits_memory: bool,
}

impl EngineFacts {
    pub(super) fn of(info: &SystemInfo) -> Self {
        let labels = info.labels.iter().flatten();
        let labels = labels.map(|label| {
            let (name, value) = label.split_once('=').unwrap_or((label, ""));
            (name.to_owned(), value.to_owned())
        });
        let limits_memory = info.memory_limit != Some(false);
        let mut security = info.security_options.iter().flatten();
        let is_rootless = security.any(|option| option.contains("rootless"));
        let mut warnings = Vec::new();
        if !limits_memory {
            warnings.push(NO_MEMORY_LIMIT.to_owned());
        }
        if is_rootless {
            warnings.push(ROOTLESS.to_owned());
        }
        let generic_resources = generic_resources(info).unwrap_or_else(|trouble| {
            warnings.push(trouble);
            Stocks::new()
        });
        let swarm = info.swarm.as_ref();
        let state = swarm.and_then(|swarm| swarm.local_node_state);
        let state = state.map(|state| state.to_string()).unwrap_or_default();
        Self {
            architecture: word_of(info.architecture.as_deref().unwrap_or_default()).to_owned(),
            nano_cpus: info.ncpu.unwrap_or(0).saturating_mul(1_000_000_000),
            memory_bytes: info.mem_total.unwrap_or(0),
            version: info.server_version.clone().unwrap_or_default(),
            labels: labels.collect(),
            plugins: plugins(info),
            generic_resources,
            warnings,
            is_in_a_swarm: !matches!(state.as_str(), "" | "inactive"),
            limits_memory,
        }
    }
}

/// What a task with a memory limit is told on such a machine.
pub(super) const NO_MEMORY_LIMIT: &str = "memory limit: this node's kernel does not enforce it (on a Raspberry Pi add \"cgroup_enable=memory cgroup_memory=1\" to cmdline.txt)";

/// The agent can't dial into the network namespace of such an engine.
const ROOTLESS: &str = "this engine is rootless: its containers are reached by ports in mode host only, not by those that every node publishes";

/// `node-generic-resources` of the engine's configuration.
fn generic_resources(info: &SystemInfo) -> Result<Stocks, String> {
    let all = info.generic_resources.iter().flatten();
    let texts = all.filter_map(|one| {
        let named = one.named_resource_spec.as_ref();
        let named = named.map(|named| (named.kind.clone(), named.value.clone()));
        let (kind, value) = named.or_else(|| {
            let counted = one.discrete_resource_spec.as_ref()?;
            Some((
                counted.kind.clone(),
                counted.value.map(|value| value.to_string()),
            ))
        })?;
        Some(format!("{}={}", kind?, value?))
    });
    let texts: Vec<String> = texts.collect();
    generic::stocks(texts.iter().map(String::as_str))
}

fn plugins(info: &SystemInfo) -> Vec<String> {
    let Some(plugins) = &info.plugins else {
        return Vec::new();
    };
    let kinds = [
        ("Volume", &plugins.volume),
        ("Network", &plugins.network),
        ("Log", &plugins.log),
        ("Authorization", &plugins.authorization),
    ];
    let named = kinds.into_iter().flat_map(|(kind, names)| {
        let names = names.iter().flatten();
        names.map(move |name| format!("{kind}/{name}"))
    });
    let mut named: Vec<String> = named.collect();
    named.sort();
    named
}

#[cfg(test)]
mod tests {
    use shoal_scheduler::generic::Stock;

    use super::*;

    #[test]
    fn an_engine_is_what_it_says() {
        let text = r#"{"Architecture":"aarch64","NCPU":4,"MemTotal":1000,"ServerVersion":"20.10.24",
            "Labels":["disk=ssd","plain"],"MemoryLimit":false,
            "SecurityOptions":["name=seccomp,profile=default","name=rootless"],
            "GenericResources":[{"NamedResourceSpec":{"Kind":"GPU","Value":"a"}},
                {"DiscreteResourceSpec":{"Kind":"SSD","Value":3}},{"NamedResourceSpec":{"Kind":"GPU","Value":"b"}}],
            "Plugins":{"Volume":["local"],"Network":["bridge","host"],"Authorization":null,"Log":["json-file"]},
            "Swarm":{"LocalNodeState":"active"}}"#;
        let info: SystemInfo = serde_json::from_str(text).unwrap();
        let facts = EngineFacts::of(&info);
        assert_eq!(facts.architecture, "arm64");
        assert_eq!((facts.nano_cpus, facts.memory_bytes), (4_000_000_000, 1000));
        assert_eq!(facts.labels["disk"], "ssd");
        assert_eq!(facts.labels["plain"], "");
        assert_eq!(facts.plugins.len(), 4);
        assert_eq!(facts.generic_resources["SSD"], Stock::Count(3));
        assert_eq!(facts.generic_resources["GPU"].count(), 2);
        assert!(facts.is_in_a_swarm && !facts.limits_memory);
        assert_eq!(facts.warnings, [NO_MEMORY_LIMIT, ROOTLESS]);
        let plain = EngineFacts::of(&SystemInfo::default());
        assert!(!plain.is_in_a_swarm && plain.limits_memory && plain.warnings.is_empty());
    }
}

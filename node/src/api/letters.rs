//! Names of fields in any letters: Docker's engine, written in Go, takes `replicated` for `Replicated`, and clients in
//! other languages rely on it. What is written as Docker writes it stays as it is, byte for byte.

use serde_json::{Map, Value};

/// Fields whose own fields people choose.
const FREE: [&str; 4] = ["DriverOpts", "Labels", "Options", "Sysctls"];

/// All fields that are looked at, as Docker writes them, in order.
const FIELDS: [&str; 158] = [
    "AdvertiseAddr",
    "Aliases",
    "AppArmor",
    "Architecture",
    "Args",
    "Attachable",
    "AutoLockManagers",
    "Availability",
    "BindOptions",
    "CAConfig",
    "CapabilityAdd",
    "CapabilityDrop",
    "CheckDuplicate",
    "Command",
    "Condition",
    "Config",
    "ConfigID",
    "ConfigName",
    "Configs",
    "Consistency",
    "Constraints",
    "ContainerSpec",
    "CreateMountpoint",
    "CredentialSpec",
    "DNSConfig",
    "Data",
    "DataPathAddr",
    "DataPathPort",
    "DefaultAddrPool",
    "Delay",
    "Dir",
    "Disable",
    "DiscreteResourceSpec",
    "Dispatcher",
    "Driver",
    "DriverConfig",
    "DriverOpts",
    "EnableIPv6",
    "EncryptionConfig",
    "EndpointSpec",
    "Env",
    "FailureAction",
    "File",
    "ForceNewCluster",
    "ForceUpdate",
    "GID",
    "Gateway",
    "GenericResources",
    "Global",
    "GlobalJob",
    "Groups",
    "Hard",
    "Healthcheck",
    "Hostname",
    "Hosts",
    "IPAM",
    "IPRange",
    "Image",
    "Ingress",
    "Init",
    "Internal",
    "Interval",
    "Isolation",
    "JoinToken",
    "Kind",
    "Labels",
    "Level",
    "Limits",
    "ListenAddr",
    "LogDriver",
    "MaxAttempts",
    "MaxConcurrent",
    "MaxFailureRatio",
    "MaxReplicas",
    "MemoryBytes",
    "Mode",
    "Monitor",
    "Mounts",
    "Name",
    "NamedResourceSpec",
    "Nameservers",
    "NanoCPUs",
    "Networks",
    "NoCopy",
    "NoNewPrivileges",
    "NonRecursive",
    "OS",
    "OomScoreAdj",
    "OpenStdin",
    "Options",
    "Orchestration",
    "Order",
    "Parallelism",
    "Pids",
    "Placement",
    "Platforms",
    "Ports",
    "Preferences",
    "Privileges",
    "Profile",
    "Propagation",
    "Protocol",
    "PublishMode",
    "PublishedPort",
    "Raft",
    "ReadOnly",
    "ReadOnlyForceRecursive",
    "ReadOnlyNonRecursive",
    "Registry",
    "RemoteAddrs",
    "Replicas",
    "Replicated",
    "ReplicatedJob",
    "Reservations",
    "Resources",
    "RestartPolicy",
    "Retries",
    "Role",
    "RollbackConfig",
    "Runtime",
    "SELinuxContext",
    "Scope",
    "Search",
    "Seccomp",
    "SecretID",
    "SecretName",
    "Secrets",
    "SizeBytes",
    "Soft",
    "Source",
    "Spec",
    "Spread",
    "SpreadDescriptor",
    "StartInterval",
    "StartPeriod",
    "StopGracePeriod",
    "StopSignal",
    "Subnet",
    "Subpath",
    "Sysctls",
    "TTY",
    "Target",
    "TargetPort",
    "TaskHistoryRetentionLimit",
    "TaskTemplate",
    "Templating",
    "Test",
    "Timeout",
    "TmpfsOptions",
    "TotalCompletions",
    "Type",
    "UID",
    "Ulimits",
    "UpdateConfig",
    "User",
    "Value",
    "VolumeOptions",
    "Window",
];

/// The text with its fields as Docker writes them. None: they are so already, or it is no JSON.
pub(super) fn as_docker_writes(text: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    put_right(&mut value).then(|| value.to_string())
}

/// Whether anything was to be changed.
fn put_right(value: &mut Value) -> bool {
    match value {
        Value::Array(list) => list.iter_mut().fold(false, |is, one| put_right(one) | is),
        Value::Object(map) => {
            let mut is_changed = false;
            if map.keys().any(|key| docker_name(key).is_some()) {
                is_changed = true;
                let fields = std::mem::take(map).into_iter();
                let fields = fields.map(|(key, value)| match docker_name(&key) {
                    Some(name) => (name.to_owned(), value),
                    None => (key, value),
                });
                *map = fields.collect::<Map<_, _>>();
            }
            let inner = map
                .iter_mut()
                .filter(|(key, _)| !FREE.contains(&key.as_str()));
            inner.fold(is_changed, |is, (_, one)| put_right(one) | is)
        }
        _ => false,
    }
}

/// How Docker writes a field that is written otherwise here.
fn docker_name(key: &str) -> Option<&'static str> {
    let found = FIELDS.iter().find(|name| name.eq_ignore_ascii_case(key));
    found.copied().filter(|name| *name != key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_any_letters_and_what_people_name_is_left_alone() {
        let text = r#"{"name":"web","Labels":{"name":"x","MODE":"y"},"Mode":{"replicated":{"replicas":3}},
            "TaskTemplate":{"containerspec":{"Mounts":[{"type":"bind","DriverConfig":{"options":{"type":"nfs"}}}],
            "Env":["name=1"]}},"Unknown":1}"#;
        let value: Value = serde_json::from_str(&as_docker_writes(text).unwrap()).unwrap();
        assert_eq!(value["Name"], "web");
        assert_eq!(value["Labels"]["name"], "x");
        assert_eq!(value["Labels"]["MODE"], "y");
        assert_eq!(value["Mode"]["Replicated"]["Replicas"], 3);
        let container = &value["TaskTemplate"]["ContainerSpec"];
        assert_eq!(container["Mounts"][0]["Type"], "bind");
        assert_eq!(
            container["Mounts"][0]["DriverConfig"]["Options"]["type"],
            "nfs"
        );
        assert_eq!(container["Env"][0], "name=1");
        assert_eq!(value["Unknown"], 1);
    }

    #[test]
    fn what_docker_writes_stays_byte_for_byte() {
        assert_eq!(as_docker_writes(r#"{ "Name": "web",  "Mode": {} }"#), None);
        assert_eq!(as_docker_writes("no JSON"), None);
        assert!(FIELDS.is_sorted());
    }
}

//! What confines a container beyond its capabilities, and where it looks names up: Swarm's `Privileges`
//! and `DNSConfig`.

use serde::{Deserialize, Serialize};

use super::json::null_default;

/// Name servers of a container, in place of its engine's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DnsConfig {
    /// Addresses of name servers.
    #[serde(deserialize_with = "null_default")]
    pub nameservers: Vec<String>,
    /// Domains in which short names are looked up.
    #[serde(deserialize_with = "null_default")]
    pub search: Vec<String>,
    /// Options of resolv.conf(5).
    #[serde(deserialize_with = "null_default")]
    pub options: Vec<String>,
}

/// Confinement by the kernel's security modules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Privileges {
    /// An account of Windows. Refused where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_spec: Option<serde_json::Value>,
    /// The label under which it runs, where SELinux is on.
    #[serde(rename = "SELinuxContext", skip_serializing_if = "Option::is_none")]
    pub selinux: Option<SeLinux>,
    /// Which system calls it may make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
    /// Its profile, where `AppArmor` is on.
    #[serde(rename = "AppArmor", skip_serializing_if = "Option::is_none")]
    pub app_armor: Option<AppArmor>,
    /// No program in it gains privileges when it starts another.
    #[serde(deserialize_with = "null_default")]
    pub no_new_privileges: bool,
}

/// A label of SELinux.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SeLinux {
    /// No label.
    #[serde(deserialize_with = "null_default")]
    pub disable: bool,
    /// User of the label.
    #[serde(deserialize_with = "null_default")]
    pub user: String,
    /// Role of the label.
    #[serde(deserialize_with = "null_default")]
    pub role: String,
    /// Type of the label.
    #[serde(rename = "Type", deserialize_with = "null_default")]
    pub kind: String,
    /// Level of the label.
    #[serde(deserialize_with = "null_default")]
    pub level: String,
}

/// A filter of system calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Seccomp {
    /// `default`, `unconfined` or `custom`.
    #[serde(deserialize_with = "null_default")]
    pub mode: String,
    /// The filter as base64 of its JSON, where the mode is `custom`.
    #[serde(deserialize_with = "null_default")]
    pub profile: String,
}

/// A profile of `AppArmor`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AppArmor {
    /// `default` or `disabled`.
    #[serde(deserialize_with = "null_default")]
    pub mode: String,
}

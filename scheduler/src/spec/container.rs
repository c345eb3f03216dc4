//! One container of a task: Swarm's `ContainerSpec`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    json::{nanoseconds, null_default},
    privileges::{DnsConfig, Privileges},
};

/// What to run, and in which surroundings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerSpec {
    /// Image reference. Empty or `scratch` (any tag): the command runs as a process of the host.
    #[serde(deserialize_with = "null_default")]
    pub image: String,
    /// Labels of the container.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// Replaces the image's entrypoint.
    #[serde(deserialize_with = "null_default")]
    pub command: Vec<String>,
    /// Arguments of the entrypoint.
    #[serde(deserialize_with = "null_default")]
    pub args: Vec<String>,
    /// Host name inside the container.
    #[serde(deserialize_with = "null_default")]
    pub hostname: String,
    /// `NAME=value` pairs.
    #[serde(deserialize_with = "null_default")]
    pub env: Vec<String>,
    /// Working directory.
    #[serde(deserialize_with = "null_default")]
    pub dir: String,
    /// `user`, `uid`, `user:group` or `uid:gid`.
    #[serde(deserialize_with = "null_default")]
    pub user: String,
    /// Additional groups.
    #[serde(deserialize_with = "null_default")]
    pub groups: Vec<String>,
    /// Allocate a terminal.
    #[serde(rename = "TTY", deserialize_with = "null_default")]
    pub tty: bool,
    /// Keep standard input open.
    #[serde(deserialize_with = "null_default")]
    pub open_stdin: bool,
    /// Mount the root file system read-only.
    #[serde(deserialize_with = "null_default")]
    pub read_only: bool,
    /// Run an init process as PID 1.
    pub init: Option<bool>,
    /// Volumes, bind mounts, tmpfs.
    #[serde(deserialize_with = "null_default")]
    pub mounts: Vec<Mount>,
    /// Signal that asks the process to stop. Empty: SIGTERM.
    #[serde(deserialize_with = "null_default")]
    pub stop_signal: String,
    /// Time between that signal and SIGKILL. None: 10 s.
    #[serde(with = "nanoseconds")]
    pub stop_grace_period: Option<Duration>,
    /// How to tell that the task works.
    pub healthcheck: Option<Healthcheck>,
    /// Lines for /etc/hosts, `IP name`.
    #[serde(deserialize_with = "null_default")]
    pub hosts: Vec<String>,
    /// Secrets as files.
    #[serde(deserialize_with = "null_default")]
    pub secrets: Vec<SecretFile>,
    /// Configs as files.
    #[serde(deserialize_with = "null_default")]
    pub configs: Vec<ConfigFile>,
    /// Kernel parameters of the container.
    #[serde(deserialize_with = "null_default")]
    pub sysctls: BTreeMap<String, String>,
    /// Capabilities added.
    #[serde(deserialize_with = "null_default")]
    pub capability_add: Vec<String>,
    /// Capabilities taken away.
    #[serde(deserialize_with = "null_default")]
    pub capability_drop: Vec<String>,
    /// Resource limits of processes.
    #[serde(deserialize_with = "null_default")]
    pub ulimits: Vec<Ulimit>,
    /// Name servers, and how names are searched.
    #[serde(rename = "DNSConfig", skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<DnsConfig>,
    /// Confinement beyond capabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileges: Option<Privileges>,
    /// Of Windows. Ignored, with a warning.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub isolation: String,
    /// How early the kernel ends it when memory runs out: -1000 (last) to 1000 (first).
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "null_default")]
    pub oom_score_adj: i64,
}

const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl ContainerSpec {
    /// Swarm's default stop grace.
    pub const DEFAULT_STOP_GRACE: Duration = Duration::from_secs(10);

    /// Whether the command runs as a process of the host: no image, or `scratch`.
    #[must_use]
    pub fn is_process(&self) -> bool {
        let name = self.image.split(['@', ':']).next().unwrap_or_default();
        matches!(
            name,
            "" | "scratch" | "docker.io/library/scratch" | "library/scratch"
        )
    }

    /// The whole command line: entrypoint, then arguments.
    #[must_use]
    pub fn command_line(&self) -> Vec<String> {
        self.command.iter().chain(&self.args).cloned().collect()
    }

    /// Time between the stop signal and SIGKILL.
    #[must_use]
    pub fn stop_grace(&self) -> Duration {
        self.stop_grace_period.unwrap_or(Self::DEFAULT_STOP_GRACE)
    }
}

/// A health check, as Docker's `HealthConfig`. Zero or absent fields take Docker's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `[]` inherit, `["NONE"]` off, `["CMD", arg...]` exec, `["CMD-SHELL", line]` through a shell.
    #[serde(deserialize_with = "null_default")]
    pub test: Vec<String>,
    /// Time between two checks. None: 30 s.
    #[serde(with = "nanoseconds")]
    pub interval: Option<Duration>,
    /// A check that takes longer has failed. None: 30 s.
    #[serde(with = "nanoseconds")]
    pub timeout: Option<Duration>,
    /// Failures in a row that make it unhealthy. 0: 3.
    #[serde(deserialize_with = "null_default")]
    pub retries: u32,
    /// Time for starting, in which failures do not count. None: 0 s.
    #[serde(with = "nanoseconds")]
    pub start_period: Option<Duration>,
    /// Time between two checks within the start period. None: 5 s.
    #[serde(with = "nanoseconds")]
    pub start_interval: Option<Duration>,
}

impl Healthcheck {
    /// Whether there is anything to check.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.test.first().is_some_and(|first| first != "NONE") && self.test.len() > 1
    }
}

/// Something mounted into the container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Mount {
    /// What kind of mount.
    #[serde(rename = "Type", deserialize_with = "null_default")]
    pub kind: MountType,
    /// Volume name or host path. Empty for an anonymous volume and for tmpfs.
    #[serde(deserialize_with = "null_default")]
    pub source: String,
    /// Path in the container.
    #[serde(deserialize_with = "null_default")]
    pub target: String,
    /// Whether the container may not write to it.
    #[serde(deserialize_with = "null_default")]
    pub read_only: bool,
    /// Options of a bind mount.
    pub bind_options: Option<BindOptions>,
    /// Options of a volume.
    pub volume_options: Option<VolumeOptions>,
    /// Options of a tmpfs.
    pub tmpfs_options: Option<TmpfsOptions>,
}

impl Mount {
    /// Whether this is data that lives on one node only: a writable named volume of the local
    /// driver without driver options (those point at NFS and the like).
    #[must_use]
    pub fn is_local_data(&self) -> bool {
        self.kind == MountType::Volume
            && !self.read_only
            && !self.source.is_empty()
            && self
                .volume_options
                .as_ref()
                .and_then(|options| options.driver_config.as_ref())
                .is_none_or(|driver| {
                    matches!(driver.name.as_str(), "" | "local") && driver.options.is_empty()
                })
    }
}

/// Docker's mount types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountType {
    /// A path of the host.
    Bind,
    /// A volume of a driver.
    #[default]
    Volume,
    /// Memory.
    Tmpfs,
    /// A named pipe of Windows.
    Npipe,
    /// A CSI volume.
    Cluster,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Options of a bind mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BindOptions {
    /// Mount propagation.
    #[serde(deserialize_with = "null_default")]
    pub propagation: String,
    /// Make the path on the host when it is missing.
    #[serde(deserialize_with = "null_default")]
    pub create_mountpoint: bool,
    /// Leave mounts below the source out.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "is_not")]
    pub non_recursive: bool,
    /// Let mounts below the source be written to, though it is mounted read-only.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "is_not")]
    pub read_only_non_recursive: bool,
    /// Fail if mounts below the source can't be made read-only, too.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "is_not")]
    pub read_only_force_recursive: bool,
}

/// What is left out, so that specs without it stay what they were.
fn is_not(given: &bool) -> bool {
    !given
}

/// Options of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumeOptions {
    /// Do not fill it from the image.
    #[serde(deserialize_with = "null_default")]
    pub no_copy: bool,
    /// Labels of the volume.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// The driver, when it is not the local one.
    pub driver_config: Option<DriverConfig>,
    /// The folder of the volume that is mounted; all of it when empty.
    #[serde(
        deserialize_with = "null_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub subpath: String,
}

/// A driver with its options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DriverConfig {
    /// Name of the driver.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Its options.
    #[serde(deserialize_with = "null_default")]
    pub options: BTreeMap<String, String>,
}

/// Options of a tmpfs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TmpfsOptions {
    /// Size limit in bytes. 0: none.
    #[serde(deserialize_with = "null_default")]
    pub size_bytes: u64,
    /// File mode.
    #[serde(deserialize_with = "null_default")]
    pub mode: u32,
}

/// Where a secret or config appears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FileTarget {
    /// Name or path of the file.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Owner, as a number.
    #[serde(rename = "UID", deserialize_with = "null_default")]
    pub uid: String,
    /// Group, as a number.
    #[serde(rename = "GID", deserialize_with = "null_default")]
    pub gid: String,
    /// File mode.
    #[serde(deserialize_with = "null_default")]
    pub mode: u32,
}

/// What secrets and configs have in common when a container refers to them.
pub trait FileReference {
    /// Name of the object.
    fn name(&self) -> &str;
    /// Where it appears.
    fn file(&self) -> Option<&FileTarget>;
}

/// A secret that the container gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretFile {
    /// Where it appears.
    #[serde(rename = "File")]
    pub file: Option<FileTarget>,
    /// Id of the secret.
    #[serde(rename = "SecretID", deserialize_with = "null_default")]
    pub secret_id: String,
    /// Name of the secret.
    #[serde(rename = "SecretName", deserialize_with = "null_default")]
    pub secret_name: String,
}

/// A config that the container gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigFile {
    /// Where it appears.
    #[serde(rename = "File")]
    pub file: Option<FileTarget>,
    /// Id of the config.
    #[serde(rename = "ConfigID", deserialize_with = "null_default")]
    pub config_id: String,
    /// Name of the config.
    #[serde(rename = "ConfigName", deserialize_with = "null_default")]
    pub config_name: String,
}

impl FileReference for SecretFile {
    fn name(&self) -> &str {
        &self.secret_name
    }
    fn file(&self) -> Option<&FileTarget> {
        self.file.as_ref()
    }
}

impl FileReference for ConfigFile {
    fn name(&self) -> &str {
        &self.config_name
    }
    fn file(&self) -> Option<&FileTarget> {
        self.file.as_ref()
    }
}

/// A limit of setrlimit(2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ulimit {
    /// Name, such as `nofile`.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Soft limit.
    #[serde(deserialize_with = "null_default")]
    pub soft: i64,
    /// Hard limit.
    #[serde(deserialize_with = "null_default")]
    pub hard: i64,
}

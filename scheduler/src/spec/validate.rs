//! What is refused when a spec is written, with the messages that Swarm gives.

use super::{GenericResource, PublishMode, ServiceSpec, UpdateConfig};
use crate::generic;

/// Most slots that one service may ask for.
pub(crate) const MAX_REPLICAS: u64 = 100_000;

/// Least memory that a limit or a reservation may name: Swarm's, in bytes.
const MEMORY_MIN: i64 = 4 << 20;

/// Why a spec is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No name.
    #[error("name must be provided")]
    NoName,
    /// A name that is not a DNS label.
    #[error("name must be valid as a DNS name component")]
    BadName,
    /// A name of more than 63 characters.
    #[error("name must be 63 characters or fewer")]
    LongName,
    /// A mode that is not supported.
    #[error("{0}")]
    Mode(&'static str),
    /// Too many replicas.
    #[error("a service can have at most {MAX_REPLICAS} replicas, not {0}")]
    TooManyReplicas(u64),
    /// A constraint that does not parse.
    #[error("constraint {0:?} expected one operator from ==, !=")]
    Constraint(String),
    /// Neither an image nor a command.
    #[error("ContainerSpec: image reference must be provided, or a command to run as a process")]
    NothingToRun,
    /// A port that is published twice.
    #[error("duplicate published ports provided: {0}")]
    DuplicatePort(u16),
    /// A port of zero.
    #[error("a published port needs a target port from 1 to 65535")]
    NoTargetPort,
    /// A share outside 0 to 1.
    #[error("{0}: max failure ratio must be between 0 and 1")]
    FailureRatio(&'static str),
    /// A mount without a path.
    #[error("invalid mount target, must be an absolute path: {0:?}")]
    MountTarget(String),
    /// A network's name that is none.
    #[error("network name {0:?} is not one: letters, digits, _ . and -, at most 128")]
    NetworkName(String),
    /// A name that every engine has already.
    #[error("operation is not permitted on predefined {0} network")]
    PredefinedNetwork(String),
    /// A network of one machine.
    #[error("network driver {0:?} is of one machine: services share networks of driver overlay")]
    NetworkDriver(String),
    /// A subnet that is none.
    #[error("invalid subnet {0:?}: an address and a length, such as 10.0.1.0/24")]
    Subnet(String),
    /// Too many labels and options.
    #[error("more than {0} labels and options")]
    TooManyLabels(usize),
    /// Less memory than any container needs.
    #[error("invalid memory value {0}: Must be at least 4MiB")]
    Memory(i64),
    /// Things that no machine can have.
    #[error("generic resources: {0}")]
    GenericResources(String),
    /// An amount below zero.
    #[error("invalid {0} value: must not be negative")]
    Negative(&'static str),
    /// A secret's or config's name that is none.
    #[error(
        "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be \
         [a-zA-Z0-9]"
    )]
    FileName,
    /// A secret that a plugin holds.
    #[error("secret driver {0:?}: drivers of secrets are not supported: give the value itself")]
    SecretDriver(String),
    /// A template language that is not known.
    #[error("template expansion: {0} is not a known template driver: golang")]
    Templating(String),
    /// More history than a node can keep.
    #[error("a task history limit of {0}: at most 100 ended tasks of a slot are remembered")]
    TaskHistory(u64),
    /// A label of ours with a value that it can't have.
    #[error("label shoal.proxy-protocol={0}: it can be v1 or v2")]
    ProxyProtocol(String),
}

impl ServiceSpec {
    /// Checks what must hold of every spec before it is written.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn validate(&self) -> Result<(), SpecError> {
        check_name(&self.name)?;
        self.check_mode()?;
        self.check_ports()?;
        self.check_task()?;
        if let Some(value) = self.labels.get(Self::PROXY_LABEL)
            && self.proxy_protocol().is_none()
        {
            return Err(SpecError::ProxyProtocol(value.clone()));
        }
        for (config, name) in [
            (&self.update_config, "UpdateConfig"),
            (&self.rollback_config, "RollbackConfig"),
        ] {
            check_ratio(config.as_ref(), name)?;
        }
        Ok(())
    }

    fn check_mode(&self) -> Result<(), SpecError> {
        let mode = &self.mode;
        let set = [
            mode.replicated.is_some(),
            mode.global.is_some(),
            mode.replicated_job.is_some(),
            mode.global_job.is_some(),
        ];
        if set.iter().filter(|is_set| **is_set).count() > 1 {
            return Err(SpecError::Mode("a service has one mode, not several"));
        }
        match mode.slots().max(mode.completions()) {
            slots if slots > MAX_REPLICAS => Err(SpecError::TooManyReplicas(slots)),
            _ => Ok(()),
        }
    }

    fn check_ports(&self) -> Result<(), SpecError> {
        let mut seen = std::collections::BTreeSet::new();
        for port in self.ports() {
            if port.target_port == 0 {
                return Err(SpecError::NoTargetPort);
            }
            let published = port.published_port;
            let is_new = seen.insert((
                published,
                port.protocol,
                port.publish_mode == PublishMode::Host,
            ));
            if published != 0 && !is_new {
                return Err(SpecError::DuplicatePort(published));
            }
        }
        Ok(())
    }

    fn check_task(&self) -> Result<(), SpecError> {
        let task = &self.task_template;
        let container = &task.container_spec;
        if container.is_process() && container.command_line().is_empty() {
            return Err(SpecError::NothingToRun);
        }
        if let Some(bad) = task
            .placement
            .constraints
            .iter()
            .find(|text| super::Constraint::parse(text).is_err())
        {
            return Err(SpecError::Constraint(bad.clone()));
        }
        if let Some(bad) = container
            .mounts
            .iter()
            .find(|mount| !mount.target.starts_with('/'))
        {
            return Err(SpecError::MountTarget(bad.target.clone()));
        }
        for amounts in [&task.resources.limits, &task.resources.reservations] {
            if amounts.nano_cpus < 0 {
                return Err(SpecError::Negative("cpu"));
            }
            if amounts.memory_bytes < 0 {
                return Err(SpecError::Negative("memory"));
            }
            if (1..MEMORY_MIN).contains(&amounts.memory_bytes) {
                return Err(SpecError::Memory(amounts.memory_bytes));
            }
        }
        check_generic(&task.resources.reservations.generic_resources)
            .map_err(SpecError::GenericResources)
    }
}

/// A task may ask for a number of things, of not too many kinds.
fn check_generic(wanted: &[GenericResource]) -> Result<(), String> {
    if wanted.len() > generic::KINDS_MAX {
        return Err(format!("at most {} kinds", generic::KINDS_MAX));
    }
    for one in wanted {
        if let Some(named) = &one.named {
            let (kind, name) = (&named.kind, &named.value);
            return Err(format!(
                "{kind}={name}: a service asks for a number of them, not for one by its name"
            ));
        }
        let Some(discrete) = &one.discrete else {
            return Err("DiscreteResourceSpec is missing".to_owned());
        };
        generic::check_name(&discrete.kind)?;
        if discrete.value < 0 {
            return Err(format!("{}: must not be negative", discrete.kind));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), SpecError> {
    if name.is_empty() {
        return Err(SpecError::NoName);
    }
    if name.len() > 63 {
        return Err(SpecError::LongName);
    }
    let is_label_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    let inner = bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !inner || !is_label_end(bytes.first()) || !is_label_end(bytes.last()) {
        return Err(SpecError::BadName);
    }
    Ok(())
}

fn check_ratio(config: Option<&UpdateConfig>, name: &'static str) -> Result<(), SpecError> {
    match config {
        Some(config) if !(0.0..=1.0).contains(&config.max_failure_ratio) => {
            Err(SpecError::FailureRatio(name))
        }
        _ => Ok(()),
    }
}

//! From a task's spec to the container that its engine is asked for, as Swarm's executor does it
//! (moby, `daemon/cluster/executor/container/container.go`).

use std::{collections::HashMap, time::Duration};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, PortBinding, PortMap,
    ResourcesUlimits,
};
use shoal_scheduler::{
    generic,
    spec::{ContainerSpec, Healthcheck, PortConfig, Protocol, PublishMode, ServiceSpec},
};

use super::{labels, local::LocalNetwork, mounts, security};
use crate::{
    resolvers,
    runtime::{
        Launch,
        files::PlacedFile,
        template::{BadTemplate, Template},
    },
};

/// Networks that every engine has, by their names.
const PREDEFINED: [&str; 3] = ["host", "none", "bridge"];
/// Swarm's network of published ports: here each node listens itself.
const INGRESS: &str = "ingress";

/// Why a spec can't be a container at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("mount {target}: {kind} mounts are not supported: use a volume, a bind mount or tmpfs")]
    Mount { target: String, kind: &'static str },
    #[error(
        "bind mount {target}: {propagation:?} is no propagation: private, rprivate, shared, rshared, slave or rslave"
    )]
    Propagation { target: String, propagation: String },
    #[error(
        "a command without an image runs as a process, and this node runs containers only (--runtime docker)"
    )]
    NoImage,
    #[error("a credential spec is for Windows")]
    CredentialSpec,
    #[error("the custom seccomp profile is not base64 of JSON")]
    Seccomp,
    #[error(transparent)]
    Template(#[from] BadTemplate),
    #[error("{0}")]
    Files(String),
}

/// A container to make.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) body: ContainerCreateBody,
    /// What of its spec it runs without, a sentence each.
    pub(super) warnings: Vec<String>,
}

/// The container of a task, for the agent with this owner's name, on a machine with this processor.
pub(super) fn container(
    launch: &Launch,
    owner: &str,
    architecture: &str,
) -> Result<Container, Unfit> {
    let filled_in = fill_in(launch, architecture)?;
    let spec = &filled_in;
    let container = spec.container();
    if container.is_process() {
        return Err(Unfit::NoImage);
    }
    launch.check_files().map_err(Unfit::Files)?;
    let ports: Vec<&PortConfig> = spec.ports().iter().collect();
    let exposed = ports.iter().map(|port| port_name(port)).collect();
    // A command replaces the entrypoint, and with it the image's arguments.
    let (entrypoint, cmd) = match container.command.is_empty() {
        true => (None, filled(&container.args)),
        false => (
            Some(container.command.clone()),
            Some(container.args.clone()),
        ),
    };
    let body = ContainerCreateBody {
        hostname: text(&container.hostname),
        user: text(&container.user),
        tty: Some(container.tty),
        open_stdin: Some(container.open_stdin),
        env: filled(&container.env),
        cmd,
        entrypoint,
        image: Some(container.image.clone()),
        working_dir: text(&container.dir),
        labels: Some(labels::of(launch, owner)),
        stop_signal: text(&container.stop_signal),
        stop_timeout: Some(seconds(container.stop_grace())),
        healthcheck: container.healthcheck.as_ref().map(health),
        exposed_ports: Some(exposed),
        host_config: Some(host_config(spec, &ports, &launch.files.files)?),
        ..ContainerCreateBody::default()
    };
    Ok(Container {
        name: launch.task_name(),
        body,
        warnings: warnings(spec),
    })
}

/// The spec with its templates filled in: in the environment, the host name, and mounts, as on Swarm.
fn fill_in(launch: &Launch, architecture: &str) -> Result<ServiceSpec, BadTemplate> {
    let template = Template::new(launch, architecture);
    let mut spec = ServiceSpec::clone(&launch.spec);
    let container = &mut spec.task_template.container_spec;
    let volumes = container.mounts.iter_mut().flat_map(|mount| {
        let options = mount.volume_options.iter_mut();
        let labels = options.flat_map(|options| options.labels.values_mut());
        labels.chain([&mut mount.source, &mut mount.target])
    });
    let texts = container.env.iter_mut().chain([&mut container.hostname]);
    for text in texts.chain(volumes) {
        *text = template.expand(text)?;
    }
    let given = generic::variables(&launch.generic);
    let given = given.map(|(name, value)| format!("{name}={value}"));
    spec.task_template.container_spec.env.extend(given);
    Ok(spec)
}

/// A share of processors is given out in periods of so many microseconds.
const CPU_PERIOD: i64 = 100_000;

/// Of each period, in microseconds; the kernel takes no less than 1 ms.
fn cpu_quota(nano_cpus: i64) -> i64 {
    let quota = i128::from(nano_cpus) * i128::from(CPU_PERIOD) / 1_000_000_000;
    i64::try_from(quota).unwrap_or(i64::MAX).max(1_000)
}

fn host_config(
    spec: &ServiceSpec,
    ports: &[&PortConfig],
    files: &[PlacedFile],
) -> Result<HostConfig, Unfit> {
    let container = spec.container();
    let mut mounts = mounts::of(container)?;
    mounts.extend(files.iter().map(mounts::file));
    let resources = &spec.task_template.resources;
    let dns = container.dns_config.as_ref();
    let log = spec.task_template.log_driver.as_ref();
    let ulimits = container.ulimits.iter().map(|limit| ResourcesUlimits {
        name: Some(limit.name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    });
    Ok(HostConfig {
        memory: amount(resources.limits.memory_bytes),
        // As Swarm does: an engine refuses more processors than the machine has, and a quota not.
        cpu_period: amount(resources.limits.nano_cpus).map(|_| CPU_PERIOD),
        cpu_quota: amount(resources.limits.nano_cpus).map(cpu_quota),
        pids_limit: amount(resources.limits.pids),
        ulimits: Some(ulimits.collect()),
        group_add: filled(&container.groups),
        port_bindings: Some(bindings(ports)),
        mounts: Some(mounts),
        readonly_rootfs: Some(container.read_only),
        init: container.init,
        sysctls: Some(container.sysctls.clone().into_iter().collect()),
        cap_add: filled(&container.capability_add),
        cap_drop: filled(&container.capability_drop),
        security_opt: security::options(container)?,
        dns: dns.and_then(|dns| filled(&dns.nameservers)),
        dns_search: dns.and_then(|dns| filled(&dns.search)),
        dns_options: dns.and_then(|dns| filled(&dns.options)),
        extra_hosts: filled(&extra_hosts(container)),
        oom_score_adj: amount(container.oom_score_adj),
        network_mode: predefined_network(spec),
        log_config: log.map(|log| HostConfigLogConfig {
            typ: text(&log.name),
            config: Some(log.options.clone().into_iter().collect()),
        }),
        ..HostConfig::default()
    })
}

/// Puts a container on its first network, and asks this node for names there.
pub(super) fn attach(body: &mut ContainerCreateBody, network: &LocalNetwork) {
    let host = body.host_config.get_or_insert_default();
    host.network_mode = Some(network.name.clone());
    let told = host.dns.take();
    host.dns = Some(resolvers::of_container(&[network.range.gateway], told));
}

/// The networks of a service by which its tasks find others.
pub(super) fn own_networks(spec: &ServiceSpec) -> Vec<&str> {
    let targets = || {
        spec.task_template
            .networks
            .iter()
            .map(|one| one.target.as_str())
    };
    match predefined_network(spec) {
        Some(_) => Vec::new(),
        None => targets().filter(|target| *target != INGRESS).collect(),
    }
}

/// The network of a task that is attached to one that every engine has.
fn predefined_network(spec: &ServiceSpec) -> Option<String> {
    let mut networks = spec.task_template.networks.iter();
    let found = networks.find(|network| PREDEFINED.contains(&network.target.as_str()));
    found.map(|network| network.target.clone())
}

/// Swarm writes `address name name...`, an engine reads `name:address`. Of two lines for a name the
/// last one counts, so they are turned around.
fn extra_hosts(container: &ContainerSpec) -> Vec<String> {
    let lines = container.hosts.iter().rev();
    lines
        .flat_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().unwrap_or_default().to_owned();
            words.map(move |name| format!("{name}:{address}"))
        })
        .collect()
}

fn port_name(port: &PortConfig) -> String {
    format!("{}/{}", port.target_port, protocol(port))
}

fn protocol(port: &PortConfig) -> &'static str {
    match port.protocol {
        shoal_scheduler::spec::Protocol::Tcp => "tcp",
        shoal_scheduler::spec::Protocol::Udp => "udp",
        shoal_scheduler::spec::Protocol::Sctp => "sctp",
    }
}

/// Ports in host mode, by their names. Port 0: the engine chooses one.
fn bindings(ports: &[&PortConfig]) -> PortMap {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    let host = ports
        .iter()
        .filter(|port| port.publish_mode == PublishMode::Host);
    for port in host {
        let binding = PortBinding {
            host_ip: None,
            host_port: Some(match port.published_port {
                0 => String::new(),
                port => port.to_string(),
            }),
        };
        let known = bindings.entry(port_name(port)).or_default();
        known.get_or_insert_default().push(binding);
    }
    bindings
}

fn health(check: &Healthcheck) -> HealthConfig {
    HealthConfig {
        test: filled(&check.test),
        interval: nanoseconds(check.interval),
        timeout: nanoseconds(check.timeout),
        retries: amount(i64::from(check.retries)),
        start_period: nanoseconds(check.start_period),
        start_interval: nanoseconds(check.start_interval),
    }
}

/// What an engine on Linux does not honour, or nobody does yet.
pub(super) fn warnings(spec: &ServiceSpec) -> Vec<String> {
    let container = spec.container();
    let mut warnings = Vec::new();
    if !matches!(container.isolation.as_str(), "" | "default") {
        warnings.push("isolation: is of Windows, and ignored".to_owned());
    }
    let ports = spec.ports().iter();
    let is_missing = |port: &PortConfig| {
        port.publish_mode == PublishMode::Ingress && port.protocol != Protocol::Tcp
    };
    if ports.clone().any(is_missing) {
        warnings.push("ports: only TCP listens on every node yet; mode: host works".to_owned());
    }
    warnings
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn filled(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn amount(number: i64) -> Option<i64> {
    (number != 0).then_some(number)
}

/// Whole seconds, rounded up: a grace is never shorter than asked for.
fn seconds(duration: Duration) -> i64 {
    let more = i64::from(duration.subsec_nanos() > 0);
    i64::try_from(duration.as_secs()).map_or(i64::MAX, |whole| whole.saturating_add(more))
}

fn nanoseconds(duration: Option<Duration>) -> Option<i64> {
    duration.map(|duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;

//! From what an engine says of a container to what becomes of its task.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status,
    HealthStatusEnum as Health, PortMap,
};
use jiff::Timestamp;
use shoal_scheduler::{spec::Protocol, task::TaskPort};

use crate::runtime::{Change, Live};

/// How a container is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// Made, and never started.
    Created,
    /// It runs; its task is this.
    Live(Change),
    /// It runs, and failed its checks too often.
    Unhealthy(Live),
    /// It ended.
    Ended(End),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: i32,
    /// Why, where the engine says so.
    pub(super) cause: String,
    pub(super) at: Duration,
}

impl End {
    /// The end of a task, in Swarm's words.
    pub(super) fn change(self, stopped: bool) -> Change {
        let Self { code, cause, at } = self;
        let error = match (stopped, code, cause.as_str()) {
            (true, ..) | (false, 0, "") => String::new(),
            (false, 0, cause) => format!("task: {cause}"),
            (false, code, "") => format!("task: non-zero exit ({code})"),
            (false, code, cause) => format!("task: non-zero exit ({code}): {cause}"),
        };
        Change::Exited {
            code,
            error,
            stopped,
            at,
        }
    }
}

/// Reads what an engine says. `warnings` are the task's; `memory` is its limit in bytes, or 0;
/// `healthy_since` is when it was seen healthy first, if it was.
pub(super) fn seen(
    found: &ContainerInspectResponse,
    warnings: &[String],
    memory: i64,
    healthy_since: Option<Duration>,
) -> Seen {
    let unknown = ContainerState::default();
    let state = found.state.as_ref().unwrap_or(&unknown);
    let status = state.status.unwrap_or(Status::EMPTY);
    let health = state.health.as_ref().and_then(|health| health.status);
    match status {
        Status::CREATED => Seen::Created,
        Status::EXITED | Status::DEAD | Status::REMOVING | Status::EMPTY => {
            Seen::Ended(end(state, health, memory))
        }
        Status::RUNNING | Status::PAUSED | Status::RESTARTING | Status::STOPPING => {
            let started = when(state.started_at.as_deref());
            let mut live = Live {
                pid: state
                    .pid
                    .and_then(|pid| u32::try_from(pid).ok())
                    .unwrap_or_default(),
                ports: ports(found),
                warnings: warnings.to_vec(),
                since: started,
                container: found.id.clone().unwrap_or_default(),
            };
            match health {
                Some(Health::STARTING) => Seen::Live(Change::Starting(live)),
                Some(Health::UNHEALTHY) => Seen::Unhealthy(live),
                Some(Health::HEALTHY) => {
                    live.since = healthy_since.unwrap_or(started);
                    Seen::Live(Change::Running(live))
                }
                _ => Seen::Live(Change::Running(live)),
            }
        }
    }
}

/// Where the container is reached from this machine: by its address in a network of its own, or by the
/// machine's when it shares that.
pub(super) fn address(found: &ContainerInspectResponse) -> Option<IpAddr> {
    let mode = found.host_config.as_ref()?.network_mode.as_deref();
    if mode == Some("host") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let networks = found.network_settings.as_ref()?.networks.as_ref()?;
    let addresses = networks.values().flat_map(|network| {
        let both = [&network.ip_address, &network.global_ipv6_address];
        both.into_iter().flatten()
    });
    addresses.filter_map(|text| text.parse().ok()).next()
}

fn end(state: &ContainerState, health: Option<Health>, memory: i64) -> End {
    let code = state.exit_code.unwrap_or(0);
    let error = state.error.as_deref().unwrap_or_default();
    let cause = if state.oom_killed == Some(true) {
        match memory {
            0 => "out of memory (the machine's, not its limit)".to_owned(),
            limit => format!("out of memory (limit {} MiB)", limit / (1 << 20)),
        }
    } else if health == Some(Health::UNHEALTHY) {
        "dockerexec: unhealthy container".to_owned()
    } else {
        error.to_owned()
    };
    End {
        code: i32::try_from(code).unwrap_or(-1),
        cause,
        at: when(state.finished_at.as_deref()),
    }
}

/// Since 1970-01-01 UTC. What is not said, or was before (Go's zero), was now.
fn when(text: Option<&str>) -> Duration {
    let at = text.and_then(|text| text.parse::<Timestamp>().ok());
    let at = at.and_then(|at| Duration::try_from(at.as_duration()).ok());
    let at = at.filter(|at| !at.is_zero());
    at.unwrap_or_else(now)
}

/// Since 1970-01-01 UTC, by this machine's clock.
pub(super) fn now() -> Duration {
    Duration::try_from(Timestamp::now().as_duration()).unwrap_or_default()
}

fn ports(found: &ContainerInspectResponse) -> Vec<TaskPort> {
    let map: Option<&PortMap> = found
        .network_settings
        .as_ref()
        .and_then(|network| network.ports.as_ref());
    let mut ports: Vec<TaskPort> = map
        .into_iter()
        .flatten()
        .flat_map(|(name, bindings)| {
            let published = bindings.iter().flatten();
            let hosts = published.filter_map(|binding| binding.host_port.as_deref());
            let mut ports: Vec<_> = hosts.filter_map(|host| port(name, host)).collect();
            if ports.is_empty() {
                // Its image exposes it.
                ports.extend(port(name, "0"));
            }
            ports
        })
        .collect();
    // One for IPv4, and one for IPv6.
    ports.sort();
    ports.dedup();
    ports
}

fn port(name: &str, host: &str) -> Option<TaskPort> {
    let (target, protocol) = name.split_once('/').unwrap_or((name, "tcp"));
    Some(TaskPort {
        target: target.parse().ok()?,
        host: host.parse().ok()?,
        protocol: match protocol {
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => Protocol::Tcp,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Seen {
        let found = serde_json::from_str(text).unwrap();
        seen(
            &found,
            &["slow".to_owned()],
            64 << 20,
            Some(Duration::from_secs(9)),
        )
    }

    const STARTED: &str = r#""StartedAt":"1970-01-01T00:00:05.5Z""#;

    #[test]
    fn a_container_runs_when_it_runs_and_is_healthy_where_there_is_a_check() {
        let running = of(&format!(
            r#"{{"Id":"c1","State":{{"Status":"running","Pid":42,{STARTED}}},
            "NetworkSettings":{{"Ports":{{"80/tcp":[{{"HostIp":"0.0.0.0","HostPort":"8080"}},{{"HostIp":"::","HostPort":"8080"}}],"53/udp":null}}}}}}"#
        ));
        let Seen::Live(Change::Running(live)) = running else {
            panic!("{running:?}");
        };
        assert_eq!((live.pid, live.container.as_str()), (42, "c1"));
        assert_eq!(live.since, Duration::from_millis(5_500));
        assert_eq!(live.warnings, ["slow"]);
        let ports: Vec<_> = live
            .ports
            .iter()
            .map(|one| (one.target, one.host))
            .collect();
        assert_eq!(ports, [(53, 0), (80, 8080)], "the other is exposed");
        let with = |health: &str| {
            of(&format!(
                r#"{{"State":{{"Status":"running",{STARTED},"Health":{{"Status":"{health}"}}}}}}"#
            ))
        };
        assert!(matches!(with("starting"), Seen::Live(Change::Starting(_))));
        assert!(matches!(with("unhealthy"), Seen::Unhealthy(_)));
        assert!(matches!(with("none"), Seen::Live(Change::Running(_))));
        match with("healthy") {
            Seen::Live(Change::Running(live)) => assert_eq!(live.since, Duration::from_secs(9)),
            other => panic!("{other:?}"),
        }
    }

    fn ended(state: &str, stopped: bool) -> (i32, String) {
        let text = format!(
            r#"{{"State":{{"Status":"exited","FinishedAt":"1970-01-01T00:00:07Z",{state}}}}}"#
        );
        match of(&text) {
            Seen::Ended(end) => match end.change(stopped) {
                Change::Exited {
                    code, error, at, ..
                } => {
                    assert_eq!(at, Duration::from_secs(7));
                    (code, error)
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_end_has_its_reason_in_swarms_words() {
        assert_eq!(ended(r#""ExitCode":0"#, false), (0, String::new()));
        assert_eq!(ended(r#""ExitCode":143"#, true), (143, String::new()));
        assert_eq!(ended(r#""ExitCode":2"#, false).1, "task: non-zero exit (2)");
        assert_eq!(
            ended(r#""ExitCode":137,"OOMKilled":true"#, false).1,
            "task: non-zero exit (137): out of memory (limit 64 MiB)"
        );
        assert_eq!(
            ended(r#""ExitCode":137,"Health":{"Status":"unhealthy"}"#, false).1,
            "task: non-zero exit (137): dockerexec: unhealthy container"
        );
        assert_eq!(
            ended(r#""ExitCode":128,"Error":"no such device""#, false).1,
            "task: non-zero exit (128): no such device"
        );
        assert_eq!(of(r#"{"State":{"Status":"created"}}"#), Seen::Created);
    }
}

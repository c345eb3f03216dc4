//! Flags of `docker service create` and `update`, each held against what the engine was told: what a flag asks for is
//! there, and gone when the flag that takes it away was given.

use std::time::Duration;

use serde_json::Value;
use shoal_tests::{LAB_IMAGE, Lab, within};

use super::Turn;

const SOON: Duration = Duration::from_secs(60);

/// A flag with its value, where the engine says so, and what it says.
type Row = (&'static [&'static str], &'static str, &'static str);

const ROWS: [Row; 30] = [
    (
        &["--cap-add", "NET_ADMIN"],
        "/HostConfig/CapAdd",
        r#"["CAP_NET_ADMIN"]"#,
    ),
    (
        &["--cap-drop", "MKNOD"],
        "/HostConfig/CapDrop",
        r#"["CAP_MKNOD"]"#,
    ),
    (&["--container-label", "a=b"], "/Config/Labels/a", r#""b""#),
    (
        &["--dns-option", "ndots:3"],
        "/HostConfig/DnsOptions",
        r#"["ndots:3"]"#,
    ),
    (
        &["--dns-search", "example.org"],
        "/HostConfig/DnsSearch",
        r#"["example.org"]"#,
    ),
    (
        &["--entrypoint", "sleep 1000"],
        "/Config/Entrypoint",
        r#"["sleep","1000"]"#,
    ),
    (&["--env", "A={{.Task.Slot}}"], "/Config/Env/0", r#""A=1""#),
    (&["--group", "20"], "/HostConfig/GroupAdd", r#"["20"]"#),
    (
        &["--health-cmd", "true"],
        "/Config/Healthcheck/Test",
        r#"["CMD-SHELL","true"]"#,
    ),
    (
        &["--health-interval", "1s"],
        "/Config/Healthcheck/Interval",
        "1000000000",
    ),
    (
        &["--health-retries", "4"],
        "/Config/Healthcheck/Retries",
        "4",
    ),
    (
        &["--health-start-period", "2s"],
        "/Config/Healthcheck/StartPeriod",
        "2000000000",
    ),
    (
        &["--health-timeout", "3s"],
        "/Config/Healthcheck/Timeout",
        "3000000000",
    ),
    (
        &["--host", "other:10.1.2.3"],
        "/HostConfig/ExtraHosts",
        r#"["other:10.1.2.3"]"#,
    ),
    (
        &["--hostname", "h-{{.Node.Hostname}}"],
        "/Config/Hostname",
        r#""h-m1""#,
    ),
    (&["--limit-cpu", "0.5"], "/HostConfig/CpuQuota", "50000"),
    (&["--limit-memory", "64M"], "/HostConfig/Memory", "67108864"),
    (&["--limit-pids", "50"], "/HostConfig/PidsLimit", "50"),
    (
        &["--log-driver", "json-file"],
        "/HostConfig/LogConfig/Type",
        r#""json-file""#,
    ),
    (
        &["--log-opt", "max-size=1m"],
        "/HostConfig/LogConfig/Config/max-size",
        r#""1m""#,
    ),
    (
        &["--mount", "type=tmpfs,target=/scratch"],
        "/HostConfig/Mounts/0/Target",
        r#""/scratch""#,
    ),
    (&["--read-only"], "/HostConfig/ReadonlyRootfs", "true"),
    (&["--stop-grace-period", "3s"], "/Config/StopTimeout", "3"),
    (
        &["--stop-signal", "SIGINT"],
        "/Config/StopSignal",
        r#""SIGINT""#,
    ),
    (
        &["--sysctl", "net.ipv4.ip_default_ttl=44"],
        "/HostConfig/Sysctls/net.ipv4.ip_default_ttl",
        r#""44""#,
    ),
    (&["--tty"], "/Config/Tty", "true"),
    (
        &["--ulimit", "nofile=100:200"],
        "/HostConfig/Ulimits/0",
        r#"{"Hard":200,"Name":"nofile","Soft":100}"#,
    ),
    (&["--user", "65534"], "/Config/User", r#""65534""#),
    (&["--workdir", "/tmp"], "/Config/WorkingDir", r#""/tmp""#),
    (&["--label", "of=service"], "/Config/Labels/of", "null"),
];

/// A flag of `docker service update`, and what then is where.
const CHANGES: [Row; 14] = [
    (
        &["--cap-drop", "CHOWN"],
        "/HostConfig/CapDrop",
        r#"["CAP_CHOWN","CAP_MKNOD"]"#,
    ),
    (&["--container-label-rm", "a"], "/Config/Labels/a", "null"),
    (
        &["--container-label-add", "c=d"],
        "/Config/Labels/c",
        r#""d""#,
    ),
    (
        &["--dns-search-rm", "example.org"],
        "/HostConfig/DnsSearch/0",
        "null",
    ),
    (&["--env-rm", "A"], "/Config/Env/0", r#""B=2""#),
    (&["--env-add", "B=2"], "/Config/Env/0", r#""B=2""#),
    (&["--group-rm", "20"], "/HostConfig/GroupAdd/0", "null"),
    (
        &["--host-rm", "other:10.1.2.3"],
        "/HostConfig/ExtraHosts/0",
        "null",
    ),
    (&["--limit-memory", "32M"], "/HostConfig/Memory", "33554432"),
    (&["--mount-rm", "/scratch"], "/HostConfig/Mounts/0", "null"),
    (
        &["--no-healthcheck"],
        "/Config/Healthcheck/Test",
        r#"["NONE"]"#,
    ),
    (
        &["--read-only=false"],
        "/HostConfig/ReadonlyRootfs",
        "false",
    ),
    (
        &["--sysctl-rm", "net.ipv4.ip_default_ttl"],
        "/HostConfig/Sysctls/net.ipv4.ip_default_ttl",
        "null",
    ),
    (&["--ulimit-rm", "nofile"], "/HostConfig/Ulimits/0", "null"),
];

fn flags(rows: &[Row]) -> Vec<&'static str> {
    rows.iter()
        .flat_map(|(flags, ..)| flags.iter().copied())
        .collect()
}

/// That the one container of the service is as these rows say.
fn is_so(lab: &Lab, rows: &[Row]) -> Result<(), String> {
    let filter = "label=com.docker.swarm.service.name=flags";
    let said = lab.engine(1, &["ps", "-q", "--filter", filter]);
    let containers: Vec<&str> = said.checked()?.split_whitespace().collect();
    let [container] = containers.as_slice() else {
        return Err(format!("{containers:?}"));
    };
    let said = lab.engine(1, &["inspect", container]);
    let all: Value = serde_json::from_str(said.checked()?).map_err(|error| error.to_string())?;
    for (flags, pointer, expected) in rows {
        let found = all[0].pointer(pointer).unwrap_or(&Value::Null);
        let text = found.to_string();
        if text != **expected {
            return Err(format!("{flags:?}: {pointer} is {found}, not {expected}"));
        }
    }
    Ok(())
}

#[test]
fn each_flag_of_service_create_and_update_reaches_the_engine() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let place = [
        "--constraint",
        "node.hostname==m1",
        "--replicas-max-per-node",
        "1",
    ];
    let create = [
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        "flags",
    ];
    let create = [&create[..], &place, &flags(&ROWS), &[LAB_IMAGE]].concat();
    lab.docker(1, &create).ok();
    within(SOON, "what was asked for", || is_so(lab, &ROWS));

    let update = ["service", "update", "--detach", "--no-resolve-image"];
    let update = [&update[..], &flags(&CHANGES), &["flags"]].concat();
    lab.docker(2, &update).ok();
    within(SOON, "what was changed", || is_so(lab, &CHANGES));

    // What was not named is as it was.
    let is_changed = |row: &&Row| {
        let parent = |pointer: &str| {
            pointer
                .rsplit_once('/')
                .map(|(parent, _)| parent.to_owned())
        };
        CHANGES.iter().any(|(_, changed, _)| {
            changed.starts_with(row.1)
                || row.1.starts_with(changed)
                || parent(row.1) == parent(changed) && row.1.contains("Healthcheck")
        })
    };
    let kept: Vec<Row> = ROWS
        .iter()
        .filter(|row| !is_changed(row))
        .copied()
        .collect();
    is_so(lab, &kept).expect("the rest");

    lab.docker(3, &["service", "rollback", "--detach", "flags"])
        .ok();
    within(SOON, "what was before", || is_so(lab, &ROWS));
    lab.docker(3, &["service", "rm", "flags"]).ok();
}

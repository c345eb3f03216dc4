//! `shoal service inspect --pretty`, in the lines of Docker's.

use serde_json::Value;

use super::list::mode;
use crate::cli::{
    format::{duration, size, words::harmless},
    lookup::Lookup,
};

/// A service for people.
pub(super) fn text(service: &Value) -> String {
    let mut lines = vec![
        String::new(),
        format!("ID:\t\t{}", service.text("/ID")),
        format!("Name:\t\t{}", service.text("/Spec/Name")),
    ];
    labels(&mut lines, "Labels:", &service.pairs("/Spec/Labels"));
    lines.push(format!("Service Mode:\t{}", mode_words(service)));
    if let Some(replicas) = service.pointer("/Spec/Mode/Replicated/Replicas") {
        lines.push(format!(" Replicas:\t{replicas}"));
    }
    update_status(service, &mut lines);
    placement(service, &mut lines);
    for (field, title) in [
        ("UpdateConfig", "UpdateConfig:"),
        ("RollbackConfig", "RollbackConfig:"),
    ] {
        rollout(service, field, title, &mut lines);
    }
    container(service, &mut lines);
    mounts(service, &mut lines);
    resources(service, &mut lines);
    endpoint(service, &mut lines);
    health(service, &mut lines);
    lines.join("\n")
}

fn mode_words(service: &Value) -> &'static str {
    match mode(service) {
        "global" => "Global",
        "replicated job" => "ReplicatedJob",
        "global job" => "GlobalJob",
        _ => "Replicated",
    }
}

fn labels(lines: &mut Vec<String>, title: &str, labels: &[(&str, &str)]) {
    if !labels.is_empty() {
        lines.push(title.to_owned());
        lines.extend(labels.iter().map(|(key, value)| format!(" {key}={value}")));
    }
}

fn update_status(service: &Value, lines: &mut Vec<String>) {
    let status = |field: &str| service.text(&format!("/UpdateStatus/{field}"));
    if status("State").is_empty() {
        return;
    }
    lines.push("UpdateStatus:".into());
    lines.push(format!(" State:\t\t{}", status("State")));
    for (title, field) in [("Started", "StartedAt"), ("Completed", "CompletedAt")] {
        if !status(field).is_empty() {
            lines.push(format!(" {title}:\t{}", status(field)));
        }
    }
    lines.push(format!(" Message:\t{}", harmless(status("Message"))));
}

fn placement(service: &Value, lines: &mut Vec<String>) {
    let constraints = service.texts("/Spec/TaskTemplate/Placement/Constraints");
    let max = service.number("/Spec/TaskTemplate/Placement/MaxReplicas");
    if constraints.is_empty() && max == 0 {
        return;
    }
    lines.push("Placement:".into());
    if !constraints.is_empty() {
        lines.push(format!(" Constraints:\t[{}]", constraints.join(" ")));
    }
    if max > 0 {
        lines.push(format!(" Max Replicas Per Node:\t{max}"));
    }
}

fn rollout(service: &Value, field: &str, title: &str, lines: &mut Vec<String>) {
    let base = format!("/Spec/{field}");
    if !service.has(&base) {
        return;
    }
    let at = |name: &str| format!("{base}/{name}");
    lines.push(title.to_owned());
    lines.push(format!(
        " Parallelism:\t{}",
        service.number(&at("Parallelism"))
    ));
    if service.number(&at("Delay")) > 0 {
        lines.push(format!(" Delay:\t\t{}", span(service, &at("Delay"))));
    }
    lines.push(format!(
        " On failure:\t{}",
        service.text(&at("FailureAction"))
    ));
    lines.push(format!(
        " Monitoring Period: {}",
        span(service, &at("Monitor"))
    ));
    let ratio = service
        .pointer(&at("MaxFailureRatio"))
        .and_then(Value::as_f64);
    lines.push(format!(" Max failure ratio: {}", ratio.unwrap_or(0.0)));
    let order = service.text(&at("Order"));
    lines.push(match field {
        "UpdateConfig" => format!(" Update order:      {order}"),
        _ => format!(" Rollback order:    {order}"),
    });
}

fn span(service: &Value, pointer: &str) -> String {
    duration::show(i64::try_from(service.number(pointer)).unwrap_or(i64::MAX))
}

fn container(service: &Value, lines: &mut Vec<String>) {
    let at = |name: &str| format!("/Spec/TaskTemplate/ContainerSpec/{name}");
    lines.push("ContainerSpec:".into());
    lines.push(format!(" Image:\t\t{}", service.text(&at("Image"))));
    // Docker ends these lists with a space.
    for (title, field) in [("Command", "Command"), ("Args", "Args"), ("Env", "Env")] {
        let texts = service.texts(&at(field));
        if !texts.is_empty() {
            let tabs = if title == "Command" { "\t" } else { "\t\t" };
            lines.push(format!(" {title}:{tabs}{} ", harmless(&texts.join(" "))));
        }
    }
    for (title, field) in [("Dir", "Dir"), ("User", "User")] {
        if !service.text(&at(field)).is_empty() {
            lines.push(format!(" {title}:\t\t{}", service.text(&at(field))));
        }
    }
    if let Some(init) = service.pointer(&at("Init")).and_then(Value::as_bool) {
        lines.push(format!(" Init:\t\t{init}"));
    }
}

fn mounts(service: &Value, lines: &mut Vec<String>) {
    let container = "/Spec/TaskTemplate/ContainerSpec";
    let mounts = service.list(&format!("{container}/Mounts"));
    if !mounts.is_empty() {
        lines.push("Mounts:".into());
    }
    for mount in mounts {
        let read_only = mount.pointer("/ReadOnly") == Some(&Value::Bool(true));
        lines.push(format!(" Target:\t{}", mount.text("/Target")));
        lines.push(format!("  Source:\t{}", mount.text("/Source")));
        lines.push(format!("  ReadOnly:\t{read_only}"));
        lines.push(format!("  Type:\t\t{}", mount.text("/Type")));
    }
    for (title, field, name) in [
        ("Configs:", "Configs", "/ConfigName"),
        ("Secrets:", "Secrets", "/SecretName"),
    ] {
        let files = service.list(&format!("{container}/{field}"));
        if !files.is_empty() {
            lines.push(title.into());
        }
        for file in files {
            lines.push(format!(" Target:\t{}", file.text("/File/Name")));
            lines.push(format!("  Source:\t{}", file.text(name)));
        }
    }
}

fn resources(service: &Value, lines: &mut Vec<String>) {
    let base = "/Spec/TaskTemplate/Resources";
    let groups = ["Reservations", "Limits"].map(|group| {
        let at = |field: &str| service.number(&format!("{base}/{group}/{field}"));
        (group, at("NanoCPUs"), at("MemoryBytes"))
    });
    if groups
        .iter()
        .all(|(_, cpus, memory)| *cpus == 0 && *memory == 0)
    {
        return;
    }
    lines.push("Resources:".into());
    for (group, cpus, memory) in groups {
        if cpus == 0 && memory == 0 {
            continue;
        }
        lines.push(format!(" {group}:"));
        if cpus > 0 {
            lines.push(format!("  CPU:\t\t{}", cpus as f64 / 1e9));
        }
        if memory > 0 {
            lines.push(format!("  Memory:\t{}", size::show(memory)));
        }
    }
}

fn endpoint(service: &Value, lines: &mut Vec<String>) {
    let networks = service.list("/Spec/TaskTemplate/Networks");
    if !networks.is_empty() {
        let names: Vec<&str> = networks.iter().map(|net| net.text("/Target")).collect();
        lines.push(format!("Networks: {} ", names.join(" ")));
    }
    lines.push(format!(
        "Endpoint Mode:\t{}",
        service.text("/Spec/EndpointSpec/Mode")
    ));
    let ports = service.list("/Endpoint/Ports");
    if !ports.is_empty() {
        lines.push("Ports:".into());
    }
    for port in ports {
        lines.extend([
            format!(" PublishedPort = {}", port.number("/PublishedPort")),
            format!("  Protocol = {}", port.text("/Protocol")),
            format!("  TargetPort = {}", port.number("/TargetPort")),
            format!("  PublishMode = {}", port.text("/PublishMode")),
        ]);
    }
}

fn health(service: &Value, lines: &mut Vec<String>) {
    let base = "/Spec/TaskTemplate/ContainerSpec/Healthcheck";
    if !service.has(base) {
        return;
    }
    let at = |name: &str| format!("{base}/{name}");
    lines.extend([
        " Healthcheck:".to_owned(),
        format!("  Interval = {}", span(service, &at("Interval"))),
        format!("  Retries = {}", service.number(&at("Retries"))),
        format!("  StartPeriod =\t{}", span(service, &at("StartPeriod"))),
        format!("  Timeout =\t{}", span(service, &at("Timeout"))),
    ]);
    let tests = service.texts(&at("Test"));
    if !tests.is_empty() {
        lines.push("  Tests:".into());
        lines.extend(
            tests
                .iter()
                .map(|test| format!("\t Test = {}", harmless(test))),
        );
    }
}

//! `shoal node inspect --pretty`, in the lines of Docker's.

use serde_json::Value;

use crate::cli::{
    format::{size, words::capital},
    lookup::Lookup,
};

/// A node for people.
pub(super) fn text(node: &Value) -> String {
    let mut lines = vec![format!("ID:\t\t\t{}", node.text("/ID"))];
    if !node.text("/Spec/Name").is_empty() {
        lines.push(format!("Name:\t\t\t{}", node.text("/Spec/Name")));
    }
    let labels = node.pairs("/Spec/Labels");
    if !labels.is_empty() {
        lines.push("Labels:".into());
        lines.extend(
            labels
                .iter()
                .map(|(key, value)| format!(" - {key}={value}")),
        );
    }
    let hostname = node.text("/Description/Hostname");
    lines.push(format!("Hostname:              \t{hostname}"));
    lines.push(format!("Joined at:             \t{}", joined(node)));
    lines.push("Status:".into());
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("{name}{value}"));
        }
    };
    add(" State:\t\t\t", capital(node.text("/Status/State")));
    add(" Message:\t\t", node.text("/Status/Message").into());
    add(
        " Availability:         \t",
        capital(node.text("/Spec/Availability")),
    );
    add(" Address:\t\t", node.text("/Status/Addr").into());
    let apart = node.texts("/Shoal/ApartFrom");
    if !apart.is_empty() {
        let apart = apart.join(", ");
        lines.push(format!(" Can't reach:\t\t{apart}"));
    }
    let closed = node.list("/Shoal/PortTroubles");
    if !closed.is_empty() {
        lines.push("Closed Ports:".into());
        lines.extend(closed.iter().map(|port| {
            let (number, protocol) = (port.number("/PublishedPort"), port.text("/Protocol"));
            format!(" {number}/{protocol}:\t\t{}", port.text("/Error"))
        }));
    }
    platform(node, &mut lines);
    plugins(node, &mut lines);
    let version = node.text("/Description/Engine/EngineVersion");
    lines.push(format!("Engine Version:\t\t{version}"));
    let labels = node.pairs("/Description/Engine/Labels");
    if !labels.is_empty() {
        lines.push("Engine Labels:".into());
        lines.extend(
            labels
                .iter()
                .map(|(key, value)| format!(" - {key}={value}")),
        );
    }
    lines.join("\n")
}

/// `2026-11-22T10:00:09.65Z` as `2026-11-22 10:00:09.65 +0000 utc`.
fn joined(node: &Value) -> String {
    let stamp = node.text("/CreatedAt");
    match stamp.strip_suffix('Z') {
        Some(utc) => format!("{} +0000 utc", utc.replace('T', " ")),
        None => stamp.to_owned(),
    }
}

fn platform(node: &Value, lines: &mut Vec<String>) {
    if node.has("/ManagerStatus") {
        lines.push("Manager Status:".into());
        let address = node.text("/ManagerStatus/Addr");
        lines.push(format!(" Address:\t\t{address}"));
        let reachability = capital(node.text("/ManagerStatus/Reachability"));
        lines.push(format!(" Raft Status:\t\t{reachability}"));
        let leader = node.pointer("/ManagerStatus/Leader") == Some(&Value::Bool(true));
        let leader = if leader { "Yes" } else { "No" };
        lines.push(format!(" Leader:\t\t{leader}"));
    }
    let system = node.text("/Description/Platform/OS");
    let architecture = node.text("/Description/Platform/Architecture");
    let cpus = node.number("/Description/Resources/NanoCPUs") / 1_000_000_000;
    let memory = size::show(node.number("/Description/Resources/MemoryBytes"));
    lines.extend([
        "Platform:".to_owned(),
        format!(" Operating System:\t{system}"),
        format!(" Architecture:\t\t{architecture}"),
        "Resources:".to_owned(),
        format!(" CPUs:\t\t\t{cpus}"),
        format!(" Memory:\t\t{memory}"),
    ]);
}

fn plugins(node: &Value, lines: &mut Vec<String>) {
    let plugins = node.list("/Description/Engine/Plugins");
    if plugins.is_empty() {
        return;
    }
    lines.push("Plugins:".into());
    for kind in ["Log", "Network", "Volume"] {
        let names: Vec<&str> = plugins
            .iter()
            .filter(|plugin| plugin.text("/Type") == kind)
            .map(|plugin| plugin.text("/Name"))
            .collect();
        if !names.is_empty() {
            lines.push(format!(" {kind}:\t\t{}", names.join(", ")));
        }
    }
}

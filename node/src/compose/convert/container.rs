//! What runs: Swarm's `ContainerSpec`.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Stack, json::Object, json_map, texts_by_key};
use crate::compose::node::{Node, Value};

/// The parts of a container that depend on nothing else.
pub(super) fn plain(service: &Node) -> Object {
    let (added, dropped) =
        capabilities(&service.texts_of("cap_add"), &service.texts_of("cap_drop"));
    let mut spec = Object::default();
    spec.put("Image", image(service.text_of("image")))
        .put("Command", service.texts_of("entrypoint"))
        .put("Args", service.texts_of("command"))
        .put("Hostname", service.text_of("hostname"))
        .put("Hosts", hosts(service))
        .put("DNSConfig", dns(service))
        .put("Env", variables(service))
        .put("Dir", service.text_of("working_dir"))
        .put("User", service.text_of("user"))
        .put("Groups", service.texts_of("group_add"))
        .keep_some("StopGracePeriod", service.int_of("stop_grace_period"))
        .put("StopSignal", service.text_of("stop_signal"))
        .put("TTY", service.is_true("tty"))
        .put("OpenStdin", service.is_true("stdin_open"))
        .put("ReadOnly", service.is_true("read_only"))
        .keep_some("Init", service.get("init").map(|_| service.is_true("init")))
        .put("Sysctls", json_map(texts_by_key(service.get("sysctls"))))
        .put("CapabilityAdd", added)
        .put("CapabilityDrop", dropped)
        .put("Ulimits", ulimits(service))
        .put("Isolation", service.text_of("isolation"));
    spec
}

impl Stack<'_> {
    /// The health check.
    pub(super) fn healthcheck(&mut self, service: &Node, path: &str) -> Option<Json> {
        let check = service.get("healthcheck")?;
        let test = check.texts_of("test");
        if check.is_true("disable") {
            if !test.is_empty() {
                let message = "test and disable cannot both be set";
                self.error(check.at, &format!("{path}.healthcheck"), message);
            }
            return Some(Object::default().put("Test", vec!["NONE"]).take());
        }
        let mut out = Object::default();
        out.put("Test", test)
            .put("Interval", check.int_of("interval"))
            .put("Timeout", check.int_of("timeout"))
            .put("StartPeriod", check.int_of("start_period"))
            .put("StartInterval", check.int_of("start_interval"))
            .put("Retries", check.int_of("retries"));
        Some(out.take())
    }

    /// The secrets or configs that a service uses.
    pub(super) fn file_references(
        &mut self,
        section: &str,
        service: &Node,
        path: &str,
    ) -> Vec<Json> {
        let kind = match section {
            "secrets" => "Secret",
            _ => "Config",
        };
        let items = service.get(section).map_or(&[][..], Node::items);
        let mut out = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if item.value == Value::Null {
                continue;
            }
            let source = item.text_of("source");
            let Some(declaration) = self.declared(section, source) else {
                let message = format!("{source:?} is not declared under the top level's {section}");
                self.error(item.at, &format!("{path}.{section}[{index}]"), message);
                continue;
            };
            let name = self.real_name(source, declaration);
            out.push((name.clone(), file_reference(kind, item, &name)));
        }
        out.sort_by(|(a, _), (b, _)| a.cmp(b));
        out.into_iter().map(|(_, reference)| reference).collect()
    }
}

/// The image as the docker client sends it: with a tag, without the names that every reference has.
fn image(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    match name.is_empty() || last.contains([':', '@']) {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    }
}

fn file_reference(kind: &str, item: &Node, name: &str) -> Json {
    let or = |key: &str, default: &str| match item.text_of(key) {
        "" => default.to_owned(),
        text => text.to_owned(),
    };
    let mut file = Object::default();
    file.keep("Name", or("target", item.text_of("source")))
        .keep("UID", or("uid", "0"))
        .keep("GID", or("gid", "0"))
        .keep("Mode", item.int_of("mode").unwrap_or(0o444));
    Object::default()
        .keep("File", file.take())
        .keep(&format!("{kind}ID"), "")
        .keep(&format!("{kind}Name"), name)
        .take()
}

fn variables(service: &Node) -> Vec<String> {
    let entries = service.get("environment").map_or(&[][..], Node::entries);
    let mut out: Vec<String> = entries
        .iter()
        .map(|entry| match entry.value.as_text() {
            Some(value) => format!("{}={value}", entry.key),
            None => entry.key.clone(),
        })
        .collect();
    out.sort();
    out
}

fn hosts(service: &Node) -> Vec<String> {
    let pairs = service.texts_of("extra_hosts");
    pairs
        .iter()
        .filter_map(|pair| pair.split_once(':'))
        .map(|(host, address)| format!("{address} {host}"))
        .collect()
}

fn dns(service: &Node) -> Json {
    Object::default()
        .put("Nameservers", service.texts_of("dns"))
        .put("Search", service.texts_of("dns_search"))
        .put("Options", service.texts_of("dns_opt"))
        .take()
}

fn ulimits(service: &Node) -> Vec<Json> {
    let entries = service.get("ulimits").map_or(&[][..], Node::entries);
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|entry| &entry.key);
    sorted
        .into_iter()
        .map(|entry| {
            let (soft, hard) = match entry.value.value {
                Value::Int(both) => (both, both),
                _ => (
                    entry.value.int_of("soft").unwrap_or(0),
                    entry.value.int_of("hard").unwrap_or(0),
                ),
            };
            Object::default()
                .keep("Name", entry.key.clone())
                .keep("Hard", hard)
                .keep("Soft", soft)
                .take()
        })
        .collect()
}

/// What is added and what is dropped, in the kernel's words: `ALL` beats the others on its side,
/// adding beats dropping.
fn capabilities(add: &[String], drop: &[String]) -> (Vec<String>, Vec<String>) {
    let normal = |names: &[String]| {
        let all: BTreeSet<String> = names.iter().map(|name| capability(name)).collect();
        match all.contains("ALL") {
            true => BTreeSet::from(["ALL".to_owned()]),
            false => all,
        }
    };
    let (add, drop) = (normal(add), normal(drop));
    let dropped = drop.difference(&add).cloned().collect();
    (add.into_iter().collect(), dropped)
}

fn capability(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    match name.as_str() {
        "ALL" => name,
        _ if name.starts_with("CAP_") => name,
        _ => format!("CAP_{name}"),
    }
}

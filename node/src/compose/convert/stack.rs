//! A whole stack: its services, and what they need.

use std::{collections::BTreeSet, path::PathBuf};

use serde_json::{Value as Json, json};

use super::{Stack, json::Object, json_map, service::DEFAULT_NETWORK, texts_by_key};
use crate::compose::{
    FileRequest, NetworkRequest, Project, VolumeRequest,
    diagnostic::Report,
    node::{At, Entry, Node},
};

/// Converts a merged file; what is wrong is reported, and then the result is not to be used.
pub(crate) fn convert(name: &str, top: &Node, report: &mut Report) -> Project {
    check_name(name, report);
    let mut stack = Stack { name, top, report };
    let mut services: Vec<&Entry> = entries(top, "services").iter().collect();
    services.sort_by_key(|entry| &entry.key);
    if services.is_empty() {
        stack.error(
            At { line: 0, ..top.at },
            "services",
            "there is no service: nothing to deploy",
        );
    }
    Project {
        name: name.to_owned(),
        services: services
            .into_iter()
            .map(|entry| stack.service(entry))
            .collect(),
        networks: stack.networks(),
        volumes: stack.volumes(),
        secrets: stack.files("secrets"),
        configs: stack.files("configs"),
        warnings: Vec::new(),
    }
}

impl Stack<'_> {
    /// The networks that services use, in the order of their names.
    fn networks(&mut self) -> Vec<NetworkRequest> {
        let mut used = BTreeSet::new();
        for service in entries(self.top, "services") {
            match entries(&service.value, "networks") {
                [] => {
                    used.insert(DEFAULT_NETWORK);
                }
                named => used.extend(named.iter().map(|entry| entry.key.as_str())),
            }
        }
        let nothing = Node::map(self.top.at);
        used.into_iter()
            .filter_map(|name| match self.declared("networks", name) {
                Some(declaration) => Some(self.network(name, declaration)),
                None if name == DEFAULT_NETWORK => Some(self.network(name, &nothing)),
                None => None,
            })
            .collect()
    }

    fn network(&self, name: &str, declaration: &Node) -> NetworkRequest {
        let real_name = self.real_name(name, declaration);
        let driver = match declaration.text_of("driver") {
            "" => "overlay",
            driver => driver,
        };
        let options = declaration
            .get("driver_opts")
            .map(|opts| json_map(texts_by_key(Some(opts))));
        let mut spec = json!({
            "Name": real_name.clone(),
            "CheckDuplicate": true,
            "Driver": driver,
            "Scope": "",
            "IPAM": declaration.get("ipam").map(ipam),
            "Internal": declaration.is_true("internal"),
            "Attachable": declaration.is_true("attachable"),
            "Ingress": false,
            "ConfigOnly": false,
            "ConfigFrom": null,
            "Options": options,
            "Labels": json_map(self.labels(declaration.get("labels"))),
        });
        // The docker client does not know of it.
        if declaration.is_true("enable_ipv6") {
            spec["EnableIPv6"] = true.into();
        }
        let is_external = declaration.is_true("external");
        NetworkRequest {
            name: real_name,
            spec: (!is_external).then_some(spec),
        }
    }

    fn volumes(&mut self) -> Vec<VolumeRequest> {
        let mut out = Vec::new();
        for entry in entries(self.top, "volumes") {
            let declaration = &entry.value;
            let is_external = declaration.is_true("external");
            let conflict = ["driver", "driver_opts", "labels"]
                .into_iter()
                .find(|key| is_external && declaration.get(key).is_some());
            if let Some(key) = conflict {
                let message = format!("{key} does not fit an external volume, which is only used");
                self.error(entry.key_at, &format!("volumes.{}", entry.key), message);
            }
            out.push(VolumeRequest {
                name: self.real_name(&entry.key, declaration),
                is_external,
                driver: declaration.text_of("driver").to_owned(),
                driver_options: texts_by_key(declaration.get("driver_opts")),
                labels: self.labels(declaration.get("labels")),
            });
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        out
    }

    fn files(&mut self, section: &str) -> Vec<FileRequest> {
        let mut out = Vec::new();
        for entry in entries(self.top, section) {
            let declaration = &entry.value;
            let is_external = declaration.is_true("external");
            let file = declaration.get("file").and_then(Node::as_text);
            if !is_external && file.is_none() {
                let path = format!("{section}.{}", entry.key);
                self.error(entry.key_at, &path, "needs file or external: true");
            }
            out.push(FileRequest {
                name: self.real_name(&entry.key, declaration),
                file: file.filter(|_| !is_external).map(PathBuf::from),
                labels: self.labels(declaration.get("labels")),
                template_driver: declaration.text_of("template_driver").to_owned(),
            });
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        out
    }
}

fn entries<'a>(node: &'a Node, key: &str) -> &'a [Entry] {
    node.get(key).map_or(&[], Node::entries)
}

fn ipam(ipam: &Node) -> Json {
    let pools: Vec<Json> = ipam
        .get("config")
        .map_or(&[][..], Node::items)
        .iter()
        .map(|pool| {
            Object::default()
                .put("Subnet", pool.text_of("subnet"))
                .take()
        })
        .collect();
    json!({"Driver": ipam.text_of("driver"), "Options": null, "Config": pools})
}

fn check_name(name: &str, report: &mut Report) {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty()
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !name.chars().all(is_good)
    {
        let message = format!("the stack cannot be called {name:?}: use letters, digits, - and _");
        report.error(At::default(), "", message);
    }
}

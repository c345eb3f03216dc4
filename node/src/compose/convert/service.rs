//! One service: Swarm's `ServiceSpec`.

use serde_json::{Value as Json, json};
use shoal_scheduler::spec::ServiceSpec;

use super::{Stack, container, deploy, json::Object, json_map, texts_by_key};
use crate::compose::{
    ServiceRequest,
    node::{Entry, Node, Value},
};

/// Label that keeps the image as it was written.
const IMAGE_LABEL: &str = "com.docker.stack.image";
/// The network of services that name none.
pub(super) const DEFAULT_NETWORK: &str = "default";

impl Stack<'_> {
    /// Converts one service; what is wrong is reported.
    pub(super) fn service(&mut self, entry: &Entry) -> ServiceRequest {
        let (path, service) = (format!("services.{}", entry.key), &entry.value);
        let errors_before = self.report.errors();
        let name = self.scoped(&entry.key);
        let nothing = Node::map(service.at);
        let deploy = service.get("deploy").unwrap_or(&nothing);
        let mut task = Object::default();
        task.keep("ContainerSpec", self.container(service, &path))
            .keep("Resources", deploy::resources(deploy))
            .keep_some("RestartPolicy", self.restart_policy(service, deploy, &path))
            .keep("Placement", self.placement(deploy, &path))
            .put("Networks", self.attachments(entry, &path))
            .keep_some("LogDriver", service.get("logging").map(log_driver))
            .keep("ForceUpdate", 0);
        let mut spec = Object::default();
        spec.keep("Name", name.clone())
            .keep("Labels", self.service_labels(service, deploy))
            .keep("TaskTemplate", task.take())
            .keep("Mode", self.mode(deploy, &path))
            .keep_some(
                "UpdateConfig",
                deploy.get("update_config").map(deploy::update),
            )
            .keep_some(
                "RollbackConfig",
                deploy.get("rollback_config").map(deploy::update),
            )
            .keep("EndpointSpec", Self::endpoint(service, deploy));
        let request = ServiceRequest {
            name,
            spec: spec.take(),
        };
        if self.report.errors() == errors_before {
            self.check(entry, &path, &request);
        }
        request
    }

    /// The rules that hold for every spec, whoever writes it.
    fn check(&mut self, entry: &Entry, path: &str, request: &ServiceRequest) {
        let checked = match serde_json::from_value::<ServiceSpec>(request.spec.clone()) {
            Ok(spec) => spec.validate().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(message) = checked {
            self.error(entry.key_at, path, message);
        }
    }

    fn service_labels(&self, service: &Node, deploy: &Node) -> Json {
        let mut labels = self.labels(deploy.get("labels"));
        labels.insert(IMAGE_LABEL.to_owned(), service.text_of("image").to_owned());
        if let Some(priority) = service
            .under(&["x-shoal", "priority"])
            .and_then(Node::as_int)
        {
            labels.insert(ServiceSpec::PRIORITY_LABEL.to_owned(), priority.to_string());
        }
        if let Some(data) = service.under(&["x-shoal", "data"]).and_then(Node::as_text) {
            labels.insert(ServiceSpec::DATA_LABEL.to_owned(), data.to_owned());
        }
        if let Some(version) = service
            .under(&["x-shoal", "proxy-protocol"])
            .and_then(Node::as_text)
        {
            labels.insert(ServiceSpec::PROXY_LABEL.to_owned(), version.to_owned());
        }
        json_map(labels)
    }

    fn attachments(&mut self, service: &Entry, path: &str) -> Vec<Json> {
        let implied = [Entry::new(
            DEFAULT_NETWORK,
            Node::new(Value::Null, service.key_at),
        )];
        let named = service.value.get("networks").map_or(&[][..], Node::entries);
        let used = if named.is_empty() { &implied } else { named };
        let mut out: Vec<(String, Json)> = Vec::new();
        for entry in used {
            let declaration = self.declared("networks", &entry.key);
            if declaration.is_none() && entry.key != DEFAULT_NETWORK {
                let message = format!(
                    "the network {} is not declared under the top level's networks",
                    entry.key
                );
                self.error(entry.key_at, &format!("{path}.networks"), message);
                continue;
            }
            let target = match declaration {
                Some(declaration) => self.real_name(&entry.key, declaration),
                None => self.scoped(&entry.key),
            };
            let mut aliases = entry.value.texts_of("aliases");
            if !matches!(target.as_str(), "host" | "bridge" | "none" | "default") {
                aliases.push(service.key.clone());
            }
            let mut attachment = Object::default();
            attachment
                .put("Target", target.clone())
                .put("Aliases", aliases)
                .put(
                    "DriverOpts",
                    json_map(texts_by_key(entry.value.get("driver_opts"))),
                );
            out.push((target, attachment.take()));
        }
        out.sort_by(|(a, _), (b, _)| a.cmp(b));
        out.into_iter().map(|(_, attachment)| attachment).collect()
    }

    fn endpoint(service: &Node, deploy: &Node) -> Json {
        let mut ports: Vec<&Node> = service
            .get("ports")
            .map_or(&[][..], Node::items)
            .iter()
            .collect();
        ports.sort_by_key(|port| port.int_of("published").unwrap_or(0));
        let ports: Vec<Json> = ports
            .into_iter()
            .map(|port| {
                Object::default()
                    .put("Protocol", port.text_of("protocol"))
                    .put("TargetPort", port.int_of("target"))
                    .put("PublishedPort", port.int_of("published"))
                    .put("PublishMode", port.text_of("mode"))
                    .take()
            })
            .collect();
        Object::default()
            .put("Mode", deploy.text_of("endpoint_mode"))
            .put("Ports", ports)
            .take()
    }

    fn container(&mut self, service: &Node, path: &str) -> Json {
        let mounts = self.mounts(service, path);
        let secrets = self.file_references("secrets", service, path);
        let configs = self.file_references("configs", service, path);
        let healthcheck = self.healthcheck(service, path);
        let labels = self.labels(service.get("labels"));
        let mut spec = container::plain(service);
        spec.keep("Labels", json_map(labels))
            .put("Mounts", mounts)
            .keep_some("Healthcheck", healthcheck)
            .put("Secrets", secrets)
            .put("Configs", configs)
            .keep(
                "Privileges",
                json!({"CredentialSpec": null, "SELinuxContext": null, "NoNewPrivileges": false}),
            );
        spec.take()
    }
}

fn log_driver(logging: &Node) -> Json {
    Object::default()
        .put("Name", logging.text_of("driver"))
        .put("Options", json_map(texts_by_key(logging.get("options"))))
        .take()
}

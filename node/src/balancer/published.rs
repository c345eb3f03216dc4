//! Which ports are published, and by whom.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
};

use shoal_scheduler::{
    spec::{Protocol, ProxyProtocol, PublishMode},
    task::{NetworkId, ServiceId, TaskId},
    view::ServiceView,
};

use super::wire::Ask;

/// What is behind a published port, or a virtual address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Front {
    pub(super) service: ServiceId,
    pub(super) name: String,
    /// The port on which its tasks listen.
    pub(super) target: u16,
    /// The network by which they are reached. None: what is published is meant.
    pub(super) network: Option<NetworkId>,
    /// The only task that is meant.
    pub(super) task: Option<TaskId>,
    /// Whether they are told who connects.
    pub(super) proxy: Option<ProxyProtocol>,
}

impl Front {
    /// What is asked of one of its tasks for this client.
    pub(super) fn ask(&self, task: TaskId, client: Option<IpAddr>) -> Ask {
        // A header says it already, and comes from whom its task trusts. On networks of services addresses are of one
        // machine alone.
        let is_told = self.network.is_none() && self.proxy.is_none();
        let client = match client.map(|client| client.to_canonical()) {
            Some(IpAddr::V4(client)) if is_told => Some(client),
            _ => None,
        };
        Ask {
            task,
            target: self.target,
            network: self.network,
            client,
        }
    }
}

/// A published port.
pub(super) type Port = (u16, Protocol);

/// The ports that each node listens on. Two sides of a partition may have let two services have one:
/// the one that was made first has it, then the lower id, on every node.
pub(super) fn of<'a>(services: impl Iterator<Item = &'a ServiceView>) -> BTreeMap<Port, Front> {
    let mut ports = BTreeMap::new();
    let mut services: Vec<_> = services.collect();
    services.sort_by_key(|service| (service.created_at, service.id));
    for service in services {
        // Its tasks have the machine's own ports: on theirs nobody else may listen.
        let mut networks = service.spec.task_template.networks.iter();
        if networks.any(|network| network.target == "host") {
            continue;
        }
        for port in &service.ports {
            let is_ours = matches!(port.protocol, Protocol::Tcp | Protocol::Udp)
                && port.publish_mode == PublishMode::Ingress
                && port.published_port > 0;
            if !is_ours {
                continue;
            }
            match ports.entry((port.published_port, port.protocol)) {
                Entry::Vacant(free) => {
                    free.insert(Front {
                        service: service.id,
                        name: service.spec.name.clone(),
                        target: port.target_port,
                        network: None,
                        task: None,
                        proxy: service.spec.proxy_protocol(),
                    });
                }
                Entry::Occupied(taken) => {
                    tracing::debug!(port = port.published_port, by = %taken.get().name, service = %service.spec.name, "is published already");
                }
            }
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::samples, *};

    fn service(id: u128, created: u64, ports: &str) -> ServiceView {
        let spec = format!(
            r#"{{"Name":"s{id}","TaskTemplate":{{"ContainerSpec":{{"Image":"x"}}}},"EndpointSpec":{{"Ports":{ports}}}}}"#
        );
        ServiceView {
            created_at: Duration::from_secs(created),
            ..samples::service(id, &spec)
        }
    }

    fn targets(services: &[ServiceView]) -> Vec<(Port, String, u16)> {
        let ports = of(services.iter()).into_iter();
        ports
            .map(|(port, front)| (port, front.name, front.target))
            .collect()
    }

    #[test]
    fn each_node_listens_on_the_same_ports_for_the_same_services() {
        let one = r#"[{"TargetPort":80,"PublishedPort":8080},{"TargetPort":81,"PublishedPort":8081,"PublishMode":"host"},
            {"TargetPort":53,"PublishedPort":53,"Protocol":"udp"},{"TargetPort":82}]"#;
        let late = r#"[{"TargetPort":90,"PublishedPort":8080},{"TargetPort":91,"PublishedPort":8081},
            {"TargetPort":92,"PublishedPort":8080,"Protocol":"udp"},{"TargetPort":93,"PublishedPort":53,"Protocol":"sctp"}]"#;
        let expected = [
            ((53, Protocol::Udp), "s9".to_owned(), 53),
            ((8080, Protocol::Tcp), "s9".to_owned(), 80),
            ((8080, Protocol::Udp), "s1".to_owned(), 92),
            ((8081, Protocol::Tcp), "s1".to_owned(), 91),
        ];
        assert_eq!(
            targets(&[service(9, 1, one), service(1, 2, late)]),
            expected
        );
        assert_eq!(
            targets(&[service(1, 2, late), service(9, 1, one)]),
            expected
        );
        // Made in the same moment, on two sides of a partition.
        let (low, high) = (service(1, 1, late), service(9, 1, one));
        assert_eq!(targets(&[high, low])[1].1, "s1");
    }
}

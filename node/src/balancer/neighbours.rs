//! Services as processes know them: by variables of their environment, since they share the machine's network
//! and no server of names is theirs.
//!
//! `SHOAL_SERVICE_DB=127.0.0.1:30001` is this node's own published port of `db`, or the first of several;
//! `SHOAL_SERVICE_DB_5432` is that of target port 5432. Known are the services of the networks that a service
//! is on, under all names that they have there; a service on none knows the others that are on none.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use shoal_scheduler::{
    spec::PublishMode,
    task::{NetworkId, ServiceId},
    view::{ClusterView, ServiceView},
};

use super::attached;

/// Variables of one task. More are left out, and the log says so.
const MOST: usize = 512;

/// Names and values for the tasks of a service, on a node that listens on this address.
pub(super) fn of(view: &ClusterView, service: ServiceId, listen: IpAddr) -> Vec<(String, String)> {
    let mut variables = BTreeMap::new();
    let networks: Vec<NetworkId> = view
        .networks
        .keys()
        .filter(|network| attached::is_on(view, service, **network))
        .copied()
        .collect();
    let host = match listen.is_unspecified() {
        true => IpAddr::V4(Ipv4Addr::LOCALHOST),
        false => listen,
    };
    let mut add = |name: &str, known: &ServiceView| {
        let name = variable(name);
        for port in &known.ports {
            if port.publish_mode != PublishMode::Ingress || port.published_port == 0 {
                continue;
            }
            let address = SocketAddr::new(host, port.published_port).to_string();
            let of_target = format!("{name}_{}", port.target_port);
            variables
                .entry(name.clone())
                .or_insert_with(|| address.clone());
            variables.entry(of_target).or_insert(address);
        }
    };
    for network in &networks {
        for one in attached::to(view, *network) {
            add(&one.service.spec.name, one.service);
            for alias in one.aliases {
                add(alias, one.service);
            }
        }
    }
    if networks.is_empty() {
        let is_alone = |one: &&ServiceView| one.spec.task_template.networks.is_empty();
        for one in view.services.values().filter(is_alone) {
            add(&one.spec.name, one);
        }
    }
    if variables.len() > MOST {
        tracing::warn!(%service, "its tasks are told of the first {MOST} ports of other services alone");
    }
    variables.into_iter().take(MOST).collect()
}

fn variable(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' => letter.to_ascii_uppercase(),
        _ => '_',
    });
    format!("SHOAL_SERVICE_{}", letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn a_service_knows_those_of_its_networks_by_all_their_names() {
        let services = [
            samples::service(
                1,
                r#"{"Name":"app_web","TaskTemplate":{"Networks":[{"Target":"app_default","Aliases":["web"]}]}}"#,
            ),
            samples::service(
                2,
                r#"{"Name":"app_my-db","TaskTemplate":{"Networks":[{"Target":"app_default","Aliases":["my-db"]}]},
                "EndpointSpec":{"Ports":[{"TargetPort":5432,"PublishedPort":30001},{"TargetPort":80,"PublishedPort":8080},
                {"TargetPort":81,"PublishedPort":81,"PublishMode":"host"}]}}"#,
            ),
            samples::service(
                3,
                r#"{"Name":"other","TaskTemplate":{},"EndpointSpec":{"Ports":[{"TargetPort":80,"PublishedPort":82}]}}"#,
            ),
            samples::service(4, r#"{"Name":"lonely","TaskTemplate":{}}"#),
        ];
        let view = samples::view("app_default", &services);
        let told = |service, listen: &str| {
            let all = of(&view, ServiceId(service), listen.parse().unwrap());
            let all = all
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"));
            all.collect::<Vec<_>>()
        };
        let expected = [
            "SHOAL_SERVICE_APP_MY_DB=127.0.0.1:30001",
            "SHOAL_SERVICE_APP_MY_DB_5432=127.0.0.1:30001",
            "SHOAL_SERVICE_APP_MY_DB_80=127.0.0.1:8080",
            "SHOAL_SERVICE_MY_DB=127.0.0.1:30001",
            "SHOAL_SERVICE_MY_DB_5432=127.0.0.1:30001",
            "SHOAL_SERVICE_MY_DB_80=127.0.0.1:8080",
        ];
        assert_eq!(told(1, "0.0.0.0"), expected);
        assert_eq!(
            told(4, "10.0.0.7"),
            [
                "SHOAL_SERVICE_OTHER=10.0.0.7:82",
                "SHOAL_SERVICE_OTHER_80=10.0.0.7:82"
            ]
        );
    }
}

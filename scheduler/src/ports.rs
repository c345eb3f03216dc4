//! Published ports for those who don't care which: out of 30000 to 32767, as on Swarm.
//!
//! The node that takes the order chooses: from a hash of the service and its target port on, the first port
//! that no service has. What it chose stands beside the spec in the service's entry, and every later write of
//! the service keeps it. A pure function of all services would need no such record, but then a service whose
//! first choice was taken would move when the other goes; a client's address must not change by what others
//! do.
//!
//! Two sides of a partition may still give one port twice, or one of them may be asked for by name what the
//! other gave away. Then a pure function settles it, alike on all nodes: ports asked for go first, then those
//! given to the services that were made first, then by id; who loses its port has the next free one from its
//! hash on. The next write of the loser records what it has.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::{Deserialize, Serialize};

use crate::{
    spec::{PortConfig, Protocol, PublishMode, ServiceSpec},
    task::ServiceId,
};

/// Ports that are given away.
const RANGE: Range<u16> = 30_000..32_768;

/// A port that was given to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GivenPort {
    /// The port on which its tasks listen.
    pub target_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The port on every node.
    pub published_port: u16,
}

/// A service that may publish ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publisher<'a> {
    pub(crate) id: ServiceId,
    /// Milliseconds since 1970.
    pub(crate) created_at: u64,
    pub(crate) spec: &'a ServiceSpec,
    /// What it was given when it was written last.
    pub(crate) given: &'a [GivenPort],
}

/// The ports of each service that has any, with those that were chosen for it. 0: none was left.
pub(crate) type PublishedPorts = BTreeMap<ServiceId, Vec<PortConfig>>;

/// Ports that are taken on every node.
type Used = BTreeSet<(u16, Protocol)>;

/// The ports of all services.
pub(crate) fn all(mut publishers: Vec<Publisher<'_>>) -> PublishedPorts {
    publishers.retain(|one| !one.spec.ports().is_empty());
    publishers.sort_by_key(|one| (one.created_at, one.id));
    let mut ports: PublishedPorts = BTreeMap::new();
    let mut used = Used::new();
    for one in &publishers {
        used.extend(asked_for(one.spec));
        ports.insert(one.id, one.spec.ports().to_vec());
    }
    for one in &publishers {
        if let Some(ports) = ports.get_mut(&one.id) {
            keep(ports, one.given, &mut used);
        }
    }
    for one in &publishers {
        if let Some(ports) = ports.get_mut(&one.id) {
            choose(one.id, ports, &mut used);
        }
    }
    ports
}

/// The ports of a service that is written now, beside those of all others. `given` is what it had before.
pub(crate) fn of_one(
    id: ServiceId,
    spec: &ServiceSpec,
    given: &[GivenPort],
    others: &PublishedPorts,
) -> Vec<PortConfig> {
    let of_others = others.iter().filter(|(other, _)| **other != id);
    let mut used: Used = of_others
        .flat_map(|(_, ports)| ports.iter().filter(|port| is_everywhere(port)).map(place))
        .collect();
    used.extend(asked_for(spec));
    let mut ports = spec.ports().to_vec();
    keep(&mut ports, given, &mut used);
    choose(id, &mut ports, &mut used);
    ports
}

/// What is to be recorded of a service's ports: those that it did not ask for itself.
pub(crate) fn given(spec: &ServiceSpec, ports: &[PortConfig]) -> Vec<GivenPort> {
    let both = spec.ports().iter().zip(ports);
    let chosen = both.filter(|(asked, had)| is_open(asked) && had.published_port > 0);
    chosen
        .map(|(_, had)| GivenPort {
            target_port: had.target_port,
            protocol: had.protocol,
            published_port: had.published_port,
        })
        .collect()
}

fn is_everywhere(port: &PortConfig) -> bool {
    port.publish_mode == PublishMode::Ingress
}

/// Whether any port will do.
fn is_open(port: &PortConfig) -> bool {
    is_everywhere(port) && port.published_port == 0
}

fn place(port: &PortConfig) -> (u16, Protocol) {
    (port.published_port, port.protocol)
}

fn asked_for(spec: &ServiceSpec) -> impl Iterator<Item = (u16, Protocol)> + '_ {
    let everywhere = spec.ports().iter().filter(|port| is_everywhere(port));
    everywhere.filter(|port| port.published_port > 0).map(place)
}

/// Gives back what was given before, where nobody else has it.
fn keep(ports: &mut [PortConfig], given: &[GivenPort], used: &mut Used) {
    for before in given {
        let is_sound = RANGE.contains(&before.published_port);
        let fits = |port: &PortConfig| {
            is_open(port)
                && (port.target_port, port.protocol) == (before.target_port, before.protocol)
        };
        let Some(port) = ports.iter_mut().find(|port| fits(port)) else {
            continue;
        };
        if is_sound && used.insert((before.published_port, before.protocol)) {
            port.published_port = before.published_port;
        }
    }
}

/// Finds a port for each that has none yet.
fn choose(id: ServiceId, ports: &mut [PortConfig], used: &mut Used) {
    for port in ports.iter_mut().filter(|port| is_open(port)) {
        let first = first_choice(id, port);
        let length = RANGE.end - RANGE.start;
        let all = (0..length).map(|step| RANGE.start + (first + step) % length);
        let mut free = all.filter(|number| !used.contains(&(*number, port.protocol)));
        if let Some(number) = free.next() {
            port.published_port = number;
            used.insert(place(port));
        }
    }
}

/// Where the search begins, from the start of the range.
fn first_choice(id: ServiceId, port: &PortConfig) -> u16 {
    let mut hash = blake3::Hasher::new_derive_key("shoal 2026 published port of a service");
    hash.update(&id.0.to_le_bytes())
        .update(&port.target_port.to_le_bytes())
        .update(port.protocol.to_string().as_bytes());
    let bytes = hash.finalize();
    let number = u16::from_le_bytes([bytes.as_bytes()[0], bytes.as_bytes()[1]]);
    number % (RANGE.end - RANGE.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(ports: &str) -> ServiceSpec {
        let text = format!(r#"{{"Name":"s","EndpointSpec":{{"Ports":{ports}}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn publisher<'a>(id: u128, spec: &'a ServiceSpec, given: &'a [GivenPort]) -> Publisher<'a> {
        Publisher {
            id: ServiceId(id),
            created_at: 100 - u64::try_from(id).unwrap(),
            spec,
            given,
        }
    }

    fn numbers(ports: &[PortConfig]) -> Vec<u16> {
        ports.iter().map(|port| port.published_port).collect()
    }

    #[test]
    fn a_port_is_given_once_and_kept_whoever_comes_and_goes() {
        let any = spec(
            r#"[{"TargetPort":80},{"TargetPort":53,"Protocol":"udp"},{"TargetPort":9,"PublishMode":"host"}]"#,
        );
        let none = BTreeMap::new();
        let first = of_one(ServiceId(1), &any, &[], &none);
        assert!(
            RANGE.contains(&first[0].published_port) && RANGE.contains(&first[1].published_port)
        );
        assert_eq!(first[2].published_port, 0, "its engine chooses that");
        assert_eq!(
            first,
            of_one(ServiceId(1), &any, &[], &none),
            "alike everywhere"
        );
        // Another has its first choice: it takes the next, and keeps it when the other is gone.
        let asked = spec(&format!(
            r#"[{{"TargetPort":1,"PublishedPort":{}}}]"#,
            first[0].published_port
        ));
        let others = all(vec![publisher(2, &asked, &[])]);
        let moved = of_one(ServiceId(1), &any, &[], &others);
        let next = RANGE.start + (first[0].published_port - RANGE.start + 1) % 2_768;
        assert_eq!(numbers(&moved)[0], next);
        let record = given(&any, &moved);
        assert_eq!(record.len(), 2);
        assert_eq!(of_one(ServiceId(1), &any, &record, &none), moved);
        assert_eq!(all(vec![publisher(1, &any, &record)])[&ServiceId(1)], moved);
        // A target that is no more gives its port back, and a port that was asked for is not recorded.
        assert_eq!(given(&asked, asked.ports()), []);
        let other = spec(r#"[{"TargetPort":81}]"#);
        assert_ne!(
            numbers(&of_one(ServiceId(1), &other, &record, &none))[0],
            next
        );
    }

    #[test]
    fn of_two_with_one_port_the_first_has_it_and_the_other_the_same_one_everywhere() {
        let any = spec(r#"[{"TargetPort":80},{"TargetPort":80}]"#);
        let record = [30_001, 30_002].map(|published_port| GivenPort {
            target_port: 80,
            protocol: Protocol::Tcp,
            published_port,
        });
        let asked = spec(r#"[{"TargetPort":1,"PublishedPort":30002}]"#);
        let [one, two, three] = [
            publisher(1, &any, &record),
            publisher(2, &any, &record),
            publisher(3, &asked, &[]),
        ];
        let ports = all(vec![one, two, three]);
        assert_eq!(ports, all(vec![three, two, one]), "in any order");
        let had = |id| numbers(&ports[&ServiceId(id)]);
        assert_eq!(had(2)[0], 30_001, "it was made before the first");
        assert_eq!(had(3), [30_002], "what is asked for goes first");
        let both: BTreeSet<u16> = had(1).into_iter().chain(had(2)).chain(had(3)).collect();
        assert_eq!(both.len(), 5, "nobody shares one");
    }

    #[test]
    fn when_none_is_left_the_last_has_none() {
        let every = (0..2_768).map(|at| format!(r#"{{"TargetPort":{}}}"#, at + 1));
        let every = spec(&format!("[{}]", every.collect::<Vec<_>>().join(",")));
        let one = spec(r#"[{"TargetPort":80},{"TargetPort":80,"Protocol":"udp"}]"#);
        let others = all(vec![publisher(1, &every, &[])]);
        let used: BTreeSet<u16> = numbers(&others[&ServiceId(1)]).into_iter().collect();
        assert_eq!(used.len(), 2_768);
        let ports = of_one(ServiceId(2), &one, &[], &others);
        assert_eq!(ports[0].published_port, 0);
        assert_ne!(ports[1].published_port, 0, "of another protocol there are");
    }
}

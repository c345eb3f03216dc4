//! UDP: a server of names as a service, reached from outside and by other services.

use std::{collections::BTreeSet, process::Command, time::Duration};

use shoal_tests::{LAB_IMAGE, Lab, Said, within};

use super::{ALL, Turn, images};

const DEPLOYED: Duration = Duration::from_secs(60);
const SEEN: Duration = Duration::from_secs(30);
const NAME: &str = "who.test";
/// With IPv6, which the docker client has no word for in Compose files.
const NETWORK: &str = "names6";

fn stack() -> String {
    let image = images::of("dns");
    format!(
        r#"
services:
  names:
    image: {image}
    environment: ["SLOT={{{{.Task.Slot}}}}"]
    ports: ["53:53/udp", "53:53"]
    stop_grace_period: 1s
    deploy: {{replicas: 2, placement: {{constraints: ["node.hostname!=m1"]}}}}
  asker:
    image: {LAB_IMAGE}
    stop_grace_period: 1s
    deploy: {{placement: {{constraints: ["node.hostname==m1"]}}}}
networks:
  default: {{external: true, name: {NETWORK}}}
"#
    )
}

/// The addresses in what `nslookup` says, and not the server's own.
fn addresses(said: &Said) -> Result<Vec<String>, String> {
    let lines = said.out.lines();
    let lines = lines.skip_while(|line| !line.starts_with("Name:"));
    let found = lines.filter_map(|line| line.strip_prefix("Address:"));
    let found: Vec<String> = found.map(|address| address.trim().to_owned()).collect();
    match found.is_empty() {
        true => Err(format!("{said:?}")),
        false => Ok(found),
    }
}

/// Which task answers on a published port.
fn outside(lab: &Lab, machine: usize) -> Result<String, String> {
    let mut asked = Command::new("busybox");
    asked.args(["nslookup", "-type=a", NAME, &lab.address(machine)]);
    let asked = asked.output().map_err(|error| error.to_string())?;
    Ok(addresses(&Said::from(asked))?.remove(0))
}

/// What a container is told about a name, by this server.
fn inside(lab: &Lab, container: &str, name: &str, server: &str) -> Result<Vec<String>, String> {
    inside_of_kind(lab, container, name, server, "-type=a")
}

fn inside_of_kind(
    lab: &Lab,
    container: &str,
    name: &str,
    server: &str,
    kind: &str,
) -> Result<Vec<String>, String> {
    let ask = ["exec", container, "busybox", "nslookup", kind, name, server];
    addresses(&lab.engine(1, &ask))
}

#[test]
fn a_server_of_names_is_asked_by_packets_from_outside_and_from_other_services() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    if !images::are_had(lab, &["dns"]) {
        return;
    }
    let make = [
        "network", "create", "--driver", "overlay", "--ipv6", NETWORK,
    ];
    lab.docker(1, &make).ok();
    lab.deploy(1, "dns", &stack());
    lab.runs_once("dns_names", 2, &ALL, DEPLOYED);
    let both: BTreeSet<String> = ["192.0.2.1", "192.0.2.2"].map(str::to_owned).into();
    // Each machine listens, those with containers of networks that have names of their own, too.
    for machine in ALL {
        let mut told = BTreeSet::new();
        within(SEEN, &format!("both tasks by machine {machine}"), || {
            told.insert(outside(lab, machine)?);
            (told == both)
                .then_some(())
                .ok_or_else(|| format!("{told:?}"))
        });
    }
    // Each of them says who asked.
    let own = format!("{NAME} from {}", lab.address(254));
    within(SEEN, "the client's address", || {
        let logs = lab.docker(1, &["service", "logs", "--raw", "dns_names"]);
        let lines = logs.out.lines().chain(logs.err.lines());
        let asked: BTreeSet<&str> = lines.filter(|line| line.contains("query[A]")).collect();
        let are_own = asked.iter().all(|line| line.contains(&own));
        (!asked.is_empty() && are_own)
            .then_some(())
            .ok_or_else(|| format!("{asked:?}"))
    });
    let asker = lab.runs_once("dns_asker", 1, &ALL, DEPLOYED).remove(0).1;
    let resolver = "127.0.0.11";
    let service = within(SEEN, "the name of the service", || {
        inside(lab, &asker, "names", resolver)
    });
    let six = within(SEEN, "its address of IPv6", || {
        inside_of_kind(lab, &asker, "names", resolver, "-type=aaaa")
    });
    for server in [&service[0], &six[0]] {
        let mut told = BTreeSet::new();
        within(SEEN, &format!("both tasks by {server}"), || {
            told.extend(inside(lab, &asker, NAME, server)?);
            (told == both)
                .then_some(())
                .ok_or_else(|| format!("{told:?}"))
        });
    }
    for slot in [1, 2] {
        let task = within(SEEN, "the name of a slot", || {
            inside(lab, &asker, &format!("names.{slot}"), resolver)
        });
        within(SEEN, "that slot's answer", || {
            match inside(lab, &asker, NAME, &task[0])? {
                told if told == [format!("192.0.2.{slot}")] => Ok(()),
                told => Err(format!("{told:?}")),
            }
        });
    }
    // Another stack's containers reach neither.
    let other = format!(
        "services: {{spy: {{image: {LAB_IMAGE}, stop_grace_period: 1s, \
         deploy: {{placement: {{constraints: [node.hostname==m1]}}}}}}}}\n"
    );
    lab.deploy(1, "other", &other);
    let spy = lab.runs_once("other_spy", 1, &ALL, DEPLOYED).remove(0).1;
    assert!(inside(lab, &spy, NAME, &service[0]).is_err());
    lab.docker(2, &["stack", "rm", "dns"]).ok();
    lab.docker(2, &["stack", "rm", "other"]).ok();
    within(SEEN, "its network removed", || {
        lab.docker(1, &["network", "rm", NETWORK])
            .checked()
            .map(drop)
    });
    within(SEEN, "nobody answers", || {
        match ALL.iter().find_map(|machine| outside(lab, *machine).ok()) {
            None => Ok(()),
            Some(answer) => Err(answer),
        }
    });
}

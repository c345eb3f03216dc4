//! Networks with IPv6: services have addresses of both kinds, and are reached by either, across machines.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use shoal_tests::{LAB_IMAGE, within};

use super::{ALL, Turn, network::Asker};

const DEPLOYED: Duration = Duration::from_secs(60);
const SEEN: Duration = Duration::from_secs(30);
const NETWORK: &str = "six";

fn stack(network: &str) -> String {
    format!(
        r#"
services:
  web:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "echo $$MACHINE >/www/index.html; exec httpd -f -p 80 -h /www"]
    environment: ["MACHINE={{{{.Node.Hostname}}}}"]
    stop_grace_period: 1s
    deploy: {{replicas: 2, placement: {{max_replicas_per_node: 1, constraints: ["node.hostname!=m3"]}}}}
  asker:
    image: {LAB_IMAGE}
    stop_grace_period: 1s
    deploy: {{placement: {{constraints: ["node.hostname==m1"]}}}}
networks:
  default: {network}
"#
    )
}

#[test]
fn services_are_reached_by_addresses_of_both_kinds() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    // The docker client has no word for it in Compose files.
    let make = [
        "network", "create", "--driver", "overlay", "--ipv6", NETWORK,
    ];
    lab.docker(1, &make).ok();
    lab.deploy(1, "both", &stack("{external: true, name: six}"));
    lab.deploy(1, "alone", &stack("{}"));
    lab.runs_once("both_web", 2, &ALL, DEPLOYED);
    let asker = Asker::of(lab, "both_asker");
    let four = asker.reaches("web", 80, "m1");
    let six: Ipv6Addr = within(SEEN, "an address of IPv6", || {
        let found = asker.found("web", "aaaa");
        found.first().copied().ok_or_else(|| "none".to_owned())
    });
    assert_eq!(asker.found::<Ipv4Addr>("web", "a"), [four]);
    within(SEEN, "an answer by it", || asker.get(six, 80));
    let tasks: Vec<Ipv6Addr> = within(SEEN, "those of its tasks", || {
        let found = asker.found("tasks.web", "aaaa");
        match found.len() {
            2 => Ok(found),
            _ => Err(format!("{found:?}")),
        }
    });
    let machines: BTreeSet<String> = tasks
        .iter()
        .map(|task| within(SEEN, "an answer of a task", || asker.get(task, 80)))
        .collect();
    assert_eq!(machines, ["m1", "m2"].map(str::to_owned).into());

    // Where no task takes connections nobody listens, so that who waits for a service by its port waits.
    let scaled = |replicas: &str| {
        lab.docker(
            2,
            &["service", "scale", "-d", &format!("both_web={replicas}")],
        )
        .ok();
    };
    scaled("0");
    for address in [four.to_string(), six.to_string()] {
        within(SEEN, &format!("{address} refuses"), || {
            match asker.run(&format!("nc -w 3 {address} 80 </dev/null")) {
                Err(error) if error.contains("refused") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
    scaled("2");
    within(SEEN, "an answer again", || asker.get(four, 80));

    // A network that was not asked to have it has none, and its containers reach none of another's.
    let other = Asker::of(lab, "alone_asker");
    other.reaches("web", 80, "m1");
    assert!(other.found::<Ipv6Addr>("web", "aaaa").is_empty());
    other.get(six, 80).unwrap_err();

    // What a service that is no more had is no machine's any longer.
    let claims = |machine: &str| {
        let shown = lab.run(&["run", machine, "ip", "-6", "addr", "show", "deprecated"]);
        let lines = shown.out.lines();
        lines.filter(|line| line.contains(&six.to_string())).count()
    };
    assert_eq!(claims("1"), 1);
    lab.docker(2, &["service", "rm", "both_web"]).ok();
    within(SEEN, "its address taken away", || match claims("1") {
        0 => Ok(()),
        left => Err(format!("{left} left")),
    });
    for stack in ["both", "alone"] {
        lab.docker(2, &["stack", "rm", stack]).ok();
    }
    within(SEEN, "its network removed", || {
        lab.docker(1, &["network", "rm", NETWORK])
            .checked()
            .map(drop)
    });
}

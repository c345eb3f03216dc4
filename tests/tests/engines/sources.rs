//! Who connects to a published port, as containers see it: by whichever machine, and wherever they run.

use std::{collections::BTreeSet, net::AddrParseError, time::Duration};

use shoal_tests::{LAB_IMAGE, Lab, page, within};

use super::{ALL, Turn};

const DEPLOYED: Duration = Duration::from_secs(60);
const SEEN: Duration = Duration::from_secs(30);

/// Two networks; by the first nothing ever leaves, so answers to strangers go by the second.
fn stack() -> String {
    format!(
        r#"
services:
  who:
    image: {LAB_IMAGE}
    command:
      - sh
      - -c
      - |
        mkdir -p /www/cgi-bin
        printf '#!/bin/sh\nprintf "\\r\\n"; echo $$MACHINE $$REMOTE_ADDR\n' >/www/cgi-bin/who
        chmod +x /www/cgi-bin/who
        exec httpd -f -p 80 -h /www
    environment: ["MACHINE={{{{.Node.Hostname}}}}"]
    ports: ["8091:80"]
    networks: [a_closed, b_open]
    stop_grace_period: 1s
    deploy: {{replicas: 2, placement: {{max_replicas_per_node: 1, constraints: ["node.hostname!=m3"]}}}}
networks:
  a_closed: {{internal: true}}
  b_open: {{}}
"#
    )
}

/// Whose task answered, and who it says that asked.
fn asked(lab: &Lab, machine: usize) -> Result<(String, String), String> {
    let address = format!("{}:8091", lab.address(machine)).parse();
    let address = address.map_err(|error: AddrParseError| error.to_string())?;
    told(&page(address, "/cgi-bin/who")?)
}

/// The same by a client on one of the machines.
fn asked_there(lab: &Lab, client: usize, machine: usize) -> Result<(String, String), String> {
    // Not wget: a static one looks up names of ports, and has nothing to do that with.
    let asking = format!(
        "printf 'GET /cgi-bin/who HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 3 {} 8091",
        lab.address(machine)
    );
    let said = lab.run(&["run", &client.to_string(), "sh", "-c", &asking]);
    told(said.out.trim().rsplit("\r\n").next().unwrap_or_default())
}

fn told(answer: &str) -> Result<(String, String), String> {
    let (machine, address) = answer
        .split_once(' ')
        .ok_or_else(|| format!("{answer:?}"))?;
    let address = address.trim_matches(['[', ']']);
    let address = address.strip_prefix("::ffff:").unwrap_or(address);
    Ok((machine.to_owned(), address.to_owned()))
}

/// What leads answers back to an agent, on a machine.
fn rules(lab: &Lab, machine: usize) -> (usize, usize) {
    let machine = machine.to_string();
    let routes = lab.run(&["run", &machine, "ip", "rule"]);
    let tables = lab.run(&["run", &machine, "nft", "list", "tables"]);
    (
        routes.ok().matches("fwmark").count(),
        tables.ok().matches("_sources").count(),
    )
}

#[test]
fn containers_see_who_connects_to_a_published_port() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    lab.deploy(1, "seeing", &stack());
    lab.runs_once("seeing_who", 2, &ALL, DEPLOYED);
    let own = lab.address(254);
    let seen = |machine: usize, address: &str| (format!("m{machine}"), address.to_owned());
    // The near task is next, as long as it has nothing to do: these two ask their own, and the third asks both.
    for (machine, tasks) in [(1, &[1][..]), (2, &[2]), (3, &[1, 2])] {
        let expected: BTreeSet<_> = tasks.iter().map(|task| seen(*task, &own)).collect();
        // As soon as the rules are made.
        within(SEEN, &format!("its tasks by machine {machine}"), || {
            let told = (0..4).map(|_| asked(lab, machine));
            let told: BTreeSet<_> = told.collect::<Result<_, _>>()?;
            match told == expected {
                true => Ok(()),
                false => Err(format!("{told:?}")),
            }
        });
    }
    // A machine is a client as any other, but for tasks of its own: to these it is the bridge.
    let first = lab.address(1);
    within(SEEN, "the other machine's task", || {
        match asked_there(lab, 1, 2)? {
            told if told == seen(2, &first) => Ok(()),
            told => Err(format!("{told:?}")),
        }
    });
    let (machine, bridge) = asked_there(lab, 1, 1).expect("an answer");
    assert_eq!(machine, "m1");
    assert!(![first, own.clone()].contains(&bridge), "{bridge}");

    // Somebody takes away the rules of everybody: clients are served all the same.
    assert_eq!(rules(lab, 1), (1, 1));
    let tables = lab.run(&["run", "1", "nft", "list", "tables"]);
    let table = tables.ok().lines().find(|line| line.contains("_sources"));
    let table = table.unwrap().split_whitespace().last().unwrap().to_owned();
    lab.run(&["run", "1", "nft", "delete", "table", "ip", &table])
        .ok();
    for _ in 0..8 {
        asked(lab, 1).expect("an answer without the rules");
    }
    // A killed agent leaves what its next run replaces.
    lab.run(&["crash", "1"]).ok();
    lab.run(&["agent", "1"]).ok();
    within(SEEN, "the client's address again", || {
        match asked(lab, 1)? {
            told if told == seen(1, &own) => Ok(()),
            told => Err(format!("{told:?}")),
        }
    });
    assert_eq!(rules(lab, 1), (1, 1));
    lab.docker(2, &["stack", "rm", "seeing"]).ok();
    within(SEEN, "nobody listens", || match asked(lab, 3) {
        Err(error) if error.contains("refused") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    within(SEEN, "no rules that nobody needs", || match rules(lab, 1) {
        (0, 0) => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

//! Services find each other by name, across machines, and nobody else.

use std::{fmt::Display, net::Ipv4Addr, str::FromStr, time::Duration};

use shoal_tests::{LAB_IMAGE, Lab, within};

use super::{ALL, Turn};

const DEPLOYED: Duration = Duration::from_secs(60);
const ANSWERED: Duration = Duration::from_secs(10);
const CLEARED: Duration = Duration::from_secs(60);

/// Each tier on a machine of its own, and on the networks that it needs.
fn tiers() -> String {
    let tier = |name: &str, machine: usize, port: u16, networks: &str| {
        format!(
            r#"
  {name}:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "echo {name} > /www/index.html; httpd -f -p {port} -h /www"]
    stop_grace_period: 1s
    networks: [{networks}]
    deploy: {{placement: {{constraints: ["node.hostname==m{machine}"]}}}}"#
        )
    };
    format!(
        "services:{}{}{}\nnetworks: {{front: {{}}, back: {{internal: true}}}}\n",
        tier("web", 1, 80, "front"),
        tier("app", 2, 8080, "front, back"),
        tier("db", 3, 3306, "back"),
    )
}

/// A container that asks.
pub(crate) struct Asker<'a> {
    lab: &'a Lab,
    machine: usize,
    container: String,
}

impl<'a> Asker<'a> {
    pub(crate) fn of(lab: &'a Lab, service: &str) -> Self {
        let (machine, container) = lab.runs_once(service, 1, &ALL, DEPLOYED).remove(0);
        Self {
            lab,
            machine,
            container,
        }
    }

    pub(crate) fn container(&self) -> &str {
        &self.container
    }

    pub(crate) fn run(&self, words: &str) -> Result<String, String> {
        let said = self
            .lab
            .engine(self.machine, &["exec", &self.container, "sh", "-c", words]);
        said.checked().map(str::to_owned)
    }

    /// The addresses of a name, by the engine's own resolver.
    fn addresses(&self, name: &str) -> Vec<Ipv4Addr> {
        self.found(name, "a")
    }

    /// The same of this kind, `a` or `aaaa`.
    pub(crate) fn found<A: FromStr>(&self, name: &str, kind: &str) -> Vec<A> {
        let kind = format!("-type={kind}");
        let said = self.lab.engine(
            self.machine,
            &[
                "exec",
                &self.container,
                "busybox",
                "nslookup",
                &kind,
                name,
                "127.0.0.11",
            ],
        );
        let lines = said
            .out
            .lines()
            .skip_while(|line| !line.starts_with("Name:"));
        let addresses = lines.filter_map(|line| line.strip_prefix("Address:")?.trim().parse().ok());
        addresses.collect()
    }

    /// What a web server says.
    pub(crate) fn get(&self, address: impl Display, port: u16) -> Result<String, String> {
        // Not wget: a static one looks up names of ports, and has nothing to do that with.
        let asked = format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} {port}");
        let said = self.run(&asked)?;
        let body = said.split("\r\n\r\n").nth(1);
        body.map(|body| body.trim().to_owned())
            .ok_or_else(|| format!("no answer but {said:?}"))
    }

    /// Waits until a service answers under its name with its own.
    pub(crate) fn reaches(&self, name: &str, port: u16, expected: &str) -> Ipv4Addr {
        within(ANSWERED, &format!("{expected} under {name}:{port}"), || {
            let found = self.addresses(name);
            let address = *found.first().ok_or("the name is not known")?;
            match self.get(address, port)? {
                body if body == expected => Ok(address),
                body => Err(body),
            }
        })
    }
}

#[test]
fn tiers_on_machines_of_their_own_find_each_other_by_name_and_only_those_of_their_networks() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    lab.deploy(1, "tiers", &tiers());
    let web = Asker::of(lab, "tiers_web");
    let app = Asker::of(lab, "tiers_app");
    let db = Asker::of(lab, "tiers_db");
    assert_eq!([web.machine, app.machine, db.machine], [1, 2, 3]);

    web.reaches("app", 8080, "app");
    app.reaches("db", 3306, "db");
    for name in ["tiers_app", "tasks.app", "app.1", "APP"] {
        web.reaches(name, 8080, "app");
    }
    let own = web.reaches("web", 80, "web");
    assert_ne!(
        web.addresses("tasks.web"),
        [own],
        "its own address, and the service's"
    );
    // The API names the same address, as that of this machine.
    let format = "{{range .Endpoint.VirtualIPs}}{{.Addr}} {{end}}";
    let inspect = ["service", "inspect", "tiers_web", "--format", format];
    let shown = lab.docker(1, &inspect).ok().to_owned();
    assert_eq!(
        shown.split('/').next(),
        Some(own.to_string().as_str()),
        "{shown}"
    );
    // A port that nobody listens on, and a slot that nobody has.
    let found = web.addresses("app")[0];
    assert!(web.get(found, 9999).is_err());
    assert!(web.addresses("app.2").is_empty());

    // Names of one network are none of another's business, nor are its addresses.
    assert!(web.addresses("db").is_empty());
    assert!(db.addresses("web").is_empty());
    lab.deploy(
        2,
        "other",
        &format!(
            r#"
services:
  spy:
    image: {LAB_IMAGE}
    stop_grace_period: 1s
    deploy: {{placement: {{constraints: ["node.hostname==m2"]}}}}
"#
        ),
    );
    let spy = Asker::of(lab, "other_spy");
    assert!(spy.addresses("app").is_empty());
    for address in app
        .addresses("db")
        .into_iter()
        .chain(app.addresses("tasks.app"))
    {
        for port in [3306, 8080] {
            assert!(spy.get(address, port).is_err(), "{address}:{port}");
        }
    }

    lab.docker(3, &["stack", "rm", "tiers"]).ok();
    lab.docker(3, &["stack", "rm", "other"]).ok();
    within(CLEARED, "no networks, bridges and rules", || {
        ALL.iter().try_for_each(|machine| is_clear(lab, *machine))
    });
}

/// Whether nothing of ours is left on a machine.
pub(crate) fn is_clear(lab: &Lab, machine: usize) -> Result<(), String> {
    let list = ["network", "ls", "--filter", "label=shoal.network", "-q"];
    let networks = lab.engine(machine, &list).checked()?.to_owned();
    let rules = on(lab, machine, &["nft", "list", "tables"])?;
    let bridges = on(lab, machine, &["ip", "-o", "link"])?;
    match networks.is_empty() && !rules.contains("shoal_") && !bridges.contains(": sh") {
        true => Ok(()),
        false => Err(format!("{machine}: {networks}\n{rules}\n{bridges}")),
    }
}

fn on(lab: &Lab, machine: usize, words: &[&str]) -> Result<String, String> {
    let machine = machine.to_string();
    let said = lab.run(&[&["run", machine.as_str()], words].concat());
    said.checked().map(str::to_owned)
}

/// Its stack goes while it is dead, and its networks with it: nobody but the next start knows of the rules.
#[test]
fn what_a_killed_agent_left_is_cleared_by_the_next() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let stack = format!(
        "services: {{one: {{image: {LAB_IMAGE}, stop_grace_period: 1s, \
         deploy: {{placement: {{constraints: [node.hostname==m2]}}}}}}}}\n"
    );
    lab.deploy(1, "left", &stack);
    let one = Asker::of(lab, "left_one");
    within(ANSWERED, "its name", || {
        match one.addresses("one").is_empty() {
            true => Err("not known".to_owned()),
            false => Ok(()),
        }
    });
    let rules = || on(lab, 2, &["nft", "list", "tables"]);
    assert!(rules().unwrap().contains("shoal_"));
    lab.run(&["crash", "2"]).ok();
    lab.docker(1, &["stack", "rm", "left"]).ok();
    lab.engine(2, &["rm", "--force", &one.container]).ok();
    let networks = lab.engine(
        2,
        &["network", "ls", "--filter", "label=shoal.network", "-q"],
    );
    for network in networks.ok().lines() {
        lab.engine(2, &["network", "rm", network]).ok();
    }
    assert!(rules().unwrap().contains("shoal_"), "nobody took them away");
    lab.run(&["agent", "2"]).ok();
    within(CLEARED, "nothing of it", || is_clear(lab, 2));
    within(CLEARED, "all of them are ready", || {
        let nodes = ["node", "ls", "--format", "{{.Status}}"];
        let listed = lab.docker(1, &nodes);
        match listed.checked()?.matches("Ready").count() {
            3 => Ok(()),
            _ => Err(listed.out),
        }
    });
}

//! Machines behind NATs: routers that masquerade, each conversation from a port of its own, so that nobody
//! outside can tell where to send to.

use std::time::Duration;

use shoal_tests::{LAB_IMAGE, Lab, always_for, within};

use super::{ALL, Turn};

const DEPLOYED: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(60);
const ANSWERED: Duration = Duration::from_secs(20);
const STEADY: Duration = Duration::from_secs(30);
/// Longer than a way that works takes, shorter than one that is waited for in vain.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Machines behind routers, until it is dropped.
struct Behind<'a> {
    lab: &'a Lab,
    machines: Vec<usize>,
}

impl<'a> Behind<'a> {
    fn routers(lab: &'a Lab, machines: &[usize]) -> Self {
        let mut behind = Self {
            lab,
            machines: Vec::new(),
        };
        for machine in machines {
            lab.run(&["nat", &machine.to_string()]).ok();
            behind.machines.push(*machine);
        }
        behind
    }

    fn open(&mut self, machine: usize) {
        self.machines.retain(|one| *one != machine);
        self.lab.run(&["open", &machine.to_string()]).ok();
    }
}

impl Drop for Behind<'_> {
    fn drop(&mut self) {
        for machine in &self.machines {
            // Whoever can't be set free goes with the lab.
            let _ = self.lab.run(&["open", &machine.to_string()]);
        }
    }
}

/// A service on each of these machines that says where it is, published on 8100 and the machine's number.
fn stack(machines: &[usize]) -> String {
    let services = machines.iter().map(|machine| {
        format!(
            r#"
  on{machine}:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "echo m{machine} > /www/index.html; httpd -f -p 80 -h /www"]
    stop_grace_period: 1s
    ports: ["810{machine}:80"]
    deploy: {{placement: {{constraints: ["node.hostname==m{machine}"]}}}}"#
        )
    });
    format!("services:{}\n", services.collect::<String>())
}

/// What the service on one machine says to a client of another machine.
fn get(lab: &Lab, from: usize, on: usize) -> Result<String, String> {
    let asked = format!(
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 5 {} 810{on}",
        lab.address(from)
    );
    let said = lab.run(&["run", &from.to_string(), "sh", "-c", &asked]);
    let said = said.checked()?;
    let body = said.split("\r\n\r\n").nth(1).unwrap_or_default().trim();
    match body == format!("m{on}") {
        true => Ok(body.to_owned()),
        false => Err(format!("from {from} to {on}: {said:?}")),
    }
}

fn sees_all_ready(lab: &Lab) -> Result<(), String> {
    ALL.iter().try_for_each(|machine| {
        let said = lab.docker(
            *machine,
            &["node", "ls", "--format", "{{.Hostname}} {{.Status}}"],
        );
        let ready = said
            .checked()?
            .lines()
            .filter(|line| line.ends_with(" Ready"));
        match ready.count() == ALL.len() {
            true => Ok(()),
            false => Err(format!("{machine} sees {}", said.out)),
        }
    })
}

/// What `shoal` says to a person at a machine.
fn shoal(lab: &Lab, machine: usize, words: &[&str]) -> String {
    let machine = machine.to_string();
    let said = lab.run(&[&["run", machine.as_str(), "shoal"], words].concat());
    said.ok();
    format!("{}\n{}", said.out, said.err)
}

fn remove(lab: &Lab, stack: &str) {
    lab.docker(1, &["stack", "rm", stack]).ok();
    within(SOON, "no containers are left", || {
        for machine in ALL {
            let left = lab.containers(machine)?;
            if left.iter().any(|name| name.starts_with(stack)) {
                return Err(format!("{left:?}"));
            }
        }
        Ok(())
    });
}

#[test]
fn a_machine_behind_a_nat_joins_and_serves_and_is_served() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let id = lab.docker(1, &["node", "inspect", "m2", "--format", "{{.ID}}"]);
    let former = id.ok().trim().to_owned();
    let token = shoal(lab, 1, &["token", "create"]);
    lab.docker(2, &["swarm", "leave"]).ok();
    let mut behind = Behind::routers(lab, &[2]);
    lab.run(&["agent", "2", "--join", token.trim()]).ok();
    within(SOON, "all see all ready", || sees_all_ready(lab));
    lab.docker(1, &["node", "rm", "--force", &former]).ok();

    lab.deploy(1, "natted", &stack(&[1, 2]));
    lab.runs_once("natted_on1", 1, &[1], DEPLOYED);
    lab.runs_once("natted_on2", 1, &[2], DEPLOYED);
    for (from, on) in [(1, 2), (3, 2), (2, 1)] {
        within(ANSWERED, "an answer through the NAT", || get(lab, from, on));
    }
    assert!(!shoal(lab, 1, &["node", "ls"]).contains("can't reach"));
    behind.open(2);
    remove(lab, "natted");
    within(SOON, "all see all ready", || sees_all_ready(lab));
}

#[test]
fn two_machines_behind_nats_of_their_own_work_together_by_way_of_the_third() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    lab.deploy(1, "apart", &stack(&[2, 3]));
    let before = [2, 3].map(|on| lab.runs_once(&format!("apart_on{on}"), 1, &[on], DEPLOYED));
    let mut behind = Behind::routers(lab, &[2, 3]);
    for machine in ["2", "3"] {
        lab.run(&["agent", machine]).ok();
    }
    within(SOON, "all see all ready", || sees_all_ready(lab));

    let pair = "m2 and m3 can't reach each other; traffic between them goes by way of m1";
    for machine in ALL {
        within(SOON, "the pair is named", || {
            for words in [&["node", "ls"][..], &["why", "apart_on2"]] {
                let said = shoal(lab, machine, words);
                if !said.contains(pair) {
                    return Err(format!("{words:?} on {machine}: {said}"));
                }
            }
            Ok(())
        });
    }
    for (from, on) in [(3, 2), (2, 3), (1, 2)] {
        within(ANSWERED, "an answer by way of the third", || {
            get(lab, from, on)
        });
        let asked = std::time::Instant::now();
        get(lab, from, on).expect("and another one");
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
    }
    always_for(STEADY, "all see all ready, and each other's tasks", || {
        sees_all_ready(lab)?;
        get(lab, 3, 2).and(get(lab, 2, 3)).map(drop)
    });
    let after = [2, 3].map(|on| lab.runs_once(&format!("apart_on{on}"), 1, &[on], DEPLOYED));
    assert_eq!(after, before, "no task was restarted");

    behind.open(3);
    for machine in ALL {
        within(SOON, "the pair is named no more", || {
            match shoal(lab, machine, &["node", "ls"]) {
                said if said.contains("can't reach") => Err(said),
                _ => Ok(()),
            }
        });
    }
    within(ANSWERED, "an answer on the direct way", || get(lab, 3, 2));
    behind.open(2);
    remove(lab, "apart");
    within(SOON, "all see all ready", || sees_all_ready(lab));
}

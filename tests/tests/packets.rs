//! UDP on published ports: each node takes packets, and brings them to a task that runs and the answers back.

use std::{
    collections::BTreeSet,
    env,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(20);
const PORT: u16 = 5353;
/// A client that asks again does so after this.
const AGAIN: Duration = Duration::from_millis(500);
/// One that asks once waits so long, as a busy machine takes its time. As long as resolvers do.
const ONCE: Duration = Duration::from_secs(5);
const SERVER: &str = "answers_packets";

/// What a task runs: it sends back what it gets, after its slot.
#[test]
#[ignore = "a task, started by the other tests"]
fn answers_packets() {
    let (Ok(port), Ok(slot)) = (env::var("PORT"), env::var("SHOAL_SLOT")) else {
        return;
    };
    let socket = UdpSocket::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    let mut packet = vec![0; 65_536];
    loop {
        let (size, from) = socket.recv_from(&mut packet).unwrap();
        let answer = [slot.as_bytes(), b" ", &packet[..size]].concat();
        // Who asked may be gone.
        let _ = socket.send_to(&answer, from);
    }
}

fn deploy(cluster: &Cluster, replicas: usize, more: &str) {
    let file = cluster.folder().join("app.yml");
    let binary = env::current_exe().expect("this test has a path");
    let text = format!(
        "services:\n  dns:\n    image: scratch\n    \
         command: [{binary:?}, {SERVER}, --exact, --ignored, --nocapture]\n    ports: [\"{PORT}:53/udp\"]\n    \
         deploy:\n      replicas: {replicas}\n{more}"
    );
    std::fs::write(&file, text).expect("a Compose file");
    let file = file.to_string_lossy().into_owned();
    let deployed = cluster[0].shoal(&["stack", "deploy", "-c", &file, "--wait", "app"]);
    deployed.ok();
    assert!(!deployed.err.contains("nothing listens"), "{deployed:?}");
}

struct Client {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Client {
    fn of(cluster: &Cluster, node: usize) -> Self {
        let to = SocketAddr::new(cluster[node].listen.ip(), PORT);
        let socket = UdpSocket::bind((cluster[node].listen.ip(), 0)).expect("a socket");
        socket.set_read_timeout(Some(AGAIN)).expect("a limit");
        Self { socket, to }
    }

    /// The slot that answers, to a packet of this size that is sent once and must not be lost.
    fn ask_once(&self, size: usize) -> Result<String, String> {
        self.socket.set_read_timeout(Some(ONCE)).expect("a limit");
        let answered = self.ask(size);
        self.socket.set_read_timeout(Some(AGAIN)).expect("a limit");
        answered
    }

    /// The slot that answers, to a packet of this size.
    fn ask(&self, size: usize) -> Result<String, String> {
        let question: Vec<u8> = (0..size).map(|byte| (byte % 251) as u8).collect();
        let failed = |error: std::io::Error| error.to_string();
        self.socket.send_to(&question, self.to).map_err(failed)?;
        let mut answer = vec![0; 65_536];
        loop {
            let (length, from) = self.socket.recv_from(&mut answer).map_err(failed)?;
            if from != self.to {
                return Err(format!("an answer of {from}"));
            }
            let answer = &answer[..length];
            let space = answer.iter().position(|byte| *byte == b' ');
            let (slot, rest) = answer.split_at(space.ok_or("no slot")?);
            // A late answer to an earlier question has another length.
            if rest[1..] == question {
                return Ok(String::from_utf8_lossy(slot).into_owned());
            }
        }
    }
}

#[test]
fn every_node_brings_packets_to_every_task_and_a_flow_stays_with_its_own() {
    let mut cluster = Cluster::of(3);
    deploy(&cluster, 3, "");
    for node in 0..3 {
        let client = Client::of(&cluster, node);
        within(SOON, "an answer", || client.ask(20));
        let mut slots = BTreeSet::new();
        within(SOON, "all tasks answer", || {
            slots.insert(Client::of(&cluster, node).ask(21)?);
            let all = slots.len() == 3;
            all.then_some(()).ok_or(format!("{slots:?}"))
        });
        let own = client.ask_once(22).unwrap();
        for size in [1, 500, 1_100, 1_200, 1_472, 9_000, 60_000] {
            assert_eq!(client.ask_once(size).as_ref(), Ok(&own), "{size} bytes");
        }
    }
    cluster[1].shoal(&["stack", "rm", "app"]).ok();
    within(SOON, "nobody listens", || {
        let address = SocketAddr::new(cluster[0].listen.ip(), PORT);
        UdpSocket::bind(address)
            .map(drop)
            .map_err(|e| e.to_string())
    });
    cluster.agree(SOON);
}

#[test]
fn a_flow_whose_task_is_gone_goes_on_with_another() {
    let mut cluster = Cluster::of(3);
    deploy(&cluster, 3, "");
    let running = cluster.settles("app_dns", 3, SOON);
    // A flow for each task, from the first node.
    let mut flows = Vec::new();
    within(SOON, "a flow for each task", || {
        let client = Client::of(&cluster, 0);
        let slot = client.ask(30)?;
        if flows.iter().all(|(_, known)| *known != slot) {
            flows.push((client, slot));
        }
        (flows.len() == 3)
            .then_some(())
            .ok_or(format!("{}", flows.len()))
    });
    assert!(running.iter().any(|task| task.node == cluster[2].id()));
    cluster[2].power_cut();
    let cut = Instant::now();
    for (client, _) in &flows {
        within(SOON, "an answer", || client.ask(31));
    }
    println!(
        "all were answered {:?} after a machine was lost",
        cut.elapsed()
    );
    // And new ones at once.
    for _ in 0..6 {
        Client::of(&cluster, 0).ask_once(32).unwrap();
    }
}

#[test]
fn packets_go_around_a_lost_path_by_way_of_a_third_node() {
    let cluster = Cluster::with_links(3);
    deploy(
        &cluster,
        1,
        "      placement: {constraints: [node.hostname==n2]}\n",
    );
    let client = Client::of(&cluster, 0);
    within(SOON, "an answer on the direct way", || client.ask(20));
    cluster.links().cut(&[0], &[1]);
    within(SOON, "an answer by way of the third", || {
        client.ask(21)?;
        let passes = cluster[2].log().contains("passes packets on between");
        passes.then_some(()).ok_or_else(|| cluster[2].log())
    });
    let other = Client::of(&cluster, 0);
    for size in [100, 1_200, 30_000] {
        other.ask_once(size).unwrap();
        client.ask_once(size).unwrap();
    }
}

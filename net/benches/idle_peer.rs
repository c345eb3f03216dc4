//! What a peer costs: resident memory of an idle connection on one side, of an endpoint, and
//! handshakes a second.
//!
//! Prints, never asserts. The hub is measured here; its peers are in processes of their own, so
//! that what they cost is not counted. The hub dials the first group and is dialled by the second.
#![allow(clippy::print_stdout)]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use shoal_membership::{ClusterId, SecretKey};
use shoal_net::{Endpoint, EndpointConfig, Inbox, Incoming, TrustSet};

/// In each of the two groups.
const PEERS: u16 = 1000;
const HUB: u16 = 0;
/// Buffers that a handshake needed are given back by then.
const REST: Duration = Duration::from_secs(3);
/// Tells a process that it is a group of peers: their first number, and the hub if they dial it.
const GROUP: &str = "--group";

fn secret(number: u16) -> SecretKey {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(&seed)
}

/// Resident memory of this process in KiB; 0 where there is no /proc.
fn resident_kib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0.0)
}

async fn answer(mut inbox: Inbox) {
    while let Some(event) = inbox.recv().await {
        if let Incoming::Request { bytes, reply, .. } = event {
            reply.send(bytes);
        }
    }
}

fn start(number: u16, trusted: impl Iterator<Item = u16>) -> Endpoint {
    let trust = TrustSet::empty(ClusterId::from_bytes([1; 16]));
    let trust = trusted.fold(trust, |trust, peer| trust.with(secret(peer).public()));
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = EndpointConfig::lan(secret(number), listen, trust);
    let (endpoint, inbox) = Endpoint::bind(config).expect("a free port");
    tokio::spawn(answer(inbox));
    endpoint
}

/// Connects, and asks one question.
async fn meet(from: &Endpoint, to: u16, at: SocketAddr) {
    let to = secret(to).node_id();
    from.set_addresses(to, vec![at]);
    let body = Bytes::from_static(b"hello");
    if let Err(error) = from.request(to, body, Duration::from_secs(5)).await {
        println!("no connection: {error}");
    }
}

/// A process with a group of peers. Says where they are, a line each, and an empty line when they
/// are ready; ends with its stdin.
async fn group(first: u16, hub: Option<SocketAddr>) {
    let before = resident_kib();
    let numbers = first..first + PEERS;
    let peers: Vec<_> = numbers
        .map(|number| start(number, [HUB].into_iter()))
        .collect();
    let each = (resident_kib() - before) / f64::from(PEERS);
    for peer in &peers {
        println!("{}", peer.local_addr());
        if let Some(hub) = hub {
            meet(peer, HUB, hub).await;
        }
    }
    println!("{each:.1} KiB resident for each endpoint without connections\n");
    // Read to its end, or broken off: the hub is done.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn start_group(first: u16, hub: Option<SocketAddr>) -> (Child, Vec<String>) {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.arg(GROUP).arg(first.to_string());
    command.args(hub.map(|hub| hub.to_string()));
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("this program runs again");
    let said = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let said = said
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    (child, said.collect())
}

/// Rests, and says what each peer has cost since `before`.
async fn print_cost(what: &str, before: f64) {
    tokio::time::sleep(REST).await;
    let each = (resident_kib() - before) / f64::from(PEERS);
    println!("{each:.1} KiB resident for each connection on the side that {what}");
}

async fn hub() {
    let hub = start(HUB, 1..=2 * PEERS);
    let (mut dialled, said) = start_group(1, None);
    let before = resident_kib();
    let started = Instant::now();
    let mut addresses = said.iter().filter_map(|line| line.parse().ok());
    for number in 1..=PEERS {
        let address = addresses.next().expect("a line for each peer");
        meet(&hub, number, address).await;
    }
    let each_second = f64::from(PEERS) / started.elapsed().as_secs_f64();
    println!("{each_second:.0} handshakes with hello and one request a second, one after another");
    print_cost("dialled", before).await;
    let before = resident_kib();
    let address = hub.local_addr();
    let (mut dialling, said) =
        tokio::task::spawn_blocking(move || start_group(1 + PEERS, Some(address)))
            .await
            .expect("no panic");
    print_cost("was dialled", before).await;
    println!("{}", said.last().map_or("", String::as_str));
    println!("{:?}", hub.stats());
    for child in [&mut dialled, &mut dialling] {
        drop(child.stdin.take());
        // It ends by itself; only its status is collected.
        let _ = child.wait();
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = env::args().skip_while(|argument| argument != GROUP).skip(1);
    let first = arguments.next().and_then(|number| number.parse().ok());
    match first {
        Some(first) => group(first, arguments.next().and_then(|hub| hub.parse().ok())).await,
        None => hub().await,
    }
}

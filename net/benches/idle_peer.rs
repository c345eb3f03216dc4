//! What a peer costs: resident memory of an idle connection, and handshakes a second.
//!
//! Prints, never asserts. Both ends are in this process, so a pair costs two sides.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use shoal_membership::{ClusterId, SecretKey};
use shoal_net::{Endpoint, EndpointConfig, Inbox, Incoming, TrustSet};

const PEERS: u16 = 200;

fn secret(number: u16) -> SecretKey {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(&seed)
}

/// Resident memory of this process in KiB; none where there is no /proc.
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

async fn answer(mut inbox: Inbox) {
    while let Some(event) = inbox.recv().await {
        if let Incoming::Request { bytes, reply, .. } = event {
            reply.send(bytes);
        }
    }
}

fn start(number: u16, trust: &TrustSet) -> Endpoint {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = EndpointConfig::lan(secret(number), listen, trust.clone());
    let (endpoint, inbox) = Endpoint::bind(config).expect("a free port");
    tokio::spawn(answer(inbox));
    endpoint
}

#[tokio::main]
#[allow(clippy::print_stdout)]
async fn main() {
    let mut trust = TrustSet::empty(ClusterId::from_bytes([1; 16]));
    for number in 0..=PEERS {
        trust = trust.with(secret(number).public());
    }
    let hub = start(0, &trust);
    let small = TrustSet {
        admitted: [(hub.id(), secret(0).public())].into(),
        ..trust.clone()
    };
    let peers: Vec<_> = (1..=PEERS).map(|number| start(number, &small)).collect();
    let before = resident_kib();
    let started = Instant::now();
    for peer in &peers {
        hub.set_addresses(peer.id(), vec![peer.local_addr()]);
        let body = Bytes::from_static(b"hello");
        if let Err(error) = hub.request(peer.id(), body, Duration::from_secs(5)).await {
            println!("no connection: {error}");
        }
    }
    let took = started.elapsed();
    println!(
        "{PEERS} peers: {:.0} handshakes with hello and one request a second, one after another",
        f64::from(PEERS) / took.as_secs_f64()
    );
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        println!(
            "{} KiB resident for each connection, both sides together",
            after.saturating_sub(before) / u64::from(PEERS)
        );
    }
    println!("{:?}", hub.stats());
}

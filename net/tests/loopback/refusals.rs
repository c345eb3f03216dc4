//! Who was refused and why: in the logs of both ends, once, however often it is tried.

use crate::{
    cluster::{Node, PATIENCE, config, eventually, ordered, secret, trust},
    log::Log,
    raw::{self, HERE},
};
use bytes::Bytes;
use shoal_membership::{ClusterId, NodeId};
use shoal_net::{Endpoint, JoinRefusal, JoinToken, Refusal};
use std::net::SocketAddr;

/// So often the refused one comes back.
const TRIES: u64 = 4;

/// That the endpoint at `here` has one warning, which names the peer and all of these.
#[track_caller]
fn warned_once(log: &Log, here: SocketAddr, peer: SocketAddr, node: NodeId, said: &[&str]) {
    let warnings = log.warnings_of(here);
    let [line] = &warnings[..] else {
        panic!("expected one warning: {warnings:#?}");
    };
    let (peer, node) = (format!("peer={peer} "), format!("node={node} "));
    for part in [&peer, &node]
        .into_iter()
        .map(String::as_str)
        .chain(said.iter().copied())
    {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

/// How many refusals an endpoint has counted, given and got.
fn refusals(endpoint: &Endpoint) -> u64 {
    let stats = endpoint.stats();
    stats.refused + stats.refused_by_peers
}

/// Dials again and again, until both have counted each refusal.
async fn knock(from: &Node, at: &Node) {
    for round in 1..=TRIES {
        // Forgetting the address and learning it anew ends the waiting between two dials.
        from.endpoint.set_addresses(at.id(), vec![]);
        from.knows(at);
        let answer = from.endpoint.request(at.id(), Bytes::new(), PATIENCE).await;
        assert!(answer.is_err(), "{answer:?}");
        eventually(|| refusals(&from.endpoint) >= round && refusals(&at.endpoint) >= round).await;
    }
}

/// Lets `refused` knock at `member`; their logs say the reason, each from its own side.
async fn each_says_its_side(log: Log, refused: Node, member: Node, reason: Refusal) {
    knock(&refused, &member).await;
    let why = reason.to_string();
    let (there, here) = (refused.addr(), member.addr());
    warned_once(&log, here, there, refused.id(), &["refused a peer", &why]);
    let said = ["refused by a peer", "of this node", &why];
    warned_once(&log, there, here, member.id(), &said);
}

#[tokio::test]
async fn a_stranger() {
    let log = Log::follow();
    let (a, b) = ordered(1, 2);
    let stranger = Node::start(config(&a, trust(&[&a, &b])));
    let member = Node::start(config(&b, trust(&[&b])));
    each_says_its_side(log, stranger, member, Refusal::UnknownKey).await;
}

#[tokio::test]
async fn a_revoked_key() {
    let log = Log::follow();
    let (a, b) = ordered(1, 2);
    let removed = Node::start(config(&a, trust(&[&a, &b])));
    let mut set = trust(&[&a, &b]);
    set.revoked.insert(a.node_id());
    let member = Node::start(config(&b, set));
    each_says_its_side(log, removed, member, Refusal::Revoked).await;
}

/// Either end may be the one that closes: both find it out for themselves.
#[tokio::test]
async fn another_cluster() {
    let log = Log::follow();
    let (a, b) = ordered(1, 2);
    let here = Node::start(config(&a, trust(&[&a, &b])));
    let mut set = trust(&[&a, &b]);
    set.cluster = ClusterId::from_bytes([2; 16]);
    let there = Node::start(config(&b, set));
    knock(&here, &there).await;
    let why = Refusal::AnotherCluster.to_string();
    warned_once(&log, here.addr(), there.addr(), there.id(), &[&why]);
    warned_once(&log, there.addr(), here.addr(), here.id(), &[&why]);
}

/// A newer release offers the name that says so; here it only listens to why it is refused.
#[tokio::test]
async fn another_major_that_dials() {
    let log = Log::follow();
    let (key, newer) = (secret(1), secret(2));
    let member = Node::start(config(&key, trust(&[&key, &newer])));
    let client = raw::client(HERE, Some(&newer), b"shoal");
    for round in 1..=TRIES {
        let connection = client.connect(member.addr(), "shoal").unwrap().await;
        connection.unwrap().closed().await;
        eventually(|| member.endpoint.stats().refused == round).await;
    }
    let (there, why) = (
        client.local_addr().unwrap(),
        Refusal::AnotherMajor.to_string(),
    );
    let said = ["refused a peer", &why];
    warned_once(&log, member.addr(), there, newer.node_id(), &said);
}

#[tokio::test]
async fn another_major_that_is_dialled() {
    let log = Log::follow();
    let (key, newer) = (secret(1), secret(2));
    let server = raw::server(&newer, b"shoal");
    let there = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = server.accept().await {
            let connection = incoming.await.expect("a handshake");
            connection.closed().await;
        }
    });
    let node = Node::start(config(&key, trust(&[&key, &newer])));
    for round in 1..=TRIES {
        node.endpoint.set_addresses(newer.node_id(), vec![]);
        node.endpoint.set_addresses(newer.node_id(), vec![there]);
        let answer = node
            .endpoint
            .request(newer.node_id(), Bytes::new(), PATIENCE);
        assert!(answer.await.is_err());
        assert_eq!(node.endpoint.stats().refused, round);
    }
    let why = Refusal::AnotherMajor.to_string();
    let said = ["refused a peer", &why];
    warned_once(&log, node.addr(), there, newer.node_id(), &said);
}

/// What a joiner is told is in the member's log too; the joiner's agent says it to its person.
#[tokio::test]
async fn a_joiner_with_a_token_of_another_cluster() {
    let log = Log::follow();
    let (a, b) = ordered(1, 2);
    let member = Node::start(config(&a, trust(&[&a])));
    let joiner = Node::start(config(&b, trust(&[])));
    let token = JoinToken {
        cluster: ClusterId::from_bytes([5; 16]),
        id: *b"token-id",
        secret: [9; 32],
        pins: vec![member.id()],
        addresses: vec![member.addr()],
    };
    for _ in 0..TRIES {
        let refused = joiner.endpoint.join(&token, vec![], |_, _| false).await;
        assert!(refused.is_err(), "{refused:?}");
    }
    let why = JoinRefusal::AnotherCluster.to_string();
    let said = ["turned a joiner away", &why];
    warned_once(&log, member.addr(), joiner.addr(), joiner.id(), &said);
}

//! Who is let in, and who is told why not.

use crate::cluster::{
    CLUSTER, Node, PATIENCE, config, echo, eventually, ordered, pair, secret, trust,
};
use bytes::Bytes;
use shoal_membership::ClusterId;
use shoal_net::{Refusal, RequestError, TrustSet, Unconnected};

const HELLO: Bytes = Bytes::from_static(b"hello");

/// Asks, and gives back why there was no connection.
async fn failure(a: &Node, b: &Node) -> String {
    match a.endpoint.request(b.id(), HELLO, PATIENCE).await {
        Err(RequestError::Unconnected(Unconnected::Unreachable(why))) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stranger_is_refused_and_told_so() {
    let (a, b) = ordered(1, 2);
    let stranger = Node::start(config(&a, trust(&[&a, &b])));
    let member = Node::start(config(&b, trust(&[&b])));
    stranger.knows(&member);
    let why = failure(&stranger, &member).await;
    assert!(why.contains("its key is unknown here"), "{why}");
    assert_eq!(member.endpoint.stats().refused, 1);
    assert_eq!(stranger.endpoint.stats().refused_by_peers, 1);
    assert!(!member.endpoint.is_connected(stranger.id()));
}

#[tokio::test]
async fn a_revoked_node_is_refused_and_told_so() {
    let (a, b) = ordered(1, 2);
    let removed = Node::start(config(&a, trust(&[&a, &b])));
    let mut set = trust(&[&a, &b]);
    set.revoked.insert(a.node_id());
    let member = Node::start(config(&b, set));
    removed.knows(&member);
    let why = failure(&removed, &member).await;
    assert!(why.contains("its key is revoked"), "{why}");
}

#[tokio::test]
async fn another_cluster_is_refused_on_both_sides() {
    let (a, b) = ordered(1, 2);
    let here = Node::start(config(&a, trust(&[&a, &b])));
    let mut set = trust(&[&a, &b]);
    set.cluster = ClusterId::from_bytes([2; 16]);
    let there = Node::start(config(&b, set));
    here.knows(&there);
    let why = failure(&here, &there).await;
    assert!(why.contains("it belongs to another cluster"), "{why}");
    let told = || {
        let stats = there.endpoint.stats();
        stats.refused + stats.refused_by_peers > 0
    };
    eventually(told).await;
}

#[tokio::test]
async fn another_node_at_the_address_is_refused() {
    let (a, b) = ordered(1, 2);
    let other = secret(3);
    let set = trust(&[&a, &b, &other]);
    let here = Node::start(config(&a, set.clone()));
    let there = Node::start(config(&b, set));
    let expected = other.node_id();
    here.endpoint.set_addresses(expected, vec![there.addr()]);
    let answer = here.endpoint.request(expected, HELLO, PATIENCE).await;
    let Err(RequestError::Unconnected(Unconnected::Unreachable(why))) = answer else {
        panic!("{answer:?}");
    };
    assert!(why.contains("another node than the expected"), "{why}");
}

#[tokio::test]
async fn a_revocation_closes_what_is_open() {
    let (mut a, mut b) = pair();
    a.endpoint.redial(b.id());
    a.connected(b.id()).await;
    b.connected(a.id()).await;
    let mut set = trust(&[&secret(1), &secret(2)]);
    set.revoked.insert(a.id());
    b.endpoint.set_trust(set).unwrap();
    a.disconnected(b.id()).await;
    b.disconnected(a.id()).await;
    eventually(|| a.endpoint.stats().refused_by_peers == 1).await;
    // And it stays out, in both directions.
    let answer = b.endpoint.request(a.id(), HELLO, PATIENCE).await;
    let untrusted = Unconnected::Untrusted(Refusal::Revoked);
    assert_eq!(answer, Err(RequestError::Unconnected(untrusted)));
    let why = failure(&a, &b).await;
    assert!(why.contains("its key is revoked"), "{why}");
}

#[tokio::test]
async fn an_admission_lets_in_without_a_restart() {
    let (a, b) = ordered(1, 2);
    let first = Node::start(config(&a, trust(&[&a, &b])));
    let second = Node::start(config(&b, TrustSet::empty(CLUSTER)));
    first.knows(&second);
    failure(&first, &second).await;
    second.endpoint.set_trust(trust(&[&a, &b])).unwrap();
    first.endpoint.set_addresses(second.id(), vec![]);
    first.knows(&second);
    let id = second.id();
    echo(second.inbox);
    let answer = first.endpoint.request(id, HELLO, PATIENCE).await;
    assert_eq!(answer, Ok(HELLO));
}

#[tokio::test]
async fn moving_to_another_cluster_closes_and_refuses_the_old() {
    let (mut a, mut b) = pair();
    a.endpoint.redial(b.id());
    a.connected(b.id()).await;
    b.connected(a.id()).await;
    let mut set = trust(&[&secret(1), &secret(2)]);
    set.cluster = ClusterId::from_bytes([2; 16]);
    b.endpoint.set_trust(set.clone()).unwrap();
    a.disconnected(b.id()).await;
    let why = failure(&a, &b).await;
    assert!(why.contains("another cluster"), "{why}");
    a.endpoint.set_trust(set).unwrap();
    a.endpoint.set_addresses(b.id(), vec![]);
    a.knows(&b);
    let id = b.id();
    echo(b.inbox);
    let answer = a.endpoint.request(id, HELLO, PATIENCE).await;
    assert_eq!(answer, Ok(HELLO));
}

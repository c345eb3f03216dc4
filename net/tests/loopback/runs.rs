//! Which of several connections stays, and what a second run of a key means.

use crate::cluster::{Node, PATIENCE, config, echo, eventually, ordered, pair, trust};
use bytes::Bytes;
use shoal_net::{Endpoint, EndpointConfig, Incoming, StreamHeader};

const HELLO: Bytes = Bytes::from_static(b"hello");

fn connections(endpoint: &Endpoint) -> u64 {
    endpoint.stats().connections
}

/// Starts a node on a port that another is about to give back.
async fn restart(config: EndpointConfig) -> Node {
    let mut bound = None;
    eventually(|| {
        bound = Endpoint::bind(config.clone()).ok();
        bound.is_some()
    })
    .await;
    Node::of(bound.expect("it was bound"))
}

/// Two nodes dial each other at the same moment; one connection is left, and it serves both.
async fn meet() {
    let (a, b) = pair();
    b.knows(&a);
    let (a_end, b_end) = (a.endpoint.clone(), b.endpoint.clone());
    let (a_id, b_id) = (a.id(), b.id());
    echo(a.inbox);
    echo(b.inbox);
    let (to_b, to_a) = tokio::join!(
        a_end.request(b_id, HELLO, PATIENCE),
        b_end.request(a_id, HELLO, PATIENCE),
    );
    assert_eq!((to_b, to_a), (Ok(HELLO), Ok(HELLO)));
    eventually(|| connections(&a_end) == 1 && connections(&b_end) == 1).await;
    assert_eq!(a_end.request(b_id, HELLO, PATIENCE).await, Ok(HELLO));
    assert_eq!(b_end.request(a_id, HELLO, PATIENCE).await, Ok(HELLO));
}

#[tokio::test]
async fn two_simultaneous_dials_leave_one_connection() {
    let mut meetings = tokio::task::JoinSet::new();
    for _ in 0..20 {
        meetings.spawn(meet());
    }
    while let Some(met) = meetings.join_next().await {
        met.unwrap();
    }
}

#[tokio::test]
async fn a_redial_replaces_the_connection_from_either_side() {
    let (a, b) = pair();
    let (a_end, b_end) = (a.endpoint.clone(), b.endpoint.clone());
    let (a_id, b_id) = (a.id(), b.id());
    echo(a.inbox);
    echo(b.inbox);
    assert_eq!(a_end.request(b_id, HELLO, PATIENCE).await, Ok(HELLO));
    // The larger id redials too: the tie break is for simultaneous dials only.
    for (end, peer) in [(&b_end, a_id), (&a_end, b_id)] {
        let before = end.stats().connections_made;
        eventually(|| {
            end.redial(peer);
            end.stats().connections_made > before
        })
        .await;
        assert_eq!(end.request(peer, HELLO, PATIENCE).await, Ok(HELLO));
    }
    // The replaced ones go when they were idle for a while.
    eventually(|| connections(&a_end) == 1 && connections(&b_end) == 1).await;
}

#[tokio::test]
async fn a_restarted_peer_replaces_its_old_run() {
    let (a_key, b_key) = ordered(1, 2);
    let set = trust(&[&a_key, &b_key]);
    let mut a = Node::start(config(&a_key, set.clone()));
    let mut first = config(&b_key, set);
    let b = Node::start(first.clone());
    a.knows(&b);
    let (id, address) = (b.id(), b.addr());
    a.endpoint.redial(id);
    a.connected(id).await;
    // It closes and comes back on the same port.
    b.endpoint.close().await;
    drop(b);
    first.listen = address;
    first.incarnation = 2;
    let again = restart(first).await;
    again.knows(&a);
    let (end, a_id) = (again.endpoint.clone(), a.id());
    echo(again.inbox);
    echo(a.inbox);
    assert_eq!(end.request(a_id, HELLO, PATIENCE).await, Ok(HELLO));
    let back = a.endpoint.request(id, HELLO, PATIENCE).await;
    assert_eq!(back, Ok(HELLO));
}

#[tokio::test]
async fn a_copied_disk_is_reported_to_everybody_and_refused() {
    let (a_key, b_key) = ordered(1, 2);
    let set = trust(&[&a_key, &b_key]);
    let mut a = Node::start(config(&a_key, set.clone()));
    let first = Node::start(config(&b_key, set.clone()));
    let mut copy_config = config(&b_key, set);
    copy_config.incarnation = 9;
    let mut copy = Node::start(copy_config);
    a.knows(&first);
    copy.knows(&a);
    let id = first.id();
    a.endpoint.redial(id);
    a.connected(id).await;
    copy.endpoint.redial(a.id());
    let clone = |event| match event {
        Incoming::Clone {
            id, ours, theirs, ..
        } => Some((id, ours, theirs)),
        _ => None,
    };
    let seen = a.wait_for(clone).await;
    assert_eq!(seen, (id, first.addr(), copy.addr()));
    let seen = copy.wait_for(clone).await;
    assert_eq!(seen, (id, copy.addr(), first.addr()));
    assert!(a.endpoint.is_connected(id));
    assert_eq!(a.endpoint.last_seen(id), Some(first.addr()));
}

#[tokio::test]
async fn a_copy_of_oneself_is_reported_and_oneself_is_not() {
    let (a_key, b_key) = ordered(1, 2);
    let set = trust(&[&a_key, &b_key]);
    let mut a = Node::start(config(&a_key, set.clone()));
    let copy = Node::start(config(&a_key, set));
    // Both believe that the peer is at an address which is the node's own, or its copy's.
    let peer = b_key.node_id();
    a.endpoint.set_addresses(peer, vec![a.addr()]);
    assert!(a.endpoint.request(peer, HELLO, PATIENCE).await.is_err());
    copy.endpoint.set_addresses(peer, vec![a.addr()]);
    assert!(copy.endpoint.request(peer, HELLO, PATIENCE).await.is_err());
    let seen = a
        .wait_for(|event| match event {
            Incoming::Clone {
                id, ours, theirs, ..
            } => Some((id, ours, theirs)),
            _ => None,
        })
        .await;
    assert_eq!(seen, (a.id(), a.addr(), copy.addr()));
}

#[tokio::test]
async fn a_peer_that_died_silently_may_come_back_elsewhere() {
    let (a_key, b_key) = ordered(1, 2);
    let set = trust(&[&a_key, &b_key]);
    let a = Node::start(config(&a_key, set.clone()));
    let a_id = a.id();
    let a_addr = a.addr();
    let first = config(&b_key, set);
    // A runtime of its own, which is stopped like a machine whose plug is pulled.
    let machine = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(1)
        .build()
        .unwrap();
    let plan = first.clone();
    let started = machine.spawn(async move { Node::start(plan) });
    let dead = started.await.unwrap();
    dead.endpoint.set_addresses(a_id, vec![a_addr]);
    let id = dead.id();
    let dialler = dead.endpoint.clone();
    machine.spawn(async move { dialler.redial(a_id) });
    eventually(|| a.endpoint.is_connected(id)).await;
    let old = a.endpoint.last_seen(id);
    std::mem::forget(dead);
    machine.shutdown_background();
    let again = Node::start(first);
    again.knows(&a);
    let end = again.endpoint.clone();
    echo(a.inbox);
    eventually(|| {
        end.redial(a_id);
        end.is_connected(a_id)
    })
    .await;
    assert_eq!(end.request(a_id, HELLO, PATIENCE).await, Ok(HELLO));
    assert_ne!(a.endpoint.last_seen(id), old);
}

#[tokio::test]
async fn an_idle_data_connection_is_closed_and_one_in_use_is_not() {
    let (a_key, b_key) = ordered(1, 2);
    let set = trust(&[&a_key, &b_key]);
    let mut quick = config(&a_key, set.clone());
    quick.keep_alive = std::time::Duration::from_millis(100);
    quick.idle_timeout = std::time::Duration::from_millis(400);
    let a = Node::start(quick);
    let mut b = Node::start(config(&b_key, set));
    a.knows(&b);
    let header = StreamHeader::default();
    let opened = a.endpoint.open_stream(b.id(), header).await.unwrap();
    let stream = b.stream().await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(connections(&a.endpoint), 1);
    drop((opened, stream));
    eventually(|| connections(&a.endpoint) == 0).await;
}

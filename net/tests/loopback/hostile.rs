//! Strangers with a valid TLS stack, and with none, get nothing.

use crate::{
    cluster::{CLUSTER, Node, PATIENCE, config, echo, eventually, secret, trust},
    raw::{self, ELSEWHERE, HERE},
};
use bytes::Bytes;
use shoal_membership::SecretKey;
use shoal_net::Refusal;
use tokio::time::timeout;

fn attacker(key: Option<&SecretKey>, alpn: &[u8]) -> quinn::Endpoint {
    raw::client(HERE, key, alpn)
}

fn control() -> Vec<u8> {
    format!("shoal/1/{CLUSTER}/control").into_bytes()
}

fn member() -> Node {
    Node::start(config(&secret(1), trust(&[&secret(1), &secret(2)])))
}

/// Connects, sends all it can, and gives back with which reason it was closed.
async fn assault(endpoint: &quinn::Endpoint, member: &Node) -> Option<Refusal> {
    let connection = endpoint
        .connect(member.addr(), "shoal")
        .expect("a valid address")
        .await
        .ok()?;
    let _ = connection.send_datagram(Bytes::from_static(b"let me in"));
    if let Ok(Ok((mut send, _recv))) = timeout(PATIENCE, connection.open_bi()).await {
        let _ = send.write_all(&[0; 1000]).await;
    }
    match connection.closed().await {
        quinn::ConnectionError::ApplicationClosed(close) => {
            Refusal::from_code(close.error_code.into_inner())
        }
        _ => None,
    }
}

async fn heard_nothing(node: Node) {
    let Node {
        endpoint,
        mut inbox,
        mut streams,
    } = node;
    endpoint.close().await;
    drop(endpoint);
    let event = timeout(PATIENCE, inbox.recv())
        .await
        .expect("the inbox ends");
    assert!(event.is_none(), "{event:?}");
    assert!(streams.recv().await.is_none());
}

#[tokio::test]
async fn a_valid_tls_stack_without_trust_gets_nothing() {
    let member = member();
    let stranger = attacker(Some(&secret(66)), &control());
    let reason = assault(&stranger, &member).await;
    assert_eq!(reason, Some(Refusal::UnknownKey));
    heard_nothing(member).await;
}

#[tokio::test]
async fn no_key_and_a_foreign_protocol_get_no_connection() {
    let member = member();
    assert_eq!(assault(&attacker(None, &control()), &member).await, None);
    let foreign = attacker(Some(&secret(66)), b"h3");
    assert_eq!(assault(&foreign, &member).await, None);
    heard_nothing(member).await;
}

#[tokio::test]
async fn another_major_is_told_so() {
    let member = member();
    let newer = attacker(Some(&secret(2)), b"shoal");
    let reason = assault(&newer, &member).await;
    assert_eq!(reason, Some(Refusal::AnotherMajor));
    heard_nothing(member).await;
}

#[tokio::test]
async fn a_member_that_says_no_hello_is_refused() {
    let member = member();
    let rude = attacker(Some(&secret(2)), &control());
    let reason = assault(&rude, &member).await;
    assert_eq!(reason, Some(Refusal::BadHello));
    heard_nothing(member).await;
}

#[tokio::test]
async fn garbage_on_the_join_protocol_reaches_nobody() {
    let member = member();
    let joiner = attacker(Some(&secret(66)), b"shoal-join/1");
    let reason = assault(&joiner, &member).await;
    assert_eq!(reason, Some(Refusal::BadHello));
    heard_nothing(member).await;
}

#[tokio::test]
async fn many_strangers_do_not_lock_members_out() {
    let mut node = Node::start({
        let mut config = config(&secret(1), trust(&[&secret(1), &secret(2)]));
        config.handshake_timeout = std::time::Duration::from_secs(1);
        config
    });
    // A trusted key that connects and stays silent holds its place until the timeout only.
    let silent = attacker(Some(&secret(2)), &control());
    let mut held = Vec::new();
    for _ in 0..200 {
        held.push(silent.connect(node.addr(), "shoal").unwrap());
    }
    let friend = Node::start(config(&secret(2), trust(&[&secret(1), &secret(2)])));
    friend.knows(&node);
    let (id, end) = (node.id(), friend.endpoint.clone());
    eventually(|| {
        end.send_datagram(id, Bytes::from_static(b"hello"));
        end.is_connected(id)
    })
    .await;
    node.connected(friend.id()).await;
}

#[tokio::test]
async fn a_stranger_on_one_address_leaves_places_for_the_others() {
    let mut patient = config(&secret(1), trust(&[&secret(1), &secret(2)]));
    // Whoever is silent keeps its place until long after this test.
    patient.handshake_timeout = 10 * PATIENCE;
    let node = Node::start(patient);
    let silent = raw::client(ELSEWHERE, Some(&secret(2)), &control());
    let held: Vec<_> = (0..200)
        .map(|_| silent.connect(node.addr(), "shoal").unwrap())
        .collect();
    eventually(|| node.endpoint.stats().handshakes_turned_away > 100).await;
    let friend = Node::start(config(&secret(2), trust(&[&secret(1), &secret(2)])));
    friend.knows(&node);
    let id = node.id();
    echo(node.inbox);
    let answer = friend.endpoint.request(id, Bytes::new(), PATIENCE).await;
    assert_eq!(answer, Ok(Bytes::new()));
    drop(held);
}

/// What a silent joiner holds is a place among the joiners.
#[tokio::test]
async fn a_stranger_on_one_address_leaves_room_for_joiners_elsewhere() {
    let mut patient = config(&secret(1), trust(&[&secret(1)]));
    patient.handshake_timeout = 10 * PATIENCE;
    let node = Node::start(patient);
    let silent = raw::client(ELSEWHERE, Some(&secret(66)), b"shoal-join/1");
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(silent.connect(node.addr(), "shoal").unwrap().await.unwrap());
    }
    eventually(|| node.endpoint.stats().refused > 10).await;
    let friend = raw::client(HERE, Some(&secret(2)), b"shoal-join/1");
    let reason = assault(&friend, &node).await;
    assert_eq!(reason, Some(Refusal::BadHello), "it was not heard");
}

#[tokio::test]
async fn random_bytes_to_the_port_do_nothing() {
    let (mut a, b) = crate::cluster::pair();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for length in 0..1_500 {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            })
            .collect();
        let _ = socket.send_to(&bytes, a.addr());
        let _ = socket.send_to(&bytes, b.addr());
    }
    a.endpoint.redial(b.id());
    a.connected(b.id()).await;
    assert_eq!(a.endpoint.stats().connections, 1);
}

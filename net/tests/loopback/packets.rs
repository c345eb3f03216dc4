//! Packets of users' traffic: small and large ones, floods, and the connection that carries them.

use std::time::Duration;

use bytes::Bytes;
use shoal_net::{MAX_PACKET, Packets};
use tokio::time::{sleep, timeout};

use crate::cluster::{Node, PATIENCE, config, eventually, ordered, pair, trust};

async fn next(packets: &mut Packets) -> Bytes {
    let packet = timeout(PATIENCE, packets.recv()).await;
    packet.expect("a packet").expect("an open endpoint").1
}

/// Sends until it arrives, as whoever uses packets does.
async fn arrives(from: &Node, to: &Node, packets: &mut Packets, bytes: &Bytes) {
    let sending = async {
        loop {
            from.endpoint.send_packet(to.id(), bytes.clone());
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = sending => {}
        got = next(packets) => assert_eq!(got, bytes),
    }
    // Those that were sent once too often.
    while timeout(Duration::from_millis(50), packets.recv())
        .await
        .is_ok()
    {}
}

#[tokio::test]
async fn packets_of_all_sizes_go_both_ways() {
    let (a, b) = pair();
    let mut at_a = a.endpoint.packets().expect("nobody has them");
    let mut at_b = b.endpoint.packets().expect("nobody has them");
    assert!(b.endpoint.packets().is_none(), "one has them");
    let bytes = |length| Bytes::from(vec![7; length]);
    assert!(
        !a.endpoint.send_packet(b.id(), bytes(1)),
        "no connection yet"
    );
    a.endpoint.open_packets(b.id()).await.unwrap();
    assert!(a.endpoint.send_packet(b.id(), bytes(1)));
    assert_eq!(next(&mut at_b).await, bytes(1));
    for length in [1_100, 1_500, 9_000, MAX_PACKET] {
        arrives(&a, &b, &mut at_b, &bytes(length)).await;
        arrives(&b, &a, &mut at_a, &bytes(length)).await;
    }
    for length in [0, MAX_PACKET + 1] {
        assert!(!a.endpoint.send_packet(b.id(), bytes(length)), "{length}");
    }
}

#[tokio::test]
async fn a_flood_is_dropped_and_streams_go_on() {
    let (a, mut b) = pair();
    a.endpoint.open_packets(b.id()).await.unwrap();
    // Nobody takes them.
    eventually(|| {
        for _ in 0..100 {
            a.endpoint.send_packet(b.id(), Bytes::from(vec![1; 1_000]));
            a.endpoint.send_packet(b.id(), Bytes::from(vec![1; 60_000]));
        }
        b.endpoint.stats().packets_not_received > 1_000
    })
    .await;
    let stats = b.endpoint.stats();
    assert!(stats.packets_received <= 1_024, "{stats:?}");
    let (id, opening) = (b.id(), a.endpoint.clone());
    let opened = tokio::spawn(async move { opening.open_stream(id, Default::default()).await });
    b.stream().await;
    assert!(opened.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_connection_that_carries_packets_is_in_use() {
    let (a_key, b_key) = ordered(1, 2);
    let trust = trust(&[&a_key, &b_key]);
    let short = |key| {
        let mut config = config(key, trust.clone());
        config.idle_timeout = Duration::from_millis(300);
        config.keep_alive = Duration::from_millis(50);
        config
    };
    let (a, b) = (Node::start(short(&a_key)), Node::start(short(&b_key)));
    a.knows(&b);
    let mut at_b = b.endpoint.packets().expect("nobody has them");
    a.endpoint.open_packets(b.id()).await.unwrap();
    for _ in 0..40 {
        assert!(
            a.endpoint
                .send_packet(b.id(), Bytes::from_static(b"still here"))
        );
        next(&mut at_b).await;
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(a.endpoint.stats().connections_made, 1);
    eventually(|| a.endpoint.stats().connections == 0).await;
}

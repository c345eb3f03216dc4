//! What members send arrives, within limits.

use std::time::Duration;

use crate::cluster::{PATIENCE, echo, eventually, pair};
use bytes::Bytes;
use shoal_net::{
    Incoming, IncomingStream, MAX_DATAGRAM, MAX_REPLY, MAX_REQUEST, MAX_RUMOUR, MAX_STREAM_HEADER,
    RequestError, StreamError, StreamHeader,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HELLO: Bytes = Bytes::from_static(b"hello");

#[tokio::test]
async fn datagrams_go_both_ways_once_connected() {
    let (mut a, mut b) = pair();
    a.endpoint.send_datagram(b.id(), HELLO);
    assert_eq!(a.endpoint.stats().datagrams_not_sent, 1);
    a.connected(b.id()).await;
    b.connected(a.id()).await;
    let largest = Bytes::from(vec![7; MAX_DATAGRAM]);
    a.endpoint.send_datagram(b.id(), largest.clone());
    let got = b
        .wait_for(|event| match event {
            Incoming::Datagram { from, bytes } => Some((from, bytes)),
            _ => None,
        })
        .await;
    assert_eq!(got, (a.id(), largest));
    // The acceptor was never told an address: the connection serves both directions.
    b.endpoint.send_datagram(a.id(), HELLO);
    let got = a
        .wait_for(|event| match event {
            Incoming::Datagram { from, bytes } => Some((from, bytes)),
            _ => None,
        })
        .await;
    assert_eq!(got, (b.id(), HELLO));
    assert_eq!(b.endpoint.last_seen(a.id()), Some(a.addr()));
    assert_eq!(a.endpoint.stats().connections, 1);
}

#[tokio::test]
async fn rumours_arrive_even_if_unconnected_and_large() {
    let (a, mut b) = pair();
    let large = Bytes::from(vec![9; MAX_RUMOUR]);
    a.endpoint.send_rumour(b.id(), HELLO);
    a.endpoint.send_rumour(b.id(), large.clone());
    for expected in [HELLO, large] {
        let got = b
            .wait_for(|event| match event {
                Incoming::Rumour { from, bytes } => Some((from, bytes)),
                _ => None,
            })
            .await;
        assert_eq!(got, (a.id(), expected));
    }
}

#[tokio::test]
async fn a_request_is_answered_both_ways() {
    let (a, b) = pair();
    let (a_id, b_id) = (a.id(), b.id());
    echo(a.inbox);
    echo(b.inbox);
    let large = Bytes::from(vec![3; MAX_REQUEST]);
    for body in [HELLO, large, Bytes::new()] {
        let answer = a.endpoint.request(b_id, body.clone(), PATIENCE).await;
        assert_eq!(answer, Ok(body.clone()));
        let answer = b.endpoint.request(a_id, body.clone(), PATIENCE).await;
        assert_eq!(answer, Ok(body));
    }
}

#[tokio::test]
async fn a_dropped_reply_and_a_too_large_one_fail() {
    let (a, mut b) = pair();
    let id = b.id();
    tokio::spawn(async move {
        let mut large = true;
        while let Some(event) = b.inbox.recv().await {
            if let Incoming::Request { reply, .. } = event {
                if large {
                    reply.send(vec![0; MAX_REPLY + 1].into());
                }
                large = false;
            }
        }
    });
    for _ in 0..2 {
        let answer = a.endpoint.request(id, HELLO, PATIENCE).await;
        assert_eq!(answer, Err(RequestError::Declined));
    }
}

#[tokio::test]
async fn a_silent_agent_is_a_timeout() {
    let (a, mut b) = pair();
    let limit = Duration::from_millis(300);
    let answer = a.endpoint.request(b.id(), HELLO, limit).await;
    assert_eq!(answer, Err(RequestError::TimedOut(limit)));
    // It did arrive.
    b.wait_for(|event| matches!(event, Incoming::Request { .. }).then_some(()))
        .await;
}

#[tokio::test]
async fn streams_carry_a_header_and_both_halves() {
    let (a, mut b) = pair();
    let header = StreamHeader(vec![5; MAX_STREAM_HEADER]);
    let opened = a.endpoint.open_stream(b.id(), header.clone()).await;
    let (mut send, mut recv) = opened.unwrap();
    let IncomingStream {
        from,
        header: got,
        send: mut b_send,
        recv: mut b_recv,
    } = b.stream().await;
    assert_eq!((from, got), (a.id(), header));
    send.write_all(b"ping").await.unwrap();
    send.shutdown().await.unwrap();
    let mut text = String::new();
    b_recv.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "ping");
    b_send.write_all(b"pong").await.unwrap();
    b_send.shutdown().await.unwrap();
    text.clear();
    recv.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "pong");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_sent() {
    let (a, b) = pair();
    let too = |limit: usize| Bytes::from(vec![0; limit + 1]);
    a.endpoint.send_datagram(b.id(), too(MAX_DATAGRAM));
    a.endpoint.send_rumour(b.id(), too(MAX_RUMOUR));
    let stats = a.endpoint.stats();
    assert_eq!((stats.datagrams_not_sent, stats.rumours_not_sent), (1, 1));
    let answer = a.endpoint.request(b.id(), too(MAX_REQUEST), PATIENCE).await;
    assert_eq!(answer, Err(RequestError::TooLarge(MAX_REQUEST + 1)));
    let header = StreamHeader(vec![0; MAX_STREAM_HEADER + 1]);
    let opened = a.endpoint.open_stream(b.id(), header).await.err();
    assert_eq!(opened, Some(StreamError::TooLarge(MAX_STREAM_HEADER + 1)));
}

#[tokio::test]
async fn a_slow_agent_loses_datagrams_and_no_rumour() {
    let (a_key, b_key) = crate::cluster::ordered(1, 2);
    let trust = crate::cluster::trust(&[&a_key, &b_key]);
    let a = crate::cluster::Node::start(crate::cluster::config(&a_key, trust.clone()));
    let mut slow = crate::cluster::config(&b_key, trust);
    slow.inbox = 4;
    let mut b = crate::cluster::Node::start(slow);
    a.knows(&b);
    let count = 100;
    for number in 0..count {
        a.endpoint.send_rumour(b.id(), Bytes::from(vec![number]));
    }
    let (id, b_endpoint) = (b.id(), b.endpoint.clone());
    eventually(|| a.endpoint.is_connected(id)).await;
    eventually(|| {
        a.endpoint.send_datagram(id, HELLO);
        b_endpoint.stats().datagrams_not_received > 0
    })
    .await;
    let mut next = 0;
    while next < count {
        next = b
            .wait_for(|event| match event {
                Incoming::Rumour { bytes, .. } => {
                    assert_eq!(bytes[..], [next]);
                    Some(next + 1)
                }
                _ => None,
            })
            .await;
    }
}

#[tokio::test]
async fn rumours_for_a_dead_peer_are_dropped_and_counted() {
    let (a, b) = pair();
    let id = b.id();
    b.endpoint.close().await;
    for _ in 0..10_000 {
        a.endpoint.send_rumour(id, HELLO);
    }
    eventually(|| a.endpoint.stats().rumours_not_sent == 10_000).await;
}

#[tokio::test]
async fn closing_tells_the_peers_and_ends_the_inbox() {
    let (mut a, mut b) = pair();
    a.endpoint.redial(b.id());
    a.connected(b.id()).await;
    b.connected(a.id()).await;
    b.endpoint.close().await;
    a.disconnected(b.id()).await;
    assert!(!a.endpoint.is_connected(b.id()));
    assert_eq!(a.endpoint.stats().refused_by_peers, 0);
}

#[tokio::test]
async fn a_socket_for_everything_reaches_and_serves_ipv4() {
    let (a_key, b_key) = crate::cluster::ordered(1, 2);
    let trust = crate::cluster::trust(&[&a_key, &b_key]);
    let mut everything = crate::cluster::config(&a_key, trust.clone());
    everything.listen = "[::]:0".parse().unwrap();
    let a = crate::cluster::Node::start(everything);
    let b = crate::cluster::Node::start(crate::cluster::config(&b_key, trust));
    let (a_end, b_end) = (a.endpoint.clone(), b.endpoint.clone());
    a.knows(&b);
    echo(b.inbox);
    let answer = a_end.request(b_end.id(), HELLO, PATIENCE).await;
    assert_eq!(answer, Ok(HELLO));
    // As people write it, not as the IPv6 socket sees it.
    let seen = b_end.last_seen(a_end.id());
    assert_eq!(seen, Some(crate::cluster::loopback(a.addr().port())));
    assert_eq!(a_end.last_seen(b_end.id()), Some(b_end.local_addr()));
}

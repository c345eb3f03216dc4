//! The server over real sockets, with clients that mean harm.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::watch,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Names, relay,
    samples::{self, NETWORK},
    server::STREAMS_MAX,
};
use crate::{balancer::NameServer, runtime::docker::Range};

const SOON: Duration = Duration::from_secs(5);

/// A server for whoever is on this machine.
async fn server() -> (SocketAddr, SocketAddr, DropGuard) {
    let (mut local, view) = (samples::local(), samples::view());
    let network = local.networks.get_mut(&NETWORK).unwrap();
    network.range = Range {
        subnet: "127.0.0.0/8".parse().unwrap(),
        gateway: [127, 0, 0, 1].into(),
    };
    let names = samples::names();
    names.virtuals.update(&local, &view);
    let names = Arc::new(Names {
        networks: watch::channel(Arc::new(local)).1,
        ..names
    });
    let packets = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let streams = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = (packets.local_addr().unwrap(), streams.local_addr().unwrap());
    let end = CancellationToken::new();
    names.serve(NETWORK, packets, streams, end.clone());
    (addresses.0, addresses.1, end.drop_guard())
}

fn question(id: u16) -> Vec<u8> {
    let mut question = Message::query();
    question.metadata.id = id;
    question.add_query(Query::query(
        Name::from_ascii("web.").unwrap(),
        RecordType::A,
    ));
    question.to_vec().unwrap()
}

fn is_answer(bytes: &[u8], id: u16) -> bool {
    let answer = Message::from_vec(bytes).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    answer.metadata.id == id && answer.answers.len() == 1
}

#[tokio::test]
async fn a_stream_takes_several_questions_and_ends_with_one_that_is_none() {
    let (_, streams, _end) = server().await;
    let mut client = TcpStream::connect(streams).await.unwrap();
    for id in 1..4 {
        relay::write(&mut client, &question(id)).await.unwrap();
        let answer = timeout(SOON, relay::read(&mut client)).await.unwrap();
        assert!(is_answer(&answer.unwrap(), id));
    }
    relay::write(&mut client, b"no question at all")
        .await
        .unwrap();
    let ended = timeout(SOON, client.read_u8()).await.unwrap();
    assert!(ended.is_err(), "nobody talks to it any more");
}

#[tokio::test]
async fn streams_that_say_nothing_take_no_more_than_their_places() {
    let (packets, streams, _end) = server().await;
    let mut silent = Vec::new();
    for _ in 0..STREAMS_MAX {
        let mut client = TcpStream::connect(streams).await.unwrap();
        // Half a question: it waits for the rest.
        client.write_all(&[0, 40, 1]).await.unwrap();
        silent.push(client);
    }
    let asks = async || {
        let mut client = TcpStream::connect(streams).await.ok()?;
        relay::write(&mut client, &question(7)).await.ok()?;
        relay::read(&mut client).await.ok()
    };
    assert!(timeout(SOON, asks()).await.unwrap().is_none(), "no place");
    // Packets have their own.
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.send_to(&question(9), packets).await.unwrap();
    let mut answer = [0; 512];
    let size = timeout(SOON, client.recv(&mut answer)).await.unwrap();
    assert!(is_answer(&answer[..size.unwrap()], 9));
    silent.clear();
    let answer = timeout(SOON, async {
        loop {
            if let Some(answer) = asks().await {
                return answer;
            }
        }
    });
    assert!(is_answer(&answer.await.unwrap(), 7));
}

#[tokio::test]
async fn rubbish_in_packets_costs_nobody_an_answer() {
    let (packets, _, _end) = server().await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let good = question(1);
    for length in 0..2_000_usize {
        // Whole and broken heads, counts that lie, and names that point at themselves.
        let mut packet = good.clone();
        packet.resize(length % 600, 0xC0);
        if let Some(byte) = packet.get_mut(length % 37) {
            *byte ^= 0xFF;
        }
        client.send_to(&packet, packets).await.unwrap();
    }
    let mut answer = [0; 4_096];
    let heard = timeout(SOON, async {
        loop {
            // What was lost among all that is asked again.
            client.send_to(&question(4_711), packets).await.unwrap();
            let waited = timeout(Duration::from_millis(200), client.recv(&mut answer)).await;
            if let Ok(Ok(size)) = waited
                && Message::from_vec(&answer[..size]).is_ok_and(|one| one.metadata.id == 4_711)
            {
                return is_answer(&answer[..size], 4_711);
            }
        }
    });
    assert!(heard.await.unwrap());
}

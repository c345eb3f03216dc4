//! A peer whose way changes under the connections that stand.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use shoal_net::StreamHeader;
use tokio::{net::UdpSocket, task::JoinHandle, time::sleep};

use crate::cluster::{Node, config, eventually, loopback, ordered, trust};

/// A router between one client and a server: the server sees the router's address. Ends with its task.
async fn router(server: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let inside = Arc::new(UdpSocket::bind(loopback(0)).await.expect("a port"));
    let outside = UdpSocket::bind(loopback(0)).await.expect("a port");
    let address = inside.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        let mut client = None;
        let (mut to, mut back) = ([0; 2_048], [0; 2_048]);
        loop {
            // What can't be passed on is lost, as everywhere.
            tokio::select! {
                Ok((length, from)) = inside.recv_from(&mut to) => {
                    client = Some(from);
                    let _ = outside.send_to(&to[..length], server).await;
                }
                Ok((length, _)) = outside.recv_from(&mut back) => {
                    if let Some(client) = client {
                        let _ = inside.send_to(&back[..length], client).await;
                    }
                }
            }
        }
    });
    (address, task)
}

/// Opens streams until one is heard of, as clients come again.
async fn is_heard(from: &Node, to: &mut Node) {
    let id = to.id();
    let asking = async {
        let mut opened = Vec::new();
        loop {
            opened.push(from.endpoint.open_stream(id, StreamHeader::default()).await);
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = asking => {}
        _ = to.stream() => {}
    }
}

/// Two nodes with connections through a router that is gone, and the first knows of a new way.
async fn lost() -> (Node, Node) {
    let (a_key, b_key) = ordered(1, 2);
    let trust = trust(&[&a_key, &b_key]);
    let long = |key| {
        let mut config = config(key, trust.clone());
        // Not within this test.
        config.idle_timeout = Duration::from_secs(600);
        config
    };
    let (mut a, mut b) = (Node::start(long(&a_key)), Node::start(long(&b_key)));
    let (address, router) = router(b.addr()).await;
    a.endpoint.set_addresses(b.id(), vec![address]);
    a.endpoint.redial(b.id());
    a.connected(b.id()).await;
    is_heard(&a, &mut b).await;
    is_heard(&b, &mut a).await;
    router.abort();
    a.knows(&b);
    (a, b)
}

#[tokio::test]
async fn streams_take_the_new_way_when_the_old_one_is_gone() {
    let (mut a, mut b) = lost().await;
    let (a_end, b_end) = (a.endpoint.clone(), b.endpoint.clone());
    let (a_addr, b_addr) = (a.addr(), b.addr());
    eventually(|| {
        // As for each probe that is not answered.
        a_end.redial(b_end.id());
        a_end.last_seen(b_end.id()) == Some(b_addr) && b_end.last_seen(a_end.id()) == Some(a_addr)
    })
    .await;
    is_heard(&a, &mut b).await;
    is_heard(&b, &mut a).await;
}

#[tokio::test]
async fn streams_without_an_answer_make_a_new_connection() {
    let (a, mut b) = lost().await;
    a.endpoint.doubt_streams(b.id());
    is_heard(&a, &mut b).await;
}

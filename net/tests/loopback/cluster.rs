//! Real endpoints on loopback, and ways to wait for what they tell.

use std::{net::SocketAddr, time::Duration};

use shoal_membership::{ClusterId, NodeId, SecretKey};
use shoal_net::{Endpoint, EndpointConfig, Inbox, Incoming, IncomingStream, Streams, TrustSet};
use tokio::time::timeout;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const CLUSTER: ClusterId = ClusterId::from_bytes([1; 16]);

pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) inbox: Inbox,
    pub(crate) streams: Streams,
}

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// Two keys, the one with the smaller id first.
pub(crate) fn ordered(a: u8, b: u8) -> (SecretKey, SecretKey) {
    let (a, b) = (secret(a), secret(b));
    if a.node_id() < b.node_id() {
        (a, b)
    } else {
        (b, a)
    }
}

pub(crate) fn trust(keys: &[&SecretKey]) -> TrustSet {
    keys.iter()
        .fold(TrustSet::empty(CLUSTER), |set, key| set.with(key.public()))
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(crate) fn config(secret: &SecretKey, trust: TrustSet) -> EndpointConfig {
    EndpointConfig::lan(secret.clone(), loopback(0), trust)
}

impl Node {
    pub(crate) fn start(config: EndpointConfig) -> Self {
        Self::of(Endpoint::bind(config).expect("a free port"))
    }

    pub(crate) fn of((endpoint, inbox): (Endpoint, Inbox)) -> Self {
        let streams = endpoint.streams().expect("nobody has them");
        Self {
            endpoint,
            inbox,
            streams,
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.endpoint.id()
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    pub(crate) fn knows(&self, other: &Node) {
        self.endpoint.set_addresses(other.id(), vec![other.addr()]);
    }

    /// The next stream that somebody opens.
    pub(crate) async fn stream(&mut self) -> IncomingStream {
        let next = timeout(PATIENCE, self.streams.recv()).await;
        next.expect("a stream did not come")
            .expect("the endpoint is open")
    }

    /// The next event for which `wanted` gives something.
    pub(crate) async fn wait_for<T>(&mut self, mut wanted: impl FnMut(Incoming) -> Option<T>) -> T {
        timeout(PATIENCE, async {
            loop {
                if let Some(found) = wanted(self.inbox.recv().await.expect("the endpoint is open"))
                {
                    return found;
                }
            }
        })
        .await
        .expect("the event did not come")
    }

    pub(crate) async fn connected(&mut self, to: NodeId) {
        self.wait_for(|event| {
            matches!(event, Incoming::Connected { from, .. } if from == to).then_some(())
        })
        .await;
    }

    pub(crate) async fn disconnected(&mut self, to: NodeId) {
        self.wait_for(|event| {
            matches!(event, Incoming::Disconnected { from } if from == to).then_some(())
        })
        .await;
    }
}

/// Two nodes that trust each other; the first knows where the second is.
pub(crate) fn pair() -> (Node, Node) {
    let (a, b) = ordered(1, 2);
    let trust = trust(&[&a, &b]);
    let first = Node::start(config(&a, trust.clone()));
    let second = Node::start(config(&b, trust));
    first.knows(&second);
    (first, second)
}

/// Waits until something holds, looking again and again.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    timeout(PATIENCE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it never came to hold");
}

/// Answers every request with what was asked.
pub(crate) fn echo(mut inbox: Inbox) {
    tokio::spawn(async move {
        while let Some(event) = inbox.recv().await {
            if let Incoming::Request { bytes, reply, .. } = event {
                reply.send(bytes);
            }
        }
    });
}

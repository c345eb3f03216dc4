//! Credentials of registries travel from the node that a client gave them to, to the one that pulls an
//! image and was refused without: asked for one service, on a connection between members.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bincode::{Decode, Encode};
use shoal_membership::{
    NodeId,
    codec::{decode, encode},
};
use shoal_net::{Endpoint, SendStream, StreamHeader};
use shoal_scheduler::{
    task::ServiceId,
    view::{ClusterView, NodeStatus},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    time::timeout,
};

use crate::runtime::{
    BoxFuture,
    docker::{CREDENTIALS_BYTES_MAX, CredentialSource, CredentialStore, Credentials},
};

/// First byte of the header of such a stream.
const CREDENTIALS: u8 = 2;
/// Time for a node to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// Nodes that are asked, one after another. Whoever pulled with them has them, too.
const ASKED_MAX: usize = 32;

#[derive(Encode, Decode)]
struct Ask {
    service: ServiceId,
}

/// Finds credentials here, or asks the others.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) held: Arc<CredentialStore>,
    /// Known when the node has its port.
    others: OnceLock<(Endpoint, watch::Receiver<Arc<ClusterView>>)>,
}

impl Desk {
    pub(super) fn connect(&self, endpoint: Endpoint, view: watch::Receiver<Arc<ClusterView>>) {
        // Once a life.
        let _ = self.others.set((endpoint, view));
    }

    /// Answers another node, if that is what its stream is for.
    pub(super) fn serve(&self, header: &StreamHeader, send: SendStream) -> Option<SendStream> {
        let asked = header
            .0
            .split_first()
            .filter(|(kind, _)| **kind == CREDENTIALS);
        let Some((_, rest)) = asked else {
            return Some(send);
        };
        if let Ok(Ask { service }) = decode::<Ask>(rest) {
            let held = self.held.get(service);
            tokio::spawn(answer(send, held));
        }
        None
    }

    async fn ask_others(&self, service: ServiceId) -> Option<Credentials> {
        let (endpoint, view) = self.others.get()?;
        let view = view.borrow().clone();
        let ready = view
            .nodes
            .values()
            .filter(|node| node.id != view.this_node && node.status == NodeStatus::Ready);
        for node in ready.take(ASKED_MAX) {
            let answer = timeout(ANSWER_TIME_MAX, ask(endpoint, node.id, service)).await;
            if let Ok(Some(found)) = answer {
                return Some(found);
            }
        }
        None
    }
}

impl CredentialSource for Desk {
    fn find(&self, service: ServiceId) -> BoxFuture<'_, Option<Credentials>> {
        Box::pin(async move {
            if let Some(held) = self.held.get(service) {
                return Some(held);
            }
            let found = self.ask_others(service).await?;
            self.held.keep(service, found.clone());
            Some(found)
        })
    }
}

async fn answer(mut send: SendStream, held: Option<Credentials>) {
    let json = held.as_ref().map_or("", Credentials::json);
    let length = u32::try_from(json.len()).unwrap_or(0);
    // An error: the asker has gone.
    let sent = async {
        send.write_u32(length).await?;
        send.write_all(json.as_bytes()).await?;
        AsyncWriteExt::shutdown(&mut *send).await
    };
    if let Err(error) = sent.await {
        tracing::debug!(%error, "a node that asked for credentials has gone");
    }
}

async fn ask(endpoint: &Endpoint, node: NodeId, service: ServiceId) -> Option<Credentials> {
    let mut header = vec![CREDENTIALS];
    header.extend(encode(&Ask { service }));
    let opened = endpoint.open_stream(node, StreamHeader(header)).await;
    let (_send, mut recv) = opened.ok()?;
    let length = recv.read_u32().await.ok()?;
    let length = usize::try_from(length).ok()?;
    if length > CREDENTIALS_BYTES_MAX {
        return None;
    }
    let mut json = vec![0; length];
    recv.read_exact(&mut json).await.ok()?;
    Credentials::of_json(String::from_utf8(json).ok()?)
}

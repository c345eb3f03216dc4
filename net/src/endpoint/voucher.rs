//! A member that another does not know yet shows it how it was admitted.

use std::{net::SocketAddr, sync::Arc};

use shoal_membership::NodeId;
use tokio::time::timeout;

use super::{Inner, joiner};
use crate::{
    alpn,
    config::{JOIN_ANSWER_TIMEOUT, MAX_JOIN_HELLO},
    join::{Answer, JoinError, Knock},
    refusal::Refusal,
    tls,
};

/// Shows a trusted peer the admissions, at the first of its addresses at which it answers.
pub(super) async fn vouch(
    inner: &Arc<Inner>,
    to: NodeId,
    admissions: Vec<u8>,
) -> Result<(), JoinError> {
    if admissions.len() > MAX_JOIN_HELLO {
        return Err(JoinError::HelloTooLarge(admissions.len()));
    }
    let (cluster, addresses) = {
        let mut peers = inner.peers();
        let cluster = peers.trust.cluster;
        let peer = peers
            .trusted(to)
            .map_err(|refusal| JoinError::Unreachable(refusal.to_string()))?;
        (cluster, peer.dial_addresses())
    };
    let knock = Knock::Vouch(cluster, admissions);
    let mut failures = Vec::new();
    for address in addresses {
        let connection = match dial(inner, to, address).await {
            Ok(connection) => connection,
            Err(failure) => {
                failures.push(format!("{address}: {failure}"));
                continue;
            }
        };
        let answer = timeout(JOIN_ANSWER_TIMEOUT, joiner::knock(&connection, &knock)).await;
        Refusal::Idle.close(&connection);
        return match answer {
            Ok(Some(Answer::Accepted(_))) => {
                inner.peers().may_dial_at_once(to);
                Ok(())
            }
            Ok(Some(Answer::Refused(reason))) => Err(JoinError::Refused {
                address,
                reason: reason.shortened(),
            }),
            _ => Err(JoinError::BadAnswer(address)),
        };
    }
    Err(JoinError::Unreachable(failures.join("; ")))
}

/// A connection of the join protocol with the holder of this key.
async fn dial(
    inner: &Arc<Inner>,
    to: NodeId,
    address: SocketAddr,
) -> Result<quinn::Connection, String> {
    let connecting = inner.dial_with(alpn::offered_to_join(), address)?;
    let connection = timeout(inner.settings.handshake_timeout, connecting)
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|error| error.to_string())?;
    if tls::peer_key(&connection).is_some_and(|key| key.node_id() == to) {
        return Ok(connection);
    }
    Refusal::AnotherNode.close(&connection);
    Err(Refusal::AnotherNode.to_string())
}

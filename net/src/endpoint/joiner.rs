//! The joiner's side: asks the members that the token names, one after another.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use shoal_membership::{NodeId, PublicKey, codec};
use tokio::time::timeout;

use super::Inner;
use crate::{
    alpn,
    config::{JOIN_ANSWER_TIMEOUT, MAX_JOIN_HELLO, MAX_SNAPSHOT},
    join::{ANSWER_OVERHEAD, Answer, Ask, JoinAnswer, JoinError, JoinRefusal, Knock, exporter},
    peers::canonical,
    refusal::Refusal,
    tls,
    token::JoinToken,
    transport,
};

/// Joins through the first member that lets us in. `verify` decides about a member that the token
/// doesn't name, from what it answered; it is asked only if none of the named ones let us in.
pub(super) async fn join(
    inner: &Arc<Inner>,
    token: &JoinToken,
    hello: Vec<u8>,
    verify: impl Fn(&PublicKey, &JoinAnswer) -> bool,
) -> Result<JoinAnswer, JoinError> {
    if hello.len() > MAX_JOIN_HELLO {
        return Err(JoinError::HelloTooLarge(hello.len()));
    }
    let mut failure = JoinError::NoAddress;
    let mut strangers = Vec::new();
    for address in &token.addresses {
        match Visit::begin(inner, token, *address).await {
            Ok(visit) if visit.is_pinned() => match visit.ask(inner, &hello).await {
                Ok(answer) => return Ok(answer),
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => failure = error,
            },
            Ok(visit) => strangers.push(visit),
            Err(error) => failure = worse(failure, error),
        }
    }
    for visit in strangers {
        let (address, found) = (visit.address, visit.key.node_id());
        match visit.ask(inner, &hello).await {
            Ok(answer) if verify(&answer.member, &answer) => return Ok(answer),
            // A stranger's words count for nothing: not its refusal, either.
            _ => failure = worse(failure, JoinError::Impostor { address, found }),
        }
    }
    Err(failure)
}

/// A named member's "no" is the answer, unless another may know better.
fn is_final(error: &JoinError) -> bool {
    matches!(error, JoinError::Refused { reason, .. } if !reason.is_worth_asking_elsewhere())
}

/// The failure that says more: what a named member said before what somebody else did.
fn worse(old: JoinError, new: JoinError) -> JoinError {
    match (old, new) {
        (JoinError::Unreachable(first), JoinError::Unreachable(second)) => {
            JoinError::Unreachable(format!("{first}; {second}"))
        }
        (old @ (JoinError::Refused { .. } | JoinError::Closed { .. }), _) => old,
        (old, JoinError::Unreachable(_)) if !matches!(old, JoinError::NoAddress) => old,
        (_, new) => new,
    }
}

/// A connection with somebody who may be a member.
struct Visit<'a> {
    connection: quinn::Connection,
    address: SocketAddr,
    key: PublicKey,
    token: &'a JoinToken,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        Refusal::Idle.close(&self.connection);
    }
}

impl<'a> Visit<'a> {
    async fn begin(
        inner: &Inner,
        token: &'a JoinToken,
        address: SocketAddr,
    ) -> Result<Self, JoinError> {
        let address = canonical(address);
        let unreachable = |why: String| JoinError::Unreachable(format!("{address}: {why}"));
        let connecting = inner
            .dial_with(alpn::offered_to_join(), address)
            .map_err(unreachable)?;
        let connection = timeout(inner.settings.handshake_timeout, connecting)
            .await
            .map_err(|_| unreachable("no answer".to_owned()))?
            .map_err(|error| closed_or(address, &error, unreachable))?;
        let key = tls::peer_key(&connection).ok_or(JoinError::BadAnswer(address))?;
        transport::expect_snapshot(&connection);
        Ok(Self {
            connection,
            address,
            key,
            token,
        })
    }

    fn is_pinned(&self) -> bool {
        let id: NodeId = self.key.node_id();
        self.token.pins.contains(&id)
    }

    async fn ask(self, inner: &Inner, hello: &[u8]) -> Result<JoinAnswer, JoinError> {
        let limit = JOIN_ANSWER_TIMEOUT + Duration::from_secs(5);
        let answer = timeout(limit, self.converse(inner, hello))
            .await
            .unwrap_or(None);
        match answer {
            Some(Answer::Accepted(snapshot)) => Ok(JoinAnswer {
                member: self.key,
                address: self.address,
                snapshot,
            }),
            Some(Answer::Refused(reason)) => Err(JoinError::Refused {
                address: self.address,
                reason: reason.shortened(),
            }),
            None => Err(self.why_no_answer()),
        }
    }

    async fn converse(&self, inner: &Inner, hello: &[u8]) -> Option<Answer> {
        let ours = inner.identity.secret.public();
        let ask = Knock::Ask(Ask {
            cluster: self.token.cluster,
            token: self.token.id,
            proof: self.token.prove(&exporter(&self.connection, &ours)?),
            hello: hello.to_vec(),
        });
        knock(&self.connection, &ask).await
    }

    fn why_no_answer(&self) -> JoinError {
        let Some(error) = self.connection.close_reason() else {
            return JoinError::BadAnswer(self.address);
        };
        closed_or(self.address, &error, |_| JoinError::BadAnswer(self.address))
    }
}

/// Says what is wanted, and reads the answer.
pub(super) async fn knock(connection: &quinn::Connection, knock: &Knock) -> Option<Answer> {
    let (mut send, mut recv) = connection.open_bi().await.ok()?;
    send.write_all(&codec::encode(knock)).await.ok()?;
    send.finish().ok()?;
    let limit = MAX_SNAPSHOT + ANSWER_OVERHEAD;
    let bytes = recv.read_to_end(limit).await.ok()?;
    codec::decode(&bytes).ok()
}

fn closed_or(
    address: SocketAddr,
    error: &quinn::ConnectionError,
    otherwise: impl Fn(String) -> JoinError,
) -> JoinError {
    match Refusal::given_by_peer(error) {
        Some(Refusal::Busy) => JoinError::Refused {
            address,
            reason: JoinRefusal::Busy,
        },
        Some(reason) => JoinError::Closed { address, reason },
        None => otherwise(error.to_string()),
    }
}

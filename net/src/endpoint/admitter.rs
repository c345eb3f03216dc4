//! A member's side of joining: passes the joiner's ask to the agent and its answer back.

use std::sync::Arc;

use shoal_membership::{PublicKey, codec};
use tokio::{sync::oneshot, time::timeout};

use super::Inner;
use crate::{
    config::{JOIN_ANSWER_TIMEOUT, MAX_JOIN_HELLO},
    incoming::Incoming,
    join::{
        ASK_OVERHEAD, Answer, JoinRefusal, JoinReply, JoinRequest, Knock, VouchRequest, exporter,
    },
    peers::canonical,
    refusal::Refusal,
};

/// Serves one joiner, and closes the connection.
pub(super) async fn serve(inner: &Arc<Inner>, connection: &quinn::Connection, key: PublicKey) {
    let Some(_place) = inner.joins.take(connection.remote_address().ip()) else {
        return inner.refuse(connection, Refusal::Busy);
    };
    match timeout(JOIN_ANSWER_TIMEOUT, converse(inner, connection, key)).await {
        Ok(Some(())) => Refusal::Idle.close(connection),
        _ => inner.refuse(connection, Refusal::BadHello),
    }
}

async fn converse(
    inner: &Arc<Inner>,
    connection: &quinn::Connection,
    key: PublicKey,
) -> Option<()> {
    let hear = async {
        let (send, mut recv) = connection.accept_bi().await.ok()?;
        let bytes = recv.read_to_end(MAX_JOIN_HELLO + ASK_OVERHEAD).await.ok()?;
        Some((codec::decode::<Knock>(&bytes).ok()?, send))
    };
    let (knock, mut send) = timeout(inner.settings.handshake_timeout, hear)
        .await
        .ok()??;
    if knock.length() > MAX_JOIN_HELLO {
        return None;
    }
    let answer = decide(inner, connection, key, knock).await?;
    if let Answer::Refused(reason) = &answer {
        inner
            .complaints
            .turned_away(&inner.ends(connection), reason);
    }
    let is_accepted = matches!(answer, Answer::Accepted(_));
    send.write_all(&codec::encode(&answer)).await.ok()?;
    send.finish().ok()?;
    // The joiner closes once it has read all; until then the connection has to stay.
    // One that was refused gets no more time than a handshake: its place is for others.
    if is_accepted {
        connection.closed().await;
    } else {
        let _ = timeout(inner.settings.handshake_timeout, connection.closed()).await;
    }
    Some(())
}

async fn decide(
    inner: &Arc<Inner>,
    connection: &quinn::Connection,
    key: PublicKey,
    knock: Knock,
) -> Option<Answer> {
    if knock.cluster() != inner.cluster() {
        return Some(Answer::Refused(JoinRefusal::AnotherCluster));
    }
    let (reply, decision) = oneshot::channel();
    let (reply, from) = (JoinReply(reply), canonical(connection.remote_address()));
    let request = match knock {
        Knock::Ask(ask) => Incoming::Join(JoinRequest {
            key,
            from,
            token_id: ask.token,
            proof: ask.proof,
            exporter: exporter(connection, &key)?,
            hello: ask.hello,
            reply,
        }),
        Knock::Vouch(_, admissions) => Incoming::Vouch(VouchRequest {
            key,
            from,
            admissions,
            reply,
        }),
    };
    inner.deliver(request, None).await;
    tokio::select! {
        decision = decision => Some(decision.unwrap_or(Answer::Refused(JoinRefusal::Busy))),
        _ = connection.closed() => None,
    }
}

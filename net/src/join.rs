//! Becoming a member: the one thing that exists on the join protocol's connections.
//!
//! The joiner proves that it holds a token, by a signature over the TLS exporter; the member's agent
//! decides, and answers with a snapshot. This module checks sizes and sessions and never decides
//! who may join.

use std::net::SocketAddr;

use bincode::{Decode, Encode};
use shoal_membership::{ClusterId, NodeId, PublicKey, Signature};
use tokio::sync::oneshot;

use crate::{config::MAX_SNAPSHOT, refusal::Refusal, token};

/// A refusal's text is cut to this many characters.
const MAX_REFUSAL_TEXT: usize = 200;
/// Room for everything in an ask but its hello.
pub(crate) const ASK_OVERHEAD: usize = 256;
/// Room for everything in an answer but its snapshot.
pub(crate) const ANSWER_OVERHEAD: usize = 1024;
const EXPORTER_LABEL: &[u8] = b"EXPORTER-shoal-join";

/// The first message on a connection of the join protocol.
#[derive(Debug, Encode, Decode)]
pub(crate) enum Knock {
    /// Of a machine with a token.
    Ask(Ask),
    /// Of a member that the other does not know yet: how it was admitted, in the agents' own words.
    Vouch(ClusterId, Vec<u8>),
}

impl Knock {
    pub(crate) const fn cluster(&self) -> ClusterId {
        match self {
            Self::Ask(ask) => ask.cluster,
            Self::Vouch(cluster, _) => *cluster,
        }
    }

    /// Bytes of what the agents say in it.
    pub(crate) const fn length(&self) -> usize {
        match self {
            Self::Ask(ask) => ask.hello.len(),
            Self::Vouch(_, admissions) => admissions.len(),
        }
    }
}

/// What a joiner sends.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Ask {
    pub(crate) cluster: ClusterId,
    pub(crate) token: [u8; 8],
    pub(crate) proof: Signature,
    pub(crate) hello: Vec<u8>,
}

/// What it gets.
#[derive(Debug, Encode, Decode)]
pub(crate) enum Answer {
    Accepted(Vec<u8>),
    Refused(JoinRefusal),
}

/// Why a member does not let a joiner in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, thiserror::Error)]
pub enum JoinRefusal {
    /// No such token, as far as that member knows.
    #[error("the token is not known; it may have been removed, or made a moment ago elsewhere")]
    UnknownToken,
    /// The token's time is over.
    #[error("the token has expired; make a new one with `shoal token create`")]
    Expired,
    /// The token was used as often as it may be.
    #[error("the token is used up; make a new one with `shoal token create`")]
    UsedUp,
    /// The joiner doesn't hold the token's secret.
    #[error("the token's secret is wrong; copy the token again, whole")]
    BadProof,
    /// The joiner's key was removed from the cluster.
    #[error("this node's key was removed from the cluster; start it with an empty data directory")]
    RevokedKey,
    /// What a node showed does not make it a member, as far as that member knows.
    #[error(
        "its admission does not count here (who admitted it was removed before others heard of it); \
         start it with an empty data directory and a new token"
    )]
    NotAdmitted,
    /// The member has too much to do.
    #[error("the member is busy; try again in a moment")]
    Busy,
    /// The token is of another cluster than the member.
    #[error("the member belongs to another cluster than the token")]
    AnotherCluster,
    /// Anything else, in at most 200 characters.
    #[error("{0}")]
    Other(String),
}

impl JoinRefusal {
    /// Another member may know better, or have time.
    pub(crate) const fn is_worth_asking_elsewhere(&self) -> bool {
        matches!(self, Self::UnknownToken | Self::Busy | Self::AnotherCluster)
    }

    pub(crate) fn shortened(self) -> Self {
        match self {
            Self::Other(text) => Self::Other(
                text.chars()
                    .filter(|character| !character.is_control())
                    .take(MAX_REFUSAL_TEXT)
                    .collect(),
            ),
            other => other,
        }
    }
}

/// A member that let us in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinAnswer {
    /// Its key, which it proved to hold.
    pub member: PublicKey,
    /// Where it was reached.
    pub address: SocketAddr,
    /// What its agent sent: at most 8 MiB.
    pub snapshot: Vec<u8>,
}

/// Why joining failed.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Nobody answered.
    #[error("no member of the cluster answered: {0}; check that UDP to it is open")]
    Unreachable(String),
    /// Somebody answered, but nobody whom the token names or whose admission could be checked.
    #[error(
        "{address} is node {found}, which is not one that the token names, nor could it prove that \
         it belongs to that cluster; make a new token on a member"
    )]
    Impostor {
        /// Where it answered.
        address: SocketAddr,
        /// Who it is.
        found: NodeId,
    },
    /// A member said no.
    #[error("{address} refused: {reason}")]
    Refused {
        /// Who said so.
        address: SocketAddr,
        /// Why.
        reason: JoinRefusal,
    },
    /// A member closed the connection.
    #[error("{address} closed the connection: {reason}")]
    Closed {
        /// Who did.
        address: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// The answer was cut short, too large, or no answer.
    #[error("the answer of {0} can't be understood; does it run the same release?")]
    BadAnswer(SocketAddr),
    /// More than 64 KiB are to be sent.
    #[error("the hello of {0} bytes is too large; at most 65536 are allowed")]
    HelloTooLarge(usize),
    /// The token has no address.
    #[error("the token names no address; make a new one on a member that others can reach")]
    NoAddress,
}

/// A joiner at the door. The agent decides.
#[derive(Debug)]
pub struct JoinRequest {
    /// The joiner's key, which it proved to hold.
    pub key: PublicKey,
    /// Where it is seen.
    pub from: SocketAddr,
    /// Which token it claims to hold.
    pub token_id: [u8; 8],
    /// Its proof, not checked yet: see [`JoinRequest::is_proved_by`].
    pub proof: Signature,
    /// What only this session has, and the proof signs.
    pub exporter: [u8; 32],
    /// What the joiner says of itself, in the agents' own words: at most 64 KiB.
    pub hello: Vec<u8>,
    /// Takes the decision.
    pub reply: JoinReply,
}

impl JoinRequest {
    /// Whether the joiner holds the token with this public half.
    #[must_use]
    pub fn is_proved_by(&self, token: &PublicKey) -> bool {
        token::proves(token, &self.exporter, &self.proof)
    }
}

/// Takes the decision about a joiner. Dropping it says [`JoinRefusal::Busy`].
#[derive(Debug)]
pub struct JoinReply(pub(crate) oneshot::Sender<Answer>);

impl JoinReply {
    /// Lets the joiner in, with a snapshot of at most 8 MiB. A larger one is replaced by a refusal.
    pub fn accept(self, snapshot: Vec<u8>) {
        let answer = if snapshot.len() > MAX_SNAPSHOT {
            let text = format!("the snapshot of {} bytes is too large", snapshot.len());
            Answer::Refused(JoinRefusal::Other(text))
        } else {
            Answer::Accepted(snapshot)
        };
        // The joiner may be gone: then nobody needs the answer.
        let _ = self.0.send(answer);
    }

    /// Turns the joiner away.
    pub fn refuse(self, reason: JoinRefusal) {
        let _ = self.0.send(Answer::Refused(reason.shortened()));
    }
}

/// A node whose key is unknown here shows how it became a member. The agent decides.
#[derive(Debug)]
pub struct VouchRequest {
    /// Its key, which it proved to hold.
    pub key: PublicKey,
    /// Where it is seen.
    pub from: SocketAddr,
    /// What it shows, in the agents' own words: at most 64 KiB.
    pub admissions: Vec<u8>,
    /// Takes the decision; an empty snapshot is enough.
    pub reply: JoinReply,
}

/// What only the two ends of this session have. Bound to the joiner's key too, which TLS's own
/// exporter is not.
pub(crate) fn exporter(connection: &quinn::Connection, joiner: &PublicKey) -> Option<[u8; 32]> {
    let mut exporter = [0; 32];
    connection
        .export_keying_material(&mut exporter, EXPORTER_LABEL, joiner.as_bytes())
        .ok()?;
    Some(exporter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shoal_membership::codec;

    use super::*;

    #[test]
    fn a_long_text_is_cut_and_cleaned() {
        let long = JoinRefusal::Other("ä\n".repeat(500)).shortened();
        assert_eq!(long, JoinRefusal::Other("ä".repeat(MAX_REFUSAL_TEXT)));
        let bytes = codec::encode(&Answer::Refused(long));
        assert!(bytes.len() <= ANSWER_OVERHEAD);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = codec::decode::<Knock>(&bytes);
            let _ = codec::decode::<Answer>(&bytes);
        }
    }
}

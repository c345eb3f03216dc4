//! Tokens and joiners: what is checked here before the peer decides.

use rand::TryRng;
use serde::{Deserialize, Serialize};
use shoal_membership::{Addresses, ClusterId, NodeId, codec};
use shoal_net::{JoinRefusal, JoinToken};
use shoal_scheduler::peer::{JoinDenied, Welcome};

/// Members named in a token, so that one of them answers.
const PINS_MAX: usize = 4;

/// What a joiner says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct JoinHello {
    /// Its name for people.
    pub(super) hostname: String,
}

/// A new token of this cluster.
pub(super) fn make_token(
    cluster: ClusterId,
    members: impl Iterator<Item = (NodeId, Addresses)>,
) -> Result<JoinToken, String> {
    let mut id = [0; 8];
    let mut secret = [0; 32];
    let fill = |bytes: &mut [u8]| {
        rand::rngs::SysRng
            .try_fill_bytes(bytes)
            .map_err(|error| format!("the system has no randomness: {error}"))
    };
    fill(&mut id)?;
    fill(&mut secret)?;
    let members: Vec<_> = members.take(PINS_MAX).collect();
    let addresses = members
        .iter()
        .flat_map(|(_, addresses)| addresses.as_slice())
        .copied();
    Ok(JoinToken {
        cluster,
        id,
        secret,
        pins: members.iter().map(|(node, _)| *node).collect(),
        addresses: addresses
            .take(shoal_net::token::MAX_TOKEN_ENTRIES)
            .collect(),
    })
}

/// The peer's answer in the transport's words.
pub(super) fn refusal(denied: JoinDenied) -> JoinRefusal {
    match denied {
        JoinDenied::UnknownToken => JoinRefusal::UnknownToken,
        JoinDenied::Expired => JoinRefusal::Expired,
        JoinDenied::UsedUp => JoinRefusal::UsedUp,
        JoinDenied::Revoked => JoinRefusal::RevokedKey,
        JoinDenied::Busy => JoinRefusal::Busy,
    }
}

/// What a newcomer is sent.
pub(super) fn snapshot(welcome: &Welcome) -> Vec<u8> {
    codec::encode(welcome)
}

/// What a newcomer was sent.
pub(super) fn of_snapshot(bytes: &[u8]) -> Option<Welcome> {
    codec::decode(bytes).ok()
}

//! The protocol names (TLS ALPN) by which two nodes agree on what a connection is for.
//!
//! A dialler offers its exact name first and two fallbacks after it. Which one the acceptor could
//! agree to says, before a byte is read, why two nodes don't belong together: another cluster (the
//! same major), or another major. Without fallbacks both logs would only say "no application
//! protocol".

use shoal_membership::ClusterId;

use crate::refusal::Refusal;

/// The protocol of this release. Nodes of another major number don't talk to each other.
pub const PROTOCOL_MAJOR: u16 = 1;

const ANY_CLUSTER: &[u8] = b"shoal/1";
const ANY_MAJOR: &[u8] = b"shoal";
const JOIN: &[u8] = b"shoal-join/1";
const JOIN_ANY_MAJOR: &[u8] = b"shoal-join";

/// What a connection between two members carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// SWIM datagrams, rumours, requests.
    Control,
    /// Streams and packets of users' traffic, and logs.
    Data,
}

impl Class {
    pub(crate) const ALL: [Self; 2] = [Self::Control, Self::Data];

    fn name(self, cluster: &ClusterId) -> Vec<u8> {
        let class = match self {
            Self::Control => "control",
            Self::Data => "data",
        };
        format!("shoal/{PROTOCOL_MAJOR}/{cluster}/{class}").into_bytes()
    }
}

/// What the two ends agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Member(Class),
    Join,
}

/// What a dialler of this class offers, best first.
pub(crate) fn offered(class: Class, cluster: &ClusterId) -> Vec<Vec<u8>> {
    vec![
        class.name(cluster),
        ANY_CLUSTER.to_vec(),
        ANY_MAJOR.to_vec(),
    ]
}

/// What a joiner offers, best first.
pub(crate) fn offered_to_join() -> Vec<Vec<u8>> {
    vec![JOIN.to_vec(), JOIN_ANY_MAJOR.to_vec()]
}

/// What an acceptor agrees to, best first.
pub(crate) fn accepted(cluster: &ClusterId) -> Vec<Vec<u8>> {
    vec![
        Class::Control.name(cluster),
        Class::Data.name(cluster),
        JOIN.to_vec(),
        ANY_CLUSTER.to_vec(),
        ANY_MAJOR.to_vec(),
        JOIN_ANY_MAJOR.to_vec(),
    ]
}

/// What the agreed name means to a member of this cluster.
pub(crate) fn purpose(agreed: Option<&[u8]>, cluster: &ClusterId) -> Result<Purpose, Refusal> {
    let agreed = agreed.unwrap_or_default();
    if agreed == JOIN {
        return Ok(Purpose::Join);
    }
    if let Some(class) = Class::ALL
        .into_iter()
        .find(|class| agreed == class.name(cluster))
    {
        return Ok(Purpose::Member(class));
    }
    // A name with another cluster in it was agreed on just before this node changed its cluster.
    if agreed == ANY_CLUSTER || agreed.starts_with(b"shoal/1/") {
        return Err(Refusal::AnotherCluster);
    }
    Err(Refusal::AnotherMajor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: ClusterId = ClusterId::from_bytes([1; 16]);
    const THEIRS: ClusterId = ClusterId::from_bytes([2; 16]);

    fn agree(offered: &[Vec<u8>], accepted: &[Vec<u8>]) -> Option<Vec<u8>> {
        accepted.iter().find(|name| offered.contains(name)).cloned()
    }

    #[test]
    fn the_agreed_name_tells_the_reason() {
        let cases = [
            (
                offered(Class::Data, &OURS),
                Ok(Purpose::Member(Class::Data)),
            ),
            (
                offered(Class::Control, &THEIRS),
                Err(Refusal::AnotherCluster),
            ),
            (
                vec![b"shoal/2/x/control".to_vec(), b"shoal".to_vec()],
                Err(Refusal::AnotherMajor),
            ),
            (offered_to_join(), Ok(Purpose::Join)),
            (
                vec![b"shoal-join/2".to_vec(), b"shoal-join".to_vec()],
                Err(Refusal::AnotherMajor),
            ),
        ];
        for (offered, expected) in cases {
            let agreed = agree(&offered, &accepted(&OURS));
            assert_eq!(purpose(agreed.as_deref(), &OURS), expected);
        }
    }
}

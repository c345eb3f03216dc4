//! What a datagram between two nodes may be, and whether it may be believed.
//!
//! The first byte names the kind: foca's own message, or a question or answer of the confirmation
//! protocol. foca trusts what it is given, so a packet is taken apart here first, to its last byte:
//! who it claims to be from must be who sent it (the key of the connection says who that is), and
//! no claimed incarnation may leave no room above it.

use bincode::{Decode, Encode};
use bytes::Buf;
use foca::{Codec, Header};

use crate::{
    Member, NodeId,
    codec::{DecodeError, decode, encode},
    member::INCARNATION_MAX,
    swim_codec::SwimCodec,
};

/// The most bytes of a packet, the same on every node of a cluster: foca refuses larger ones. A
/// QUIC datagram on a fresh path of 1,200 bytes carries 1,162.
pub const MAX_PACKET: usize = 1_100;
/// What remains of it for foca.
pub(crate) const SWIM_BYTES_MAX: usize = MAX_PACKET - 1;

/// Kinds of packets. The high half is the version of the format.
const SWIM: u8 = 0x10;
const ASK: u8 = 0x11;
const ANSWER: u8 = 0x12;
const PASSED: u8 = 0x13;

/// "You are under suspicion, in this life and as of this refutation. Are you there?"
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Ask {
    /// Who asks.
    pub(crate) asker: Member,
    /// The suspect, as the asker knows it.
    pub(crate) suspect: Member,
    /// foca's counter of refutations that the suspicion is about.
    pub(crate) refutations: u16,
    /// Whether somebody holds this life for over already, so that only a new one refutes it.
    pub(crate) down: bool,
}

/// "I am here": the suspect's own word about itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Answer {
    /// The suspect, as it is now.
    pub(crate) member: Member,
    /// Its refutations, above what was asked about.
    pub(crate) refutations: u16,
}

/// A question or an answer by way of a third member: its author and its receiver may not hear each
/// other.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Passed {
    /// Who is to have it in the end.
    pub(crate) to: NodeId,
    pub(crate) word: Word,
}

/// What is passed on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Word {
    Ask(Ask),
    Answer(Answer),
}

/// A packet that was taken apart and may be believed, as far as its sender may be.
pub(crate) enum Packet<'a> {
    /// foca's message: its header, whom it speaks of, and the bytes for foca.
    Swim {
        header: Header<Member>,
        updates: Vec<foca::Member<Member>>,
        bytes: &'a [u8],
    },
    Ask(Ask),
    Answer(Answer),
    Passed(Passed),
}

/// Why a packet was not believed. Nothing has changed, except for [`PacketError::Core`].
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// Larger than [`MAX_PACKET`]: a peer of another version or configuration.
    #[error("a packet of {0} bytes is over {MAX_PACKET}: the peer runs another version")]
    TooBig(usize),
    /// A kind of packet that this version doesn't know.
    #[error("unknown kind of packet {0:?}: the peer runs another version")]
    UnknownKind(Option<u8>),
    /// Not what its kind should look like.
    #[error("malformed packet: {0}")]
    Malformed(#[from] DecodeError),
    /// Bytes that foca's codec can't read, too few or too many.
    #[error("malformed SWIM message: {0}")]
    MalformedSwim(String),
    /// It claims another source than the connection it came from.
    #[error("the packet claims to be from {claimed}, but {from} sent it")]
    WrongSource {
        /// Who sent it.
        from: NodeId,
        /// Who it says it is from.
        claimed: NodeId,
    },
    /// Meant for another node.
    #[error("the packet is for {0}, not for this node")]
    NotForUs(NodeId),
    /// It speaks of an incarnation that no node reaches.
    #[error("incarnation {0} is out of range")]
    Incarnation(u64),
    /// It would make the member list too long.
    #[error("more than {0} members: remove nodes that are gone")]
    TooManyMembers(usize),
    /// foca refused it after it looked right. It may have believed a part.
    #[error("the SWIM core refused the packet: {0}")]
    Core(String),
}

impl Packet<'_> {
    /// Takes a packet apart that `from` sent to `to`.
    ///
    /// # Errors
    /// If any byte of it is not as it should be, or if it isn't from `from` to `to`.
    pub(crate) fn decode(
        bytes: &[u8],
        from: NodeId,
        to: NodeId,
    ) -> Result<Packet<'_>, PacketError> {
        if bytes.len() > MAX_PACKET {
            return Err(PacketError::TooBig(bytes.len()));
        }
        let packet = match bytes.split_first() {
            Some((&SWIM, rest)) => decode_swim(rest)?,
            Some((&ASK, rest)) => Packet::Ask(decode(rest)?),
            Some((&ANSWER, rest)) => Packet::Answer(decode(rest)?),
            Some((&PASSED, rest)) => Packet::Passed(decode(rest)?),
            other => return Err(PacketError::UnknownKind(other.map(|(kind, _)| *kind))),
        };
        packet.check(from, to)?;
        Ok(packet)
    }

    fn check(&self, from: NodeId, to: NodeId) -> Result<(), PacketError> {
        let (source, target) = match self {
            Self::Swim { header, .. } => (&header.src, header.dst.id),
            Self::Ask(ask) => (&ask.asker, ask.suspect.id),
            Self::Answer(answer) => (&answer.member, to),
            Self::Passed(passed) => (passed.word.author(), passed.astray().unwrap_or(to)),
        };
        let came_by_another = matches!(self, Self::Passed(passed) if passed.to == to);
        if (source.id != from && !came_by_another) || source.id == to {
            let claimed = source.id;
            return Err(PacketError::WrongSource { from, claimed });
        }
        if target != to {
            return Err(PacketError::NotForUs(target));
        }
        let highest = self.members().map(|member| member.incarnation).max();
        match highest {
            Some(incarnation) if incarnation > INCARNATION_MAX => {
                Err(PacketError::Incarnation(incarnation))
            }
            _ => Ok(()),
        }
    }

    /// Everyone whom this packet speaks of.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        let (first, second, updates): (_, _, &[foca::Member<Member>]) = match self {
            Self::Swim {
                header, updates, ..
            } => (&header.src, Some(&header.dst), updates),
            Self::Ask(ask) => (&ask.asker, Some(&ask.suspect), &[]),
            Self::Answer(answer) => (&answer.member, None, &[]),
            Self::Passed(passed) => match &passed.word {
                Word::Ask(ask) => (&ask.asker, Some(&ask.suspect), &[]),
                Word::Answer(answer) => (&answer.member, None, &[]),
            },
        };
        let third = match self {
            Self::Swim { header, .. } => third_party(&header.message),
            _ => None,
        };
        let updates = updates.iter().map(foca::Member::id);
        std::iter::once(first)
            .chain(second)
            .chain(third)
            .chain(updates)
    }
}

/// The member that an indirect probe is about.
fn third_party(message: &foca::Message<Member>) -> Option<&Member> {
    match message {
        foca::Message::PingReq { target, .. } | foca::Message::IndirectAck { target, .. } => {
            Some(target)
        }
        foca::Message::IndirectPing { origin, .. } | foca::Message::ForwardedAck { origin, .. } => {
            Some(origin)
        }
        _ => None,
    }
}

/// foca's layout: a header; then, in most messages, a count in two bytes and so many members.
fn decode_swim(bytes: &[u8]) -> Result<Packet<'_>, PacketError> {
    let malformed = |error: &dyn std::fmt::Display| PacketError::MalformedSwim(error.to_string());
    let mut rest = bytes;
    let header = SwimCodec
        .decode_header(&mut rest)
        .map_err(|error| malformed(&error))?;
    let mut updates = Vec::new();
    if rest.len() >= 2 {
        for _ in 0..rest.get_u16() {
            let update = SwimCodec.decode_member(&mut rest);
            updates.push(update.map_err(|error| malformed(&error))?);
        }
    }
    if !rest.is_empty() {
        return Err(malformed(&"bytes after its end"));
    }
    Ok(Packet::Swim {
        header,
        updates,
        bytes,
    })
}

/// foca's bytes in our envelope.
pub(crate) fn swim(bytes: &[u8]) -> Vec<u8> {
    [&[SWIM], bytes].concat()
}

impl Ask {
    pub(crate) fn to_packet(&self) -> Vec<u8> {
        [&[ASK][..], &encode(self)].concat()
    }
}

impl Answer {
    pub(crate) fn to_packet(&self) -> Vec<u8> {
        [&[ANSWER][..], &encode(self)].concat()
    }
}

impl Word {
    /// Whose word it is.
    pub(crate) const fn author(&self) -> &Member {
        match self {
            Self::Ask(ask) => &ask.asker,
            Self::Answer(answer) => &answer.member,
        }
    }
}

impl Passed {
    /// Whom a question is really for, if not the one whom it is passed to.
    fn astray(&self) -> Option<NodeId> {
        match &self.word {
            Word::Ask(ask) if ask.suspect.id != self.to => Some(ask.suspect.id),
            _ => None,
        }
    }

    pub(crate) fn to_packet(&self) -> Vec<u8> {
        [&[PASSED][..], &encode(self)].concat()
    }
}

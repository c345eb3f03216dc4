//! foca's messages as bytes. foca brings the types, we bring the bytes (its `Codec`).
//!
//! Written out by hand over bincode's own traits: by way of serde, which foca's types also have, an
//! id is read byte by byte, and reading packets was half of all that a node does.

use bincode::{
    Decode, Encode,
    config::{Configuration, Limit, LittleEndian, Varint},
    decode_from_std_read, encode_into_std_write,
};
use bytes::{
    Buf, BufMut,
    buf::{Reader, Writer},
};
use foca::{Codec, Header, Message, ProbeNumber, State};

use crate::Member;

/// In memory a message takes a little more than on the wire, but never this much.
const DECODED_BYTES_MAX: usize = 4096;

type Config = Configuration<LittleEndian, Varint, Limit<DECODED_BYTES_MAX>>;

const CONFIG: Config = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

/// The one way in which SWIM's messages become bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SwimCodec;

/// What is wrong with bytes, or with a buffer that is full.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwimCodecError {
    #[error("can't encode: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    #[error("can't decode: {0}")]
    Decode(#[from] bincode::error::DecodeError),
    #[error("no message and no state has the number {0}")]
    Number(u8),
}

/// A message without what it carries, as a number; what it carries, where it does.
fn parts(message: &Message<Member>) -> (u8, Option<&Member>, Option<ProbeNumber>) {
    match message {
        Message::Ping(number) => (0, None, Some(*number)),
        Message::Ack(number) => (1, None, Some(*number)),
        Message::PingReq {
            target,
            probe_number,
        } => (2, Some(target), Some(*probe_number)),
        Message::IndirectPing {
            origin,
            probe_number,
        } => (3, Some(origin), Some(*probe_number)),
        Message::IndirectAck {
            target,
            probe_number,
        } => (4, Some(target), Some(*probe_number)),
        Message::ForwardedAck {
            origin,
            probe_number,
        } => (5, Some(origin), Some(*probe_number)),
        Message::Announce => (6, None, None),
        Message::Feed => (7, None, None),
        Message::Gossip => (8, None, None),
        Message::Broadcast => (9, None, None),
        Message::TurnUndead => (10, None, None),
    }
}

fn put(value: impl Encode, buf: &mut Writer<impl BufMut>) -> Result<(), SwimCodecError> {
    encode_into_std_write(value, buf, CONFIG)?;
    Ok(())
}

fn take<T: Decode<()>>(buf: &mut Reader<impl Buf>) -> Result<T, SwimCodecError> {
    Ok(decode_from_std_read(buf, CONFIG)?)
}

fn take_message(buf: &mut Reader<impl Buf>) -> Result<Message<Member>, SwimCodecError> {
    Ok(match take::<u8>(buf)? {
        0 => Message::Ping(take(buf)?),
        1 => Message::Ack(take(buf)?),
        2 => Message::PingReq {
            target: take(buf)?,
            probe_number: take(buf)?,
        },
        3 => Message::IndirectPing {
            origin: take(buf)?,
            probe_number: take(buf)?,
        },
        4 => Message::IndirectAck {
            target: take(buf)?,
            probe_number: take(buf)?,
        },
        5 => Message::ForwardedAck {
            origin: take(buf)?,
            probe_number: take(buf)?,
        },
        6 => Message::Announce,
        7 => Message::Feed,
        8 => Message::Gossip,
        9 => Message::Broadcast,
        10 => Message::TurnUndead,
        other => return Err(SwimCodecError::Number(other)),
    })
}

impl Codec<Member> for SwimCodec {
    type Error = SwimCodecError;

    fn encode_header(
        &mut self,
        header: &Header<Member>,
        buf: impl BufMut,
    ) -> Result<(), SwimCodecError> {
        let mut buf = buf.writer();
        let (number, member, probe) = parts(&header.message);
        put(
            (&header.src, header.src_incarnation, &header.dst, number),
            &mut buf,
        )?;
        member.map_or(Ok(()), |member| put(member, &mut buf))?;
        probe.map_or(Ok(()), |probe| put(probe, &mut buf))
    }

    fn decode_header(&mut self, buf: impl Buf) -> Result<Header<Member>, SwimCodecError> {
        let mut buf = buf.reader();
        let (src, src_incarnation, dst) = take(&mut buf)?;
        Ok(Header {
            src,
            src_incarnation,
            dst,
            message: take_message(&mut buf)?,
        })
    }

    fn encode_member(
        &mut self,
        member: &foca::Member<Member>,
        buf: impl BufMut,
    ) -> Result<(), SwimCodecError> {
        let state: u8 = match member.state() {
            State::Alive => 0,
            State::Suspect => 1,
            State::Down => 2,
        };
        put(
            (member.id(), member.incarnation(), state),
            &mut buf.writer(),
        )
    }

    fn decode_member(&mut self, buf: impl Buf) -> Result<foca::Member<Member>, SwimCodecError> {
        let (id, incarnation, state) = take::<(Member, u16, u8)>(&mut buf.reader())?;
        let state = match state {
            0 => State::Alive,
            1 => State::Suspect,
            2 => State::Down,
            other => return Err(SwimCodecError::Number(other)),
        };
        Ok(foca::Member::new(id, incarnation, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addresses, NodeId};

    fn member(number: u8) -> Member {
        let address = std::net::SocketAddr::from(([10, 0, 0, number], 7900));
        Member {
            id: NodeId::from_bytes([number; 16]),
            addresses: Addresses::from(address),
            incarnation: u64::from(number) << 40,
        }
    }

    fn messages() -> Vec<Message<Member>> {
        let probe_number = 7;
        let (target, origin) = (member(3), member(4));
        vec![
            Message::Ping(probe_number),
            Message::Ack(probe_number),
            Message::PingReq {
                target: target.clone(),
                probe_number,
            },
            Message::IndirectPing {
                origin: origin.clone(),
                probe_number,
            },
            Message::IndirectAck {
                target,
                probe_number,
            },
            Message::ForwardedAck {
                origin,
                probe_number,
            },
            Message::Announce,
            Message::Feed,
            Message::Gossip,
            Message::Broadcast,
            Message::TurnUndead,
        ]
    }

    #[test]
    fn every_message_comes_back_and_no_torn_one_does() {
        for message in messages() {
            let header = Header {
                src: member(1),
                src_incarnation: 300,
                dst: member(2),
                message,
            };
            let mut bytes = Vec::new();
            SwimCodec.encode_header(&header, &mut bytes).unwrap();
            assert_eq!(SwimCodec.decode_header(&bytes[..]).unwrap(), header);
            for length in 0..bytes.len() {
                assert!(SwimCodec.decode_header(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn every_state_comes_back_and_an_unknown_one_is_refused() {
        for state in [State::Alive, State::Suspect, State::Down] {
            let told = foca::Member::new(member(1), 65_535, state);
            let mut bytes = Vec::new();
            SwimCodec.encode_member(&told, &mut bytes).unwrap();
            assert_eq!(SwimCodec.decode_member(&bytes[..]).unwrap(), told);
            *bytes.last_mut().unwrap() = 3;
            assert!(SwimCodec.decode_member(&bytes[..]).is_err());
        }
    }
}

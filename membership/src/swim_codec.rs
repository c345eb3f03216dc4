//! foca's messages as bincode bytes. foca brings the types, we bring the bytes (its `Codec`).

use bincode::{
    config::{Configuration, Limit, LittleEndian, Varint},
    serde::{decode_from_std_read, encode_into_std_write},
};
use bytes::{Buf, BufMut};
use foca::{Codec, Header};

use crate::Member;

/// In memory a message takes a little more than on the wire, but never this much.
const DECODED_BYTES_MAX: usize = 4096;

type Config = Configuration<LittleEndian, Varint, Limit<DECODED_BYTES_MAX>>;

const CONFIG: Config = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

/// bincode in its standard configuration, with a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SwimCodec;

/// What bincode says of bytes or of a full buffer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwimCodecError {
    #[error("can't encode: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    #[error("can't decode: {0}")]
    Decode(#[from] bincode::error::DecodeError),
}

impl Codec<Member> for SwimCodec {
    type Error = SwimCodecError;

    fn encode_header(
        &mut self,
        header: &Header<Member>,
        buf: impl BufMut,
    ) -> Result<(), SwimCodecError> {
        encode_into_std_write(header, &mut buf.writer(), CONFIG)?;
        Ok(())
    }

    fn decode_header(&mut self, buf: impl Buf) -> Result<Header<Member>, SwimCodecError> {
        Ok(decode_from_std_read(&mut buf.reader(), CONFIG)?)
    }

    fn encode_member(
        &mut self,
        member: &foca::Member<Member>,
        buf: impl BufMut,
    ) -> Result<(), SwimCodecError> {
        encode_into_std_write(member, &mut buf.writer(), CONFIG)?;
        Ok(())
    }

    fn decode_member(&mut self, buf: impl Buf) -> Result<foca::Member<Member>, SwimCodecError> {
        Ok(decode_from_std_read(&mut buf.reader(), CONFIG)?)
    }
}

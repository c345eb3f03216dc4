//! Bytes between machines: QUIC with raw public keys, trust, streams, and joining.
//!
//! An [`Endpoint`] owns one UDP port. It carries datagrams, rumours, requests and streams between
//! nodes that trust each other's keys, and reads nothing from anybody else but one message: a
//! joiner's ask, or the admissions that a member shows which is not known here yet. It knows node
//! ids, keys and addresses; it never knows services or the registry, and keeps nothing on disk.

mod alpn;
mod backoff;
mod complaints;
mod config;
mod endpoint;
mod handed;
mod hello;
mod incoming;
mod join;
mod mtu;
mod peers;
mod places;
mod refusal;
mod rumours;
mod stats;
mod stream;
mod tls;
pub mod token;
mod transport;
mod trust;

pub use alpn::PROTOCOL_MAJOR;
pub use config::{
    EndpointConfig, MAX_ADDRESSES, MAX_DATAGRAM, MAX_JOIN_HELLO, MAX_PACKET, MAX_REPLY,
    MAX_REQUEST, MAX_RUMOUR, MAX_SNAPSHOT, MAX_STREAM_HEADER,
};
pub use endpoint::{BindError, Endpoint, RequestError, StreamError, Unconnected};
pub use incoming::{Inbox, Incoming, IncomingStream, Packets, Reply, Streams};
pub use join::{JoinAnswer, JoinError, JoinRefusal, JoinReply, JoinRequest, VouchRequest};
pub use refusal::Refusal;
pub use stats::Stats;
pub use stream::{RecvStream, SendStream, StreamHeader};
pub use tls::TlsError;
pub use token::JoinToken;
pub use trust::TrustSet;

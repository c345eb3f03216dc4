//! How QUIC is tuned: windows and stream counts that bound what one peer can cost.
//!
//! Every connection begins with what a stranger gets: one stream and 128 KiB. A member is given
//! more once its key is known to be trusted.

use std::sync::Arc;

use quinn::{IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt, crypto};
use shoal_membership::SecretKey;

use crate::{
    alpn::Class,
    config::{EndpointConfig, PACKET_STREAMS, REQUEST_STREAMS, RUMOUR_STREAMS},
    mtu::datagram_max,
};

/// What may be in flight before the peer is known: a joiner's hello fits.
const STRANGER_WINDOW: u32 = 128 << 10;
/// What one stream may have in flight.
const STREAM_WINDOW: u32 = 2 << 20;
/// What a member's connection may have in flight.
const MEMBER_WINDOW: u32 = 4 << 20;
/// What a member's connection for users' traffic may have in flight: of many readers that are slow none
/// stops the others, before there are 32 that read nothing at all.
const DATA_WINDOW: u32 = 64 << 20;
/// What is kept for sending again.
const SEND_WINDOW: u64 = 8 << 20;
/// Room for about 200 datagrams each way.
const DATAGRAM_BUFFER: usize = 256 << 10;
/// The length of a stateless reset's key material.
const RESET_SIGNATURE: usize = 32;

pub(crate) fn transport(config: &EndpointConfig) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(datagram_max(config.listen.ip()));
    let idle = IdleTimeout::try_from(config.idle_timeout).unwrap_or(VarInt::MAX.into());
    transport
        .max_concurrent_bidi_streams(1_u32.into())
        .max_concurrent_uni_streams(0_u32.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(STRANGER_WINDOW.into())
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
        .datagram_send_buffer_size(DATAGRAM_BUFFER)
        .initial_mtu(1200)
        .mtu_discovery_config(Some(mtu))
        .keep_alive_interval(Some(config.keep_alive))
        .max_idle_timeout(Some(idle));
    Arc::new(transport)
}

/// Gives a connection what a trusted peer gets.
pub(crate) fn admit(connection: &quinn::Connection, class: Class, data_streams: u32) {
    connection.set_receive_window(MEMBER_WINDOW.into());
    match class {
        Class::Control => {
            connection.set_max_concurrent_bi_streams(REQUEST_STREAMS.into());
            connection.set_max_concurrent_uni_streams(RUMOUR_STREAMS.into());
        }
        Class::Data => {
            connection.set_receive_window(DATA_WINDOW.into());
            connection.set_max_concurrent_bi_streams(data_streams.into());
            connection.set_max_concurrent_uni_streams(PACKET_STREAMS.into());
        }
    }
}

/// Gives a connection room for the snapshot that a joiner waits for.
pub(crate) fn expect_snapshot(connection: &quinn::Connection) {
    connection.set_receive_window(MEMBER_WINDOW.into());
}

/// A reset key that a node finds again after a restart, so that its peers learn at once that their
/// old connections are gone, instead of when they time out.
pub(crate) struct ResetKey([u8; 32]);

impl ResetKey {
    pub(crate) fn of(secret: &SecretKey) -> Self {
        Self(blake3::derive_key(
            "shoal 2026 stateless reset key",
            &secret.to_seed(),
        ))
    }
}

impl crypto::HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(blake3::keyed_hash(&self.0, data).as_bytes());
    }

    fn signature_len(&self) -> usize {
        RESET_SIGNATURE
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), crypto::CryptoError> {
        let signature = <[u8; RESET_SIGNATURE]>::try_from(signature);
        match signature.map(|bytes| blake3::keyed_hash(&self.0, data) == bytes) {
            Ok(true) => Ok(()),
            _ => Err(crypto::CryptoError),
        }
    }
}

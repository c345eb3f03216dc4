//! Who is here: node identity, SWIM membership and failure detection.
//!
//! This crate does no I/O. It owns no socket, file, thread or clock: packets, due timers, the time
//! and the randomness are handed in, and what is to be sent or persisted is handed back. The same
//! inputs with the same seed give the same outputs, byte for byte, so the simulator and the agent
//! drive the same code.
//!
//! It knows nothing of services, of the registry, or of QUIC.

mod addresses;
mod advance;
pub mod bugs;
pub mod codec;
mod config;
mod confirm;
mod effects;
mod exchange;
mod health;
pub mod identity;
mod image;
mod member;
mod membership;
mod output;
mod packet;
mod passing;
mod receive;
mod reconcile;
mod swim_codec;
mod time;
mod timers;
mod view;

pub use addresses::{ADDRESSES_MAX, Addresses, TooManyAddresses};
pub use config::{Config, Profile, UnknownProfile};
pub use identity::{ClusterId, NodeId, PublicKey, SecretKey, Signature};
pub use image::Image;
pub use member::{INCARNATION_MAX, Liveness, Member, MemberRecord, SoughtId};
pub use membership::{MEMBERS_MAX, Membership};
pub use output::Output;
pub use packet::{MAX_PACKET, PacketError};
pub use time::Now;

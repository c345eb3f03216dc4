//! Who is here: node identity, SWIM membership and failure detection.
//!
//! This crate does no I/O. It owns no socket, file, thread or clock: packets, due timers, the time
//! and the randomness are handed in, and what is to be sent or persisted is handed back. The same
//! inputs with the same seed give the same outputs, byte for byte, so the simulator and the agent
//! drive the same code.
//!
//! It knows nothing of services, of the registry, or of QUIC.

pub mod codec;
pub mod identity;
mod time;

pub use identity::{ClusterId, NodeId, PublicKey, SecretKey, Signature};
pub use time::Now;

//! What should run where.
//!
//! The desired state (a registry of signed, multi-value CRDT entries), the observed state, placement
//! by rendezvous hashing, the reconciler, and [`Peer`](peer::Peer): a whole node minus its I/O.
//!
//! This crate does no I/O and reads no clock: see `shoal_membership`, whose rules it shares. It
//! knows nothing of QUIC, of disks, or of engines.

pub mod file;
pub mod generic;
pub mod gossip;
pub mod job;
pub mod observed;
pub mod order;
pub mod payload;
pub mod peer;
pub mod placement;
pub mod ports;
pub mod reconcile;
pub mod registry;
pub mod spec;
pub mod task;
pub mod update;
pub mod view;

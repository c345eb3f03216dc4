//! Real endpoints on loopback: what arrives, who is let in, which connection stays.

mod cluster;
mod hostile;
mod join;
mod log;
mod packets;
mod paths;
mod raw;
mod refusals;
mod runs;
mod traffic;
mod trust;
mod vouch;

//! How registries and records travel: rumours, and anti-entropy that would be enough by itself
//! (Demers et al., "Epidemic algorithms for replicated database maintenance", 1987).

mod compare;
mod wire;

pub use compare::{BucketLeaves, Differences, Trade, answer_trade, compare_with, find_differences};
pub use wire::{
    Answer, Heartbeat, MESSAGE_BYTES_MAX, Question, Rumour, WIRE_VERSION, WireError, open_datagram,
    open_message, seal_datagram, seal_message,
};

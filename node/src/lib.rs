//! One machine's daemon and the command line.
pub mod compose;

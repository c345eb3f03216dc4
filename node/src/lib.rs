//! One machine's daemon and its command line.
//!
//! The library holds everything; the binary only hands the process's arguments to [`cli::run`].

pub mod cli;

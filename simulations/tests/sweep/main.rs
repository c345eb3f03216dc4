//! Sweeps of a made-up experiment, of which everything is known beforehand: what is kept, what is
//! gone on with, what the tables and the report say, and how damage is named.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod damage;
mod killed;
mod made_up;
mod resuming;
mod showing;
mod studies;
mod tables;

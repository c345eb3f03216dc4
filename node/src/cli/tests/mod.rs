//! Whole command lines against an agent that answers with what Docker's daemon answered.
//!
//! `testdata` holds bodies of a real Swarm (dockerd 20.10.24) and, as text, what the docker client
//! (28.2.2) printed for them.

mod docker_output;
mod ends;
mod fake;
mod shoal_output;
mod writes;

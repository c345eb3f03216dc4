//! The router on a real socket, with a hand-made view and an owner that is played by the test.

mod docker_client;
mod errors;
mod events;
mod fixture;
mod hostile;
mod logs;
mod networks;
mod obedient;
mod reading;
mod sample;
mod shapes;
mod speed;
mod swarm;
mod writing;

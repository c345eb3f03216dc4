//! Room for clusters: a few at once on one machine, each on a loopback address of its own.

use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::{Condvar, Mutex, PoisonError},
};

/// Clusters that run at the same time in one test binary. Two cores starve more of them.
const CLUSTERS_MAX: usize = 2;

struct Rooms {
    taken: usize,
    next: u8,
}

static ROOMS: Mutex<Rooms> = Mutex::new(Rooms { taken: 0, next: 1 });
static LEFT: Condvar = Condvar::new();

/// Leave to run a cluster, and its address. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    /// All of 127.0.0.0/8 is this machine: with an address of its own, a cluster's ports are free,
    /// and stay so between two lives of an agent.
    pub(crate) ip: Ipv4Addr,
}

impl Room {
    /// Waits for room.
    pub(crate) fn take() -> Self {
        let mut rooms = ROOMS.lock().unwrap_or_else(PoisonError::into_inner);
        while rooms.taken >= CLUSTERS_MAX {
            rooms = LEFT.wait(rooms).unwrap_or_else(PoisonError::into_inner);
        }
        rooms.taken += 1;
        let [high, low] = u16::try_from(std::process::id() % 50_000)
            .unwrap_or_default()
            .to_be_bytes();
        loop {
            let ip = Ipv4Addr::new(127, high.saturating_add(1), low, rooms.next);
            rooms.next = rooms.next % 254 + 1;
            if UdpSocket::bind((ip, crate::cluster::FIRST_PORT)).is_ok() {
                return Self { ip };
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        ROOMS.lock().unwrap_or_else(PoisonError::into_inner).taken -= 1;
        LEFT.notify_one();
    }
}

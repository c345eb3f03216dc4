//! Room for clusters: a few at once on one machine, each node on a loopback address of its own.

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
    process: u8,
    number: u8,
}

impl Room {
    /// Waits for room.
    pub(crate) fn take() -> Self {
        let mut rooms = ROOMS.lock().unwrap_or_else(PoisonError::into_inner);
        while rooms.taken >= CLUSTERS_MAX {
            rooms = LEFT.wait(rooms).unwrap_or_else(PoisonError::into_inner);
        }
        rooms.taken += 1;
        let process = u8::try_from(std::process::id() % 250 + 1).unwrap_or(1);
        loop {
            let room = Self {
                process,
                number: rooms.next,
            };
            rooms.next = rooms.next % 254 + 1;
            if UdpSocket::bind((room.ip(0), crate::cluster::FIRST_PORT)).is_ok() {
                return room;
            }
        }
    }

    /// The address of a node, counted from 0. All of 127.0.0.0/8 is this machine: with an address of
    /// its own, a node's ports are free, and stay so between two lives of an agent.
    pub(crate) fn ip(&self, node: u16) -> Ipv4Addr {
        let node = u8::try_from(node % 250 + 1).unwrap_or(1);
        Ipv4Addr::new(127, self.process, self.number, node)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        ROOMS.lock().unwrap_or_else(PoisonError::into_inner).taken -= 1;
        LEFT.notify_one();
    }
}

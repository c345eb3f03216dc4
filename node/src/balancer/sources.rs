//! Clients' own addresses: a container sees who connects to a published port, not the node that brings them.
//!
//! The task's node dials from the client's address (`IP_TRANSPARENT`). What the task answers would leave by this
//! machine's routes: so a rule of nftables marks what belongs to such a socket, and what has the mark is routed to this
//! machine itself. That is how HAProxy's `usesrc clientip` is set up, and Linux's
//! `Documentation/networking/tproxy.rst` says why it works. Docker does as much for ports of a container on one machine;
//! Swarm's routing mesh does not.
//!
//! Only where answers come by this machine: to a container whose default route is a bridge of it, from a client that
//! is neither on that bridge nor this machine. Everybody else is seen to come from this machine, as before. The rules
//! are made when they are first needed and go with the last published port; what a killed agent left goes with its next
//! start.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket as StdUdpSocket},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use ipnet::Ipv4Net;
use nix::{
    sys::socket::{setsockopt, sockopt},
    unistd::geteuid,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    sync::Mutex,
    time::{Instant, timeout},
};

use super::commands::run;

/// Time for a container of this machine to take a connection from its client's address.
const DIAL_TIME_MAX: Duration = Duration::from_millis(300);
/// So many in a row that took longer, and the rules are taken for gone.
const FAILURES_MAX: u32 = 3;
/// Rules that could not be made, or are taken for gone, are made anew after this.
const RETRY: Duration = Duration::from_secs(60);
/// Marks, tables of routes and places among the rules for them: one number each for every agent of a machine, below
/// what Kubernetes marks (bits 14 and 15).
const FIRST: u32 = 7_900;
const NUMBERS: u32 = 8_192;

/// Whether rules stand.
#[derive(Debug)]
enum State {
    /// Nobody needed them yet.
    Unused,
    Standing,
    /// Since when not.
    Missing(Instant),
}

/// What is needed to dial from others' addresses.
#[derive(Debug)]
pub(super) struct Sources {
    table: String,
    number: String,
    state: Mutex<State>,
    is_standing: AtomicBool,
    failures: AtomicU32,
}

impl Sources {
    /// With rules by this name.
    pub(super) fn new(table: &str) -> Self {
        let hash = blake3::hash(table.as_bytes());
        let [a, b, ..] = *hash.as_bytes();
        let number = FIRST + u32::from(u16::from_le_bytes([a, b])) % NUMBERS;
        Self {
            table: format!("{table}_sources"),
            number: number.to_string(),
            state: Mutex::new(State::Unused),
            is_standing: AtomicBool::new(false),
            failures: AtomicU32::new(0),
        }
    }

    /// Takes away what a former run of this agent may have left, if it was not replaced yet: connections may have come
    /// already, and stand by rules of this run.
    pub(super) async fn clear(&self) {
        let state = self.state.lock().await;
        if matches!(*state, State::Unused) {
            self.unmake().await;
        }
    }

    /// Takes the rules away, if it ever made any.
    pub(super) async fn end(&self) {
        let mut state = self.state.lock().await;
        if !matches!(*state, State::Unused) {
            *state = State::Unused;
            self.is_standing.store(false, Ordering::Relaxed);
            self.unmake().await;
        }
    }

    /// Whether there are rules.
    pub(super) fn are_there(&self) -> bool {
        self.is_standing.load(Ordering::Relaxed)
    }

    async fn unmake(&self) {
        if geteuid().is_root() {
            // Errors: there are none.
            let _ = run("nft", &["delete", "table", "ip", &self.table], "").await;
            self.unroute().await;
        }
    }

    async fn unroute(&self) {
        let _ = run("ip", &["rule", "del", "pref", &self.number], "").await;
        let _ = run("ip", &["route", "flush", "table", &self.number], "").await;
    }

    /// A connection to a container, from its client's address. None: it can't be had, and is to be made as usual.
    pub(super) async fn dial(
        &self,
        task: SocketAddrV4,
        client: Ipv4Addr,
    ) -> Option<io::Result<TcpStream>> {
        if !self.stand().await {
            return None;
        }
        let failed = |error: io::Error| {
            tracing::debug!(%client, %error, "can't dial from a client's address");
        };
        let socket = from_client(Type::STREAM, client).map_err(failed).ok()?;
        let dialling = TcpSocket::from_std_stream(socket.into()).connect(task.into());
        match timeout(DIAL_TIME_MAX, dialling).await {
            Ok(Err(error)) if error.kind() != io::ErrorKind::ConnectionRefused => {
                failed(error);
                None
            }
            Ok(dialled) => {
                self.failures.store(0, Ordering::Relaxed);
                Some(dialled)
            }
            Err(_) => {
                self.failed().await;
                None
            }
        }
    }

    /// The same for packets.
    pub(super) async fn packets(&self, task: SocketAddrV4, client: Ipv4Addr) -> Option<UdpSocket> {
        if !self.stand().await {
            return None;
        }
        let opened = async {
            let socket = from_client(Type::DGRAM, client)?;
            let socket = UdpSocket::from_std(socket.into())?;
            socket.connect(SocketAddr::V4(task)).await?;
            io::Result::Ok(socket)
        };
        opened.await.ok()
    }

    async fn failed(&self) {
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 < FAILURES_MAX {
            return;
        }
        self.failures.store(0, Ordering::Relaxed);
        let mut state = self.state.lock().await;
        if matches!(*state, State::Standing) {
            tracing::warn!(
                "tasks don't answer to their clients' addresses, and are dialled from this machine's for {} s: something keeps what they answer from the agent",
                RETRY.as_secs()
            );
            *state = State::Missing(Instant::now());
            self.is_standing.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the rules stand; they are made if nobody tried of late.
    async fn stand(&self) -> bool {
        if self.is_standing.load(Ordering::Relaxed) {
            return true;
        }
        let mut state = self.state.lock().await;
        let is_first = match *state {
            State::Standing => return true,
            State::Missing(since) if since.elapsed() < RETRY => return false,
            State::Missing(_) => false,
            State::Unused => true,
        };
        match self.make().await {
            Ok(()) => {
                *state = State::Standing;
                self.is_standing.store(true, Ordering::Relaxed);
                true
            }
            Err(error) => {
                if is_first {
                    tracing::warn!(%error, "containers don't see their clients' addresses: that needs root, nftables (nft_socket) and iproute2");
                }
                *state = State::Missing(Instant::now());
                false
            }
        }
    }

    async fn make(&self) -> io::Result<()> {
        let number = &self.number;
        self.unroute().await;
        let route = [
            "route", "replace", "local", "default", "dev", "lo", "table", number,
        ];
        run("ip", &route, "").await?;
        let rule = [
            "rule", "add", "pref", number, "fwmark", number, "lookup", number,
        ];
        run("ip", &rule, "").await?;
        run("nft", &["-f", "-"], &rules(&self.table, number)).await
    }
}

fn rules(table: &str, mark: &str) -> String {
    // Named first, so that it can be deleted whether it was there or not.
    format!(
        "table ip {table}\ndelete table ip {table}\ntable ip {table} {{\n chain answers {{\n  \
         type filter hook prerouting priority -150; policy accept;\n  \
         socket transparent 1 meta mark set {mark}\n }}\n}}\n"
    )
}

/// A socket that goes by a client's address. Its port is the kernel's choice.
fn from_client(kind: Type, client: Ipv4Addr) -> io::Result<Socket> {
    let protocol = match kind {
        Type::STREAM => Protocol::TCP,
        _ => Protocol::UDP,
    };
    let socket = Socket::new(Domain::IPV4, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::IpTransparent, &true)?;
    // Where it can't be had, all connections of a client have different ports, whichever task they go to.
    let _ = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
    socket.bind(&SocketAddrV4::new(client, 0).into())?;
    Ok(socket)
}

/// Whether answers to this client come by this machine, from a task in this network whose default route is here.
pub(super) fn is_kept(client: Ipv4Addr, network: &Ipv4Net) -> bool {
    let is_somebody = !(client.is_loopback()
        || client.is_unspecified()
        || client.is_multicast()
        || client.is_broadcast()
        || client.is_link_local());
    is_somebody && !network.contains(&client) && !is_of_this_machine(client)
}

/// Whether this machine goes by this address.
fn is_of_this_machine(address: Ipv4Addr) -> bool {
    StdUdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_that_answers_go_to_by_this_machine() {
        let network: Ipv4Net = "203.0.113.9/24".parse().unwrap();
        let kept = |text: &str| is_kept(text.parse().unwrap(), &network);
        assert!(kept("192.0.2.7"));
        for other in [
            "203.0.113.77",
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.251",
            "169.254.0.7",
        ] {
            assert!(!kept(other), "{other}");
        }
    }

    #[test]
    fn each_agent_has_a_number_that_nobody_else_marks_packets_with() {
        for number in 0..100 {
            let sources = Sources::new(&format!("shoal_{number}"));
            let number: u32 = sources.number.parse().unwrap();
            assert!((FIRST..0x4000).contains(&number), "{number}");
        }
        let text = rules("shoal_x_sources", "7900");
        assert!(
            text.contains("socket transparent 1 meta mark set 7900"),
            "{text}"
        );
    }
}

//! Clients' own addresses: a container sees who connects to a published port, not the node that brings them.
//!
//! The task's node dials from the client's address (`IP_TRANSPARENT`). What the task answers would leave by this
//! machine's routes: so a rule of nftables marks what belongs to such a socket, and what has the mark is routed to this
//! machine itself. That is how HAProxy's `usesrc clientip` is set up, and Linux's
//! `Documentation/networking/tproxy.rst` says why it works. Docker does as much for ports of a container on one machine;
//! Swarm's routing mesh does not.
//!
//! Only where answers come by this machine: from a container whose default route is a bridge of it, to a client that
//! is neither on its networks nor this machine. Everybody else is seen to come from this machine, and so is anybody while
//! there are no rules: a container can't take that address for a proof. Nor can it any other, for more than each
//! member's word. The rules are made when ports are published and containers run, and go with them; what a killed agent
//! left goes with its next start.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket as StdUdpSocket},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ipnet::Ipv4Net;
use nix::{
    sys::socket::{setsockopt, sockopt},
    unistd::geteuid,
};
use shoal_scheduler::task::TaskId;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    time::{Instant, timeout},
};

use super::commands::run;

/// Time for a container of this machine to take a connection from its client's address.
const DIAL_TIME_MAX: Duration = Duration::from_millis(300);
/// A task that so many times in a row took longer is dialled from this machine's address for a while.
const FAILURES_MAX: u32 = 3;
const SPARED_FOR: Duration = Duration::from_secs(60);
/// Tasks of which that is remembered.
const REMEMBERED_MAX: usize = 1_024;
/// Rules that could not be made are tried again after this.
pub(super) const RETRY: Duration = Duration::from_secs(60);
/// Marks, tables of routes and places among the rules for them: one number each for every agent of a machine, below
/// what Kubernetes marks (bits 14 and 15).
const FIRST: u32 = 7_900;
const NUMBERS: u32 = 8_192;

/// A task that does not answer to its clients' addresses.
#[derive(Clone, Copy, Debug)]
struct Failed {
    times: u32,
    last: Instant,
}

/// What is needed to dial from others' addresses.
#[derive(Debug)]
pub(super) struct Sources {
    table: String,
    number: String,
    /// Whether the rules are made, as far as is known.
    are_standing: AtomicBool,
    /// When they could not be made.
    missing: Mutex<Option<Instant>>,
    failed: Mutex<BTreeMap<TaskId, Failed>>,
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
            are_standing: AtomicBool::new(false),
            missing: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Takes away what a former run of this agent may have left.
    pub(super) async fn clear(&self) {
        if geteuid().is_root() {
            self.unmake().await;
        }
    }

    /// Makes the rules if they are needed and not there, and takes them away if they are there and not needed. To be
    /// called by one at a time. Whether it is to be called again soon.
    pub(super) async fn keep(&self, are_needed: bool) -> bool {
        match (are_needed, self.are_standing()) {
            (true, false) => {
                let missing = *held(&self.missing);
                if missing.is_some_and(|since| since.elapsed() < RETRY) {
                    return true;
                }
                let made = self.make().await;
                self.are_standing.store(made.is_ok(), Ordering::Relaxed);
                *held(&self.missing) = made.is_err().then(Instant::now);
                if let (Err(error), None) = (&made, missing) {
                    tracing::warn!(%error, "containers don't see their clients' addresses: that needs root, nftables (nft_socket) and iproute2");
                }
                made.is_err()
            }
            (false, true) => {
                self.are_standing.store(false, Ordering::Relaxed);
                self.unmake().await;
                false
            }
            _ => false,
        }
    }

    /// Whether there are rules, as far as is known.
    pub(super) fn are_standing(&self) -> bool {
        self.are_standing.load(Ordering::Relaxed)
    }

    async fn unmake(&self) {
        // Errors: there are none.
        let _ = run("nft", &["delete", "table", "ip", &self.table], "").await;
        self.unroute().await;
    }

    async fn unroute(&self) {
        let number = &self.number;
        let rule = [
            "rule", "del", "pref", number, "fwmark", number, "lookup", number,
        ];
        let _ = run("ip", &rule, "").await;
        let route = [
            "route", "del", "local", "default", "dev", "lo", "table", number,
        ];
        let _ = run("ip", &route, "").await;
    }

    /// A connection to a container, from its client's address. None: it can't be had, and is to be made as usual.
    pub(super) async fn dial(
        &self,
        task: TaskId,
        address: SocketAddrV4,
        client: Ipv4Addr,
    ) -> Option<io::Result<TcpStream>> {
        if !self.may_try(task) {
            return None;
        }
        let failed = |error: io::Error| {
            tracing::debug!(%client, %error, "can't dial from a client's address");
        };
        let socket = from_client(Type::STREAM, client).map_err(failed).ok()?;
        let dialling = TcpSocket::from_std_stream(socket.into()).connect(address.into());
        match timeout(DIAL_TIME_MAX, dialling).await {
            Ok(Err(error)) if error.kind() != io::ErrorKind::ConnectionRefused => {
                failed(error);
                None
            }
            Ok(dialled) => {
                held(&self.failed).remove(&task);
                Some(dialled)
            }
            Err(_) => {
                self.failed(task);
                None
            }
        }
    }

    /// The same for packets. Whoever gets no answer tries without.
    pub(super) async fn packets(
        &self,
        task: TaskId,
        address: SocketAddrV4,
        client: Ipv4Addr,
    ) -> Option<UdpSocket> {
        if !self.may_try(task) {
            return None;
        }
        let opened = async {
            let socket = from_client(Type::DGRAM, client)?;
            let socket = UdpSocket::from_std(socket.into())?;
            socket.connect(SocketAddr::V4(address)).await?;
            io::Result::Ok(socket)
        };
        opened.await.ok()
    }

    fn may_try(&self, task: TaskId) -> bool {
        let failed = held(&self.failed).get(&task).copied();
        let is_spared = failed.is_some_and(|failed| {
            failed.times >= FAILURES_MAX && failed.last.elapsed() < SPARED_FOR
        });
        self.are_standing() && !is_spared
    }

    fn failed(&self, task: TaskId) {
        let times = {
            let mut held = held(&self.failed);
            held.retain(|_, failed| failed.last.elapsed() < SPARED_FOR);
            if held.len() >= REMEMBERED_MAX {
                return;
            }
            let last = Instant::now();
            let failed = held.entry(task).or_insert(Failed { times: 0, last });
            failed.times += 1;
            failed.last = last;
            failed.times
        };
        if times == FAILURES_MAX {
            tracing::warn!(
                %task,
                "a task does not answer to its clients' addresses, and is dialled from this machine's for {} s",
                SPARED_FOR.as_secs()
            );
            // It may be the rules: they are made anew.
            self.are_standing.store(false, Ordering::Relaxed);
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

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can leave what they hold half changed.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rules(table: &str, mark: &str) -> String {
    // Named first, so that it can be deleted whether it was there or not.
    format!(
        "table ip {table}\ndelete table ip {table}\ntable ip {table} {{\n chain answers {{\n  \
         type filter hook prerouting priority -150; policy accept;\n  \
         ct direction reply socket transparent 1 meta mark set {mark}\n }}\n}}\n"
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

/// Whether answers to this client come by this machine, from a task whose default route is here: not if it is on one of
/// these networks.
pub(super) fn is_kept<'a>(
    client: Ipv4Addr,
    mut networks: impl Iterator<Item = &'a Ipv4Net>,
) -> bool {
    let is_somebody = !(client.is_loopback()
        || client.is_unspecified()
        || client.is_multicast()
        || client.is_broadcast()
        || client.is_link_local());
    is_somebody && !networks.any(|network| network.contains(&client)) && !is_of_this_machine(client)
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
        let kept = |text: &str| is_kept(text.parse().unwrap(), [&network].into_iter());
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

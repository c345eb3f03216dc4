//! What the simulator is told of this machine, each measured on it in the same run: how long an agent
//! alone takes to put an order on its disk, how long a packet takes over loopback, and how long processes
//! take to start. Everything else that it says is predicted.

use std::{
    collections::BTreeMap,
    io,
    net::UdpSocket,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use serde_json::json;
use shoal_sim::statistics::quantile_of_sorted;
use shoal_tests::Cluster;

/// Orders, and packets, that are timed.
const ORDERS: usize = 30;
const PACKETS: usize = 500;
/// What an agent adds to a packet's way, on both sides together: encryption, and two changes of
/// threads. Not measured: no agent tells.
const AGENT: RangeInclusive<Duration> = Duration::from_micros(40)..=Duration::from_micros(180);

/// When tasks' processes start. On one machine it matters how many do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Starts {
    /// All of a service, after an order.
    Many,
    /// Those of one node, after it went or came.
    Few,
}

/// The inputs, as ranges from their 5th to their 95th percentile.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    /// From an order to its answer by an agent that is alone.
    pub(crate) order: RangeInclusive<Duration>,
    /// One way over loopback: half a round trip between two threads.
    pub(crate) loopback: RangeInclusive<Duration>,
    /// From an agent's decision to start a task until its process writes its first line, by the size of
    /// the cluster.
    pub(crate) starts: BTreeMap<(usize, Starts), RangeInclusive<Duration>>,
    /// From the start of an agent's process until it says that it has started.
    pub(crate) agent: RangeInclusive<Duration>,
}

impl Inputs {
    /// One way from agent to agent.
    pub(crate) fn latency(&self) -> RangeInclusive<Duration> {
        *self.loopback.start() + *AGENT.start()..=*self.loopback.end() + *AGENT.end()
    }

    /// For people: each with where it comes from.
    pub(crate) fn lines(&self) -> Vec<String> {
        let range = |range: &RangeInclusive<Duration>| {
            let text = |time: &Duration| format!("{:.2}", time.as_secs_f64() * 1_000.0);
            format!("{} to {} ms", text(range.start()), text(range.end()))
        };
        let starts = self.starts.iter().map(|((nodes, starts), took)| {
            let when = match starts {
                Starts::Many => "after an order",
                Starts::Few => "after a node went or came",
            };
            format!(
                "{nodes} agents, a task's process starts {when}: {}",
                range(took)
            )
        });
        let others = [
            format!("an agent alone accepts an order: {}", range(&self.order)),
            format!(
                "a packet, one way: {} (loopback: {}; the agents' part of it is assumed, not measured)",
                range(&self.latency()),
                range(&self.loopback)
            ),
            format!("an agent's process starts: {}", range(&self.agent)),
        ];
        others.into_iter().chain(starts).collect()
    }
}

/// From the 5th to the 95th percentile; nothing at all if there is no value.
pub(crate) fn spread(seconds: &[f64]) -> RangeInclusive<Duration> {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |p| {
        let value = quantile_of_sorted(&sorted, p).unwrap_or(0.0);
        Duration::from_secs_f64(value.max(0.0))
    };
    at(0.05)..=at(0.95)
}

/// Seconds from an order to its answer by an agent that is alone: its API and its disk, and no peers.
pub(crate) fn lone_orders() -> Vec<f64> {
    let cluster = Cluster::of(1);
    let order = |number: usize| {
        let spec = json!({
            "Name": format!("none{number}"),
            "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["true"]}},
            "Mode": {"Replicated": {"Replicas": 0}},
        });
        std::thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        let answer = cluster[0].request("POST", "/services/create", Some(&spec));
        let took = start.elapsed().as_secs_f64();
        matches!(answer, Ok((201, _))).then_some(took)
    };
    (0..ORDERS).filter_map(order).collect()
}

/// Seconds that a packet takes one way over loopback.
pub(crate) fn loopback() -> io::Result<Vec<f64>> {
    let (near, far) = (
        UdpSocket::bind("127.0.0.1:0")?,
        UdpSocket::bind("127.0.0.1:0")?,
    );
    near.connect(far.local_addr()?)?;
    far.connect(near.local_addr()?)?;
    for socket in [&near, &far] {
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    }
    let echo = std::thread::spawn(move || -> io::Result<()> {
        let mut packet = [0; 64];
        for _ in 0..PACKETS {
            let length = far.recv(&mut packet)?;
            far.send(&packet[..length])?;
        }
        Ok(())
    });
    let mut packet = [0; 64];
    let mut round_trip = |_| {
        // Not in a burst: agents are woken for most packets, too.
        std::thread::sleep(Duration::from_millis(1));
        let start = Instant::now();
        near.send(&packet)?;
        near.recv(&mut packet)?;
        Ok(start.elapsed().as_secs_f64() / 2.0)
    };
    let times = (0..PACKETS).map(&mut round_trip).collect();
    match echo.join() {
        Ok(ended) => ended.and(times),
        Err(_) => Err(io::Error::other("the echo's thread panicked")),
    }
}

//! Clients that go on asking through all nodes but one, while that one dies.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::interval};

use super::{
    error::DemoError,
    fleet::Fleet,
    request,
    stage::{Stage, Tone},
};

/// Each door is asked this often.
const EVERY: Duration = Duration::from_millis(50);
/// Doors that are asked: more would load the machine.
const DOORS_MAX: usize = 4;

#[derive(Debug, Default)]
struct Count {
    asked: AtomicU32,
    failed: AtomicU32,
}

/// Clients, one for each door.
pub(super) struct Clients {
    count: Arc<Count>,
    doors: usize,
    asking: JoinSet<()>,
}

impl Clients {
    /// Begins to ask. None: nothing is published.
    pub(super) fn begin(fleet: &Fleet, victim: &str) -> Option<Self> {
        let port = fleet.port()?;
        let nodes = fleet.nodes().iter().filter(|node| node.name() != victim);
        let doors = nodes.map(|node| SocketAddr::from((node.listen().ip(), port)));
        let count = Arc::new(Count::default());
        let mut asking = JoinSet::new();
        for door in doors.take(DOORS_MAX) {
            asking.spawn(ask(door, count.clone()));
        }
        Some(Self {
            doors: asking.len(),
            count,
            asking,
        })
    }

    /// Ends them, and says what they met.
    pub(super) async fn end(mut self, stage: &mut Stage) -> Result<(), DemoError> {
        self.asking.shutdown().await;
        let asked = self.count.asked.load(Ordering::Relaxed);
        let failed = self.count.failed.load(Ordering::Relaxed);
        let told = format!("{failed} of {asked}");
        let told = match failed {
            0 => stage.tone(Tone::Good, told),
            _ => stage.tone(Tone::Bad, told),
        };
        stage.step(&format!(
            "requests through {} other nodes meanwhile: {told} failed",
            self.doors
        ))
    }
}

async fn ask(door: SocketAddr, count: Arc<Count>) {
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        let is_answered = matches!(request::get(door).await, Some((200, _)));
        count.asked.fetch_add(1, Ordering::Relaxed);
        if !is_answered {
            count.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

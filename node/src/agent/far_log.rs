//! The log of a task on another node. A follower whose connection breaks goes on where it was.

use std::time::Duration;

use shoal_net::{Endpoint, StreamHeader};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::log_wire::{self, LogAsk, Received};
use crate::{
    api::{LogEvent, LogQuery, LogTarget},
    log_place::LogPlace,
};

/// Before a log is opened again; doubled each time up to the other.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A node that can't be asked for so long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(600);

/// A reading of one.
pub(super) struct FarLog {
    pub(super) endpoint: Endpoint,
    pub(super) target: LogTarget,
    pub(super) query: LogQuery,
    pub(super) place: LogPlace,
    pub(super) events: mpsc::Sender<LogEvent>,
}

/// How a connection ended.
enum End {
    /// That was all, or nobody reads any more.
    Over,
    /// It broke; for people.
    Broken(String),
}

impl FarLog {
    /// Reads until it is over. To be dropped when nobody reads any more.
    pub(super) async fn read(mut self) {
        let mut heard_at = None;
        let mut pause = PAUSE_MIN;
        loop {
            let heard_before = heard_at;
            let End::Broken(reason) = self.read_once(&mut heard_at).await else {
                return;
            };
            // One that was never reached is not there: who follows is told so, and does not wait.
            let is_given_up = heard_at.is_none_or(|at: Instant| at.elapsed() >= SILENCE_MAX);
            if !self.query.follow || is_given_up {
                // The reader may have gone: then nobody needs the reason.
                let _ = self.events.send(LogEvent::Missing { reason }).await;
                return;
            }
            let (node, task) = (self.target.node, self.target.task);
            tracing::info!(%node, %task, %reason, "a followed log broke off; it is opened again");
            if heard_at != heard_before {
                pause = PAUSE_MIN;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn read_once(&mut self, heard_at: &mut Option<Instant>) -> End {
        let node = self.target.node;
        let mut query = self.query;
        if let Some(since) = self.place.since() {
            (query.since, query.tail) = (Some(since), None);
        }
        let mut known = self.place.again();
        let header = StreamHeader(LogAsk::new(&self.target, &query).to_header());
        let (_send, mut recv) = match self.endpoint.open_stream(node, header).await {
            Ok(halves) => halves,
            Err(error) => return End::Broken(format!("node {node} can't be asked: {error}")),
        };
        loop {
            let event = match log_wire::receive(&mut *recv, &self.target).await {
                Received::Event(event) => event,
                Received::End => return End::Over,
                Received::Broken(error) => {
                    return End::Broken(format!("the log from node {node} broke off: {error}"));
                }
            };
            *heard_at = Some(Instant::now());
            if let LogEvent::Line(line) = &event {
                if known.has(line.at) {
                    continue;
                }
                self.place.passed(line.at);
            }
            let is_last = matches!(event, LogEvent::Missing { .. });
            if self.events.send(event).await.is_err() || is_last {
                return End::Over;
            }
        }
    }
}

//! The log of a task on another node. Where its connection breaks, a reader goes on where it was: followers as long as
//! the node may come back, others twice, as a node that has changed its address is found anew by the next.

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

/// How often one that nobody follows is asked for again.
const BROKEN_MAX: usize = 2;

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
    /// There was none; for people.
    Unreached(String),
}

impl FarLog {
    /// Reads until it is over. To be dropped when nobody reads any more.
    pub(super) async fn read(mut self) {
        let mut heard_at = None;
        let mut pause = PAUSE_MIN;
        let mut broken = 0;
        loop {
            let heard_before = heard_at;
            let (reason, is_lost) = match self.read_once(&mut heard_at).await {
                End::Over => return,
                End::Broken(reason) => {
                    broken += 1;
                    (reason, broken <= BROKEN_MAX)
                }
                End::Unreached(reason) => (reason, false),
            };
            // One that was never reached is not there: who follows is told so, and does not wait.
            let may_come = heard_at.is_some_and(|at: Instant| at.elapsed() < SILENCE_MAX);
            if !(is_lost || self.query.follow && may_come) {
                // The reader may have gone: then nobody needs the reason.
                let _ = self.events.send(LogEvent::Missing { reason }).await;
                return;
            }
            let (node, task) = (self.target.node, self.target.task);
            let what = if self.query.follow {
                "a followed log"
            } else {
                "a log"
            };
            tracing::info!(%node, %task, %reason, "{what} broke off; it is opened again");
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
            Err(error) => {
                return End::Unreached(format!("node {node} can't be asked: {error}"));
            }
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use shoal_membership::{ClusterId, SecretKey};
    use shoal_net::{EndpointConfig, Streams, TrustSet};
    use shoal_scheduler::task::{ServiceId, TaskId};

    use super::*;
    use crate::api::{LogStream, TaskLogLine};

    const NOTHING: LogQuery = LogQuery {
        follow: false,
        tail: None,
        since: None,
        until: None,
        stdout: true,
        stderr: true,
    };

    fn endpoint(seed: u8) -> Endpoint {
        let secret = |seed| SecretKey::from_seed(&[seed; 32]);
        let trust = TrustSet::empty(ClusterId::from_bytes([1; 16]));
        let trust = trust.with(secret(1).public()).with(secret(2).public());
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = EndpointConfig::lan(secret(seed), listen, trust);
        Endpoint::bind(config).expect("a free port").0
    }

    /// Answers one question after the other: each with so many lines of those that it asks for, and its end or not.
    async fn answer(mut streams: Streams, target: LogTarget, answers: &'static [(u64, bool)]) {
        for (lines, is_whole) in answers {
            let mut stream = streams.recv().await.expect("a question");
            let asked = LogAsk::of_header(&stream.header.0).expect("of a log");
            let since = asked.query().since.unwrap_or_default();
            for second in (1..=*lines)
                .map(Duration::from_secs)
                .filter(|at| *at >= since)
            {
                let line = TaskLogLine {
                    node: target.node,
                    task: target.task,
                    service: target.service,
                    at: second,
                    stream: LogStream::Stdout,
                    line: second.as_secs().to_string().into(),
                };
                let event = LogEvent::Line(line);
                log_wire::send(&mut *stream.send, event).await.unwrap();
            }
            if *is_whole {
                log_wire::send_end(&mut *stream.send).await.unwrap();
            }
            let _ = stream.send.finish();
        }
    }

    async fn read(answers: &'static [(u64, bool)]) -> Vec<String> {
        let (here, there) = (endpoint(1), endpoint(2));
        here.set_addresses(there.id(), vec![there.local_addr()]);
        let target = LogTarget {
            node: there.id(),
            service: ServiceId(1),
            task: TaskId(2),
        };
        let (events, mut seen) = mpsc::channel(64);
        let far = FarLog {
            endpoint: here.clone(),
            target,
            query: NOTHING,
            place: LogPlace::default(),
            events,
        };
        let streams = there.streams().expect("nobody has them");
        let answering = tokio::spawn(answer(streams, target, answers));
        far.read().await;
        // It may wait for a question that nobody asks.
        answering.abort();
        let mut said = Vec::new();
        while let Some(event) = seen.recv().await {
            said.push(match event {
                LogEvent::Line(line) => String::from_utf8_lossy(&line.line).into_owned(),
                LogEvent::CaughtUp => "caught up".to_owned(),
                LogEvent::Missing { reason } => reason,
            });
        }
        said
    }

    #[tokio::test]
    async fn a_log_whose_connection_breaks_is_asked_for_again_where_it_was() {
        assert_eq!(read(&[(2, true)]).await, ["1", "2"]);
        assert_eq!(read(&[(0, false), (2, true)]).await, ["1", "2"]);
        let whole = ["1", "2", "3"];
        assert_eq!(read(&[(2, false), (0, false), (3, true)]).await, whole);
        let lost = read(&[(1, false), (1, false), (2, false)]).await;
        assert_eq!(lost[..2], ["1", "2"]);
        assert!(lost.len() == 3 && lost[2].contains("broke off"), "{lost:?}");
    }
}

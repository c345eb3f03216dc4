//! The logs of tasks, from this node's runtimes or from the node that has them.

use std::{sync::Arc, time::Duration};

use shoal_membership::NodeId;
use shoal_net::{Endpoint, RecvStream, SendStream, StreamHeader};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::{
    far_log::FarLog,
    log_wire::{self, LogAsk},
    tasks::Runtimes,
};
use crate::{
    api::{LogEvent, LogQuery, LogSource, LogStream, LogTarget, TaskLogLine},
    log_place::LogPlace,
    runtime::{LogLine, LogOptions, Output},
};

/// Events that wait for a slow reader.
const EVENTS_AHEAD: usize = 64;
/// A log that is silent for this long has caught up.
const SILENCE: Duration = Duration::from_millis(150);
/// Logs read for other nodes at a time.
const READERS_MAX: usize = 256;

/// Reads logs wherever they are.
#[derive(Clone)]
pub(super) struct Logs {
    me: NodeId,
    runtimes: Runtimes,
    endpoint: Endpoint,
    readers: Arc<Semaphore>,
}

impl Logs {
    pub(super) fn new(me: NodeId, runtimes: Runtimes, endpoint: Endpoint) -> Self {
        Self {
            me,
            runtimes,
            endpoint,
            readers: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    /// Another node asks for the log of a task of ours.
    pub(super) fn serve(&self, header: &StreamHeader, mut send: SendStream, recv: RecvStream) {
        let Some(ask) = LogAsk::of_header(&header.0) else {
            return;
        };
        let Ok(permit) = self.readers.clone().try_acquire_owned() else {
            tracing::warn!("too many logs are read here at once; one more was refused");
            tokio::spawn(async move {
                let reason = "too many logs are read on that node at once; try again later";
                let event = LogEvent::Missing {
                    reason: reason.to_owned(),
                };
                // The asker may have gone.
                let _ = log_wire::send(&mut *send, event).await;
            });
            return;
        };
        let target = LogTarget {
            node: self.me,
            service: ask.service,
            task: ask.task,
        };
        let mut events = self.read_here(target, ask.query());
        tokio::spawn(async move {
            let _kept = (permit, recv);
            loop {
                let event = tokio::select! {
                    event = events.recv() => event,
                    // The asker has gone.
                    _ = send.stopped() => return,
                };
                let Some(event) = event else { break };
                if log_wire::send(&mut *send, event).await.is_err() {
                    return;
                }
            }
            // The asker may have gone.
            let _ = log_wire::send_end(&mut *send).await;
        });
    }

    fn read_here(&self, target: LogTarget, query: LogQuery) -> mpsc::Receiver<LogEvent> {
        let (sender, receiver) = mpsc::channel(EVENTS_AHEAD);
        let options = LogOptions {
            follow: query.follow,
            tail: query.tail,
            since: query.since,
            until: query.until,
            stdout: query.stdout,
            stderr: query.stderr,
        };
        if let Some(stream) = self.runtimes.logs(target.task, options) {
            tokio::spawn(pump(stream, sender, target, query.follow));
        }
        receiver
    }

    fn read_there(&self, target: LogTarget, query: LogQuery) -> mpsc::Receiver<LogEvent> {
        let (sender, receiver) = mpsc::channel(EVENTS_AHEAD);
        let far = FarLog {
            endpoint: self.endpoint.clone(),
            target,
            query,
            place: LogPlace::default(),
            events: sender.clone(),
        };
        tokio::spawn(async move {
            tokio::select! {
                () = far.read() => {}
                () = sender.closed() => {}
            }
        });
        receiver
    }
}

impl LogSource for Logs {
    fn read(&self, target: LogTarget, query: LogQuery) -> mpsc::Receiver<LogEvent> {
        if target.node == self.me {
            self.read_here(target, query)
        } else {
            self.read_there(target, query)
        }
    }
}

async fn pump(
    mut stream: crate::runtime::LogStream,
    sender: mpsc::Sender<LogEvent>,
    target: LogTarget,
    follow: bool,
) {
    let mut has_caught_up = !follow;
    loop {
        let next = async {
            if has_caught_up {
                return Some(stream.next().await);
            }
            timeout(SILENCE, stream.next()).await.ok()
        };
        let next = tokio::select! {
            next = next => next,
            () = sender.closed() => return,
        };
        let event = match next {
            Some(Ok(Some(line))) => LogEvent::Line(line_of(line, &target)),
            Some(Ok(None)) => return,
            Some(Err(error)) => {
                let reason = format!("node {}: {error}", target.node);
                // The asker may have gone.
                let _ = sender.send(LogEvent::Missing { reason }).await;
                return;
            }
            None => {
                has_caught_up = true;
                LogEvent::CaughtUp
            }
        };
        if sender.send(event).await.is_err() {
            return;
        }
    }
}

fn line_of(line: LogLine, target: &LogTarget) -> TaskLogLine {
    TaskLogLine {
        node: target.node,
        task: target.task,
        service: target.service,
        at: line.at,
        stream: match line.output {
            Output::Stdout => LogStream::Stdout,
            Output::Stderr => LogStream::Stderr,
        },
        line: line.line.into(),
    }
}

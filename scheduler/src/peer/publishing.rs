//! What this node says of itself: whole records, in sequence, no more often than need be.

use std::time::Duration;

use shoal_membership::{NodeId, codec};

use super::Peer;
use crate::{
    observed::{PORTS_MAX, Phase, PortTrouble, Record, Status, Topic},
    task::TaskReport,
};

/// Tasks are published this long after the last time at the earliest.
const PACE: Duration = Duration::from_millis(20);

/// Which records are due.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    sequence: u64,
    tasks: bool,
    refusals: bool,
    status: bool,
    apart: bool,
    ports: bool,
    last: Option<Duration>,
}

impl Publisher {
    pub(super) fn all() -> Self {
        Self {
            sequence: 0,
            tasks: true,
            refusals: true,
            status: true,
            // Nobody, which is what is taken of who says nothing.
            apart: false,
            // Said when there are any: mostly there are none.
            ports: false,
            last: None,
        }
    }

    /// Of a node that has said everything, in this incarnation.
    pub(super) fn after(sequence: u64) -> Self {
        Self {
            sequence,
            ..Self::default()
        }
    }

    pub(super) fn tasks_changed(&mut self) {
        self.tasks = true;
    }

    pub(super) fn refusals_changed(&mut self) {
        self.refusals = true;
    }

    pub(super) fn status_changed(&mut self) {
        self.status = true;
        self.last = None;
    }

    pub(super) fn apart_changed(&mut self) {
        self.apart = true;
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let is_due = self.tasks || self.refusals || self.status || self.apart || self.ports;
        is_due.then(|| {
            self.last
                .map_or(Duration::ZERO, |at| at.saturating_add(PACE))
        })
    }
}

impl Peer {
    /// The tasks of this node are others now.
    pub(super) fn own_tasks_changed(&mut self) {
        self.publisher.tasks_changed();
        let me = self.me();
        self.tasks_changed_on(&me);
    }

    /// A new life: everything is said again.
    pub(super) fn republish_all(&mut self) {
        self.publisher = Publisher {
            sequence: self.publisher.sequence,
            apart: !self.apart.said().is_empty(),
            ports: !self.ports.is_empty(),
            ..Publisher::all()
        };
    }

    /// It can't listen on other ports than before.
    pub(super) fn ports_changed(&mut self, mut ports: Vec<PortTrouble>) {
        ports.truncate(PORTS_MAX);
        if self.ports != ports {
            self.ports = ports;
            self.publisher.ports = true;
        }
    }

    /// The published ports on which a node can't listen, as it says. What a former life said is void.
    pub(super) fn port_troubles_of(&self, node: &NodeId) -> Vec<PortTrouble> {
        if *node == self.me() {
            return self.ports.clone();
        }
        let now = self.now.monotonic;
        let record = self.observed.get(node, Topic::PORTS);
        record
            .filter(|record| self.presence.speaks_for(node, record.incarnation, now))
            .and_then(|record| codec::decode(&record.body).ok())
            .unwrap_or_default()
    }

    /// Publishes what is due.
    pub(super) fn tend_publishing(&mut self) {
        let now = self.now.monotonic;
        if self.publisher.deadline().is_none_or(|at| at > now) {
            return;
        }
        self.publisher.last = Some(now);
        if std::mem::take(&mut self.publisher.status) {
            let phase = self
                .stopping
                .as_ref()
                .map_or(Phase::Here, |stopping| stopping.phase);
            let status = Status {
                phase,
                started_at: self.started_at,
            };
            self.publish(Topic::STATUS, codec::encode(&status));
        }
        if std::mem::take(&mut self.publisher.tasks) {
            let tasks: Vec<TaskReport> = self
                .running
                .local
                .all()
                .map(|task| task.report.clone())
                .collect();
            self.publish(Topic::TASKS, codec::encode(&tasks));
            self.view_is_stale = true;
        }
        if std::mem::take(&mut self.publisher.refusals) {
            let refusals = self.own_refusals();
            self.publish(Topic::REFUSALS, codec::encode(&refusals));
        }
        if std::mem::take(&mut self.publisher.apart) {
            let apart = codec::encode(&self.apart.said().to_vec());
            self.publish(Topic::APART, apart);
        }
        if std::mem::take(&mut self.publisher.ports) {
            self.publish(Topic::PORTS, codec::encode(&self.ports));
            self.view_is_stale = true;
        }
    }

    fn publish(&mut self, topic: Topic, body: Vec<u8>) {
        self.publisher.sequence += 1;
        let record = Record {
            node: self.me(),
            topic,
            incarnation: self.membership.me().incarnation,
            sequence: self.publisher.sequence,
            body,
        };
        if self.observed.apply(record.clone()) {
            self.rumours.tell_record(record);
        }
    }
}

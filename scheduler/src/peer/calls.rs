//! Questions of this peer that are under way.

use std::{collections::BTreeMap, time::Duration};

use shoal_membership::NodeId;

use super::{Effect, Peer, Ticket};
use crate::gossip::{Answer, Question, open_message, seal_message};

/// Most questions under way at a time.
pub(super) const CALLS_MAX: usize = 256;

/// Why a question was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To have a write held.
    Hold { write: Ticket },
    /// To find differences.
    Compare,
    /// To settle them.
    Trade,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) peer: NodeId,
    pub(super) purpose: Purpose,
    deadline: Duration,
}

/// All questions under way.
pub(super) type Calls = BTreeMap<Ticket, Call>;

impl Peer {
    /// Questions that may still be asked at once, with some kept for syncs.
    pub(super) fn calls_left(&self) -> usize {
        (CALLS_MAX - CALLS_MAX / 8).saturating_sub(self.calls.len())
    }

    /// Asks; the answer, or its absence, arrives at `answered`.
    pub(super) fn ask(&mut self, peer: NodeId, purpose: Purpose, question: &Question) {
        let call = self.new_ticket();
        let deadline = self
            .now
            .monotonic
            .saturating_add(self.config.timing.question_timeout);
        if self.calls.len() >= CALLS_MAX {
            self.unanswered.push(Call {
                peer,
                purpose,
                deadline,
            });
            return;
        }
        self.calls.insert(
            call,
            Call {
                peer,
                purpose,
                deadline,
            },
        );
        self.effects.push_back(Effect::Question {
            to: peer,
            call,
            bytes: seal_message(question),
        });
    }

    /// An answer arrived, or will not.
    pub(super) fn answered(&mut self, call: Ticket, bytes: Option<&[u8]>) {
        let Some(call) = self.calls.remove(&call) else {
            return;
        };
        let answer = bytes.and_then(|bytes| match open_message::<Answer>(bytes) {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::warn!(peer = %call.peer, %error, "an answer that can't be read");
                None
            }
        });
        self.conclude(call, answer);
    }

    fn conclude(&mut self, call: Call, answer: Option<Answer>) {
        match call.purpose {
            Purpose::Hold { write } => {
                self.hold_answered(write, matches!(answer, Some(Answer::Held)));
            }
            Purpose::Compare => self.compared(call.peer, answer),
            Purpose::Trade => self.traded(call.peer, answer),
        }
    }

    /// Gives up questions that are too old or whose peer is dead.
    pub(super) fn tend_calls(&mut self) {
        let now = self.now.monotonic;
        let (presence, calls) = (&self.presence, &self.calls);
        let over: Vec<Ticket> = calls
            .iter()
            .filter(|(_, call)| call.deadline <= now || !presence.is_alive(&call.peer))
            .map(|(ticket, _)| *ticket)
            .collect();
        let mut given_up = std::mem::take(&mut self.unanswered);
        given_up.extend(over.iter().filter_map(|ticket| self.calls.remove(ticket)));
        for call in given_up {
            self.conclude(call, None);
        }
    }

    pub(super) fn calls_deadline(&self) -> Option<Duration> {
        self.calls.values().map(|call| call.deadline).min()
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: &Answer) {
        self.effects.push_back(Effect::Answer {
            ticket,
            bytes: seal_message(answer),
        });
    }
}

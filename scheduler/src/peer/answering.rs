//! Questions of other peers, answered from memory: where do we differ, take this and give me that,
//! put this on your disk. Nothing is remembered of the one who asks.

use shoal_membership::NodeId;

use super::{Peer, Ticket};
use crate::gossip::{Answer, Question, answer_trade, find_differences, open_message};

/// Most peers that may wait for this node's disk.
pub(super) const HOLDS_MAX: usize = 1_024;

impl Peer {
    /// A question of another peer.
    pub(super) fn question(&mut self, from: NodeId, ticket: Ticket, bytes: &[u8]) {
        let answer = match open_message::<Question>(bytes) {
            Ok(question) => self.answer_to(from, ticket, question),
            Err(error) => {
                tracing::debug!(%from, %error, "a question that can't be read");
                Some(Answer::Busy)
            }
        };
        if let Some(answer) = answer {
            self.answer(ticket, &answer);
        }
    }

    /// The answer, unless it must wait for the disk.
    fn answer_to(&mut self, from: NodeId, ticket: Ticket, question: Question) -> Option<Answer> {
        self.membership.heard_from(from, self.now);
        match question {
            Question::Compare {
                desired,
                observed,
                members,
            } => {
                let mut found =
                    find_differences(&self.registry, &self.observed, &desired, &observed);
                found.is_settled = self.sync.is_settled;
                if members != self.membership.digest() {
                    found.members = self.encoded_members();
                }
                Some(self.if_affordable(Answer::Differences(found)))
            }
            Question::Trade {
                writes,
                records,
                members,
                want_writes,
                want_records,
            } => {
                let writes = self.admissible(&from, writes);
                self.take_writes(writes);
                self.take_records(records);
                self.take_members(&members);
                let answer =
                    answer_trade(&self.registry, &self.observed, &want_writes, &want_records);
                Some(self.if_affordable(answer))
            }
            Question::Hold { writes } => {
                if self.disk.waiting() >= HOLDS_MAX {
                    return Some(Answer::Busy);
                }
                let wanted = writes.len();
                let writes = self.admissible(&from, writes);
                let refused = wanted - writes.len() + self.take_writes(writes);
                if refused > 0 {
                    return Some(Answer::NotHeld(format!(
                        "{refused} of {wanted} were refused"
                    )));
                }
                self.disk.wait(ticket);
                None
            }
        }
    }

    fn if_affordable(&mut self, answer: Answer) -> Answer {
        let size = shoal_membership::codec::encode(&answer).len();
        if self.sync.spend(size, self.now.monotonic) {
            answer
        } else {
            tracing::debug!(size, "has answered its fill for this second");
            Answer::Busy
        }
    }
}

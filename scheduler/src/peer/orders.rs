//! Everything that this node writes, one after another: orders of people, admissions, and findings
//! of its own. Each is judged against the registry as it is when its turn comes.

mod cluster;
mod file;
mod network;
mod node;
mod service;
mod token;

use std::collections::VecDeque;

use shoal_membership::PublicKey;

use super::{Effect, JoinDenied, Peer, Ticket, disk::OwnWrites};
use crate::{
    order::{Order, OrderError, WriteConcern},
    registry::{Key, WRITE_BYTES_MAX},
};

/// Most orders that wait.
pub(super) const QUEUE_MAX: usize = 1_024;
/// Bytes of a write that are not its payload: key, clock, signature.
const OVERHEAD_BYTES: usize = 64 * 1024;

/// Who waits for a write.
#[derive(Debug)]
pub(super) enum Origin {
    Order {
        ticket: Ticket,
        concern: WriteConcern,
        id: String,
        warnings: Vec<String>,
    },
    Join {
        ticket: Ticket,
    },
    Machine {
        key: Key,
        payload: Option<Vec<u8>>,
    },
}

/// Something that may become a write.
#[derive(Debug)]
pub(super) enum Proposal {
    Order {
        ticket: Ticket,
        order: Order,
        concern: WriteConcern,
    },
    Token(TokenProposal),
    Join {
        ticket: Ticket,
        key: PublicKey,
        token: String,
    },
    Machine {
        key: Key,
        payload: Option<Vec<u8>>,
    },
}

/// A join token to be made.
#[derive(Debug)]
pub(super) struct TokenProposal {
    pub(super) ticket: Ticket,
    pub(super) id: String,
    pub(super) key: PublicKey,
    pub(super) ttl: Option<u64>,
    pub(super) uses: Option<u32>,
    pub(super) is_standing: bool,
    pub(super) concern: WriteConcern,
}

/// What an accepted proposal writes.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) writes: Vec<(Key, Option<Vec<u8>>)>,
    /// What the receipt names.
    pub(super) id: String,
    pub(super) warnings: Vec<String>,
}

impl Draft {
    pub(super) fn one(key: Key, payload: Option<Vec<u8>>, id: impl Into<String>) -> Self {
        Self {
            writes: vec![(key, payload)],
            id: id.into(),
            warnings: Vec::new(),
        }
    }
}

/// Proposals in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Orders {
    queue: VecDeque<Proposal>,
}

impl Orders {
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl Peer {
    /// Queues a proposal, or refuses it at once when too many wait.
    pub(super) fn propose(&mut self, proposal: Proposal) {
        // What is written while a snapshot replaces everything would be lost with it.
        let is_order = !matches!(proposal, Proposal::Machine { .. });
        let must_wait = is_order && self.evicting.is_returning();
        if self.orders.queue.len() < QUEUE_MAX && !must_wait {
            self.orders.queue.push_back(proposal);
            return;
        }
        match proposal {
            Proposal::Order { ticket, .. } | Proposal::Token(TokenProposal { ticket, .. }) => {
                self.ordered(ticket, Err(OrderError::Busy));
            }
            Proposal::Join { ticket, .. } => self.joined(ticket, Err(JoinDenied::Busy)),
            Proposal::Machine { key, .. } => {
                tracing::warn!(%key, "too many writes wait; a finding is not written now");
            }
        }
    }

    /// Writes down a finding of this node, unless the registry says so already.
    pub(super) fn find(&mut self, key: Key, payload: Option<Vec<u8>>) {
        let held = self
            .registry
            .read(&key)
            .and_then(|signed| signed.write.payload.clone());
        let mut queue = self.orders.queue.iter_mut();
        let queued = queue.find_map(|queued| match queued {
            Proposal::Machine {
                key: other,
                payload,
            } if *other == key => Some(payload),
            _ => None,
        });
        match queued {
            // Found since, and true now.
            Some(queued) => *queued = payload,
            None if held != payload => self.propose(Proposal::Machine { key, payload }),
            None => {}
        }
    }

    /// Judges proposals until one of them writes.
    pub(super) fn tend_orders(&mut self) {
        while self.disk.takes_own() {
            let Some(proposal) = self.next_proposal() else {
                return;
            };
            self.judge(proposal);
        }
    }

    /// The next in turn. While the disk refuses, findings wait; people are answered at once.
    fn next_proposal(&mut self) -> Option<Proposal> {
        if !self.disk.is_held_back(self.now.monotonic) {
            return self.orders.queue.pop_front();
        }
        let queue = &mut self.orders.queue;
        let at = queue
            .iter()
            .position(|queued| !matches!(queued, Proposal::Machine { .. }))?;
        queue.remove(at)
    }

    fn judge(&mut self, proposal: Proposal) {
        match proposal {
            Proposal::Order {
                ticket,
                order,
                concern,
            } => {
                let draft = self.draft_order(order);
                self.judged(ticket, concern, draft);
            }
            Proposal::Token(token) => {
                let draft = self.draft_token(&token);
                self.judged(token.ticket, token.concern, Ok(draft));
            }
            Proposal::Join { ticket, key, token } => match self.draft_admission(key, &token) {
                Ok(Some(draft)) => self.write(draft.writes, Origin::Join { ticket }),
                Ok(None) => self.welcome(ticket),
                Err(denied) => self.joined(ticket, Err(denied)),
            },
            Proposal::Machine { key, payload } => {
                let writes = vec![(key.clone(), payload.clone())];
                self.write(writes, Origin::Machine { key, payload });
            }
        }
    }

    fn draft_order(&mut self, order: Order) -> Result<Draft, OrderError> {
        let draft = match order {
            Order::CreateService { spec_json } => self.draft_create(&spec_json),
            Order::UpdateService {
                service,
                version,
                spec_json,
            } => self.draft_update(service, version, spec_json.as_deref()),
            Order::RemoveService { service } => self.draft_remove(service),
            Order::ReleaseVolume { service, slot } => self.draft_release(service, slot),
            Order::CreateNetwork { spec } => self.draft_network(spec),
            Order::RemoveNetwork { network } => self.draft_network_removal(network),
            Order::CreateFile(new) => self.draft_file(*new),
            Order::UpdateFile {
                file,
                version,
                spec,
            } => self.draft_file_update(file, version, spec),
            Order::RemoveFile { file } => self.draft_file_removal(file),
            Order::UpdateNode {
                node,
                version,
                spec,
            } => self.draft_node_update(node, version, &spec),
            Order::RemoveNode { node, force } => self.draft_node_removal(node, force),
            Order::RotateTokens => Ok(self.draft_rotation()),
            Order::UpdateCluster { version, spec } => self.draft_cluster(version, &spec),
            Order::RemoveToken { id } => self.draft_token_removal(&id),
            Order::CreateToken { .. } => Err(OrderError::Unsupported(
                "a token's key is made by the agent".into(),
            )),
        }?;
        let limit = WRITE_BYTES_MAX - OVERHEAD_BYTES;
        let sizes = draft
            .writes
            .iter()
            .filter_map(|(_, payload)| payload.as_ref())
            .map(Vec::len);
        match sizes.max() {
            Some(size) if size > limit => Err(OrderError::TooLarge { size, limit }),
            _ => Ok(draft),
        }
    }

    fn judged(&mut self, ticket: Ticket, concern: WriteConcern, draft: Result<Draft, OrderError>) {
        match draft {
            Ok(Draft {
                writes,
                id,
                warnings,
            }) => {
                self.write(
                    writes,
                    Origin::Order {
                        ticket,
                        concern,
                        id,
                        warnings,
                    },
                );
            }
            Err(error) => self.ordered(ticket, Err(error)),
        }
    }

    fn write(&mut self, writes: Vec<(Key, Option<Vec<u8>>)>, origin: Origin) {
        let wall = self.now.wall;
        let writes = writes
            .into_iter()
            .map(|(key, payload)| self.registry.prepare(key, payload, wall))
            .collect();
        self.disk.put_own(OwnWrites { writes, origin });
    }

    /// The disk refused own writes: nothing was written.
    pub(super) fn own_writes_failed(&mut self, own: OwnWrites, error: &str) {
        match own.origin {
            Origin::Order { ticket, .. } => {
                self.ordered(ticket, Err(OrderError::Disk(error.to_owned())));
            }
            Origin::Join { ticket } => self.joined(ticket, Err(JoinDenied::Busy)),
            Origin::Machine { key, payload } => self.propose(Proposal::Machine { key, payload }),
        }
    }

    pub(super) fn ordered(
        &mut self,
        ticket: Ticket,
        result: Result<crate::order::Receipt, OrderError>,
    ) {
        self.effects.push_back(Effect::Ordered { ticket, result });
    }
}

/// A payload of ours as JSON. Plain data with string keys: it can't fail.
pub(super) fn json(value: &impl serde::Serialize) -> Option<Vec<u8>> {
    Some(serde_json::to_vec(value).unwrap_or_default())
}

//! Membership's outputs, carried into the rest of the peer.

use std::sync::Arc;

use imbl::OrdMap;
use rand::RngExt;
use shoal_membership::{Member, MemberRecord, NodeId, Output, codec};

use super::{Effect, Peer, catalog::Node, disk::INCARNATIONS_RESERVED};
use crate::gossip::{Heartbeat, open_datagram, seal_datagram};

impl Peer {
    /// A datagram arrived.
    pub(super) fn datagram(&mut self, from: NodeId, bytes: &[u8]) {
        let (heartbeat, packet) = match open_datagram(bytes) {
            Ok(parts) => parts,
            Err(error) => {
                tracing::debug!(%from, %error, "a datagram that can't be read");
                return;
            }
        };
        self.heard_roots(from, heartbeat);
        if let Err(error) = self.membership.handle_packet(from, packet, self.now) {
            tracing::debug!(%from, %error, "a SWIM packet that is not taken in");
        }
    }

    pub(super) fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            desired: self.registry.digests().root(),
            observed: self.observed.digests().root(),
        }
    }

    /// Carries out everything that membership wants.
    pub(super) fn tend_membership(&mut self) {
        let is_due = self
            .membership
            .next_deadline()
            .is_some_and(|at| at <= self.now.monotonic);
        if is_due {
            self.membership.advance(self.now);
        }
        self.greet_the_missing();
        let heartbeat = self.heartbeat();
        while let Some(output) = self.membership.poll() {
            match output {
                Output::Send {
                    to,
                    packet,
                    addresses,
                } => {
                    if self.presence.addresses(&to).as_slice().is_empty() {
                        self.locate(to, addresses);
                    }
                    let bytes = seal_datagram(heartbeat, &packet);
                    self.effects.push_back(Effect::Datagram { to, bytes });
                }
                Output::Up(member) => self.member_up(&member),
                Output::Changed(member) => self.member_changed(&member),
                Output::Down(node) => self.member_down(node),
                Output::PersistIncarnation(incarnation) => self.reserve_incarnations(incarnation),
                Output::Renewed(_) => self.republish_all(),
                Output::RestoredImage { heard } => {
                    tracing::warn!(heard, "this node's disk is older than what it did before");
                }
                Output::ProbeFailed(node) => self.effects.push_back(Effect::Redial(node)),
                Output::Suspect(node) => {
                    tracing::debug!(%node, "suspected");
                    self.effects.push_back(Effect::Suspected(node));
                }
            }
        }
    }

    fn greet_the_missing(&mut self) {
        let (now, me, roster) = (self.now.monotonic, self.me(), self.catalog.roster());
        let is_wanted = |node: &NodeId| is_worth_greeting(roster, &me, node);
        let rng = &mut self.rng;
        let due = self
            .presence
            .due_announces(now, is_wanted, || rng.random_range(0..1_000));
        for (id, addresses) in due {
            self.membership.announce_to(
                Member {
                    id,
                    addresses,
                    incarnation: 0,
                },
                self.now,
            );
        }
    }

    pub(super) fn is_worth_greeting(&self, node: &NodeId) -> bool {
        is_worth_greeting(self.catalog.roster(), &self.me(), node)
    }

    fn member_up(&mut self, member: &Member) {
        tracing::info!(node = %member.id, incarnation = member.incarnation, "node is up");
        self.locate(member.id, member.addresses.clone());
        self.presence
            .up(member.id, member.incarnation, self.now.monotonic);
        self.noticed(member.id, true);
        self.met(member.id);
    }

    fn member_changed(&mut self, member: &Member) {
        self.locate(member.id, member.addresses.clone());
        if self.presence.is_alive(&member.id) {
            self.presence
                .up(member.id, member.incarnation, self.now.monotonic);
            self.presence_changed();
        }
    }

    fn member_down(&mut self, node: NodeId) {
        tracing::info!(%node, "node is down");
        self.presence.down(node, self.now.monotonic);
        self.noticed(node, false);
    }

    fn noticed(&mut self, node: NodeId, is_alive: bool) {
        self.effects.push_back(Effect::Presence { node, is_alive });
        self.came_or_went(node);
        self.presence_changed();
    }

    pub(super) fn presence_changed(&mut self) {
        self.placing.input_is_stale = true;
        self.running.is_stale = true;
        self.view_is_stale = true;
        self.sync.members_changed(self.now.monotonic);
    }

    /// Remembers where a member is, here and in the driver.
    pub(super) fn locate(&mut self, node: NodeId, addresses: shoal_membership::Addresses) {
        let is_worth_knowing = node != self.me() && !addresses.as_slice().is_empty();
        if is_worth_knowing && self.presence.locate(node, addresses.clone()) {
            self.effects
                .push_back(Effect::Addresses { node, addresses });
            self.view_is_stale = true;
        }
    }

    fn reserve_incarnations(&mut self, incarnation: u64) {
        let margin = INCARNATIONS_RESERVED / 10;
        if incarnation.saturating_add(margin) > self.incarnation_reserved {
            self.incarnation_reserved = incarnation.saturating_add(INCARNATIONS_RESERVED);
            self.disk.put_meta();
        }
    }

    /// The member list, encoded, for another whose digest differs.
    pub(super) fn encoded_members(&self) -> Vec<u8> {
        codec::encode(&self.membership.member_list())
    }

    /// Takes in another's member list; returns what ours tells beyond it, encoded.
    pub(super) fn take_members(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Ok(list) = codec::decode::<Vec<MemberRecord>>(bytes) else {
            return Vec::new();
        };
        let beyond = self.membership.differing(&list);
        self.membership.apply_members(&list, self.now);
        if beyond.is_empty() {
            Vec::new()
        } else {
            codec::encode(&beyond)
        }
    }
}

/// Members of the roster; or anybody, while the roster is not known.
fn is_worth_greeting(roster: &OrdMap<NodeId, Arc<Node>>, me: &NodeId, node: &NodeId) -> bool {
    node != me && (roster.contains_key(node) || roster.len() <= 1)
}

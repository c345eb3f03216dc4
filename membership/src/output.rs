//! What the machine wants done, in the order in which it is to be done.

use std::collections::VecDeque;

use crate::{Addresses, Member, NodeId, view::Change};

/// Packets beyond so many undrained outputs are dropped: SWIM survives lost packets, memory doesn't
/// survive a driver that stopped draining.
const SENDS_MAX: usize = 65_536;

/// An effect. The driver carries them out one after another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Send this packet, as one datagram. May be lost; must not be delayed behind bulk traffic.
    Send {
        /// The node that it is for; its key must be the connection's.
        to: NodeId,
        /// Where to dial it if there is no connection. The packet is then better dropped than kept.
        addresses: Addresses,
        /// At most [`crate::MAX_PACKET`] bytes.
        packet: Vec<u8>,
    },
    /// Must be on disk (fsynced) before any output after this one is carried out.
    PersistIncarnation(u64),
    /// A member is here: for the first time, or again.
    Up(Member),
    /// A member left, or is dead.
    Down(NodeId),
    /// A member is in a new life, without having been away in between: restarted, renewed, moved.
    Changed(Member),
    /// This node is in a new life: the others had given it up, or its addresses changed.
    Renewed(Member),
    /// The others know a later life of this node than it remembers itself: its disk is an old image
    /// or a clone. It goes on above that; what else it remembers is as old.
    RestoredImage {
        /// The incarnation that the others know.
        heard: u64,
    },
    /// This member did not answer a probe in time: its connection may be dead, so dial a second one.
    ProbeFailed(NodeId),
    /// This node suspects that member now, and asks it.
    Suspect(NodeId),
}

/// The queue of outputs.
#[derive(Debug, Default)]
pub(crate) struct Outputs(VecDeque<Output>);

impl Outputs {
    pub(crate) fn push(&mut self, output: Output) {
        self.0.push_back(output);
    }

    pub(crate) fn send(&mut self, to: &Member, packet: Vec<u8>) {
        if self.0.len() < SENDS_MAX {
            self.push(Output::Send {
                to: to.id,
                addresses: to.addresses.clone(),
                packet,
            });
        }
    }

    pub(crate) fn change(&mut self, change: Change) {
        self.push(match change {
            Change::Up(member) => Output::Up(member),
            Change::Down(id) => Output::Down(id),
            Change::Changed(member) => Output::Changed(member),
        });
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}

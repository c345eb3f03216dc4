//! What an admitted machine is told.

use super::{Peer, Ticket, Welcome};

/// Most members whose addresses a newcomer gets; it learns the others' from them.
const MEMBERS_MAX: usize = 64;

impl Peer {
    /// Sends a newcomer what it needs to know whom to trust and where they are.
    pub(super) fn welcome(&mut self, ticket: Ticket) {
        let writes = self.admissions();
        let this_node = (self.me(), self.membership.me().addresses.clone());
        // Those that are silent come last: they may be here again when whoever answers now is not.
        let silent = self.roster().filter(|node| !self.sees_alive(node));
        let silent = silent.filter(|node| *node != self.me());
        let others = self
            .living_members()
            .chain(silent)
            .map(|node| (node, self.presence.addresses(&node)))
            .filter(|(_, addresses)| !addresses.as_slice().is_empty());
        let members = std::iter::once(this_node)
            .chain(others)
            .take(MEMBERS_MAX)
            .collect();
        self.joined(ticket, Ok(Welcome { writes, members }));
    }
}

//! Members that never heard of a newcomer, because whoever admitted it died too soon.
//!
//! An admission is a signed write: it is worth the same whoever shows it. So a node that is taken for
//! a stranger shows its own admission and those of its admitters, up to the founder's, which the
//! cluster's id certifies. Without this it would stay outside for ever: it can't send rumours to those
//! who don't let it in.

use std::collections::BTreeSet;

use shoal_membership::{NodeId, PublicKey};

use super::{Effect, Peer};
use crate::registry::{Key, SignedBytes, kind};

/// Most admissions that are shown, or looked at. Longer lines of admitters are not shown whole: the
/// members know most of them.
const VOUCHERS_MAX: usize = 64;

impl Peer {
    /// Shows a member how this node came to be one.
    pub(super) fn vouch(&mut self, to: NodeId) {
        if self.was_removed || !self.catalog.roster().contains_key(&to) {
            return;
        }
        let writes = self.line_of_admitters();
        self.effects.push_back(Effect::Vouch { to, writes });
    }

    /// This node's admission, its admitters', and so on.
    fn line_of_admitters(&self) -> Vec<SignedBytes> {
        let (mut line, mut seen) = (Vec::new(), BTreeSet::from([self.me()]));
        let mut next = vec![self.me()];
        while let Some(node) = next.pop() {
            let key = Key::system(kind::MEMBER, node.to_string());
            let Some(entry) = self.registry.entry(&key) else {
                continue;
            };
            for signed in entry.siblings() {
                if line.len() == VOUCHERS_MAX {
                    return line;
                }
                line.push(signed.to_bytes());
                let author = signed.write.author.node;
                if seen.insert(author) {
                    next.push(author);
                }
            }
        }
        line
    }

    /// Takes in what a stranger shows, if all of it are admissions. Whether it is a member then, the
    /// registry says.
    pub(super) fn vouched(&mut self, key: &PublicKey, mut writes: Vec<SignedBytes>) {
        if self.registry.trust().key_of(&key.node_id()).is_some() {
            return;
        }
        writes.truncate(VOUCHERS_MAX);
        writes.retain(|bytes| {
            let kind = bytes.clone().open().map(|signed| signed.write.key.kind);
            kind.is_ok_and(|kind| kind == kind::MEMBER)
        });
        let refused = self.take_writes(writes);
        let is_member = self.registry.trust().key_of(&key.node_id()).is_some();
        tracing::info!(node = %key.node_id(), is_member, refused, "a node unknown here showed its admission");
    }
}

//! The view, brought in line with foca's list: where a hint points, or all of it where a call may have
//! changed something that no notification tells of.

use crate::{Membership, NodeId, config::transmissions};

/// Up to so many hints are followed one by one; with more the whole list is compared.
const HINTS_MAX: usize = 8;

impl Membership {
    /// Looks into foca's list where something may have changed.
    pub(crate) fn follow_hints(&mut self, hints: &[NodeId]) {
        if hints.len() > HINTS_MAX {
            return self.reconcile();
        }
        for hint in hints.iter().filter(|hint| **hint != self.me.id) {
            let mut list = self.foca.iter_membership_state();
            let change = list
                .find(|told| told.id().id == *hint)
                .and_then(|told| self.view.update(told));
            if let Some(change) = change {
                self.outputs.change(change);
            }
        }
    }

    /// Compares the view with the whole of foca's list, unless they are known to be alike, and
    /// foca's repetitions with its length.
    pub(crate) fn reconcile(&mut self) {
        if std::mem::take(&mut self.unsure) {
            self.compare_with_list();
        }
        let members = self.view.active().saturating_add(1);
        if transmissions(members) > transmissions(self.config.cluster_size) {
            self.config.cluster_size = members;
            if let Err(error) = self.foca.set_config(self.config.to_foca()) {
                tracing::debug!(%error, "foca refused a larger cluster");
            }
        }
    }

    fn compare_with_list(&mut self) {
        for told in self.foca.iter_membership_state() {
            if told.id().id != self.me.id
                && let Some(change) = self.view.update(told)
            {
                self.outputs.change(change);
            }
        }
    }

    /// The view is foca's list.
    pub(crate) fn now_sure(&mut self) {
        self.unsure = false;
    }
}

//! What one call of foca did: its `Runtime`, as three lists.

use std::time::Duration;

use foca::{Notification, Runtime, Timer};

use crate::{Member, NodeId, packet};

/// Filled by one call, then emptied by the machine.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) sends: Vec<(Member, Vec<u8>)>,
    pub(crate) timers: Vec<(Timer<Member>, Duration)>,
    /// Members whom notifications were about: hints where to look.
    pub(crate) touched: Vec<NodeId>,
    /// Whether a member was declared down.
    pub(crate) declared_down: bool,
    /// Whether nobody else is left.
    pub(crate) alone: bool,
}

impl Runtime<Member> for Effects {
    fn notify(&mut self, notification: Notification<'_, Member>) {
        match notification {
            Notification::MemberDown(member) => {
                self.declared_down = true;
                self.touched.push(member.id);
            }
            Notification::MemberUp(member) | Notification::Rename(_, member) => {
                self.touched.push(member.id);
            }
            Notification::Idle => self.alone = true,
            Notification::Active | Notification::Defunct | Notification::Rejoin(_) => {}
        }
    }

    fn send_to(&mut self, to: Member, data: &[u8]) {
        self.sends.push((to, packet::swim(data)));
    }

    fn submit_after(&mut self, event: Timer<Member>, after: Duration) {
        self.timers.push((event, after));
    }
}

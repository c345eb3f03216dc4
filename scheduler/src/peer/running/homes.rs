//! Where the data of this node's slots is at home.
//!
//! Each takeover of a slot with data raises the epoch of its home. When two nodes ran a slot with data
//! of their own, such as during a partition, the one with the lower epoch has the older data, never
//! stopped using it, and claims the slot's home back. No clock is asked: a machine that boots alone
//! may have a wrong one.

use crate::{
    payload::VolumeHome,
    peer::{Peer, catalog::name_of_slot},
    reconcile::SlotKey,
    registry::{Key, kind},
    spec::{Availability, Mount, ServiceSpec},
    task::{Slot, TaskState},
};

/// The local data of a replicated slot, if it has some.
fn data_of<'a>(slot: &SlotKey, spec: &'a ServiceSpec) -> Option<&'a Mount> {
    let mut mounts = spec.container().mounts.iter();
    let is_replicated = matches!(slot.1, Slot::Number(_));
    mounts.find(|mount| is_replicated && mount.is_local_data())
}

impl Peer {
    /// Binds a slot with local data to this node, where it starts for the first time.
    pub(super) fn record_home(&mut self, slot: &SlotKey, spec: &ServiceSpec) {
        let Some(mount) = data_of(slot, spec) else {
            return;
        };
        let known = self.catalog.homes().get(slot);
        let me = self.me().to_string();
        let epoch = match known {
            Some(home) if home.node == me => home.epoch,
            Some(home) => home.epoch.saturating_add(1),
            None => 0,
        };
        let home = VolumeHome {
            node: me,
            volume: mount.source.clone(),
            epoch,
        };
        self.running.home_epochs.insert(*slot, epoch);
        self.write_home(slot, &home);
    }

    fn write_home(&mut self, slot: &SlotKey, home: &VolumeHome) {
        let key = Key::system(kind::VOLUME_HOME, name_of_slot(slot));
        self.find(key, super::super::orders::json(home));
    }

    /// Claims the homes back that others wrote down while this node ran their slots all along.
    pub(super) fn claim_homes(&mut self) {
        let me = self.me().to_string();
        let own = self.catalog.roster().get(&self.me());
        let is_active = own.is_some_and(|node| node.spec.availability == Availability::Active);
        let mut epochs = std::mem::take(&mut self.running.home_epochs);
        let mut live = std::collections::BTreeSet::new();
        let mut claims = Vec::new();
        for task in self.running.local.live() {
            let slot = task.slot_key();
            let Some(spec) = self.running.specs.get(&task.report.id) else {
                continue;
            };
            let Some(mount) = data_of(&slot, spec) else {
                continue;
            };
            live.insert(slot);
            let Some(home) = self.catalog.homes().get(&slot) else {
                continue;
            };
            if home.node == me {
                epochs.insert(slot, home.epoch);
                continue;
            }
            let is_running = task.report.state == TaskState::Running && !task.is_stopping();
            let Some(epoch) = epochs.get(&slot).filter(|epoch| **epoch < home.epoch) else {
                continue;
            };
            if is_running && is_active && self.stopping.is_none() {
                let home = VolumeHome {
                    node: me.clone(),
                    volume: mount.source.clone(),
                    epoch: *epoch,
                };
                claims.push((slot, home));
            }
        }
        epochs.retain(|slot, _| live.contains(slot));
        self.running.home_epochs = epochs;
        self.running.claimed = claims.iter().map(|(slot, _)| *slot).collect();
        for (slot, home) in claims {
            tracing::info!(service = %slot.0, slot = %slot.1, "claims a home back: its data is older, and in use");
            self.write_home(&slot, &home);
        }
    }
}

//! Virtual addresses: on each network of this node one for each service, and one for each task of another
//! machine, whose own address nobody here can reach.
//!
//! They are this node's own, and mean nothing elsewhere. Where one is comes from a hash of what it is for,
//! so that it is mostly the same when the agent starts anew, and somebody remembers it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::Ipv4Net;
use shoal_scheduler::{
    spec::ServiceSpec,
    task::{NetworkId, ServiceId, TaskId},
    view::ClusterView,
};

use super::{attached, backends::takes_connections};
use crate::runtime::docker::LocalNetworks;

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    /// All tasks of a service.
    Service(ServiceId),
    /// One task.
    Task(TaskId),
}

#[derive(Debug)]
struct Table {
    range: Ipv4Net,
    of: BTreeMap<Whose, Ipv4Addr>,
    at: BTreeMap<Ipv4Addr, Whose>,
}

/// The virtual addresses of all networks of this node. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Virtuals(Arc<Mutex<BTreeMap<NetworkId, Table>>>);

impl Virtuals {
    fn held(&self) -> MutexGuard<'_, BTreeMap<NetworkId, Table>> {
        // Nothing under this lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of a service or a task on a network. None: it has none, or there are too many.
    pub(crate) fn of(&self, network: NetworkId, whose: Whose) -> Option<Ipv4Addr> {
        self.held().get(&network)?.of.get(&whose).copied()
    }

    /// The addresses of a service, each with its network's length.
    pub(crate) fn of_service(&self, service: ServiceId) -> Vec<(NetworkId, Ipv4Net)> {
        let held = self.held();
        let addresses = held.iter().filter_map(|(network, table)| {
            let address = *table.of.get(&Whose::Service(service))?;
            // Virtual addresses are half of a network.
            let length = table.range.prefix_len().saturating_sub(1);
            Some((*network, Ipv4Net::new(address, length).ok()?))
        });
        addresses.collect()
    }

    /// All addresses on a network.
    pub(super) fn all(&self, network: NetworkId) -> Vec<(Whose, Ipv4Addr)> {
        let held = self.held();
        let table = held.get(&network).map(|table| &table.of);
        let all = table.into_iter().flatten();
        all.map(|(whose, address)| (*whose, *address)).collect()
    }

    /// What an address on a network is for.
    pub(super) fn at(&self, network: NetworkId, address: Ipv4Addr) -> Option<Whose> {
        self.held().get(&network)?.at.get(&address).copied()
    }

    /// Gives addresses to what is new, and takes them from what is no more.
    pub(crate) fn update(&self, local: &LocalNetworks, view: &ClusterView) {
        let mut held = self.held();
        held.retain(|id, table| {
            let network = local.networks.get(id);
            network.is_some_and(|network| network.range.virtuals() == table.range)
        });
        for (id, network) in &local.networks {
            let table = held.entry(*id).or_insert_with(|| Table {
                range: network.range.virtuals(),
                of: BTreeMap::new(),
                at: BTreeMap::new(),
            });
            table.update(&wanted(view, *id));
        }
    }
}

/// Whether its name stands for its tasks, not for an address of its own.
pub(crate) fn is_round_robin(spec: &ServiceSpec) -> bool {
    let endpoint = spec.endpoint_spec.as_ref();
    endpoint.is_some_and(|endpoint| endpoint.mode == "dnsrr")
}

fn wanted(view: &ClusterView, network: NetworkId) -> BTreeSet<Whose> {
    let services: BTreeSet<ServiceId> = attached::to(view, network)
        .map(|one| one.service.id)
        .collect();
    if services.is_empty() {
        return BTreeSet::new();
    }
    let tasks = view.tasks.values().filter(|task| {
        task.node != view.this_node
            && services.contains(&task.report.service)
            && takes_connections(task)
    });
    let tasks = tasks.map(|task| Whose::Task(task.report.id));
    let named = services.iter().filter(|id| {
        let service = view.services.get(id);
        service.is_some_and(|service| !is_round_robin(&service.spec))
    });
    named.map(|id| Whose::Service(*id)).chain(tasks).collect()
}

impl Table {
    fn update(&mut self, wanted: &BTreeSet<Whose>) {
        self.of.retain(|whose, _| wanted.contains(whose));
        self.at.retain(|_, whose| wanted.contains(whose));
        for whose in wanted {
            if self.of.contains_key(whose) {
                continue;
            }
            let Some(address) = self.free(whose) else {
                // Its name stands for its tasks then.
                tracing::debug!(?whose, range = %self.range, "no virtual address is left");
                return;
            };
            self.of.insert(*whose, address);
            self.at.insert(address, *whose);
        }
    }

    fn free(&self, whose: &Whose) -> Option<Ipv4Addr> {
        let first = u32::from(self.range.network());
        // The last one is for all at once.
        let number = u32::from(self.range.broadcast()) - first;
        if self.at.len() >= usize::try_from(number).unwrap_or(usize::MAX) {
            return None;
        }
        let seed = match whose {
            Whose::Service(id) => id.0,
            Whose::Task(id) => id.0,
        };
        let start = u32::try_from(seed % u128::from(number)).unwrap_or_default();
        let mut addresses = (0..number).map(|step| Ipv4Addr::from(first + (start + step) % number));
        addresses.find(|address| !self.at.contains_key(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_of_its_own_as_long_as_it_is_wanted() {
        let mut table = Table {
            range: "10.0.8.0/29".parse().unwrap(),
            of: BTreeMap::new(),
            at: BTreeMap::new(),
        };
        let service = |id| Whose::Service(ServiceId(id));
        // Both would be first at the same place.
        let both: BTreeSet<_> = [service(3), service(10)].into();
        table.update(&both);
        assert_eq!(table.of[&service(3)], Ipv4Addr::new(10, 0, 8, 3));
        assert_eq!(table.of[&service(10)], Ipv4Addr::new(10, 0, 8, 4));
        table.update(&[service(10)].into());
        assert_eq!(
            table.of[&service(10)],
            Ipv4Addr::new(10, 0, 8, 4),
            "it stays"
        );
        assert_eq!(table.at.len(), 1);
        let many: BTreeSet<_> = (0..20).map(|id| Whose::Task(TaskId(id))).collect();
        table.update(&many);
        assert_eq!(table.of.len(), 7, "all but the broadcast address");
        let addresses: BTreeSet<_> = table.of.values().collect();
        assert_eq!(addresses.len(), 7);
    }
}

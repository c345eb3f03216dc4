//! What a name stands for.

use std::net::{Ipv4Addr, Ipv6Addr};

use shoal_scheduler::{
    task::{NetworkId, Slot, TaskState},
    view::{ClusterView, ServiceView, TaskView},
};

use crate::{
    balancer::{
        attached,
        virtuals::{Virtuals, Whose, is_round_robin},
    },
    runtime::docker::LocalNetworks,
};

/// Addresses in one answer. More would not fit into a packet that every resolver takes.
const ADDRESSES_MAX: usize = 28;

/// What a name asks for.
enum Asked {
    Service,
    Tasks,
    Slot(u64),
}

/// Where names are looked up.
pub(super) struct Book<'a> {
    pub(super) view: &'a ClusterView,
    pub(super) local: &'a LocalNetworks,
    pub(super) virtuals: &'a Virtuals,
}

/// Where something is on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) v4: Ipv4Addr,
    /// Where the network has IPv6.
    pub(super) v6: Option<Ipv6Addr>,
}

impl Book<'_> {
    /// The addresses of a name in lower case on the first of these networks that has it; none of them, if
    /// nothing is there at the moment. None: nobody here is called so.
    pub(super) fn find(&self, name: &str, networks: &[NetworkId]) -> Option<Vec<Place>> {
        networks.iter().find_map(|network| self.on(name, *network))
    }

    fn on(&self, name: &str, network: NetworkId) -> Option<Vec<Place>> {
        let mut found: Option<Vec<Place>> = None;
        for one in attached::to(self.view, network) {
            let own = std::iter::once(&one.service.spec.name).chain(one.aliases);
            let Some(asked) = own.filter_map(|own| asked(name, own)).next() else {
                continue;
            };
            let addresses = found.get_or_insert_default();
            addresses.extend(self.addresses(one.service, network, &asked));
        }
        let mut found = found?;
        found.truncate(ADDRESSES_MAX);
        Some(found)
    }

    fn addresses(&self, service: &ServiceView, network: NetworkId, asked: &Asked) -> Vec<Place> {
        let own = match asked {
            Asked::Service if !is_round_robin(&service.spec) => {
                self.virtual_place(network, Whose::Service(service.id))
            }
            _ => None,
        };
        if let Some(own) = own {
            return vec![own];
        }
        let is_meant = |task: &&TaskView| match asked {
            Asked::Slot(number) => task.report.slot == Slot::Number(*number),
            Asked::Service | Asked::Tasks => true,
        };
        let tasks = self.view.tasks.values().filter(|task| {
            task.report.service == service.id
                && task.report.state == TaskState::Running
                && task.report.desired == TaskState::Running
                && task.node_is_alive
        });
        let addresses = tasks
            .filter(is_meant)
            .filter_map(|task| self.address(task, network));
        addresses.collect()
    }

    /// Its own address if it is here, else one that stands for it here.
    fn address(&self, task: &TaskView, network: NetworkId) -> Option<Place> {
        let id = task.report.id;
        if task.node != self.view.this_node {
            return self.virtual_place(network, Whose::Task(id));
        }
        let v6 = self.local.tasks6.get(&id).and_then(|of| of.get(&network));
        Some(Place {
            v4: *self.local.tasks.get(&id)?.get(&network)?,
            v6: v6.copied(),
        })
    }

    fn virtual_place(&self, network: NetworkId, whose: Whose) -> Option<Place> {
        let v4 = self.virtuals.of(network, whose)?;
        let v6 = self.local.networks.get(&network)?.behind(v4);
        Some(Place { v4, v6 })
    }
}

fn asked(name: &str, own: &str) -> Option<Asked> {
    let is_own = |text: &str| text.eq_ignore_ascii_case(own);
    if is_own(name) {
        return Some(Asked::Service);
    }
    if name.strip_prefix("tasks.").is_some_and(is_own) {
        return Some(Asked::Tasks);
    }
    let (service, slot) = name.rsplit_once('.')?;
    let number = slot.parse().ok().filter(|_| is_own(service))?;
    Some(Asked::Slot(number))
}

#[cfg(test)]
mod tests {
    use super::{
        super::samples::{self, HERE_ADDRESS, HERE_ADDRESS6, NETWORK},
        *,
    };

    #[test]
    fn a_name_asks_for_a_service_its_tasks_or_a_slot() {
        assert!(matches!(asked("web", "Web"), Some(Asked::Service)));
        assert!(matches!(asked("tasks.web", "web"), Some(Asked::Tasks)));
        assert!(matches!(asked("web.12", "web"), Some(Asked::Slot(12))));
        assert!(matches!(
            asked("app_web.1", "app_web"),
            Some(Asked::Slot(1))
        ));
        for other in ["we", "web.x", "web.1.2", "tasks.we", ".web", "web.", ""] {
            assert!(asked(other, "web").is_none(), "{other}");
        }
    }

    #[test]
    fn a_service_has_one_address_its_tasks_have_their_own_or_one_that_stands_for_them() {
        let names = samples::names();
        let (view, local) = (samples::view(), samples::local());
        let book = Book {
            view: &view,
            local: &local,
            virtuals: &names.virtuals,
        };
        let places = |name: &str| book.find(name, &[NETWORK]);
        let find = |name: &str| {
            let found = places(name)?.into_iter();
            Some(found.map(|place| place.v4).collect::<Vec<_>>())
        };
        let is_virtual =
            |address: &Ipv4Addr| local.networks[&NETWORK].range.virtuals().contains(address);
        let web = find("web").unwrap();
        assert!(web.len() == 1 && is_virtual(&web[0]), "{web:?}");
        assert_eq!(find("app_web"), Some(web.clone()));
        let tasks = find("tasks.web").unwrap();
        assert_eq!((tasks.len(), tasks[0]), (2, HERE_ADDRESS));
        assert!(is_virtual(&tasks[1]) && tasks[1] != web[0]);
        assert_eq!(find("web.1"), Some(vec![HERE_ADDRESS]));
        assert_eq!(find("web.2"), Some(vec![tasks[1]]));
        assert_eq!(find("web.3"), Some(vec![]), "known, and not there");
        let network = &local.networks[&NETWORK];
        for place in places("tasks.web")
            .unwrap()
            .iter()
            .chain(&places("web").unwrap())
        {
            let expected = match place.v4 {
                HERE_ADDRESS => Some(HERE_ADDRESS6),
                other => network.behind(other),
            };
            assert!(place.v6.is_some() && place.v6 == expected, "{place:?}");
        }
        // Round robin: no address of its own.
        let dns = find("app_dns").unwrap();
        assert_eq!(find("tasks.app_dns"), Some(dns.clone()));
        assert!(is_virtual(&dns[0]));
        for other in ["lonely", "dns", "nobody", "tasks.lonely"] {
            assert_eq!(find(other), None, "{other}");
        }
        assert_eq!(book.find("web", &[]), None, "of another network");
    }
}

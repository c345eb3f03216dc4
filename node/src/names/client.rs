//! Who asks: the container that has an address on a network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use shoal_scheduler::{
    task::{NetworkId, TaskId},
    view::ClusterView,
};

use crate::{resolvers, runtime::docker::LocalNetworks};

/// Servers that are asked for one question.
const SERVERS_MAX: usize = 3;
/// Where servers of names listen.
const PORT: u16 = 53;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// None: a container that is no task of ours, and knows that network alone.
    task: Option<TaskId>,
    /// The network by which it asks first, then its others.
    pub(super) networks: Vec<NetworkId>,
}

/// Who has this address on a network.
pub(super) fn find(local: &LocalNetworks, network: NetworkId, address: Ipv4Addr) -> Client {
    let mut tasks = local.tasks.iter();
    let found = tasks.find(|(_, networks)| networks.get(&network) == Some(&address));
    let others = found.into_iter().flat_map(|(_, networks)| networks.keys());
    let others = others.filter(|other| **other != network);
    Client {
        task: found.map(|(task, _)| *task),
        networks: std::iter::once(&network).chain(others).copied().collect(),
    }
}

impl Client {
    /// Whom it asks for what nobody knows here: the servers that its service names, or the machine's.
    pub(super) fn servers(&self, view: &ClusterView) -> Vec<SocketAddr> {
        let named = self.task.and_then(|task| servers_of(view, task));
        let servers = named.unwrap_or_else(resolvers::of_this_machine);
        let servers = servers.into_iter().take(SERVERS_MAX);
        servers
            .map(|server| SocketAddr::new(server, PORT))
            .collect()
    }
}

/// Those that a task's service names itself.
fn servers_of(view: &ClusterView, task: TaskId) -> Option<Vec<IpAddr>> {
    let service = view.tasks.get(&task)?.report.service;
    let spec = &view.services.get(&service)?.spec;
    let named = &spec.container().dns_config.as_ref()?.nameservers;
    let named: Vec<IpAddr> = named.iter().filter_map(|one| one.parse().ok()).collect();
    (!named.is_empty()).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_knows_the_networks_that_it_is_on_and_a_stranger_the_one_it_asks_by() {
        let address = |last| Ipv4Addr::new(10, 0, 0, last);
        let mut local = LocalNetworks::default();
        let both = [(NetworkId(1), address(2)), (NetworkId(2), address(9))];
        local.tasks.insert(TaskId(7), both.into());
        let asker = find(&local, NetworkId(2), address(9));
        assert_eq!(asker.networks, [NetworkId(2), NetworkId(1)]);
        assert_eq!(asker.task, Some(TaskId(7)));
        let stranger = find(&local, NetworkId(2), address(2));
        assert_eq!(
            (stranger.networks, stranger.task),
            (vec![NetworkId(2)], None)
        );
    }
}

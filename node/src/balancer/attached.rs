//! Which services are on which networks, and under which names.

use shoal_scheduler::{
    task::{NetworkId, ServiceId},
    view::{ClusterView, ServiceView},
};

/// A service on a network.
pub(crate) struct Attached<'a> {
    pub(crate) service: &'a ServiceView,
    /// Further names that it has there.
    pub(crate) aliases: &'a [String],
}

/// The services on a network.
pub(crate) fn to(view: &ClusterView, network: NetworkId) -> impl Iterator<Item = Attached<'_>> {
    let known = view.networks.get(&network);
    let id = network.to_string();
    view.services.values().filter_map(move |service| {
        let name = known?.spec.name.as_str();
        let mut attachments = service.spec.task_template.networks.iter();
        let found = attachments.find(|one| one.target == name || one.target == id)?;
        Some(Attached {
            service,
            aliases: &found.aliases,
        })
    })
}

/// Whether a service is on a network.
pub(super) fn is_on(view: &ClusterView, service: ServiceId, network: NetworkId) -> bool {
    to(view, network).any(|one| one.service.id == service)
}

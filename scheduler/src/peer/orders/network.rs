//! Orders about networks.

use rand::RngExt;

use super::{super::Peer, Draft, json};
use crate::{
    order::OrderError,
    payload::NetworkRecord,
    registry::{Key, kind},
    spec::NetworkSpec,
    task::NetworkId,
};

impl Peer {
    pub(super) fn draft_network(&mut self, mut spec: NetworkSpec) -> Result<Draft, OrderError> {
        spec.validate()?;
        let key = Key::of(kind::NETWORK, spec.name.clone());
        if self.registry.read(&key).is_some() {
            return Err(OrderError::NetworkTaken(spec.name));
        }
        if spec.driver.is_empty() {
            "overlay".clone_into(&mut spec.driver);
        }
        let id = NetworkId(u128::from_le_bytes(self.rng.random()));
        let created_at = u64::try_from(self.now.wall.as_millis()).unwrap_or(u64::MAX);
        let record = NetworkRecord {
            id,
            created_at,
            spec,
        };
        Ok(Draft::one(key, json(&record), id.to_string()))
    }

    pub(super) fn draft_network_removal(&mut self, id: NetworkId) -> Result<Draft, OrderError> {
        let found = self.catalog.networks().get(&id);
        let found = found.ok_or_else(|| OrderError::NotFound {
            kind: "network",
            id: id.to_string(),
        })?;
        let (name, id_text) = (found.spec.name.clone(), id.to_string());
        let mut services = self.catalog.services().iter();
        let user = services.find(|(_, service)| {
            let mut networks = service.spec.task_template.networks.iter();
            networks.any(|network| network.target == name || network.target == id_text)
        });
        match user {
            Some((service, _)) => Err(OrderError::NetworkInUse {
                network: id,
                service: *service,
            }),
            None => Ok(Draft::one(Key::of(kind::NETWORK, name), None, id_text)),
        }
    }
}

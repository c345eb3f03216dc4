//! The registry, read: services, the roster, volume homes. Kept up to date entry by entry, so that
//! nothing is parsed twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use imbl::OrdMap;
use shoal_membership::NodeId;

use super::{
    files::Files,
    service::{Service, read_service, service_of_finding},
};
use crate::{
    payload::{NetworkRecord, VolumeHome},
    ports::{self, PublishedPorts},
    reconcile::SlotKey,
    registry::{Admission, Entry, Key, Registry, Signed, kind},
    spec::{ClusterSpec, NodeSpec},
    task::{NetworkId, ServiceId, Slot},
    view::NodeFacts,
};

/// A member, read.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) admitted_at: Duration,
    pub(super) spec: NodeSpec,
    pub(super) facts: NodeFacts,
    pub(super) version: u64,
    pub(super) updated_at: Duration,
}

/// What a change of entries touched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touched {
    pub(super) placement: bool,
    pub(super) trust: bool,
    pub(super) purges: bool,
}

/// All that placement and people ask of the registry.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    services: BTreeMap<ServiceId, Service>,
    ids: BTreeMap<String, ServiceId>,
    nodes: OrdMap<NodeId, Arc<Node>>,
    homes: BTreeMap<SlotKey, VolumeHome>,
    networks: BTreeMap<NetworkId, NetworkRecord>,
    files: Files,
    cluster: ClusterSpec,
}

impl Catalog {
    pub(super) fn services(&self) -> &BTreeMap<ServiceId, Service> {
        &self.services
    }

    /// The ports of all services, with those that were chosen for them.
    pub(super) fn ports(&self) -> PublishedPorts {
        let services = self.services.values();
        let publishers = services.map(|service| ports::Publisher {
            id: service.record.id,
            created_at: service.record.created_at,
            spec: &service.spec,
            given: &service.record.given_ports,
        });
        ports::all(publishers.collect())
    }

    pub(super) fn service_named(&self, name: &str) -> Option<&Service> {
        self.services.get(self.ids.get(name)?)
    }

    /// Members that were neither removed nor evicted.
    pub(super) fn roster(&self) -> &OrdMap<NodeId, Arc<Node>> {
        &self.nodes
    }

    pub(super) fn homes(&self) -> &BTreeMap<SlotKey, VolumeHome> {
        &self.homes
    }

    pub(super) fn networks(&self) -> &BTreeMap<NetworkId, NetworkRecord> {
        &self.networks
    }

    pub(super) fn cluster_spec(&self) -> &ClusterSpec {
        &self.cluster
    }

    /// Secrets and configs.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Reads the entries that changed.
    pub(super) fn refresh(&mut self, registry: &Registry, changed: &BTreeSet<Key>) -> Touched {
        let mut touched = Touched::default();
        for key in changed {
            match key.kind.as_str() {
                kind::SERVICE => {
                    self.refresh_service(registry, key);
                    touched.placement = true;
                }
                kind::MEMBER | kind::REVOCATION | kind::EVICTION => {
                    touched.placement = true;
                    touched.trust = true;
                }
                kind::NODE | kind::FACTS => {
                    if let Ok(node) = key.name.parse() {
                        self.refresh_node(registry, node);
                    }
                    touched.placement = true;
                }
                kind::VOLUME_HOME => {
                    self.refresh_home(registry, key);
                    touched.placement = true;
                }
                kind::NETWORK => self.refresh_network(registry, key),
                kind::SECRET | kind::CONFIG => self.files.refresh(registry, key),
                kind::UPDATE | kind::JOB => {
                    let service = service_of_finding(key).and_then(|id| self.services.get(&id));
                    if let Some(name) = service.map(|service| service.spec.name.clone()) {
                        self.refresh_service(registry, &Key::of(kind::SERVICE, name));
                        touched.placement = true;
                    }
                }
                kind::CLUSTER => {
                    let read = registry.read_as::<ClusterSpec>(&cluster_key());
                    self.cluster = read.map(|(spec, _)| spec).unwrap_or_default();
                }
                kind::PURGE => touched.purges = true,
                _ => {}
            }
        }
        if touched.trust {
            self.refresh_roster(registry);
        }
        touched
    }

    fn refresh_service(&mut self, registry: &Registry, key: &Key) {
        if let Some(id) = self.ids.remove(&key.name) {
            self.services.remove(&id);
        }
        let Some(entry) = registry.entry(key) else {
            return;
        };
        match entry
            .winner()
            .as_deref()
            .map(|winner| read_service(registry, entry, winner))
        {
            Some(Ok(Some(service))) => {
                self.ids.insert(key.name.clone(), service.record.id);
                self.services.insert(service.record.id, service);
            }
            Some(Err(error)) => {
                tracing::warn!(%key, %error, "an entry that this version can't read is ignored");
            }
            _ => {}
        }
    }

    fn refresh_roster(&mut self, registry: &Registry) {
        let members: BTreeSet<NodeId> = registry
            .of_kind("system", kind::MEMBER)
            .filter_map(|(key, _, _)| key.name.parse().ok())
            .filter(|node| !registry.trust().is_revoked(node))
            .filter(|node| {
                registry
                    .read(&Key::system(kind::EVICTION, node.to_string()))
                    .is_none()
            })
            .collect();
        let gone = self.nodes.keys().filter(|node| !members.contains(node));
        let gone: Vec<NodeId> = gone.copied().collect();
        for node in &gone {
            self.nodes.remove(node);
        }
        for node in members {
            self.refresh_node(registry, node);
        }
    }

    fn refresh_node(&mut self, registry: &Registry, node: NodeId) {
        let name = node.to_string();
        if registry.trust().is_revoked(&node) {
            return;
        }
        let admission_key = Key::system(kind::MEMBER, name.clone());
        let Some((_, signed)) = registry.read_as::<Admission>(&admission_key) else {
            return;
        };
        let spec_key = Key::of(kind::NODE, name.clone());
        let facts_key = Key::system(kind::FACTS, name);
        let spec = registry.read_as::<NodeSpec>(&spec_key);
        let facts = registry.read_as::<NodeFacts>(&facts_key);
        let version_of = |key| registry.entry(key).map_or(0, Entry::version);
        let stamp = |signed: &Option<Arc<Signed>>| {
            signed
                .as_ref()
                .map_or(Duration::ZERO, |signed| signed.write.stamp.as_wall())
        };
        let admitted_at = signed.write.stamp.as_wall();
        let (spec, spec_write) = spec.unzip();
        let (facts, facts_write) = facts.unzip();
        let updated_at = admitted_at.max(stamp(&spec_write)).max(stamp(&facts_write));
        let version = [&admission_key, &spec_key, &facts_key]
            .map(version_of)
            .iter()
            .sum();
        let read = Node {
            admitted_at,
            spec: spec.unwrap_or_default(),
            facts: facts.unwrap_or_default(),
            version,
            updated_at,
        };
        self.nodes.insert(node, Arc::new(read));
    }

    fn refresh_network(&mut self, registry: &Registry, key: &Key) {
        self.networks.retain(|_, known| known.spec.name != key.name);
        let found = registry.read_as::<NetworkRecord>(key);
        // Its author should have checked this; a hostile one did not.
        let found =
            found.filter(|(found, _)| found.spec.name == key.name && found.spec.validate().is_ok());
        if let Some((found, _)) = found {
            self.networks.insert(found.id, found);
        }
    }

    fn refresh_home(&mut self, registry: &Registry, key: &Key) {
        let Some(slot) = slot_of_name(&key.name) else {
            return;
        };
        match registry.read_as::<VolumeHome>(key) {
            Some((home, _)) => self.homes.insert(slot, home),
            None => self.homes.remove(&slot),
        };
    }
}

/// Where it is kept what holds for the whole cluster.
pub(super) fn cluster_key() -> Key {
    Key::of(kind::CLUSTER, "cluster")
}

/// The name under which a slot's findings are kept.
pub(super) fn name_of_slot(slot: &SlotKey) -> String {
    format!("{}.{}", slot.0, slot.1)
}

fn slot_of_name(name: &str) -> Option<SlotKey> {
    let (service, slot) = name.split_once('.')?;
    let slot = match slot.parse() {
        Ok(number) => Slot::Number(number),
        Err(_) => Slot::Node(slot.parse().ok()?),
    };
    Some((service.parse().ok()?, slot))
}

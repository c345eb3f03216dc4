//! The view of the whole cluster that people and programs read. Built when something has changed
//! and somebody asks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use shoal_membership::{NodeId, PublicKey};

use super::{
    Peer,
    catalog::{Node, cluster_key},
    files::File,
    service::Service,
};
use crate::{
    payload::{NetworkRecord, TokenRecord},
    registry::{Entry, kind},
    spec::{FileKind, PortConfig},
    task::{FileId, NetworkId, ServiceId, TaskId},
    view::{
        ClusterView, FileView, JobView, NetworkView, NodeStatus, NodeView, ServiceView, TaskView,
        TokenView,
    },
};

/// Clocks further apart than this are worth a warning.
const SKEW_MAX: Duration = Duration::from_secs(60);

impl Peer {
    /// Whether [`Self::view`] would differ from the last one.
    #[must_use]
    pub fn view_is_stale(&self) -> bool {
        self.view_is_stale
    }

    /// The whole cluster, as this node knows it.
    pub fn view(&mut self) -> Arc<ClusterView> {
        self.view_is_stale = false;
        let roster = self.catalog.roster();
        let services = self.catalog.services();
        let mut apart = self.all_apart();
        let mut ports = self.catalog.ports();
        let mut ports_of = |id| ports.remove(id).unwrap_or_default();
        Arc::new(ClusterView {
            cluster: self.registry.cluster(),
            created_at: roster
                .values()
                .map(|node| node.admitted_at)
                .min()
                .unwrap_or_default(),
            this_node: self.me(),
            nodes: roster
                .iter()
                .map(|(id, node)| {
                    let apart_from = apart.remove(id).unwrap_or_default();
                    (*id, self.node_view(id, node, apart_from))
                })
                .collect(),
            services: services
                .iter()
                .map(|(id, one)| (*id, self.service_view(one, ports_of(id))))
                .collect(),
            networks: self.network_views(),
            secrets: self.file_views(FileKind::Secret),
            configs: self.file_views(FileKind::Config),
            tasks: self.task_views(),
            pending: self.pending_slots(),
            spec: self.catalog.cluster_spec().clone(),
            spec_version: self
                .registry
                .entry(&cluster_key())
                .map_or(0, Entry::version),
            tokens: self.token_views(),
            desired_root: self.registry.digests().root(),
            warnings: self.warnings(),
        })
    }

    fn network_views(&self) -> BTreeMap<NetworkId, NetworkView> {
        let networks = self.catalog.networks().iter();
        let view = |record: &NetworkRecord| NetworkView {
            id: record.id,
            spec: record.spec.clone(),
            created_at: Duration::from_millis(record.created_at),
        };
        networks.map(|(id, one)| (*id, view(one))).collect()
    }

    fn file_views(&self, kind: FileKind) -> BTreeMap<FileId, FileView> {
        let files = self.catalog.files().of(kind);
        let view = |file: &File| FileView {
            id: file.record.id,
            spec: file.record.spec.clone(),
            version: file.version,
            contents: self.contents_of(&file.record),
            digest: file.record.digest.clone(),
            readers: self.sealed_keys(file.record.id).into_keys().collect(),
            created_at: Duration::from_millis(file.record.created_at),
            updated_at: file.updated_at,
        };
        files.map(|file| (file.record.id, view(file))).collect()
    }

    fn pending_slots(&self) -> Vec<crate::view::PendingSlot> {
        let services = self.catalog.services();
        let pending = self.placing.plan.pending.iter();
        pending
            .filter(|slot| services.contains_key(&slot.service))
            .cloned()
            .collect()
    }

    pub(super) fn status_of(&self, id: &NodeId) -> NodeStatus {
        if *id == self.me() {
            return NodeStatus::Ready;
        }
        self.presence
            .status(id, self.phase_of(id), self.now.monotonic)
    }

    fn node_view(&self, id: &NodeId, node: &Node, apart_from: BTreeSet<NodeId>) -> NodeView {
        let key = self.registry.trust().key_of(id);
        NodeView {
            id: *id,
            key: key.copied().unwrap_or(PublicKey::from_bytes([0; 32])),
            hostname: node.facts.hostname.clone(),
            spec: node.spec.clone(),
            version: node.version,
            status: self.status_of(id),
            addresses: self.addresses_of(id).as_slice().to_vec(),
            apart_from,
            facts: node.facts.clone(),
            port_troubles: self.port_troubles_of(id),
            created_at: node.admitted_at,
            updated_at: node.updated_at,
        }
    }

    fn service_view(&self, service: &Service, ports: Vec<PortConfig>) -> ServiceView {
        let id = service.record.id;
        let everywhere = || {
            let owners = self.placing.plan.services.get(&id);
            owners.map_or(0, |owners| owners.everywhere.len() as u64)
        };
        let is_global = service.spec.mode.is_global();
        ServiceView {
            id,
            spec: service.spec.clone(),
            spec_json: service.spec_json.clone(),
            previous_spec_json: service.previous_json.clone(),
            version: service.version,
            ports,
            template: service.template,
            previous_template: service.previous.as_ref().map(|previous| previous.template),
            update_id: service.update,
            job: service.job.as_ref().map(|job| JobView {
                iteration: service.record.job_iteration,
                completed: job.completed(),
                failed: job.failed,
            }),
            update: service.status.clone(),
            created_at: Duration::from_millis(service.record.created_at),
            updated_at: service.updated_at,
            desired_tasks: if is_global {
                everywhere()
            } else {
                service.spec.mode.slots()
            },
            conflicts: service.conflicts.clone(),
        }
    }

    fn task_views(&self) -> BTreeMap<TaskId, TaskView> {
        let me = self.me();
        let own = self.running.local.all().map(|task| {
            let report = Arc::new(task.report.clone());
            (
                report.id,
                TaskView {
                    node: me,
                    report,
                    node_is_alive: true,
                },
            )
        });
        let others = self.reports.iter().flat_map(|(node, reports)| {
            let now = self.now.monotonic;
            let node_is_alive = self.presence.speaks_for(node, reports.incarnation, now)
                || self.status_of(node) == NodeStatus::Away;
            reports.tasks.iter().map(move |report| {
                (
                    report.id,
                    TaskView {
                        node: *node,
                        report: report.clone(),
                        node_is_alive,
                    },
                )
            })
        });
        let services = self.catalog.services();
        let exists = |service: &ServiceId| services.contains_key(service);
        own.chain(others)
            .filter(|(_, task)| exists(&task.report.service))
            .collect()
    }

    fn token_views(&self) -> Vec<TokenView> {
        self.registry
            .of_kind("default", kind::TOKEN)
            .filter_map(|(key, _, _)| {
                let (record, written) = self.registry.read_as::<TokenRecord>(key)?;
                let age = self.token_age(&key.name, written.write.stamp.as_wall());
                let is_good = record.lifetime().is_none_or(|lifetime| age < lifetime);
                is_good.then(|| TokenView {
                    id: key.name.clone(),
                    created_at: Duration::from_millis(record.created_at),
                    ttl: record.lifetime(),
                    uses: record.uses,
                    is_standing: record.is_standing,
                    used: u32::try_from(self.uses_of(&key.name).len()).unwrap_or(u32::MAX),
                })
            })
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let ahead = self.registry.clock_ahead_of(self.now.wall);
        if ahead > SKEW_MAX {
            warnings.push(format!(
                "this node's clock is {} s behind another's: times of writes are shown by the latter",
                ahead.as_secs()
            ));
        }
        for service in self
            .catalog
            .services()
            .values()
            .filter(|one| !one.conflicts.is_empty())
        {
            warnings.push(format!(
                "service {} was written on two sides at once; see its conflicts, and write it again \
                 to settle them",
                service.spec.name
            ));
        }
        for token in self.token_views() {
            if token.uses.is_some_and(|uses| token.used > uses) {
                warnings.push(format!(
                    "token {} was used {} times on two sides of a partition; {} were allowed",
                    token.id,
                    token.used,
                    token.uses.unwrap_or_default()
                ));
            }
        }
        warnings
    }
}

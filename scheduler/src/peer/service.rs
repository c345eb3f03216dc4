//! A service, read from the registry: what people wrote, and what nodes found of its last update.

use std::{sync::Arc, time::Duration};

use shoal_membership::NodeId;

use crate::{
    job::Job,
    payload::{JobRecord, ServiceRecord, UpdateFinding},
    registry::{Entry, Key, Registry, Signed, kind},
    spec::{ServiceSpec, UpdateConfig},
    task::{ServiceId, Slot},
    update::{Finding, Stage, UpdateKind},
    view::{Conflict, UpdateStatus},
};

/// A service, read.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) record: ServiceRecord,
    /// What it is to be now: after an update that was rolled back, the spec before that.
    pub(super) spec: Arc<ServiceSpec>,
    pub(super) spec_json: Arc<str>,
    pub(super) previous_json: Option<Arc<str>>,
    pub(super) template: u64,
    pub(super) previous: Option<Previous>,
    pub(super) version: u64,
    pub(super) updated_at: Duration,
    pub(super) conflicts: Vec<Conflict>,
    /// The last write, by which tasks that are made now are known.
    pub(super) update: u64,
    /// How far it is, if it is a job.
    pub(super) job: Option<Job>,
    /// How far the last update is. None: the last write asked for none.
    pub(super) status: Option<UpdateStatus>,
}

/// The spec before the last update.
#[derive(Clone, Debug)]
pub(super) struct Previous {
    pub(super) spec: Arc<ServiceSpec>,
    pub(super) template: u64,
}

impl Service {
    /// Where its last update is, if that has not come to its end.
    pub(super) fn unfinished(&self) -> Option<Stage> {
        let stage = self.status.as_ref().map(|status| status.stage);
        stage.filter(|stage| !stage.is_over())
    }

    /// How the slots come to where they are to be.
    pub(super) fn update_config(&self) -> UpdateConfig {
        let is_rollback = self
            .status
            .as_ref()
            .is_some_and(|status| status.stage.is_rollback());
        let config = match is_rollback {
            true => &self.spec.rollback_config,
            false => &self.spec.update_config,
        };
        config.clone().unwrap_or_default()
    }
}

/// The key under which something is found of an update.
pub(super) fn finding_key(service: ServiceId, update: u64, finding: Finding) -> Key {
    let name = format!("{service}.{update:016x}.{}", finding.as_str());
    Key::system(kind::UPDATE, name)
}

/// The service that a finding is about.
pub(super) fn service_of_finding(key: &Key) -> Option<ServiceId> {
    key.name.split('.').next()?.parse().ok()
}

/// What was found of an update: what, for people, and when; the gravest last.
fn findings(registry: &Registry, service: ServiceId, update: u64) -> Vec<(Finding, Arc<Signed>)> {
    let all = Finding::ALL.into_iter();
    all.filter_map(|finding| {
        let found = registry.read(&finding_key(service, update, finding))?;
        Some((finding, found))
    })
    .collect()
}

/// Reads a service. None: it was removed.
pub(super) fn read_service(
    registry: &Registry,
    entry: &Entry,
    winner: &Signed,
) -> Result<Option<Service>, String> {
    let Some(payload) = &winner.write.payload else {
        return Ok(None);
    };
    let unreadable = |error: serde_json::Error| error.to_string();
    let record: ServiceRecord = serde_json::from_slice(payload).map_err(unreadable)?;
    let spec: ServiceSpec = serde_json::from_str(record.spec.get()).map_err(unreadable)?;
    // Its author should have checked this; a hostile one did not.
    spec.validate().map_err(|error| error.to_string())?;
    let siblings = entry.siblings();
    let conflicts = siblings
        .iter()
        .filter(|one| one.hash != winner.hash)
        .map(conflict);
    // One that this version can't read is of no use to it.
    let previous = record.previous_spec.as_ref().and_then(|written| {
        let spec = serde_json::from_str::<ServiceSpec>(written.get()).ok();
        let spec = spec.filter(|spec| spec.validate().is_ok())?;
        Some((spec, Arc::<str>::from(written.get())))
    });
    let update = (winner.hash >> 64) as u64;
    let found = findings(registry, record.id, update);
    let version = entry.version().max(record.version_before.saturating_add(1));
    // Who wrote without knowing of another write could not tell what it asks of the tasks.
    let kind = match siblings.len() {
        _ if spec.mode.is_job() => None,
        0 | 1 => record.update,
        _ => record.update.or(Some(UpdateKind::Update)),
    };
    let mut service = Service {
        previous: previous.as_ref().map(|(spec, _)| Previous {
            template: spec.template_hash(),
            spec: Arc::new(spec.clone()),
        }),
        previous_json: record.previous_spec.as_ref().map(|spec| spec.get().into()),
        // Each time that it is asked for a job is another.
        template: match spec.mode.is_job() {
            true => Job::template(spec.template_hash(), update),
            false => spec.template_hash(),
        },
        job: spec
            .mode
            .is_job()
            .then(|| read_job(registry, record.id, update, &spec)),
        spec: Arc::new(spec),
        spec_json: record.spec.get().into(),
        version: version.saturating_add(found.len() as u64),
        updated_at: winner.write.stamp.as_wall(),
        conflicts: conflicts.collect(),
        update,
        status: status(kind, &found, winner.write.stamp.as_wall()),
        record,
    };
    // A rollback that people asked for leads to its own spec. Of another, what was found on the way back
    // may be heard of before that it is one.
    let is_back = kind == Some(UpdateKind::Update)
        && found
            .iter()
            .any(|(finding, _)| *finding >= Finding::RolledBack);
    if let Some((spec, spec_json)) = previous.filter(|_| is_back) {
        let failed = Previous {
            spec: service.spec.clone(),
            template: service.template,
        };
        service.template = spec.template_hash();
        service.spec = Arc::new(spec);
        service.spec_json = spec_json;
        // As on Swarm: nobody wants to go back to what failed. Its tasks are known by it.
        service.previous_json = None;
        service.previous = Some(failed);
    }
    Ok(Some(service))
}

/// The key under which a node writes down how far it is with a job.
pub(super) fn job_key(service: ServiceId, update: u64, node: NodeId) -> Key {
    Key::system(kind::JOB, format!("{service}.{update:016x}.{node}"))
}

/// What all nodes have written down of a job.
fn read_job(registry: &Registry, service: ServiceId, update: u64, spec: &ServiceSpec) -> Job {
    let mut job = Job {
        completions: spec.mode.completions(),
        slots: spec.mode.slots(),
        ..Job::default()
    };
    let prefix = format!("{service}.{update:016x}.");
    for (key, _, signed) in registry.of_kind("system", kind::JOB) {
        let Some(node) = key
            .name
            .strip_prefix(&prefix)
            .and_then(|id| id.parse().ok())
        else {
            continue;
        };
        let payload = signed.write.payload.as_deref().unwrap_or_default();
        let Ok(record) = serde_json::from_slice::<JobRecord>(payload) else {
            continue;
        };
        job.failed = job.failed.saturating_add(record.failed);
        for (number, behind) in record.behind {
            let slot = match spec.mode.is_global() {
                true => Slot::Node(node),
                false => Slot::Number(number),
            };
            let known = job.behind.entry(slot).or_default();
            // A slot may have been with several nodes; each knew what was behind it.
            *known = behind.max(*known);
        }
    }
    job
}

fn status(
    kind: Option<UpdateKind>,
    found: &[(Finding, Arc<Signed>)],
    started_at: Duration,
) -> Option<UpdateStatus> {
    let gravest = found.last();
    let stage = Stage::of(kind?, gravest.map(|(finding, _)| *finding));
    let said = gravest.and_then(|(_, signed)| {
        let found: UpdateFinding = serde_json::from_slice(signed.write.payload.as_ref()?).ok()?;
        Some(found.message)
    });
    let ended_at = gravest.filter(|_| stage.is_over());
    Some(UpdateStatus {
        stage,
        started_at,
        ended_at: ended_at.map(|(_, signed)| signed.write.stamp.as_wall()),
        message: said.unwrap_or_else(|| stage.message().to_owned()),
    })
}

fn conflict(signed: &Arc<Signed>) -> Conflict {
    let record = signed.write.payload.as_ref().and_then(|payload| {
        let record: ServiceRecord = serde_json::from_slice(payload).ok()?;
        Some(record.spec.get().into())
    });
    Conflict {
        author: signed.write.author.node,
        written_at: signed.write.stamp.as_wall(),
        spec_json: record,
    }
}

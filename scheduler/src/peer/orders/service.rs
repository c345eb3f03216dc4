//! Orders about services.

use rand::RngExt;
use serde_json::value::RawValue;

use super::{
    super::{
        Peer,
        catalog::name_of_slot,
        service::{Service, finding_key},
    },
    Draft, json,
};
use crate::{
    order::OrderError,
    payload::ServiceRecord,
    ports::{self, GivenPort, PublishedPorts},
    registry::{Key, kind},
    spec::{PREDEFINED_NETWORKS, PortConfig, Protocol, PublishMode, ServiceSpec},
    task::{ServiceId, Slot},
    update::{Finding, UpdateKind},
};

impl Peer {
    pub(super) fn draft_create(&mut self, spec_json: &str) -> Result<Draft, OrderError> {
        let (raw, spec) = read_spec(spec_json)?;
        if self.catalog.service_named(&spec.name).is_some() {
            return Err(OrderError::NameTaken {
                kind: "service",
                name: spec.name,
            });
        }
        let ports = self.catalog.ports();
        self.check_ports(&spec, None, &ports)?;
        self.check_networks(&spec)?;
        self.check_files(&spec)?;
        let id = ServiceId(u128::from_le_bytes(self.rng.random()));
        let given_ports = self.give_ports(id, &spec, &ports)?;
        let created_at = u64::try_from(self.now.wall.as_millis()).unwrap_or(u64::MAX);
        let record = ServiceRecord {
            id,
            created_at,
            spec: raw,
            given_ports,
            previous_spec: None,
            update: None,
            after_another: false,
            job_iteration: 0,
            version_before: 0,
        };
        let key = Key::of(kind::SERVICE, spec.name.clone());
        Ok(with_port_warnings(
            Draft::one(key, json(&record), id.to_string()),
            &spec,
        ))
    }

    pub(super) fn draft_update(
        &mut self,
        id: ServiceId,
        version: u64,
        spec_json: Option<&str>,
    ) -> Result<Draft, OrderError> {
        let service = self.service(id)?;
        if service.version != version {
            return Err(OrderError::OutOfSequence);
        }
        let wanted = match (spec_json, &service.previous_json) {
            (Some(spec_json), _) => spec_json.to_owned(),
            (None, Some(previous)) => previous.to_string(),
            (None, None) => {
                return Err(OrderError::Unsupported(format!(
                    "service {id} does not have a previous spec"
                )));
            }
        };
        let (raw, spec) = read_spec(&wanted)?;
        if spec.name != service.spec.name {
            return Err(OrderError::Unsupported(
                "renaming services is not supported".into(),
            ));
        }
        if !spec.mode.is_of_the_kind_of(&service.spec.mode) {
            return Err(OrderError::Unsupported(
                "service mode change is not allowed".into(),
            ));
        }
        let ports = self.catalog.ports();
        self.check_ports(&spec, Some(id), &ports)?;
        self.check_networks(&spec)?;
        self.check_files(&spec)?;
        let given_ports = self.give_ports(id, &spec, &ports)?;
        let is_job = spec.mode.is_job();
        let changes_tasks = !is_job && spec.template_hash() != service.template;
        let is_unfinished = service.unfinished().is_some();
        let kind = match spec_json {
            Some(_) => UpdateKind::Update,
            None => UpdateKind::Rollback,
        };
        let bad = |error: serde_json::Error| OrderError::Json(error.to_string());
        let record = ServiceRecord {
            previous_spec: Some(serde_json::from_str(&service.spec_json).map_err(bad)?),
            spec: raw,
            given_ports,
            update: (changes_tasks || is_unfinished).then_some(kind),
            after_another: is_unfinished,
            job_iteration: service
                .record
                .job_iteration
                .saturating_add(u64::from(is_job)),
            version_before: service.version,
            ..service.record.clone()
        };
        let key = Key::of(kind::SERVICE, spec.name.clone());
        let mut draft = Draft::one(key, json(&record), id.to_string());
        draft.writes.extend(self.without_findings(service));
        Ok(with_port_warnings(draft, &spec))
    }

    /// What was found of a service's last update, taken away with it.
    fn without_findings(&self, service: &Service) -> Vec<(Key, Option<Vec<u8>>)> {
        let keys = Finding::ALL
            .into_iter()
            .map(|finding| finding_key(service.record.id, service.update, finding));
        let prefix = format!("{}.", service.record.id);
        let jobs = self.registry.of_kind("system", kind::JOB);
        let jobs = jobs.map(|(key, _, _)| key.clone());
        let jobs = jobs.filter(|key| key.name.starts_with(&prefix));
        keys.filter(|key| self.registry.read(key).is_some())
            .chain(jobs)
            .map(|key| (key, None))
            .collect()
    }

    pub(super) fn draft_remove(&mut self, id: ServiceId) -> Result<Draft, OrderError> {
        let service = self.service(id)?;
        let name = service.spec.name.clone();
        let findings = self.without_findings(service);
        let mut draft = Draft::one(Key::of(kind::SERVICE, name), None, id.to_string());
        let homes = self.catalog.homes().keys().filter(|slot| slot.0 == id);
        draft.writes.extend(findings);
        draft
            .writes
            .extend(homes.map(|slot| (Key::system(kind::VOLUME_HOME, name_of_slot(slot)), None)));
        Ok(draft)
    }

    pub(super) fn draft_release(&mut self, id: ServiceId, slot: Slot) -> Result<Draft, OrderError> {
        let name = name_of_slot(&(id, slot));
        if !self.catalog.homes().contains_key(&(id, slot)) {
            return Err(OrderError::NotFound {
                kind: "volume home of",
                id: name,
            });
        }
        Ok(Draft::one(
            Key::system(kind::VOLUME_HOME, name.clone()),
            None,
            name,
        ))
    }

    fn service(&self, id: ServiceId) -> Result<&Service, OrderError> {
        let missing = || OrderError::NotFound {
            kind: "service",
            id: id.to_string(),
        };
        self.catalog.services().get(&id).ok_or_else(missing)
    }

    /// Refuses networks that nobody made.
    fn check_networks(&self, spec: &ServiceSpec) -> Result<(), OrderError> {
        let known = self.catalog.networks();
        let exists = |target: &str| {
            PREDEFINED_NETWORKS.contains(&target)
                || known.values().any(|one| one.spec.name == target)
                || target.parse().is_ok_and(|id| known.contains_key(&id))
        };
        let mut wanted = spec.task_template.networks.iter();
        match wanted.find(|network| !exists(&network.target)) {
            Some(missing) => Err(OrderError::NotFound {
                kind: "network",
                id: missing.target.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Refuses an ingress port that another service has, asked for or not.
    fn check_ports(
        &self,
        spec: &ServiceSpec,
        own: Option<ServiceId>,
        ports: &PublishedPorts,
    ) -> Result<(), OrderError> {
        let ingress = |ports: &[PortConfig]| -> Vec<_> {
            let published = ports.iter().filter(|port| {
                port.publish_mode == PublishMode::Ingress && port.published_port > 0
            });
            published
                .map(|port| (port.published_port, port.protocol))
                .collect()
        };
        let wanted = ingress(spec.ports());
        for (id, held) in ports {
            if Some(*id) == own {
                continue;
            }
            if let Some((port, _)) = ingress(held).iter().find(|one| wanted.contains(one)) {
                let service = self.service(*id)?.spec.name.clone();
                return Err(OrderError::PortTaken {
                    port: *port,
                    service,
                    id: id.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Chooses ports where the spec leaves them open.
    fn give_ports(
        &self,
        id: ServiceId,
        spec: &ServiceSpec,
        ports: &PublishedPorts,
    ) -> Result<Vec<GivenPort>, OrderError> {
        // What it has now, which need not be what was recorded.
        let had = self.catalog.services().get(&id).zip(ports.get(&id));
        let had = had.map(|(known, had)| ports::given(&known.spec, had));
        let chosen = ports::of_one(id, spec, &had.unwrap_or_default(), ports);
        let mut ingress = chosen
            .iter()
            .filter(|port| port.publish_mode == PublishMode::Ingress);
        match ingress.find(|port| port.published_port == 0) {
            Some(port) => Err(OrderError::NoPortLeft(port.target_port)),
            None => Ok(ports::given(spec, &chosen)),
        }
    }
}

fn read_spec(spec_json: &str) -> Result<(Box<RawValue>, ServiceSpec), OrderError> {
    let bad = |error: serde_json::Error| OrderError::Json(error.to_string());
    let raw: Box<RawValue> = serde_json::from_str(spec_json).map_err(bad)?;
    let spec: ServiceSpec = serde_json::from_str(spec_json).map_err(bad)?;
    spec.validate()?;
    Ok((raw, spec))
}

fn with_port_warnings(mut draft: Draft, spec: &ServiceSpec) -> Draft {
    draft.warnings.extend(port_warnings(spec));
    draft
}

/// Nothing listens on published ports of SCTP, and people should know. Containers' ports in mode `host` are
/// their engine's business.
fn port_warnings(spec: &ServiceSpec) -> impl Iterator<Item = String> + '_ {
    let is_process = spec.task_template.container_spec.is_process();
    let ports = spec.ports().iter().filter(move |port| {
        port.protocol == Protocol::Sctp && (is_process || port.publish_mode == PublishMode::Ingress)
    });
    ports.map(move |port| {
        let (service, target) = (&spec.name, port.target_port);
        let instead = match is_process {
            true => "processes are reached by TCP and UDP",
            false => "in mode host the tasks of each node are reached there",
        };
        format!("service {service}: nothing listens for SCTP port {target}; {instead}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_nothing_listens_on_is_said_once() {
        let warnings = |image: &str, mode: &str, protocol: &str| {
            let text = format!(
                r#"{{"Name":"w","TaskTemplate":{{"ContainerSpec":{{"Image":"{image}"}}}},"EndpointSpec":{{"Ports":[
                {{"TargetPort":80,"PublishedPort":8080,"PublishMode":"{mode}","Protocol":"{protocol}"}},{{"TargetPort":81}}]}}}}"#
            );
            let spec: ServiceSpec = serde_json::from_str(&text).unwrap();
            port_warnings(&spec).collect::<Vec<_>>().concat()
        };
        assert!(warnings("scratch", "host", "sctp").contains("port 80; processes"));
        assert!(warnings("web:1", "ingress", "sctp").contains("port 80; in mode host"));
        assert_eq!(warnings("web:1", "host", "sctp"), "");
        assert_eq!(warnings("web:1", "ingress", "udp"), "");
        assert_eq!(warnings("web:1", "ingress", "tcp"), "");
        assert_eq!(warnings("scratch", "ingress", "tcp"), "");
        assert_eq!(warnings("scratch", "host", "udp"), "");
    }
}

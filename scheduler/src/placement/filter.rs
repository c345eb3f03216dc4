//! The filters that do not depend on where other tasks are, in Swarm's order.

use shoal_membership::NodeId;

use super::{input::Node, platform};
use crate::spec::{Availability, Constraint, Platform, ServiceSpec};

/// Why a node does not get a slot. The order is the order of Swarm's pipeline, in which the first
/// reason counts; the last three are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exclusion {
    Availability,
    Resources,
    Engine,
    Plugin,
    Constraint,
    Platform,
    HostPort,
    MaxReplicas,
    Refusal,
    Spread,
    Load,
}

/// What a service asks of the kind of node. Services that ask the same share one [`Field`].
///
/// [`Field`]: super::field::Field
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Filter {
    constraints: Vec<String>,
    /// Architecture and system of each platform.
    platforms: Vec<(String, String)>,
    is_process: bool,
    /// Plugins of the engine as `Kind/name`.
    plugins: Vec<String>,
    /// Labels to spread over, outermost first.
    pub(super) spread: Vec<String>,
}

impl Filter {
    pub(super) fn of(spec: &ServiceSpec) -> Self {
        let placement = &spec.task_template.placement;
        let mut constraints = placement.constraints.clone();
        constraints.sort_unstable();
        constraints.dedup();
        Self {
            constraints,
            platforms: placement
                .platforms
                .iter()
                .map(|platform| (platform.architecture.clone(), platform.os.clone()))
                .collect(),
            is_process: spec.container().is_process(),
            plugins: plugins(spec),
            spread: placement
                .preferences
                .iter()
                .map(|preference| preference.spread.spread_descriptor.clone())
                .collect(),
        }
    }

    /// The runtime that a node needs: `process` or `docker`.
    pub(super) fn runtime(&self) -> &'static str {
        if self.is_process { "process" } else { "docker" }
    }

    /// The first plugin that this node's engine lacks. One that did not say has them all; one that
    /// was installed without a tag has it as `name:latest`.
    pub(super) fn missing_plugin(&self, node: &Node) -> Option<&str> {
        let known = &node.facts.plugins;
        let is_known = |wanted: &String| {
            let is_it = |one: &String| {
                one.strip_prefix(wanted.as_str())
                    .is_some_and(|rest| matches!(rest, "" | ":latest"))
            };
            known.is_empty() || known.iter().any(is_it)
        };
        let missing = self.plugins.iter().find(|wanted| !is_known(wanted));
        missing.map(String::as_str)
    }

    pub(super) fn compile(&self) -> Compiled<'_> {
        let parse = |text: &String| Constraint::parse(text).ok();
        Compiled {
            filter: self,
            constraints: self.constraints.iter().map(parse).collect(),
            platforms: self
                .platforms
                .iter()
                .map(|(architecture, os)| Platform {
                    architecture: architecture.clone(),
                    os: os.clone(),
                })
                .collect(),
        }
    }
}

/// A filter whose texts were read once.
pub(super) struct Compiled<'a> {
    filter: &'a Filter,
    /// None: one of them does not parse, and so never matches.
    constraints: Option<Vec<Constraint>>,
    platforms: Vec<Platform>,
}

impl Compiled<'_> {
    /// The first filter that this node fails, its availability left aside.
    pub(super) fn exclusion(&self, id: NodeId, node: &Node) -> Option<Exclusion> {
        let runtime = self.filter.runtime();
        if !node.facts.runtimes.iter().any(|known| known == runtime) {
            return Some(Exclusion::Engine);
        }
        if self.filter.missing_plugin(node).is_some() {
            return Some(Exclusion::Plugin);
        }
        self.exclusion_by_kind(id, node)
    }

    /// The first of its constraints and platforms that this node does not meet.
    pub(super) fn exclusion_by_kind(&self, id: NodeId, node: &Node) -> Option<Exclusion> {
        if self.constraints.is_none() || self.unmet(id, node).is_some() {
            return Some(Exclusion::Constraint);
        }
        (!platform::is_supported(&self.platforms, &node.facts)).then_some(Exclusion::Platform)
    }

    /// The first constraint that this node does not meet.
    pub(super) fn unmet(&self, id: NodeId, node: &Node) -> Option<&Constraint> {
        let constraints = self.constraints.as_deref().unwrap_or_default();
        constraints
            .iter()
            .find(|constraint| !constraint.is_met_by(id, node))
    }
}

/// The plugins that a container needs: drivers of its volumes and of its log, in Swarm's words.
fn plugins(spec: &ServiceSpec) -> Vec<String> {
    let mounts = spec.container().mounts.iter();
    let drivers = mounts.filter_map(|mount| {
        let options = mount.volume_options.as_ref()?;
        Some(format!("Volume/{}", options.driver_config.as_ref()?.name))
    });
    let log = spec.task_template.log_driver.as_ref();
    let log = log.map(|log| format!("Log/{}", log.name));
    let mut wanted: Vec<String> = drivers
        .chain(log)
        .filter(|plugin| !plugin.ends_with('/') && plugin != "Log/none")
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// Why a node of this availability takes nothing new.
pub(super) fn availability_exclusion(node: &Node) -> Option<Exclusion> {
    (node.availability != Availability::Active).then_some(Exclusion::Availability)
}

#[cfg(test)]
mod tests {
    use crate::placement::{
        plan,
        samples::{change_node, input, node_id, service},
    };

    #[test]
    fn a_task_goes_where_its_plugins_are() {
        let mut volume = service(2);
        volume.task_template.container_spec.mounts = vec![
            serde_json::from_str(
                r#"{"Type":"volume","Source":"v","Target":"/v","VolumeOptions":{"DriverConfig":{"Name":"rexray"}}}"#,
            )
            .unwrap(),
        ];
        let mut log = service(1);
        log.task_template.log_driver = Some(serde_json::from_str(r#"{"Name":"gelf"}"#).unwrap());
        let has = |plugins: &[&str]| plugins.iter().map(ToString::to_string).collect();
        let mut cluster = input(2, [volume]);
        change_node(&mut cluster, 0, |node| {
            node.facts.plugins = has(&["Log/gelf", "Volume/local", "Volume/rexray:latest"]);
        });
        change_node(&mut cluster, 1, |node| {
            node.facts.plugins = has(&["Log/json-file", "Volume/local", "Volume/rexray:2"])
        });
        assert_eq!(plan(&cluster).iter().count(), 2);
        assert!(
            plan(&cluster)
                .iter()
                .all(|(_, _, owner)| owner == node_id(0))
        );
        let mut nowhere = input(1, [log]);
        change_node(&mut nowhere, 0, |node| {
            node.facts.plugins = has(&["Log/json-file"])
        });
        assert_eq!(
            plan(&nowhere).pending[0].reason,
            "no suitable node (missing plugin on 1 node)"
        );
        // One that does not say has them all: an older version, or the simulator.
        change_node(&mut nowhere, 0, |node| node.facts.plugins.clear());
        assert_eq!(plan(&nowhere).iter().count(), 1);
    }
}

//! `POST /shoal/v1/plan`: what would start, stop and move, before anything does.
//!
//! The plan of the services as they would be, beside the one that there is: the same function that every node's plan
//! comes from. Only a new service's nodes are a guess, as its id is chosen when it is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};
use shoal_membership::NodeId;
use shoal_scheduler::{
    placement::{self, Plan},
    spec::ServiceSpec,
    task::{ServiceId, Slot},
    view::ClusterView,
};

/// Most steps that are told.
const STEPS_MAX: usize = 10_000;

/// A service as it would be: which (none: a new one), and what it would be (none: it would be removed).
type Change = (Option<ServiceId>, Option<Arc<ServiceSpec>>);

/// What would follow.
pub(super) fn answer(
    view: &ClusterView,
    input: &placement::Input,
    plan: &Plan,
    changes: Vec<Change>,
) -> Value {
    let mut wanted = input.clone();
    let mut names: BTreeMap<ServiceId, String> = view
        .services
        .values()
        .map(|service| (service.id, service.spec.name.clone()))
        .collect();
    let mut replaced = BTreeSet::new();
    let mut has_new = false;
    for change in changes {
        match change {
            (Some(id), None) => {
                wanted.services.remove(&id);
            }
            (Some(id), Some(spec)) => {
                let known = input.services.get(&id);
                let is_new =
                    known.is_none_or(|known| known.template_hash() != spec.template_hash());
                if is_new || spec.mode.is_job() {
                    replaced.insert(id);
                    // What nodes said of the old spec is no word on the new one.
                    wanted.refusals.retain(|(service, ..), _| *service != id);
                }
                wanted.services.insert(id, spec);
            }
            (None, Some(spec)) => {
                has_new = true;
                let id = provisional(&spec.name);
                names.insert(id, spec.name.clone());
                wanted.services.insert(id, spec);
            }
            (None, None) => {}
        }
    }
    let next = placement::plan(&wanted);
    let hostname = |node: NodeId| match view.nodes.get(&node) {
        Some(node) if !node.hostname.is_empty() => node.hostname.clone(),
        _ => node.to_string(),
    };
    let slot_name = |slot: Slot| match slot {
        Slot::Number(number) => number.to_string(),
        Slot::Node(node) => hostname(node),
    };
    let steps = steps(plan, &next, &replaced);
    let shown = steps.iter().take(STEPS_MAX).map(|step| {
        json!({
            "Service": names.get(&step.service),
            "Slot": slot_name(step.slot),
            "Action": step.action(),
            "From": step.from.map(hostname),
            "To": step.to.map(hostname),
        })
    });
    let is_pending_already =
        |slot: &(ServiceId, Slot)| plan.pending_reason(slot.0, slot.1).is_some();
    let waiting = next.pending.iter();
    let waiting = waiting.filter(|one| !is_pending_already(&(one.service, one.slot)));
    let waiting = waiting.take(STEPS_MAX).map(|one| {
        json!({
            "Service": names.get(&one.service),
            "Slot": slot_name(one.slot),
            "Reason": one.reason,
        })
    });
    json!({
        "Steps": shown.collect::<Vec<_>>(),
        "Pending": waiting.collect::<Vec<_>>(),
        "IsGuess": has_new,
    })
}

/// The id that a service without one is placed by.
fn provisional(name: &str) -> ServiceId {
    let mut hash =
        blake3::Hasher::new_derive_key("shoal 2026 id of a service that is not made yet");
    hash.update(name.as_bytes());
    let mut id = [0; 16];
    hash.finalize_xof().fill(&mut id);
    ServiceId(u128::from_be_bytes(id))
}

/// What becomes of one slot.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    service: ServiceId,
    slot: Slot,
    from: Option<NodeId>,
    to: Option<NodeId>,
}

impl Step {
    fn action(&self) -> &'static str {
        match (self.from, self.to) {
            (None, _) => "start",
            (Some(_), None) => "stop",
            (from, to) if from == to => "replace",
            _ => "move",
        }
    }
}

fn steps(now: &Plan, next: &Plan, replaced: &BTreeSet<ServiceId>) -> Vec<Step> {
    let owners = |plan: &Plan| -> BTreeMap<(ServiceId, Slot), NodeId> {
        let all = plan.iter();
        all.map(|(service, slot, node)| ((service, slot), node))
            .collect()
    };
    let (now, next) = (owners(now), owners(next));
    let slots: BTreeSet<_> = now.keys().chain(next.keys()).copied().collect();
    let steps = slots.into_iter().map(|(service, slot)| Step {
        service,
        slot,
        from: now.get(&(service, slot)).copied(),
        to: next.get(&(service, slot)).copied(),
    });
    steps
        .filter(|step| step.from != step.to || replaced.contains(&step.service))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 16])
    }

    fn plan(owners: &[(u128, &[u8])]) -> Plan {
        let services = owners.iter().map(|(id, nodes)| {
            let owners = placement::Owners {
                replicas: nodes.iter().map(|number| Some(node(*number))).collect(),
                ..placement::Owners::default()
            };
            (ServiceId(*id), owners)
        });
        Plan {
            services: services.collect(),
            ..Plan::default()
        }
    }

    #[test]
    fn each_slot_that_changes_is_named_with_what_becomes_of_it() {
        let now = plan(&[(1, &[1, 2, 3]), (2, &[1])]);
        let next = plan(&[(1, &[1, 3]), (3, &[2])]);
        let replaced = BTreeSet::from([ServiceId(1)]);
        let found = steps(&now, &next, &replaced);
        let told: Vec<(u128, String, &str)> = found
            .iter()
            .map(|step| (step.service.0, step.slot.to_string(), step.action()))
            .collect();
        let slot = |number: u64| number.to_string();
        assert_eq!(
            told,
            [
                (1, slot(1), "replace"),
                (1, slot(2), "move"),
                (1, slot(3), "stop"),
                (2, slot(1), "stop"),
                (3, slot(1), "start"),
            ]
        );
        assert!(steps(&now, &now, &BTreeSet::new()).is_empty());
    }
}

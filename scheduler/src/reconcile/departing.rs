//! Tasks that this node runs and does not own: when to stop them.

use shoal_membership::{
    NodeId,
    bugs::{self, Bug},
};

use super::{DRAIN_LIMIT, Decision, Elsewhere, LocalTask, Situation, SlotKey};

pub(super) fn decide(situation: &Situation<'_>, decision: &mut Decision) {
    for task in situation.local.live() {
        if task.is_stopping() {
            continue;
        }
        if let Some(why) = reason_to_stop(situation, task, decision) {
            decision.stop(task.report.id, why);
        }
    }
}

fn reason_to_stop(
    situation: &Situation<'_>,
    task: &LocalTask,
    decision: &mut Decision,
) -> Option<&'static str> {
    let slot = task.slot_key();
    if let Some(at) = situation.leaves_at {
        if situation.now >= at {
            return Some("node leaves");
        }
        decision.look_again(at);
    }
    if !situation.services.contains_key(&slot.0) {
        let is_removed = (situation.is_removed)(&slot.0, &task.report.service_name);
        return is_removed.then_some("service removed");
    }
    let Some(owner) = situation.slots.get(&slot) else {
        return (situation.planned)(&slot.0).then_some("slot no longer exists");
    };
    match owner {
        Some(owner) if *owner == situation.me => None,
        Some(owner) => yields(situation, &slot, owner, decision),
        None => {
            let at = situation.drained_since?.saturating_add(DRAIN_LIMIT);
            if situation.now >= at {
                return Some("node drained, and no other node can take the task");
            }
            decision.look_again(at);
            None
        }
    }
}

fn yields(
    situation: &Situation<'_>,
    slot: &SlotKey,
    owner: &NodeId,
    decision: &mut Decision,
) -> Option<&'static str> {
    if bugs::is(Bug::BreakBeforeMake) {
        return Some("its owner is another node");
    }
    let (why, to) = reason_to_yield(situation, slot, owner)?;
    // Whatever others think, no plan gives a slot to a node that is drained or leaves.
    if situation.drained_since.is_some() || situation.leaves_at.is_some() {
        return Some(why);
    }
    decision.yielding.push(*slot);
    let outranks_other = !(situation.outranks_me)(slot, &to);
    let at = situation
        .yields
        .over_at(slot, situation.now, outranks_other);
    if situation.now >= at {
        return Some(why);
    }
    decision.look_again(at);
    None
}

/// The owner's own task has settled, or another keeper ranks better: why, and that node.
fn reason_to_yield(
    situation: &Situation<'_>,
    slot: &SlotKey,
    owner: &NodeId,
) -> Option<(&'static str, NodeId)> {
    let wanted = situation.services.get(&slot.0)?;
    let (_, template) = wanted.target(slot);
    let others = situation.elsewhere.get(slot)?;
    let is_well = |other: &&Elsewhere| other.is_live() && other.has_settled;
    let owners = others.iter().filter(is_well).find(|other| {
        other.node == *owner
            && (other.template == template || other.is_kept || wanted.is_closed(slot))
    });
    if let Some(other) = owners {
        return Some(("its owner runs it now", other.node));
    }
    let better = others.iter().filter(is_well).find(|other| {
        other.node != *owner && !other.must_move && (situation.outranks_me)(slot, &other.node)
    })?;
    Some(("a better-placed node runs it too", better.node))
}

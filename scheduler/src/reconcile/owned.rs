//! Slots that this node owns: when to start them.

use std::collections::BTreeMap;

use super::{Action, Decision, Elsewhere, LocalTask, Situation, SlotKey, Wanted};
use crate::{
    spec::{RestartCondition, UpdateOrder},
    task::{Slot, TaskState},
};

/// Most slots taken over from living nodes at a time.
const TAKEOVERS_MAX: usize = 3;
const REPLACED: &str = "replaced by an update";

pub(super) fn decide(situation: &Situation<'_>, decision: &mut Decision) {
    let mut live: BTreeMap<SlotKey, Vec<&LocalTask>> = BTreeMap::new();
    for task in situation.local.live() {
        live.entry(task.slot_key()).or_default().push(task);
    }
    let mut takeovers = takeovers_under_way(situation);
    for (slot, owner) in situation.slots {
        if *owner != Some(situation.me) {
            continue;
        }
        let Some(wanted) = situation.services.get(&slot.0) else {
            continue;
        };
        // The plan may be from before a service became smaller: what is about to go is not replaced.
        if matches!(slot.1, Slot::Number(number) if number > wanted.spec.mode.slots()) {
            continue;
        }
        match live.get(slot) {
            Some(tasks) => {
                if keep_one(slot, wanted, tasks, decision) {
                    start_beside(situation, slot, wanted, decision);
                }
            }
            // The plan may be from when it still had a task here to keep.
            None if situation.is_paused => {}
            None => start(situation, slot, wanted, &mut takeovers, decision),
        }
    }
}

/// Of several tasks in one slot the first of the right template stays; a stale one is replaced, when the
/// update has come to the slot or the task is not well. Whether a new one is to start beside those.
fn keep_one(
    slot: &SlotKey,
    wanted: &Wanted,
    tasks: &[&LocalTask],
    decision: &mut Decision,
) -> bool {
    let (_, template) = wanted.target(slot);
    let first = |one: &&&&LocalTask| (one.report.created_at, one.report.id);
    let staying: Vec<_> = tasks.iter().filter(|task| !task.is_stopping()).collect();
    let right = staying
        .iter()
        .filter(|task| task.report.template == template);
    let well = staying.iter().filter(|task| is_well(task));
    let (right, well) = (right.min_by_key(first), well.min_by_key(first));
    let is_spared = wanted.order == UpdateOrder::StartFirst || wanted.is_closed(slot);
    let starts_first = is_spared && !wanted.is_closed(slot);
    let (keeper, successor) = match (right, well) {
        // The one that is well stays until its successor is.
        (Some(right), Some(well)) if is_spared && !is_well(right) => (well, Some(right)),
        (Some(right), _) => (right, None),
        (None, Some(well)) if is_spared => (well, None),
        (None, _) => {
            for task in &staying {
                decision.stop(task.report.id, REPLACED);
            }
            return false;
        }
    };
    for task in &staying {
        let stays = [Some(keeper), successor];
        let stays = stays.into_iter().flatten();
        if stays
            .map(|one| one.report.id)
            .all(|id| id != task.report.id)
        {
            let why = match task.report.template == template {
                true => "the slot has another task",
                false => REPLACED,
            };
            decision.stop(task.report.id, why);
        }
    }
    right.is_none() && starts_first
}

fn is_well(task: &LocalTask) -> bool {
    task.report.state == TaskState::Running
}

/// Starts the successor of a task that goes on until that runs.
fn start_beside(
    situation: &Situation<'_>,
    slot: &SlotKey,
    wanted: &Wanted,
    decision: &mut Decision,
) {
    let (_, template) = wanted.target(slot);
    let ledger = situation.ledger;
    if ledger.has_finished(slot, template) {
        return;
    }
    if let Some(at) = ledger.refused_until(slot, template, situation.now) {
        decision.look_again(at);
        return;
    }
    decision.actions.push(Action::Start {
        slot: *slot,
        at: ledger.next_start(slot, template).max(situation.now),
        takes_over: false,
    });
}

fn start(
    situation: &Situation<'_>,
    slot: &SlotKey,
    wanted: &Wanted,
    takeovers: &mut usize,
    decision: &mut Decision,
) {
    let others = situation.elsewhere.get(slot).map_or(&[][..], Vec::as_slice);
    let (_, template) = wanted.target(slot);
    if wanted.is_done(slot) || has_finished(situation, slot, wanted, others) {
        return;
    }
    // It owns the slot by a plan from before it refused; the next one looks for another node, which
    // would take a task that waits here for one that runs.
    let refused_until = situation
        .ledger
        .refused_until(slot, template, situation.now);
    if let Some(at) = refused_until {
        decision.look_again(at);
        return;
    }
    let at = situation
        .ledger
        .next_start(slot, template)
        .max(situation.now);
    let runs_elsewhere = others.iter().any(Elsewhere::is_live);
    let may_stay = others
        .iter()
        .any(|other| other.is_live() && !other.must_move);
    // A run of a job goes to its end where it began.
    if may_stay && wanted.job.is_some() {
        return;
    }
    // An update that has not come to the slot leaves it where it is, and one that has waits for nothing.
    let is_current = |other: &Elsewhere| other.is_live() && other.template == template;
    let replaces = may_stay && !wanted.is_closed(slot) && !others.iter().any(is_current);
    if may_stay && wanted.is_closed(slot) && !wanted.behind.contains(&slot.1) {
        return;
    }
    if may_stay && !replaces && !hold_is_over(situation, slot, decision) {
        return;
    }
    if may_stay && !replaces {
        if *takeovers >= TAKEOVERS_MAX {
            return;
        }
        *takeovers += 1;
    }
    decision.actions.push(Action::Start {
        slot: *slot,
        at,
        takes_over: runs_elsewhere && !replaces,
    });
}

/// Whether the slot's last task ended, here or elsewhere, in a way that its policy leaves at that.
fn has_finished(
    situation: &Situation<'_>,
    slot: &SlotKey,
    wanted: &Wanted,
    others: &[Elsewhere],
) -> bool {
    let (spec, template) = wanted.target(slot);
    let condition = spec.restart_policy().condition;
    let completed_elsewhere = others.iter().any(|other| {
        other.template == template
            && match condition {
                RestartCondition::Any => false,
                RestartCondition::OnFailure => other.state == TaskState::Complete,
                RestartCondition::None => {
                    matches!(other.state, TaskState::Complete | TaskState::Failed)
                }
            }
    });
    completed_elsewhere || situation.ledger.has_finished(slot, template)
}

fn hold_is_over(situation: &Situation<'_>, slot: &SlotKey, decision: &mut Decision) -> bool {
    match situation.hold_downs.over_at(slot) {
        Some(at) if situation.now >= at => true,
        Some(at) => {
            decision.look_again(at);
            false
        }
        None => {
            decision.actions.push(Action::Hold { slot: *slot });
            false
        }
    }
}

/// Own tasks that have not settled while another node still runs the slot.
fn takeovers_under_way(situation: &Situation<'_>) -> usize {
    let is_contested = |task: &&LocalTask| {
        let others = situation.elsewhere.get(&task.slot_key());
        others.is_some_and(|others| others.iter().any(Elsewhere::is_live))
    };
    situation
        .local
        .live()
        .filter(|task| situation.slots.get(&task.slot_key()) == Some(&Some(situation.me)))
        .filter(is_contested)
        .count()
}

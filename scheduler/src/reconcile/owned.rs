//! Slots that this node owns: when to start them.

use std::collections::BTreeMap;

use super::{Action, Decision, Elsewhere, LocalTask, Situation, SlotKey, Wanted};
use crate::{spec::RestartCondition, task::TaskState};

/// Most slots taken over from living nodes at a time.
const TAKEOVERS_MAX: usize = 3;

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
        match live.get(slot) {
            Some(tasks) => keep_one(wanted, tasks, decision),
            None => start(situation, slot, wanted, &mut takeovers, decision),
        }
    }
}

/// Of several tasks in one slot the first of the right template stays; a stale one is replaced.
fn keep_one(wanted: &Wanted, tasks: &[&LocalTask], decision: &mut Decision) {
    let staying: Vec<_> = tasks.iter().filter(|task| !task.is_stopping()).collect();
    let keeper = staying
        .iter()
        .filter(|task| task.report.template == wanted.template)
        .min_by_key(|task| (task.report.created_at, task.report.id));
    for task in &staying {
        if keeper.is_none() {
            decision.stop(task.report.id, "replaced by an update");
        } else if keeper.map(|keeper| keeper.report.id) != Some(task.report.id) {
            decision.stop(task.report.id, "the slot has another task");
        }
    }
}

fn start(
    situation: &Situation<'_>,
    slot: &SlotKey,
    wanted: &Wanted,
    takeovers: &mut usize,
    decision: &mut Decision,
) {
    let others = situation.elsewhere.get(slot).map_or(&[][..], Vec::as_slice);
    if has_finished(situation, slot, wanted, others) {
        return;
    }
    // It owns the slot by a plan from before it refused; the next one looks for another node, which
    // would take a task that waits here for one that runs.
    let refused_until = situation
        .ledger
        .refused_until(slot, wanted.template, situation.now);
    if let Some(at) = refused_until {
        decision.look_again(at);
        return;
    }
    let at = situation
        .ledger
        .next_start(slot, wanted.template)
        .max(situation.now);
    let runs_elsewhere = others.iter().any(Elsewhere::is_live);
    let may_stay = others
        .iter()
        .any(|other| other.is_live() && !other.must_move);
    if may_stay && !hold_is_over(situation, slot, decision) {
        return;
    }
    if may_stay {
        if *takeovers >= TAKEOVERS_MAX {
            return;
        }
        *takeovers += 1;
    }
    decision.actions.push(Action::Start {
        slot: *slot,
        at,
        takes_over: runs_elsewhere,
    });
}

/// Whether the slot's last task ended, here or elsewhere, in a way that its policy leaves at that.
fn has_finished(
    situation: &Situation<'_>,
    slot: &SlotKey,
    wanted: &Wanted,
    others: &[Elsewhere],
) -> bool {
    let condition = wanted.spec.task_template.restart_policy.condition;
    let completed_elsewhere = others.iter().any(|other| {
        other.template == wanted.template
            && match condition {
                RestartCondition::Any => false,
                RestartCondition::OnFailure => other.state == TaskState::Complete,
                RestartCondition::None => {
                    matches!(other.state, TaskState::Complete | TaskState::Failed)
                }
            }
    });
    completed_elsewhere || situation.ledger.has_finished(slot, wanted.template)
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

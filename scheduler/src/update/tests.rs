//! One behaviour a test: which slots are open, when an update is over, and when it has failed.

use super::*;

const NOW: Duration = Duration::from_secs(100);

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn old() -> SlotSeen {
    SlotSeen {
        has_owner: true,
        runs: true,
        ..SlotSeen::default()
    }
}

fn updated(ago: u64) -> SlotSeen {
    SlotSeen {
        updated_since: Some(NOW - seconds(ago)),
        is_touched: true,
        ..old()
    }
}

fn starting() -> SlotSeen {
    SlotSeen {
        runs: false,
        is_touched: true,
        ..old()
    }
}

fn failed() -> SlotSeen {
    SlotSeen {
        failed: Some(TaskId(7)),
        ..starting()
    }
}

fn config(parallelism: u64) -> UpdateConfig {
    UpdateConfig {
        parallelism,
        ..UpdateConfig::default()
    }
}

struct Looked {
    progress: Progress,
    /// Slots that are not open.
    closed: Vec<u64>,
}

impl std::ops::Deref for Looked {
    type Target = Progress;

    fn deref(&self) -> &Progress {
        &self.progress
    }
}

fn look(config: &UpdateConfig, slots: Vec<SlotSeen>) -> Looked {
    let slots: Vec<_> = (1..).map(Slot::Number).zip(slots).collect();
    let rollout = Rollout {
        config,
        goes_on: true,
        after_another: None,
        slots: &slots,
    };
    let progress = rollout.look(NOW);
    let closed = closed_of(slots.len() as u64, &progress);
    Looked { progress, closed }
}

/// Of the first few slots those that are not open.
fn closed_of(slots: u64, progress: &Progress) -> Vec<u64> {
    let is_closed = |number: &u64| !progress.open.contains(&Slot::Number(*number));
    (1..=slots).filter(is_closed).collect()
}

#[test]
fn a_batch_goes_when_all_earlier_ones_are_past_their_monitor_time() {
    let config = config(2);
    assert_eq!(look(&config, vec![old(); 5]).closed, [3, 4, 5]);
    let begun = vec![updated(9), starting(), old(), old(), old()];
    assert_eq!(look(&config, begun).closed, [3, 4, 5]);
    let young = vec![updated(9), updated(4), old(), old(), old()];
    let progress = look(&config, young);
    assert_eq!(progress.closed, [3, 4, 5]);
    assert_eq!(progress.look_again_at, Some(NOW + seconds(1)));
    let over = vec![updated(9), updated(5), old(), old(), old()];
    assert_eq!(look(&config, over).closed, [5]);
}

#[test]
fn a_longer_delay_stands_between_batches_and_not_after_the_last() {
    let config = UpdateConfig {
        delay: Some(seconds(30)),
        ..config(1)
    };
    assert_eq!(look(&config, vec![updated(29), old()]).closed, [2]);
    assert!(look(&config, vec![updated(30), old()]).closed.is_empty());
    assert!(look(&config, vec![updated(60), updated(5)]).is_finished);
    assert!(!look(&config, vec![updated(60), updated(4)]).is_finished);
}

#[test]
fn without_a_limit_all_go_at_once() {
    assert!(look(&config(0), vec![old(); 5]).closed.is_empty());
    assert!(look(&config(0), Vec::new()).is_finished, "nothing to do");
}

#[test]
fn slots_that_fit_nowhere_hold_nobody_up() {
    let mut nowhere = old();
    nowhere.has_owner = false;
    nowhere.runs = false;
    assert!(
        look(&config(1), vec![nowhere.clone(), old()])
            .closed
            .is_empty()
    );
    assert!(!look(&config(1), vec![nowhere, updated(9)]).is_finished);
}

#[test]
fn what_is_down_for_another_reason_counts_for_the_batch() {
    let mut down = starting();
    down.is_touched = false;
    let slots = vec![old(), old(), old(), down];
    assert_eq!(look(&config(1), slots.clone()).closed, [1, 2, 3, 4]);
    assert_eq!(look(&config(2), slots).closed, [1, 2, 3, 4]);
    let tolerant = UpdateConfig {
        max_failure_ratio: 0.5,
        ..config(1)
    };
    let slots = vec![old(), old(), old(), failed()];
    assert_eq!(look(&tolerant, slots).closed, [2, 3, 4]);
}

#[test]
fn an_update_after_another_waits_for_what_that_one_stopped_to_be_known() {
    let config = config(1);
    let slots = [(Slot::Number(1), old())];
    let mut rollout = Rollout {
        config: &config,
        goes_on: true,
        after_another: Some(NOW - seconds(1)),
        slots: &slots,
    };
    let progress = rollout.look(NOW);
    assert_eq!(closed_of(1, &progress), [1]);
    assert_eq!(progress.look_again_at, Some(NOW + seconds(1)));
    rollout.after_another = Some(NOW - seconds(2));
    assert!(closed_of(1, &rollout.look(NOW)).is_empty());
}

#[test]
fn too_many_failures_close_what_was_not_touched() {
    let progress = look(&config(2), vec![failed(), updated(9), old(), old()]);
    assert_eq!(progress.failed, Some(TaskId(7)));
    assert_eq!(progress.closed, [1, 3, 4]);
    let tolerant = UpdateConfig {
        max_failure_ratio: 0.25,
        ..config(2)
    };
    let progress = look(&tolerant, vec![failed(), updated(9), old(), old()]);
    assert_eq!(progress.failed, None);
    assert!(progress.closed.is_empty(), "one of four is tolerated");
    let obstinate = UpdateConfig {
        failure_action: FailureAction::Continue,
        ..config(2)
    };
    let progress = look(&obstinate, vec![failed(), failed(), old(), old()]);
    assert_eq!(progress.failed, None);
    assert!(progress.closed.is_empty());
    assert!(look(&obstinate, vec![failed(), failed()]).is_finished);
}

#[test]
fn a_copy_that_is_well_waits_for_its_batch_though_its_slot_has_been_updated_before() {
    let mut back = old();
    back.is_touched = true;
    assert_eq!(look(&config(1), vec![starting(), back]).closed, [2]);
}

#[test]
fn a_paused_update_opens_nothing_more() {
    let config = config(1);
    let slots = [(Slot::Number(1), updated(60)), (Slot::Number(2), old())];
    let rollout = Rollout {
        config: &config,
        goes_on: false,
        after_another: None,
        slots: &slots,
    };
    let progress = rollout.look(NOW);
    assert_eq!(closed_of(2, &progress), [2]);
    assert_eq!(progress.behind, [Slot::Number(2)].into());
}

#[test]
fn the_graver_finding_counts() {
    use Finding::*;
    let stage = |kind, findings: &[Finding]| Stage::of(kind, findings.iter().max().copied());
    let update = UpdateKind::Update;
    assert_eq!(stage(update, &[]), Stage::Updating);
    assert_eq!(stage(update, &[Completed]), Stage::Completed);
    assert_eq!(stage(update, &[Paused, Completed]), Stage::Paused);
    assert_eq!(
        stage(update, &[RolledBack, Completed]),
        Stage::RollbackStarted
    );
    assert_eq!(
        stage(update, &[RolledBack, RollbackCompleted]),
        Stage::RollbackCompleted
    );
    let rollback = UpdateKind::Rollback;
    assert_eq!(stage(rollback, &[]), Stage::RollbackStarted);
    assert_eq!(stage(rollback, &[Completed]), Stage::RollbackCompleted);
    assert_eq!(stage(rollback, &[Paused]), Stage::RollbackPaused);
}

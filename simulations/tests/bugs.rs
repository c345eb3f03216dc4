//! Known bugs, put back: each is found, by the rule that is there for it.
//!
//! Only with the feature `bugs`: `cargo test -p shoal-sim --features bugs --test bugs`. Where a
//! change of what a run does has moved a bug out of reach, `shoal-sim fuzz --bug NAME` names other seeds.

use shoal_sim::{
    bugs::{self, Bug},
    fuzz::{self, Case},
};

/// The first seed that is tried for each: one that finds it soon.
const SEEDS: [(Bug, u64); 13] = [
    (Bug::IncarnationNotPersisted, 0),
    (Bug::DotsReused, 2),
    (Bug::TombstoneDroppedEarly, 1),
    (Bug::RefutedSuspectToldDead, 1),
    (Bug::AckBeforeFsync, 0),
    (Bug::BreakBeforeMake, 0),
    (Bug::CapFromLiveAverage, 30),
    (Bug::DigestWithoutTombstones, 0),
    (Bug::RemovalBeatsConcurrentUpdate, 0),
    (Bug::RumourWithoutAntiEntropy, 0),
    (Bug::EqualComparedForEver, 1),
    (Bug::SyncsWithoutLimit, 2),
    (Bug::SuspectAskedDirectlyOnly, 33),
];
/// From there on, so many.
const TRIED: u64 = 10;

#[test]
fn every_known_bug_is_found_by_its_rule() {
    for known in &bugs::ALL {
        let seed = SEEDS.iter().find(|(bug, _)| *bug == known.bug);
        let first = seed.expect(known.name).1;
        let mut reports =
            (first..first + TRIED).map(|seed| bugs::with(Some(known.bug), || fuzz::run(seed)));
        let found = reports.find_map(|report| {
            let violation = report.violation?;
            println!(
                "{}: seed {}: {}: {}",
                known.name, report.seed, violation.rule, violation.what
            );
            (violation.rule == known.rule).then_some(report.seed)
        });
        assert!(found.is_some(), "{} is not found", known.name);
    }
}

#[test]
fn a_failing_seed_is_made_short_and_fails_still() {
    let bug = Some(Bug::AckBeforeFsync);
    let whole = Case::of(0);
    let mut progress = |_, _| {};
    let shortest = bugs::with(bug, || fuzz::minimise(&whole, 60, &mut progress)).unwrap();
    assert!(shortest.runs <= 60);
    assert!(
        shortest.report.acts.len() < shortest.acts_before,
        "{shortest:?}"
    );
    println!(
        "{} of {} acts: {}",
        shortest.report.acts.len(),
        shortest.acts_before,
        shortest.case.script
    );
    let case = Case {
        script: shortest.case.script.to_string().parse().unwrap(),
        ..shortest.case
    };
    let again = bugs::with(bug, || fuzz::run_case(&case));
    assert_eq!(again.violation, shortest.report.violation);
    let none = bugs::with(None, || fuzz::minimise(&whole, 60, &mut progress));
    assert!(
        none.is_none(),
        "without the bug there is nothing to make short"
    );
}

#[test]
fn a_seed_without_a_bug_is_the_seed_that_others_run() {
    let with_none = bugs::with(None, || fuzz::run(0));
    assert_eq!(with_none.violation, None);
    let after_one = bugs::with(Some(Bug::AckBeforeFsync), || fuzz::run(0));
    assert_ne!(after_one.violation, None);
    assert_eq!(fuzz::run(0).trace, with_none.trace, "a bug stayed behind");
}

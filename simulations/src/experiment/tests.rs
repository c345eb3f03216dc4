//! What plans measure, on small clusters whose figures are known.

use super::*;
use crate::plan::PlanText;

fn figures(text: &str, seed: u64) -> RunRecord {
    let (_, plan) = PlanText::parse(text).unwrap();
    run(&plan, seed).unwrap()
}

fn measure(record: &RunRecord, name: &str) -> f64 {
    let found = record.measures.iter().find(|(known, _)| known == name);
    found
        .unwrap_or_else(|| panic!("{name} of {:?}", record.measures))
        .1
}

#[test]
fn a_crash_is_detected_and_healed_and_nobody_else_is_blamed() {
    let plan = r#"
        title = "a crash"
        duration = "30 s"
        measure = ["detection", "false_removals", "availability", "convergence", "traffic"]
        cluster.nodes = 5
        services = [{ name = "web", replicas = 10 }]
        faults = [{ kind = "crash", at = "10 s", machines = [3], lasts = "10 s" }]
    "#;
    let record = figures(plan, 1);
    let detected = measure(&record, "all_detected_s_mean");
    assert!((1.0..4.0).contains(&detected), "{detected}");
    assert_eq!(measure(&record, "deaths"), 1.0);
    assert_eq!(measure(&record, "deaths_not_known_to_all"), 0.0);
    assert_eq!(measure(&record, "false_removals"), 0.0);
    let missing = measure(&record, "slot_seconds_without_task_s");
    assert!(
        (2.0..12.0).contains(&missing),
        "2 slots, some 2 s: {missing}"
    );
    assert!(measure(&record, "converged_s") < 10.0);
    assert_eq!(record, figures(plan, 1), "a seed is a run");
    assert_ne!(record.trace, figures(plan, 2).trace);
}

#[test]
fn an_order_is_known_to_all_and_runs() {
    let record = figures(
        r#"
        title = "an order"
        duration = "5 s"
        measure = ["dissemination"]
        cluster.nodes = 8
        services = [{ name = "web", replicas_per_node = 2.0, at = "1 s" }]
        "#,
        1,
    );
    let known = measure(&record, "order_known_to_all_s_mean");
    let runs = measure(&record, "order_runs_s_mean");
    assert!(known > 0.0 && known < runs && runs < 1.0, "{known} {runs}");
    assert_eq!(record.samples[0].1.len(), 8, "one for each node");
}

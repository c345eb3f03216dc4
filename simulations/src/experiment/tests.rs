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

/// A node that comes back takes its slots over at once, or after the hold-down.
#[test]
fn a_hold_down_of_nothing_is_none() {
    let tasks_started = |hold_down: &str| {
        let plan = format!(
            r#"
            title = "a reboot"
            duration = "40 s"
            measure = ["availability"]
            cluster.nodes = 5
            protocol.hold_down = "{hold_down}"
            services = [{{ name = "web", replicas = 20 }}]
            faults = [{{ kind = "crash", at = "1 s", machines = [3], lasts = "10 s" }}]
            "#
        );
        measure(&figures(&plan, 1), "tasks_started")
    };
    // 20, those of the dead, and its own again: within the 29 s that are left, or not.
    let (at_once, after_half_a_minute) = (tasks_started("0 s"), tasks_started("30 s"));
    assert!((26.0..32.0).contains(&at_once), "{at_once}");
    assert!(
        (23.0..26.0).contains(&after_half_a_minute),
        "{after_half_a_minute}"
    );
}

/// Ten services of one replica on five nodes: a cap of 3 for a mean of 2, or however they fall.
#[test]
fn without_the_load_cap_a_running_cluster_is_less_even() {
    let services: Vec<String> = (0..10)
        .map(|number| format!("{{ name = \"s{number}\", replicas = 1 }}"))
        .collect();
    let fullest = |load_cap: bool, seed: u64| {
        let plan = format!(
            r#"
            title = "many small services"
            duration = "5 s"
            measure = ["balance"]
            cluster.nodes = 5
            protocol.load_cap = {load_cap}
            services = [{}]
            "#,
            services.join(", ")
        );
        measure(&figures(&plan, seed), "tasks_on_fullest_node")
    };
    let most = |load_cap| {
        (0..6)
            .map(|seed| fullest(load_cap, seed))
            .fold(0.0, f64::max)
    };
    assert_eq!(most(true), 3.0);
    assert!(most(false) > 3.0);
}

#[test]
fn a_study_of_placement_is_an_experiment_like_others() {
    use crate::{experiment::Planned, sweep::Experiment};
    let text = r#"
        title = "a study"
        measure = ["placement"]
        cluster.nodes = 8
        [placement]
        [sweep.vary]
        "cluster.nodes" = [4, 8]
        "placement.algorithm" = ["bounded-hrw", "hrw"]
        [[comparisons]]
        axis = "placement.algorithm"
        base = "hrw"
        other = "bounded-hrw"
        [[figures]]
        shape = "line"
        what = "moved_on_loss_share"
        along = "cluster.nodes"
        curves = "placement.algorithm"
        theory = ["1/n"]
    "#;
    let planned = Planned::new("study", text, &[], true).unwrap();
    let [theory] = &planned.figures()[0].theory[..] else {
        panic!("{:?}", planned.figures());
    };
    assert_eq!(theory.points, [(4.0, 0.25), (8.0, 0.125)]);
    assert_eq!(planned.comparisons().len(), 1);
    let traces: std::collections::BTreeSet<u64> = planned
        .points()
        .iter()
        .map(|point| planned.run(point, 5).unwrap().trace)
        .collect();
    assert_eq!(traces.len(), 4, "each point is a run of its own");
}

#[test]
fn who_has_bad_links_answers_late_and_the_others_do_not() {
    let plan = |fault: &str| {
        format!(
            r#"
            title = "bad links"
            duration = "60 s"
            measure = ["false_removals", "traffic"]
            cluster.nodes = 5
            faults = [{{ {fault} at = "10 s", machines = [3], lasts = "30 s" }}]
            "#
        )
    };
    let dead = plan("kind = \"machine-links\", loss = \"100 %\",");
    assert!(measure(&figures(&dead, 1), "false_removals") > 0.0);
    let late = plan("kind = \"machine-links\", latency = \"20..60 ms\",");
    let late = figures(&late, 1);
    assert_eq!(measure(&late, "false_removals"), 0.0);
    let without = PlanText::parse(&plan("kind = \"machine-links\",")).unwrap_err();
    assert!(
        without.to_string().contains("need one of them"),
        "{without}"
    );
}

//! Plans that are read, and plans that are not, with what is said then.

use super::*;

const SMALL: &str = r#"
title = "small"
duration = "30 s"
measure = ["detection", "traffic"]

[cluster]
nodes = 5

[links]
latency = { p0 = "1 ms", p50 = "5 ms", p100 = "80 ms" }
loss = { to_bad = "1 %", to_good = "10 %", loss_good = "0 %", loss_bad = "50 %" }

[[faults]]
kind = "crash"
at = "5 s"

[sweep.vary]
"cluster.nodes" = [5, 9]
"links.loss" = ["0 %", "20 %"]
"#;

fn refused(change: impl Fn(&str) -> String) -> String {
    match PlanText::parse(&change(SMALL)) {
        Err(PlanError(what)) => what,
        Ok(_) => panic!("it was read"),
    }
}

#[test]
fn a_plan_is_read_and_its_points_are_all_combinations() {
    let (text, plan) = PlanText::parse(SMALL).unwrap();
    assert_eq!((plan.cluster.nodes, plan.warm_up), (5, ten_seconds()));
    let points = plan.sweep.points();
    assert_eq!(points.len(), 4);
    let last = text.with(&points[3]).unwrap();
    assert_eq!(last.cluster.nodes, 9);
    assert!(matches!(last.links.loss, Some(LossPlan::Independent(_))));
    let later = [("faults.0.at".to_owned(), toml::Value::from("7 s"))];
    assert_eq!(
        text.with(&later).unwrap().faults[0].at,
        "7 s".parse().unwrap()
    );
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_reason() {
    let unknown = refused(|text| text.replace("nodes = 5", "nodes = 5\nnoodles = 3"));
    assert!(
        unknown.contains("line 8") && unknown.contains("noodles"),
        "{unknown}"
    );
    let unit = refused(|text| text.replace("\"5 s\"", "\"5\""));
    assert!(
        unit.contains("line 15") && unit.contains("no unit"),
        "{unit}"
    );
    let many = refused(|text| text.replace("nodes = 5", "nodes = 1000000"));
    assert!(many.contains("100000"), "{many}");
    let axis = refused(|text| text.replace("[5, 9]", "[5, \"nine\"]"));
    assert!(axis.contains("cluster.nodes = \"nine\""), "{axis}");
    let quantile = refused(|text| text.replace("p100", "p10"));
    assert!(quantile.contains("p100"), "{quantile}");
    let kind = refused(|text| text.replace("\"crash\"", "\"crush\""));
    assert!(
        kind.contains("line 14") && kind.contains("`crash`"),
        "{kind}"
    );
    let slow = refused(|text| text.replace("\"crash\"", "\"slow\""));
    assert!(slow.contains("work"), "{slow}");
}

#[test]
fn closed_forms_follow_the_points_of_a_sweep() {
    let figure = |theory: &str, along: &str| {
        format!(
            "{SMALL}[[figures]]\nshape = \"line\"\nwhat = \"first_detected_s_mean\"\n\
             along = \"{along}\"\ntheory = [\"{theory}\"]\n"
        )
    };
    let unknown = refused(|_| figure("magic", "cluster.nodes"));
    assert!(unknown.contains("magic") && unknown.contains("first-detection"));
    let text = figure("first-detection", "cluster.nodes");
    let planned = crate::experiment::Planned::new("small", &text, &[], true).unwrap();
    let figures = crate::sweep::Experiment::figures(&planned);
    let [curve] = &figures[0].theory[..] else {
        panic!("{figures:?}")
    };
    let at: Vec<f64> = curve.points.iter().map(|(x, _)| *x).collect();
    assert_eq!(at, [5.0, 9.0]);
    assert!(curve.points[0].1 < curve.points[1].1, "{curve:?}");
    // Along the losses there is one curve for each size, and so none.
    let text = figure("first-detection", "links.loss_percent");
    let error = crate::experiment::Planned::new("small", &text, &[], true).unwrap_err();
    assert!(error.to_string().contains("differs"), "{error}");
}

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

const STUDY: &str = r#"
title = "a study"
measure = ["placement"]
cluster.nodes = 6

[placement]
algorithm = "hrw"
weights = [1.0, 2.5]

[sweep.vary]
"placement.algorithm" = ["hrw", "ring"]
"placement.virtual_nodes" = [10, 100]

[[comparisons]]
axis = "placement.algorithm"
base = "hrw"
other = "ring"
"#;

fn study_refused(from: &str, to: &str) -> String {
    assert!(STUDY.contains(from), "{from}");
    let changed = STUDY.replacen(from, to, 1);
    PlanText::parse(&changed)
        .err()
        .map_or_else(|| panic!("{to}: it was read"), |error| error.0)
}

#[test]
fn a_study_of_placement_is_read() {
    let (_, plan) = PlanText::parse(STUDY).unwrap();
    let study = plan.study().unwrap();
    assert_eq!(
        (study.nodes, study.slots_per_node, study.losses),
        (6, 10, 5)
    );
    let weights: Vec<u32> = study.weights.iter().map(|one| one.thousandths()).collect();
    assert_eq!(weights, [1_000, 2_500]);
    let off = STUDY.replace("[placement]", "[protocol]\nload_cap = false\n[placement]");
    let (_, plan) = PlanText::parse(&off).unwrap();
    let caps = plan.study().unwrap().load_caps;
    assert_eq!(caps, shoal_scheduler::placement::LoadCaps::Off);
}

#[test]
fn what_is_wrong_with_a_study_is_named() {
    let unknown = study_refused("\"hrw\"", "\"hwr\"");
    for part in [
        "line 7",
        "`hwr`",
        "`bounded-hrw`",
        "`hrw`",
        "`ring`",
        "`random`",
    ] {
        assert!(unknown.contains(part), "{part}: {unknown}");
    }
    let unknown = study_refused("weights", "wights");
    assert!(
        unknown.contains("line 8") && unknown.contains("wights"),
        "{unknown}"
    );
    for (from, to, said) in [
        ("2.5", "0.0", "placement.weights: 0 is not 0.01 to 100"),
        ("2.5", "nan", "NaN is not"),
        ("nodes = 6", "nodes = 1", "at least 2 nodes"),
        ("nodes = 6", "nodes = 90000", "900000 slots"),
        ("weights", "losses = 0\nweights", "losses is 1 to"),
        ("weights", "virtual_nodes = 900000\nweights", "points"),
        ("[\"placement\"]", "[\"traffic\"]", "alone"),
        (
            "title",
            "duration = \"3 s\"\ntitle",
            "duration: does not belong",
        ),
        (
            "cluster.nodes = 6",
            "cluster = { nodes = 6, outside = 1 }",
            "cluster: all but nodes",
        ),
        (
            "[placement]",
            "[links]\nloss = \"1 %\"\n[placement]",
            "links: does not",
        ),
        (
            "[placement]",
            "[protocol]\nhold_down = \"1 s\"\n[placement]",
            "protocol: all but",
        ),
        (
            "other = \"ring\"",
            "other = \"random\"",
            "comparisons.0: \"random\" is no value",
        ),
        (
            "axis = \"placement",
            "axis = \"lacement",
            "comparisons.0: lacement.algorithm is not",
        ),
    ] {
        let what = study_refused(from, to);
        assert!(what.contains(said), "{to}: {what}");
    }
}

#[test]
fn what_belongs_to_a_study_alone_is_refused_elsewhere() {
    let what = refused(|text| text.replace("\"traffic\"", "\"placement\""));
    assert!(what.contains("has the section [placement]"), "{what}");
    let what = refused(|text| text.replace("duration = \"30 s\"", ""));
    assert!(what.contains("duration: says for how long"), "{what}");
    let figure = "[[figures]]\nshape = \"dots\"\nwhat = \"x\"\nalong = \"y\"\ntheory = [\"1/n\"]\n[[faults]]";
    let what = refused(|text| text.replace("[[faults]]", figure));
    assert!(
        what.contains("figures.0: theory belongs to a line"),
        "{what}"
    );
    let what = refused(|text| text.replace("[[faults]]", &figure.replace("1/n", "n/1")));
    assert!(what.contains("`n/1`") && what.contains("`1/n`"), "{what}");
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
    // Along the losses there is one for each size.
    let text = figure("first-detection", "links.loss_percent");
    let planned = crate::experiment::Planned::new("small", &text, &[], true).unwrap();
    let figures = crate::sweep::Experiment::figures(&planned);
    assert_eq!(figures[0].theory.len(), 2);
}

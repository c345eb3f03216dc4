//! The simulator against the literature: means over many seeds against the closed forms that figures
//! draw. All in virtual time, so each number here is the same on every machine.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests; what a failed test says is captured with it"
)]

use std::ops::Range;

use shoal_sim::{
    experiment,
    plan::{Plan, PlanText, epidemics, theory::Theory},
    results::RunRecord,
    statistics::Mean,
};

/// That a mean is no further from theory than so many draws may be by luck: one and a half times its 95 %
/// interval, about three standard errors. If that is more than 10 % there are too few of them.
#[track_caller]
fn agree_as_drawn(what: &str, measured: &[f64], theory: f64) {
    let estimate = Mean::of(measured).unwrap();
    let percent = 1.5 * estimate.half_width.unwrap() / theory * 100.0;
    assert!(percent < 10.0, "{what}: too few");
    agree(what, estimate.mean, theory, percent);
}

fn plan(text: &str) -> Plan {
    PlanText::parse(text).unwrap().1
}

/// All samples of some series, over seeds.
fn samples<const N: usize>(plan: &Plan, names: [&str; N], seeds: Range<u64>) -> [Vec<f64>; N] {
    let runs: Vec<RunRecord> = seeds
        .map(|seed| experiment::run(plan, seed).unwrap())
        .collect();
    names.map(|name| {
        let series = runs.iter().flat_map(|run| &run.samples);
        let named = series.filter(|(known, _)| known == name);
        named.flat_map(|(_, values)| values.clone()).collect()
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// That a mean is within so many per cent of what theory says.
#[track_caller]
fn agree(what: &str, measured: f64, theory: f64, percent: f64) {
    let difference = (measured / theory - 1.0) * 100.0;
    eprintln!("{what}: {measured:.4}, theory {theory:.4}: {difference:+.1} %");
    assert!(
        difference.abs() <= percent,
        "{what}: {measured:.4} is {difference:+.1} % from {theory:.4}"
    );
}

/// Crashes at moments that have nothing to do with the probes, far enough apart that each finds a
/// cluster in which all know one another.
fn crashes(nodes: usize) -> Plan {
    plan(&format!(
        r#"
        title = "crashes"
        duration = "240 s"
        measure = ["detection"]
        cluster.nodes = {nodes}
        links.latency = "0.1..0.3 ms"
        faults = [{{ kind = "crash", at = "1 s", lasts = "4 s", repeat = 25, every = "9 s", jitter = "500 ms" }}]
        "#
    ))
}

/// SWIM, section 5: e/(e-1) probe periods, whatever the size. Counted as there: whole periods from the
/// crash to the one in which somebody probes the dead, that one included. Nodes that probe in turn are a
/// little quicker in small clusters, and no quicker in large ones. From the crash itself it is two
/// periods, and the suspicion.
#[test]
fn the_dead_are_detected_after_as_many_periods_as_swim_says() {
    let (period, suspicion) = (0.5, 1.0);
    let (mut of_in_turn, mut of_swim) = (Vec::new(), Vec::new());
    for (nodes, seeds) in [(8, 0..8), (16, 0..4), (32, 0..3)] {
        let plan = crashes(nodes);
        let [first] = samples(&plan, ["first_detected_s"], seeds);
        let theory = Theory::FirstDetection.at(&plan).unwrap();
        let what = format!("detection, {nodes} nodes, {} crashes", first.len());
        agree_as_drawn(&what, &first, theory);
        // A probe fails one period after it was sent, and then comes the suspicion.
        for took in first {
            let periods = ((took - suspicion - period) / period).floor() + 1.0;
            of_in_turn.push(periods / epidemics::periods_to_first_probe(nodes - 1));
            of_swim.push(periods / epidemics::swim_periods());
        }
    }
    agree_as_drawn("periods to those of probes in turn", &of_in_turn, 1.0);
    agree("periods to SWIM's e/(e-1)", mean(&of_swim), 1.0, 12.0);
}

/// Probes so rare that they carry no news worth speaking of, and no second node finds the dead by
/// itself: what spreads it is gossip alone, as the form has it.
fn rare_probes(nodes: usize) -> Plan {
    plan(&format!(
        r#"
        title = "rare probes"
        duration = "420 s"
        measure = ["detection"]
        cluster.nodes = {nodes}
        links.latency = "0.1..0.3 ms"
        protocol = {{ probe_period = "6 s", probe_timeout = "300 ms" }}
        faults = [{{ kind = "crash", lasts = "40 s", repeat = 6, every = "60 s", jitter = "6 s" }}]
        "#
    ))
}

/// Gossip reaches all in logarithmic time (SWIM, section 4.1; Demers et al. 1987): four times the
/// nodes take not four times as long, but as much longer as the epidemic's sum says. The median,
/// because each node repeats a piece of news only so often: of every few one misses somebody, who learns
/// of it from a list of members, seconds later.
#[test]
fn news_of_a_death_spreads_in_logarithmic_time() {
    let spread = |nodes: usize, seeds| {
        let plan = rare_probes(nodes);
        let [first, all] = samples(&plan, ["first_detected_s", "all_detected_s"], seeds);
        assert_eq!(first.len(), all.len(), "all were known to all");
        let took = first.iter().zip(&all).map(|(first, all)| all - first);
        let known = |theory: Theory| theory.at(&plan).unwrap();
        let theory = known(Theory::AllDetected) - known(Theory::FirstDetection);
        let took = median(took.collect());
        agree(&format!("gossip, {nodes} nodes"), took, theory, 15.0);
        (took, theory)
    };
    let (few, many) = (spread(16, 0..6), spread(64, 0..3));
    agree(
        "gossip, 64 to 16 nodes",
        many.0 / few.0,
        many.1 / few.1,
        20.0,
    );
}

fn order(nodes: usize) -> Plan {
    plan(&format!(
        r#"
        title = "an order"
        duration = "4 s"
        warm_up = "5 s"
        measure = ["dissemination"]
        cluster.nodes = {nodes}
        services = [{{ name = "web", replicas = 1, at = "1 s" }}]
        "#
    ))
}

/// Rumours reach all in log N rounds (Pittel 1987), as far as they reach all: each node passes them on
/// once, so in small clusters, where each tells few, the last hear later than the form has it, and of
/// every few orders one misses somebody. Therefore large ones, and the median.
#[test]
fn orders_reach_all_in_as_many_rounds_as_pittel_says() {
    for (nodes, seeds) in [(64, 0..15), (160, 0..5)] {
        let plan = order(nodes);
        let [all] = samples(&plan, ["order_known_to_all_s"], seeds);
        let theory = Theory::OrderKnown.at(&plan).unwrap();
        agree(
            &format!("an order, {nodes} nodes"),
            median(all),
            theory,
            12.0,
        );
    }
}

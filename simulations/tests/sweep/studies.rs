//! Studies of placement go the way of all experiments: points, seeds, tables, a page with its figures.

use std::fs;

use shoal_sim::{
    experiment::Planned,
    report,
    sweep::{Options, Silent, Stop, sweep},
};

const STUDY: &str = r#"
title = "a study"
measure = ["placement"]
cluster.nodes = 5

[placement]
slots_per_node = 4

[sweep.vary]
"cluster.nodes" = [5, 9]
"placement.algorithm" = ["bounded-hrw", "hrw", "ring", "random"]

[[comparisons]]
axis = "placement.algorithm"
base = "hrw"
other = "random"

[[figures]]
shape = "line"
what = "moved_on_loss_share"
along = "cluster.nodes"
curves = "placement.algorithm"
theory = ["1/n"]
"#;

#[test]
fn a_study_gives_the_same_tables_on_any_number_of_threads() {
    let study = Planned::new("study", STUDY, &[], true).unwrap();
    let tables = [1, 3].map(|jobs| {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path(), (0..4).collect());
        options.jobs = jobs;
        sweep(&study, &options, &Stop::default(), &Silent).unwrap();
        let page = fs::read_to_string(report::write(folder.path()).unwrap().page).unwrap();
        for part in ["theory: 1/N", "random - hrw", "stacked_slots_share"] {
            assert!(page.contains(part), "{part}");
        }
        fs::read_to_string(folder.path().join("runs.csv")).unwrap()
    });
    assert_eq!(tables[0].lines().count(), 1 + 8 * 4);
    assert_eq!(tables[0], tables[1]);
}

//! What people see: summary, figures, page.

use std::fs;

use shoal_sim::report;

use crate::made_up::{MadeUp, into};

#[test]
fn the_summary_fits_a_terminal_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let odd = MadeUp {
        oddities: true,
        ..MadeUp::default()
    };
    into(folder.path(), &odd, 12, 4);
    let text = report::write(folder.path()).unwrap().summary;
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    for part in [
        "made-up: loss_percent=1",
        "detection_s",
        "latency_ms (of each run's samples)",
        "hold_down: on - off",
        "excludes 0",
        "4 runs failed",
        "6 values were NaN",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}

#[test]
fn means_stand_beside_what_theory_says() {
    let folder = tempfile::tempdir().unwrap();
    into(folder.path(), &MadeUp::default(), 12, 4);
    let written = report::write(folder.path()).unwrap();
    let page = fs::read_to_string(&written.page).unwrap();
    assert!(page.contains("Measured against theory"));
    let heading = "detection_s against \"log2(nodes) + 2\"";
    let (_, table) = written.summary.split_once(heading).unwrap();
    let rows = table.lines().skip(2).take_while(|line| !line.is_empty());
    // The form is the mean, but for a little luck: the noise is 4 s wide, over 12 seeds.
    let differences: Vec<f64> = rows
        .map(|row| {
            let words: Vec<&str> = row.split_whitespace().collect();
            words[words.len() - 2].parse().unwrap()
        })
        .collect();
    assert_eq!(differences.len(), 6, "{table}");
    assert!(
        differences.iter().all(|percent| percent.abs() < 30.0),
        "{table}"
    );
}

/// Of luck that both variants share, pairs are free: 0.2 s are found among 4 s of noise.
#[test]
fn pairs_find_what_means_alone_do_not() {
    let folder = tempfile::tempdir().unwrap();
    into(folder.path(), &MadeUp::default(), 12, 4);
    let text = report::write(folder.path()).unwrap().summary;
    let compared = text
        .lines()
        .find(|line| line.contains("on - off") && line.contains("detection_s"));
    let compared = compared.unwrap();
    assert!(
        compared.contains("-0.2") && compared.contains("excludes 0"),
        "{compared}"
    );
}

#[test]
fn a_single_seed_has_no_interval_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    into(folder.path(), &MadeUp::default(), 1, 2);
    let text = report::write(folder.path()).unwrap().summary;
    assert!(
        text.contains("(n=1)") && text.contains("take more seeds"),
        "{text}"
    );
    assert!(
        !text.contains('±')
            || text
                .lines()
                .filter(|line| line.contains('±'))
                .all(|line| line.contains("95 % CI"))
    );
    assert!(!text.contains("NaN"), "{text}");
}

#[test]
fn the_page_needs_no_other_file_and_holds_no_foreign_markup() {
    let folder = tempfile::tempdir().unwrap();
    let odd = MadeUp {
        oddities: true,
        ..MadeUp::default()
    };
    into(folder.path(), &odd, 5, 4);
    for made in ["runs.csv", "samples.csv", "runs.parquet", "samples.parquet"] {
        fs::remove_file(folder.path().join(made)).unwrap();
    }
    let written = report::write(folder.path()).unwrap();
    let page = fs::read_to_string(&written.page).unwrap();
    // Three figures; the distribution once for each hold-down, of which it shows nothing itself.
    assert_eq!(page.matches("<svg").count(), 4);
    assert_eq!(
        fs::read_dir(folder.path().join(report::FIGURES))
            .unwrap()
            .count(),
        4
    );
    for part in [
        "log2(nodes) + 2",
        "# &lt;b&gt;&amp;",
        "slot &lt;1&gt; ran twice, &quot;and&quot; more",
        "123456789abcdef5",
        "BLAKE3",
        "Paired comparisons",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    for foreign in ["<script", "<b>", "href=", "src=", "url(", "NaN</"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

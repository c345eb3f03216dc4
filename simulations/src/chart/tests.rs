//! Figures hold what they were given, as text and as shapes.

use super::{CURVES_MAX, Chart, Dot, Look, Plotted, Scale, svg};

fn dots(count: u32) -> Vec<Dot> {
    let dot = |place: u32| {
        let y = f64::from(place * place);
        Dot {
            x: f64::from(place),
            y,
            interval: Some((y - 1.0, y + 1.0)),
        }
    };
    (1..=count).map(dot).collect()
}

fn chart(curves: Vec<Plotted>) -> Chart {
    let all = || curves.iter().flat_map(|curve| &curve.dots);
    Chart {
        title: "time to <detect>".into(),
        x_label: "nodes".into(),
        y_label: "detection_s".into(),
        x: Scale::linear(all().map(|dot| dot.x)),
        y: Scale::log(all().map(|dot| dot.y)),
        legend: "hold_down".into(),
        curves,
    }
}

fn curve(name: &str, look: Look, count: u32) -> Plotted {
    Plotted {
        name: name.into(),
        look,
        dots: dots(count),
    }
}

#[test]
fn text_is_text_and_escaped() {
    let text = svg(&chart(vec![curve("a & b", Look::Line, 5)]));
    for part in [
        "time to &lt;detect&gt;",
        "nodes",
        "detection_s",
        "a &amp; b",
        "hold_down",
        "viewBox",
    ] {
        assert!(text.contains(part), "{part} is missing");
    }
    assert!(text.starts_with("<svg width=\"720\" height=\"420\""));
    assert!(text.trim_end().ends_with("</svg>"));
    assert!(!text.contains("NaN") && !text.contains("inf"));
}

#[test]
fn few_dots_have_bars_and_many_a_band() {
    let few = svg(&chart(vec![curve("a", Look::Line, 5)]));
    let many = svg(&chart(vec![curve("a", Look::Line, 60)]));
    assert_eq!(few.matches("<polygon").count(), 0);
    assert_eq!(
        few.matches("<circle").count(),
        6,
        "five marks, and one in the legend"
    );
    assert_eq!(many.matches("<polygon").count(), 1);
    assert_eq!(many.matches("<circle").count(), 0);
}

#[test]
fn curves_beyond_the_limit_are_said_to_be_left_out() {
    let all = (0..CURVES_MAX + 3).map(|place| curve(&format!("c{place}"), Look::Steps, 3));
    let text = svg(&chart(all.collect()));
    assert!(text.contains("and 3 not shown"));
    assert!(text.contains("c13") && !text.contains("c14"));
}

#[test]
fn what_a_scale_can_not_show_is_left_out() {
    let mut one = curve("", Look::Marks, 3);
    one.dots[1].y = 0.0;
    one.dots[2].interval = Some((-5.0, 10.0));
    let text = svg(&chart(vec![one]));
    assert_eq!(text.matches("<circle").count(), 2);
}

#[test]
fn what_theory_says_is_told_apart_by_its_dashes() {
    let of = |names: &[&str]| {
        let curves = names.iter().map(|name| curve(name, Look::Theory, 5));
        let text = svg(&chart(curves.collect()));
        text.matches("<polyline").count()
    };
    let (none, one, two) = (of(&[]), of(&["a"]), of(&["a", "b"]));
    assert!(one > none, "dashes are lines");
    assert!(
        two - one > (one - none) * 3 / 2,
        "the second has shorter ones: {none} {one} {two}"
    );
}

//! The page: one HTML file without scripts, that needs nothing else and follows the reader's light or dark.

use super::{
    FIGURES, Results,
    figures::Drawn,
    page_tables::{against_theory, blocks, comparisons, failures, runs},
    terminal::notes,
};
use crate::results::{Manifest, SeedRange, State};

const STYLE: &str = include_str!("style.css");

/// All of it.
pub(super) fn html(results: &Results, figures: &[Drawn]) -> String {
    let manifest = &results.manifest;
    let name = escaped(&manifest.name);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    page += &format!("<h1>{name}</h1>\n{}", state(results));
    if results.kept.runs().is_empty() {
        page += "<p>No runs.</p>\n";
    }
    section(&mut page, "Figures", &pictures(figures));
    section(&mut page, "Summary", &blocks(results));
    section(
        &mut page,
        "Measured against theory",
        &against_theory(results),
    );
    section(&mut page, "Paired comparisons", &comparisons(results));
    section(&mut page, "Failed runs", &failures(results));
    section(&mut page, "Where and how", &facts(manifest));
    section(&mut page, "Plan", &plan(manifest));
    section(&mut page, "Runs and their traces", &runs(results));
    page + "</body>\n</html>\n"
}

/// Text that is no markup, in elements and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}

fn section(page: &mut String, title: &str, content: &str) {
    if !content.is_empty() {
        *page += &format!("<h2>{title}</h2>\n{content}");
    }
}

fn state(results: &Results) -> String {
    let manifest = &results.manifest;
    let totals = results.kept.totals(manifest.totals.planned);
    let state = match manifest.state {
        State::Running => "under way, or killed while it was",
        State::Interrupted => "interrupted",
        State::Stopped => "stopped by an error of the disk",
        State::Complete => "complete",
    };
    let mut text = format!(
        "<p class=\"quiet\">{} of {} runs, {} failed; {state}. shoal-sim {}, begun {}.</p>\n",
        totals.kept,
        totals.planned,
        totals.failed,
        escaped(&manifest.version),
        escaped(&manifest.started)
    );
    for note in notes(results) {
        text += &format!("<p class=\"quiet\">{}.</p>\n", escaped(&note));
    }
    text
}

/// The figures, each with the name of its file.
fn pictures(figures: &[Drawn]) -> String {
    let one = |figure: &Drawn| {
        let file = escaped(&figure.file);
        let svg = &figure.svg;
        format!("<figure>\n{svg}<figcaption>{FIGURES}/{file}</figcaption>\n</figure>\n")
    };
    figures.iter().map(one).collect()
}

fn facts(manifest: &Manifest) -> String {
    let host = &manifest.host;
    let memory = host.memory_bytes.map_or_else(
        || "unknown".to_owned(),
        |bytes| format!("{:.1} GiB", bytes as f64 / 1024_f64.powi(3)),
    );
    let facts = [
        ("version", manifest.version.clone()),
        (
            "commit",
            manifest.commit.clone().unwrap_or_else(|| "unknown".into()),
        ),
        ("seeds", SeedRange::text(&manifest.seeds)),
        ("points", manifest.points.len().to_string()),
        ("begun", manifest.started.clone()),
        ("ran for", format!("{:.1} s", manifest.wall_s)),
        ("starts", manifest.starts.to_string()),
        ("runs at a time", manifest.jobs.to_string()),
        ("system", format!("{} on {}", host.os, host.arch)),
        ("processors", host.processors.to_string()),
        ("memory", memory),
        ("plan's BLAKE3", manifest.plan.blake3.clone()),
    ];
    let row = |(what, text): (&str, String)| {
        format!(
            "<tr><th scope=\"row\">{what}</th><td class=\"long\">{}</td></tr>\n",
            escaped(&text)
        )
    };
    let rows: String = facts.into_iter().map(row).collect();
    let json = serde_json::to_string_pretty(manifest).unwrap_or_default();
    format!(
        "<div class=\"wide\"><table>\n{rows}</table></div>\n\
         <details><summary>manifest.json</summary>\n<pre>{}</pre></details>\n",
        escaped(&json)
    )
}

fn plan(manifest: &Manifest) -> String {
    format!("<pre>{}</pre>\n", escaped(&manifest.plan.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let hostile = "<script>\"a\" & 'b'</script>";
        let safe = escaped(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'']), "{safe}");
        assert!(safe.contains("&amp;"));
    }
}

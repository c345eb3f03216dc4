//! `shoal-sim plans`: the plans that come with the program.

use std::{fs, path::Path, process::ExitCode};

use clap::Args;
use shoal_sim::plan::{PLAN_BYTES_MAX, PlanText};

use super::{note, say};

/// The largest trace, in bytes.
const TRACE_BYTES_MAX: u64 = 64 << 20;

/// Options of `plans`.
#[derive(Args, Debug)]
pub(crate) struct PlansArgs {
    /// Print this plan's text
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Every plan in `simulations/plans/`, by name.
const PLANS: [(&str, &str); 13] = [
    ("churn", include_str!("../../plans/churn.toml")),
    ("detection", include_str!("../../plans/detection.toml")),
    (
        "dissemination",
        include_str!("../../plans/dissemination.toml"),
    ),
    ("edge-day", include_str!("../../plans/edge-day.toml")),
    ("join-storm", include_str!("../../plans/join-storm.toml")),
    ("load-cap", include_str!("../../plans/load-cap.toml")),
    ("partition", include_str!("../../plans/partition.toml")),
    ("placement", include_str!("../../plans/placement.toml")),
    (
        "placement-load",
        include_str!("../../plans/placement-load.toml"),
    ),
    (
        "placement-ring",
        include_str!("../../plans/placement-ring.toml"),
    ),
    (
        "placement-weights",
        include_str!("../../plans/placement-weights.toml"),
    ),
    (
        "rolling-reboot",
        include_str!("../../plans/rolling-reboot.toml"),
    ),
    ("slow-member", include_str!("../../plans/slow-member.toml")),
];

/// Runs it.
pub(crate) fn run(args: &PlansArgs) -> ExitCode {
    if let Some(name) = &args.name {
        return match known(name) {
            Some(text) => {
                say(text.trim_end());
                ExitCode::SUCCESS
            }
            None => {
                note(&format!(
                    "shoal-sim: no plan is called {name:?}: see shoal-sim plans"
                ));
                ExitCode::from(2)
            }
        };
    }
    for (name, text) in PLANS {
        let title =
            PlanText::parse(text).map_or_else(|error| error.to_string(), |(_, plan)| plan.title);
        say(&format!("{name:<18} {title}"));
    }
    ExitCode::SUCCESS
}

fn known(name: &str) -> Option<&'static str> {
    let found = PLANS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// The name and the text of a plan: a file, or one that comes with the program.
///
/// # Errors
/// One sentence: what could not be read, and why.
pub(super) fn load(plan: &Path) -> Result<(String, String), String> {
    let stem = plan
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    let name = stem.unwrap_or_else(|| "plan".to_owned());
    if let Some(text) = plan.to_str().and_then(known) {
        return Ok((name, text.to_owned()));
    }
    let shown = plan.display();
    let size = fs::metadata(plan).map(|metadata| metadata.len());
    match size {
        Ok(size) if size > PLAN_BYTES_MAX as u64 => {
            return Err(format!(
                "{shown} has {size} bytes: a plan has at most {PLAN_BYTES_MAX}"
            ));
        }
        _ => {}
    }
    let text = fs::read_to_string(plan).map_err(|error| {
        format!("can't read the plan {shown}: {error} (plans that come along: shoal-sim plans)")
    })?;
    with_trace(plan, text).map(|text| (name, text))
}

/// Puts the trace that a plan names into the plan.
fn with_trace(plan: &Path, text: String) -> Result<String, String> {
    let Ok((mut table, read)) = PlanText::parse(&text) else {
        // What is wrong is said by whoever reads it in earnest.
        return Ok(text);
    };
    let Some(file) = &read.churn.file else {
        return Ok(text);
    };
    let path = plan.parent().unwrap_or(Path::new("")).join(file);
    let shown = path.display();
    let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    if size > TRACE_BYTES_MAX {
        return Err(format!(
            "{shown} has {size} bytes: at most {TRACE_BYTES_MAX}"
        ));
    }
    let trace = fs::read_to_string(&path)
        .map_err(|error| format!("can't read the trace {shown}: {error}"))?;
    let settings = [("churn.trace".to_owned(), toml::Value::from(trace))];
    table.set(&settings).map_err(|error| {
        format!(
            "{shown}: {}",
            error.to_string().lines().last().unwrap_or("")
        )
    })?;
    Ok(table.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_that_comes_along_can_be_run() {
        for (name, text) in PLANS {
            let read = PlanText::parse(text);
            assert!(read.is_ok(), "{name}: {:?}", read.err());
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
        let files = fs::read_dir(folder).unwrap().filter_map(Result::ok);
        let plans = files.filter(|file| file.path().extension().is_some_and(|end| end == "toml"));
        assert_eq!(plans.count(), PLANS.len(), "each file is listed");
    }
}

//! `shoal-sim run` and `shoal-sim sweep`: plans, once or at all their points.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Args;
use shoal_sim::{
    experiment::{self, Planned},
    plan::PlanText,
    sweep::{self, Options},
};

use super::{note, plans, say, seeds::Seeds};

/// Seeds of a sweep of which nobody says how many.
const SEEDS: u64 = 10;
/// Share of the free memory that a run may be estimated at.
const MEMORY_SHARE: f64 = 0.9;

/// Options of `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// A plan's file, or the name of one that comes along (shoal-sim plans)
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// The seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Keep tables, figures and a report in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Set a field of the plan, such as cluster.nodes=9 or links.loss="20 %"
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, toml::Value)>,
}

/// Options of `sweep`.
#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    /// A plan's file, or the name of one that comes along (shoal-sim plans)
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Seeds of each point, as A..B; B is left out [default: as the plan says, else 0..10]
    #[arg(long, value_name = "A..B")]
    seeds: Option<Seeds>,
    /// Runs at a time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    jobs: Option<u16>,
    /// Folder of the results; an unfinished sweep in it goes on [default: results/PLAN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Set a field of the plan, such as cluster.nodes=9 or links.loss="20 %"
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, toml::Value)>,
}

/// A key and a value: a number, true or false, a list, or else a text.
pub(crate) fn setting(text: &str) -> Result<(String, toml::Value), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write it as KEY=VALUE, such as cluster.nodes=9")?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() {
        return Err("there is no key before the =".to_owned());
    }
    let parsed = format!("value = {value}").parse::<toml::Table>();
    let parsed = parsed.ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| toml::Value::from(value));
    Ok((key.to_owned(), value))
}

/// Runs a plan once.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    if let Some(out) = &args.out {
        let loaded = plans::load(&args.plan)
            .and_then(|(name, text)| planned(&name, &text, &args.settings, false, 1));
        return match loaded {
            Ok(planned) => {
                let status = sweep_into(&planned, Options::new(out, vec![args.seed]));
                let kept = std::fs::read_to_string(out.join("runs.jsonl")).unwrap_or_default();
                if let Some(line) = trace_of(&kept, args.seed) {
                    say(&line);
                }
                status
            }
            Err(error) => refuse(&error),
        };
    }
    replay(&args.plan, args.seed, &args.settings)
}

/// The last line of a run, from what is kept of it. None: it failed, or was stopped.
fn trace_of(kept: &str, seed: u64) -> Option<String> {
    let mut runs = kept
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let run = runs.find(|run| run["seed"] == seed)?;
    let (trace, events) = (run["trace"].as_str()?, run["events"].as_u64()?);
    let (virtual_s, wall) = (run["virtual_s"].as_f64()?, run["wall_s"].as_f64()?);
    Some(format!(
        "trace {trace} virtual_s={virtual_s:.1} wall_s={wall:.2} events={events}"
    ))
}

/// Runs a plan once, and shows what was measured.
pub(crate) fn replay(plan: &Path, seed: u64, settings: &[(String, toml::Value)]) -> ExitCode {
    match run_once(plan, seed, settings) {
        Ok(status) => status,
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &str) -> ExitCode {
    note(&format!("shoal-sim: {error}"));
    ExitCode::from(2)
}

fn run_once(
    plan: &Path,
    seed: u64,
    settings: &[(String, toml::Value)],
) -> Result<ExitCode, String> {
    let (name, text) = plans::load(plan)?;
    planned(&name, &text, settings, false, 1)?;
    let (table, _) = PlanText::parse(&text).map_err(|error| error.to_string())?;
    let plan = table.with(settings).map_err(|error| error.to_string())?;
    say(&format!("{name}: {}", plan.title));
    let started = Instant::now();
    let record = match experiment::run(&plan, seed) {
        Ok(record) => record,
        Err(error) => {
            note(&format!("shoal-sim: seed {seed}: {error}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let wall = started.elapsed().as_secs_f64();
    for (name, value) in &record.measures {
        match value.is_finite() {
            true => say(&format!("  {name:<32} {value:.4}")),
            false => say(&format!("  {name:<32} -")),
        }
    }
    say(&format!(
        "trace {:016x} virtual_s={:.1} wall_s={wall:.2} events={}",
        record.trace, record.virtual_s, record.events
    ));
    Ok(ExitCode::SUCCESS)
}

/// The plan, if this machine has room for so many runs of it at a time.
fn planned(
    name: &str,
    text: &str,
    settings: &[(String, toml::Value)],
    is_sweep: bool,
    jobs: usize,
) -> Result<Planned, String> {
    let planned = Planned::new(name, text, settings, is_sweep)
        .map_err(|error| format!("plan {name}: {error}"))?;
    let (bytes, machines) = planned.largest();
    let needed = bytes as f64 * jobs as f64;
    let gib = |bytes: f64| bytes / f64::from(1 << 30);
    match available_memory() {
        Some(free) if needed > free as f64 * MEMORY_SHARE => Err(format!(
            "plan {name}: {jobs} runs at a time of {machines} machines need about {:.1} GiB of memory, and {:.1} GiB are free: use fewer --jobs or fewer machines",
            gib(needed),
            gib(free as f64),
        )),
        _ => Ok(planned),
    }
}

/// What the system could give away, in bytes; none where it does not say.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024)
}

/// Runs a plan at all its points.
pub(crate) fn sweep(args: &SweepArgs) -> ExitCode {
    let loaded = plans::load(&args.plan);
    let (name, text) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return refuse(&error),
    };
    let out = args.out.clone();
    let out = out.unwrap_or_else(|| PathBuf::from("results").join(&name));
    let said = PlanText::parse(&text)
        .ok()
        .and_then(|(_, plan)| plan.sweep.seeds);
    let seeds = match &args.seeds {
        Some(Seeds(range)) => range.clone(),
        None => 0..said.unwrap_or(SEEDS),
    };
    if seeds.end - seeds.start > 10_000_000 {
        return refuse("more than 10,000,000 seeds");
    }
    let mut options = Options::new(out, seeds.collect());
    options.jobs = args.jobs.map_or(options.jobs, usize::from);
    match planned(&name, &text, &args.settings, true, options.jobs) {
        Ok(planned) => sweep_into(&planned, options),
        Err(error) => refuse(&error),
    }
}

fn sweep_into(planned: &Planned, options: Options) -> ExitCode {
    sweep::run(planned, &options, &mut std::io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_kept_ends_with_its_trace_too() {
        let kept = concat!(
            r#"{"seed":2,"wall_s":9.0,"trace":"aa","virtual_s":1.0,"events":5}"#,
            "\n",
            r#"{"seed":3,"wall_s":0.22,"trace":"5e638267de23a88b","virtual_s":310.2,"events":23068}"#,
            "\n{"
        );
        let line = "trace 5e638267de23a88b virtual_s=310.2 wall_s=0.22 events=23068";
        assert_eq!(trace_of(kept, 3).as_deref(), Some(line));
        assert_eq!(trace_of(kept, 4), None);
    }

    #[test]
    fn settings_are_numbers_lists_or_texts() {
        let of = |text: &str| setting(text).map(|(_, value)| value);
        assert_eq!(of("cluster.nodes=9"), Ok(toml::Value::from(9)));
        assert_eq!(of("links.loss=20 %"), Ok(toml::Value::from("20 %")));
        assert_eq!(of("links.loss=\"20 %\""), Ok(toml::Value::from("20 %")));
        assert_eq!(
            of("protocol.local_health=false"),
            Ok(toml::Value::from(false))
        );
        assert!(of("cluster.nodes").is_err() && of("=3").is_err());
    }
}

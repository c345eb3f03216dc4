//! One start of a sweep: what is there is read, what is missing is run, and the tables are written.

use std::{collections::BTreeSet, fs, path::Path, time::Instant};

use jiff::Timestamp;

use super::{
    Experiment, Finished, Options, Progress, Stop,
    host::host,
    workers::{Job, work},
};
use crate::results::{
    FORMAT, Journal, Kept, Manifest, Plan, Point, ResultsError, SeedRange, State, Totals, Value,
    write_tables,
};

/// Runs what is missing in `options.out`, until all is there or somebody wishes to stop; then writes
/// manifest and tables from all that is kept.
///
/// # Errors
///
/// When the folder holds results of something else, is in use, damaged, or can't be written. What
/// was kept stays; a run that could not be kept stops the sweep.
pub fn sweep(
    experiment: &dyn Experiment,
    options: &Options,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<Finished, ResultsError> {
    let started = Instant::now();
    let folder = &options.out;
    let mut manifest = new_manifest(experiment, options)?;
    fs::create_dir_all(folder).map_err(ResultsError::io("make", folder))?;
    let before = begun_before(folder)?;
    if let Some(before) = &before {
        manifest.goes_on_with(before, folder)?;
        manifest.started.clone_from(&before.started);
        manifest.starts = before.starts + 1;
    }
    let (mut journal, kept) = Journal::open(folder, &manifest.points)?;
    check_seeds(&manifest, &kept, folder)?;
    manifest.write(folder)?;
    let points = manifest.points.clone();
    let jobs = missing(&points, &options.seeds, &kept);
    progress.begin(manifest.totals.planned, kept.runs().len() as u64);
    let worked = work(experiment, options, &jobs, &mut journal, (stop, progress));
    progress.end();
    let worked = worked.and_then(|()| journal.sync());
    let kept = journal.read_again(&points)?;
    manifest.totals = kept.totals(manifest.totals.planned);
    manifest.state = match &worked {
        Err(_) => State::Stopped,
        Ok(()) if manifest.totals.kept < manifest.totals.planned => State::Interrupted,
        Ok(()) => State::Complete,
    };
    let earlier = before.map_or(0.0, |before| before.wall_s);
    manifest.wall_s = earlier + started.elapsed().as_secs_f64();
    let written = manifest.write(folder);
    // On a full disk both fail: what stopped the sweep is the first of them.
    worked?;
    written?;
    write_tables(folder, &manifest, &kept)?;
    Ok(Finished {
        manifest,
        kept,
        signal: stop.signal(),
    })
}

/// The manifest of an earlier start, if there was one. Runs without a manifest are of nobody knows what.
fn begun_before(folder: &Path) -> Result<Option<Manifest>, ResultsError> {
    let is_missing = !Manifest::path(folder).exists();
    let runs = folder.join(crate::results::RUNS);
    let has_runs = fs::metadata(&runs).is_ok_and(|file| file.len() > 0);
    match is_missing && !has_runs {
        true => Ok(None),
        false => Manifest::read(folder).map(Some),
    }
}

fn new_manifest(experiment: &dyn Experiment, options: &Options) -> Result<Manifest, ResultsError> {
    let points = experiment.points();
    check_points(&points)?;
    let seeds: BTreeSet<u64> = options.seeds.iter().copied().collect();
    Ok(Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("SHOAL_COMMIT").map(str::to_owned),
        name: experiment.name().to_owned(),
        plan: Plan::of_text(experiment.plan()),
        state: State::Running,
        started: Timestamp::now().to_string(),
        wall_s: 0.0,
        starts: 1,
        jobs: options.jobs,
        samples_max: options.samples_max,
        host: host(),
        totals: Totals {
            planned: points.len() as u64 * seeds.len() as u64,
            ..Totals::default()
        },
        seeds: SeedRange::all_of(&options.seeds),
        points,
        figures: experiment.figures(),
        comparisons: experiment.comparisons(),
    })
}

/// Points of the same axes, each once, with finite numbers.
fn check_points(points: &[Point]) -> Result<(), ResultsError> {
    let bad = |text: String| Err(ResultsError::BadPoints(text));
    let names = |point: &Point| -> Vec<String> {
        point.axes().iter().map(|(name, _)| name.clone()).collect()
    };
    let first = points.first().map(names).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for point in points {
        if names(point) != first {
            let first = first.join(", ");
            return bad(format!(
                "point ({point}) has other axes than the first ({first})"
            ));
        }
        if !seen.insert(point) {
            return bad(format!("point ({point}) is there twice"));
        }
        let is_bad = |value: &Value| value.number().is_some_and(|number| !number.is_finite());
        if let Some((axis, value)) = point.axes().iter().find(|(_, value)| is_bad(value)) {
            return bad(format!("{axis} can't be {value}"));
        }
    }
    Ok(())
}

/// What the journal holds is of the manifest's seeds.
fn check_seeds(manifest: &Manifest, kept: &Kept, folder: &Path) -> Result<(), ResultsError> {
    let is_foreign = |seed: u64| !SeedRange::any_holds(&manifest.seeds, seed);
    match kept.runs().iter().find(|run| is_foreign(run.seed)) {
        None => Ok(()),
        Some(run) => Err(ResultsError::Differs {
            path: Manifest::path(folder),
            what: "set of seeds",
            there: format!("seed {}", run.seed),
            here: format!("seeds {}", SeedRange::text(&manifest.seeds)),
        }),
    }
}

/// Seed by seed, so that an interrupted sweep has about as many runs of each point.
fn missing<'a>(points: &'a [Point], seeds: &[u64], kept: &Kept) -> Vec<Job<'a>> {
    let there: BTreeSet<(usize, u64)> = kept
        .runs()
        .iter()
        .map(|run| (run.point, run.seed))
        .collect();
    let seeds: BTreeSet<u64> = seeds.iter().copied().collect();
    let all = seeds
        .into_iter()
        .flat_map(|seed| points.iter().enumerate().map(move |one| (one, seed)));
    all.filter(|((place, _), seed)| !there.contains(&(*place, *seed)))
        .map(|((_, point), seed)| Job { point, seed })
        .collect()
}

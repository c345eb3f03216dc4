//! How a sweep ends: what people are told, and the exit status.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::{Experiment, OnStderr, Options, Stop, sweep};
use crate::{
    report,
    results::{Kept, Manifest, ResultsError, State},
};

/// Failed runs that are shown; more are only counted.
const SHOWN_MAX: usize = 20;

/// What a sweep left in its folder.
#[derive(Debug)]
pub struct Finished {
    /// With the state that it is in.
    pub manifest: Manifest,
    /// All runs that are kept, of this start and of earlier ones.
    pub kept: Kept,
    /// The signal that stopped it, if one did.
    pub signal: Option<u8>,
}

impl Finished {
    /// 0; 1 if a run failed; 128 and the signal's number (130 for ^C) if it was stopped before its end.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self.manifest.state {
            State::Complete => u8::from(self.manifest.totals.failed > 0),
            _ => 128 + self.signal.unwrap_or(2),
        }
    }
}

/// Sweeps as a command does: progress on stderr, ^C finishes quietly, then the summary on `say` and
/// the report in the folder. Gives the exit status: 0; 1 if a run failed or could not be kept; 2 if the
/// folder or the points don't fit; 130 after ^C.
pub fn run(experiment: &dyn Experiment, options: &Options, say: &mut dyn Write) -> ExitCode {
    let stop = Stop::on_signals().unwrap_or_else(|error| {
        note(&format!("^C will end this without tables: {error}"));
        Stop::default()
    });
    let finished = sweep(experiment, options, &stop, &OnStderr::new());
    let told = finished.and_then(|finished| {
        let summary = report::write(&options.out)?.summary;
        // Who reads it may be gone: then there is nobody to tell.
        let _ = write!(say, "{summary}{}", ending(&finished, options));
        Ok(finished.status())
    });
    told.map_or_else(
        |error| {
            note(&format!("shoal-sim: {error}"));
            if failed_status(&error) == 1 {
                note(
                    "  what was kept stays: make room, and the same command goes on with the rest",
                );
            }
            ExitCode::from(failed_status(&error))
        },
        ExitCode::from,
    )
}

fn failed_status(error: &ResultsError) -> u8 {
    match error {
        ResultsError::Io { .. } | ResultsError::Parquet { .. } => 1,
        _ => 2,
    }
}

fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The last lines: failures, what is missing and why, and where it all is.
fn ending(finished: &Finished, options: &Options) -> String {
    let (manifest, kept) = (&finished.manifest, &finished.kept);
    let mut lines = Vec::new();
    let failed = kept
        .runs()
        .iter()
        .filter_map(|run| run.failure.as_ref().map(|failure| (run, failure)));
    for (run, failure) in failed.take(SHOWN_MAX) {
        let point = &manifest.points[run.point];
        let short: String = failure.chars().take(500).collect();
        lines.push(format!("failed: seed {} of {point}: {short}", run.seed));
    }
    let totals = &manifest.totals;
    if totals.failed > SHOWN_MAX as u64 {
        let more = totals.failed - SHOWN_MAX as u64;
        lines.push(format!("and {more} more; see runs.csv"));
    }
    let out = options.out.display();
    lines.push(format!(
        "runs={} of {} failed={} wall_s={:.1} in {out}",
        totals.kept, totals.planned, totals.failed, manifest.wall_s
    ));
    if manifest.state == State::Interrupted {
        lines.push(format!(
            "interrupted: what is done is kept; the same command, with the same folder {out}, goes on with the rest"
        ));
    }
    lines.push(format!(
        "report: {}",
        options.out.join(report::FILE).display()
    ));
    lines.join("\n") + "\n"
}

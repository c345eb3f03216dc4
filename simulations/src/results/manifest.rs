//! `manifest.json`: what was run, by which version, where and when.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Comparison, Figure, Point, Replacement, ResultsError, SeedRange, error::json_reason};

/// The form of the folder. Another number is another form.
pub const FORMAT: u32 = 1;
/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";
/// The runs' file name.
pub const RUNS: &str = "runs.jsonl";

/// Everything about a sweep but its runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Of `shoal-sim`.
    pub version: String,
    /// The commit that it was built from, if `SHOAL_COMMIT` was set then.
    pub commit: Option<String>,
    /// What the experiment is called.
    pub name: String,
    /// The plan.
    pub plan: Plan,
    /// How far it is.
    pub state: State,
    /// When it was first begun, as RFC 3339 has it.
    pub started: String,
    /// Seconds that it ran, all starts together.
    pub wall_s: f64,
    /// How often it was begun or gone on with.
    pub starts: u32,
    /// Runs at a time, at the last start.
    pub jobs: usize,
    /// Samples kept of a run at most.
    pub samples_max: usize,
    /// The machine of the last start.
    pub host: Host,
    /// Runs, counted.
    pub totals: Totals,
    /// Seeds of each point.
    pub seeds: Vec<SeedRange>,
    /// What is varied, in the plan's order.
    pub points: Vec<Point>,
    /// What is to be drawn; the report chooses if there is nothing.
    pub figures: Vec<Figure>,
    /// What is to be compared; the report chooses if there is nothing.
    pub comparisons: Vec<Comparison>,
}

/// The experiment as it was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// BLAKE3 of the text, as hexadecimal text.
    pub blake3: String,
    /// To the letter.
    pub text: String,
}

impl Plan {
    /// A text with its hash.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self {
            blake3: blake3::hash(text.as_bytes()).to_hex().to_string(),
            text: text.to_owned(),
        }
    }
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Under way, or killed while it was.
    Running,
    /// Stopped by a signal; the same command goes on with it.
    Interrupted,
    /// Stopped by an error of the disk.
    Stopped,
    /// All runs are there.
    Complete,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Such as `linux`.
    pub os: String,
    /// Such as `x86_64`.
    pub arch: String,
    /// Processors that could be used.
    pub processors: usize,
    /// Memory in all, if the system says it.
    pub memory_bytes: Option<u64>,
}

/// Runs, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Points times seeds.
    pub planned: u64,
    /// Kept.
    pub kept: u64,
    /// Of these, those that failed.
    pub failed: u64,
    /// Measures and samples that were NaN or infinite, and are missing.
    pub not_finite: u64,
    /// Samples that were left out because a run had too many.
    pub thinned: u64,
}

impl Manifest {
    /// Where a folder has it.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(MANIFEST)
    }

    /// Reads a folder's.
    ///
    /// # Errors
    ///
    /// When it is missing, or damaged, or of another form: with file, line and reason.
    pub fn read(folder: &Path) -> Result<Self, ResultsError> {
        let path = Self::path(folder);
        let text = fs::read_to_string(&path).map_err(ResultsError::io("read", &path))?;
        let damaged = |line: usize, reason: String| ResultsError::Damaged {
            path: path.clone(),
            line: line.max(1) as u64,
            reason,
        };
        let manifest: Self = serde_json::from_str(&text).map_err(|error| {
            damaged(
                error.line(),
                format!("no manifest: {}", json_reason(&error)),
            )
        })?;
        if manifest.format != FORMAT {
            let reason = format!(
                "written in form {}, this version reads {FORMAT}",
                manifest.format
            );
            return Err(damaged(1, reason));
        }
        if Plan::of_text(&manifest.plan.text) != manifest.plan {
            return Err(damaged(1, "the plan's text has another hash".into()));
        }
        Ok(manifest)
    }

    /// Writes it, in place of the one that is there.
    ///
    /// # Errors
    ///
    /// When the folder can't be written; the old one stays.
    pub fn write(&self, folder: &Path) -> Result<(), ResultsError> {
        let path = Self::path(folder);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| ResultsError::io("write", &path)(error.into()))?;
        Replacement::of_text(&path, &format!("{text}\n"))
    }

    /// Whether this sweep may go on with what `there` began. More seeds are fine.
    ///
    /// # Errors
    ///
    /// [`ResultsError::Differs`], with what differs.
    pub fn goes_on_with(&self, there: &Self, folder: &Path) -> Result<(), ResultsError> {
        let seeds = |one: &Self| format!("seeds {}", SeedRange::text(&one.seeds));
        let versions = |one: &Self| match &one.commit {
            Some(commit) => format!("{} ({commit})", one.version),
            None => one.version.clone(),
        };
        let same = |what, there: String, here: String| match there == here {
            true => Ok(()),
            false => Err(ResultsError::Differs {
                path: Self::path(folder),
                what,
                there,
                here,
            }),
        };
        same("version", versions(there), versions(self))?;
        same("plan", plan_name(there), plan_name(self))?;
        same(
            "limit of samples a run",
            there.samples_max.to_string(),
            self.samples_max.to_string(),
        )?;
        if there.points != self.points {
            let count = |one: &Self| format!("{} points", one.points.len());
            return same(
                "set of points",
                count(there),
                format!("other {}", count(self)),
            );
        }
        match SeedRange::cover(&self.seeds, &there.seeds) {
            true => Ok(()),
            false => same("set of seeds", seeds(there), seeds(self)),
        }
    }
}

fn plan_name(manifest: &Manifest) -> String {
    let hash = &manifest.plan.blake3;
    format!(
        "{} (BLAKE3 {})",
        manifest.name,
        hash.get(..12).unwrap_or(hash)
    )
}

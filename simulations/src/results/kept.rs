//! `runs.jsonl`, read: everything but the samples in memory, and of these where they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Point, RUNS, ResultsError, Totals, error::json_reason};

/// Bytes of a line at most: five times what a million samples need. A file that is no file of lines
/// does not fill the memory.
pub(super) const LINE_BYTES_MAX: u64 = 128 << 20;

/// What is kept, in the order of points and seeds, whatever the order in which it was written.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    runs: Vec<Run>,
    whole_bytes: u64,
    torn_bytes: u64,
}

/// One run without its samples.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which point, from 0.
    pub point: usize,
    /// Of what seed.
    pub seed: u64,
    /// Seconds that it took.
    pub wall_s: f64,
    /// Why nothing was measured, if nothing was.
    pub failure: Option<String>,
    /// Hexadecimal text; empty after a failure.
    pub trace: String,
    /// Virtual seconds.
    pub virtual_s: Option<f64>,
    /// Events.
    pub events: u64,
    /// Measures; none for what was not finite.
    pub measures: Vec<(String, Option<f64>)>,
    /// The series that it has, in order.
    pub series: Vec<SeriesHead>,
    line: u64,
    offset: u64,
    bytes: u64,
}

/// A series without its samples.
#[derive(Clone, Debug, Deserialize)]
pub struct SeriesHead {
    /// With its unit.
    pub name: String,
    /// Samples that the run took.
    pub taken: u64,
    /// Of those kept, how many are missing.
    pub not_finite: u64,
    /// Samples that were kept.
    pub kept: u64,
}

/// A series' samples.
#[derive(Clone, Debug, Deserialize)]
pub struct SeriesValues {
    /// With its unit.
    pub name: String,
    /// None for what was not finite.
    pub values: Vec<Option<f64>>,
}

/// A line, its samples skipped.
#[derive(Deserialize)]
struct Line {
    point: Point,
    seed: u64,
    wall_s: f64,
    failure: Option<String>,
    trace: String,
    virtual_s: Option<f64>,
    events: u64,
    measures: Vec<(String, Option<f64>)>,
    samples: Vec<SeriesHead>,
}

/// A line, nothing but its samples.
#[derive(Deserialize)]
struct Samples {
    samples: Vec<SeriesValues>,
}

impl Kept {
    /// Reads a folder's. A last line without its end is left out: see [`torn_bytes`](Self::torn_bytes).
    ///
    /// # Errors
    ///
    /// When it is missing, or a line is not what was written: with file, line and reason.
    pub fn read(folder: &Path, points: &[Point]) -> Result<Self, ResultsError> {
        let path = folder.join(RUNS);
        let file = File::open(&path).map_err(ResultsError::io("read", &path))?;
        let places: BTreeMap<&Point, usize> = points.iter().zip(0..).collect();
        let mut kept = Self {
            path,
            runs: Vec::new(),
            whole_bytes: 0,
            torn_bytes: 0,
        };
        kept.read_lines(BufReader::new(file), &places)?;
        kept.runs.sort_by_key(|run| (run.point, run.seed));
        Ok(kept)
    }

    fn read_lines(
        &mut self,
        mut from: impl BufRead,
        places: &BTreeMap<&Point, usize>,
    ) -> Result<(), ResultsError> {
        let mut seen = BTreeSet::new();
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let bytes = (&mut from)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut text)
                .map_err(ResultsError::io("read", &self.path))? as u64;
            if bytes == 0 {
                break;
            }
            if bytes == LINE_BYTES_MAX {
                return Err(self.damaged(line, format!("longer than {LINE_BYTES_MAX} bytes")));
            }
            if text.last() != Some(&b'\n') {
                self.torn_bytes = bytes;
                break;
            }
            let damaged = |reason: String| self.damaged(line, reason);
            let read: Line = serde_json::from_slice(&text)
                .map_err(|error| damaged(format!("no run: {}", json_reason(&error))))?;
            let point = *places
                .get(&read.point)
                .ok_or_else(|| damaged(format!("the plan has no point {}", read.point)))?;
            if !seen.insert((point, read.seed)) {
                let twice = format!("seed {} of {} is there twice", read.seed, read.point);
                return Err(damaged(twice));
            }
            self.runs
                .push(Run::new(read, point, (line, self.whole_bytes, bytes)));
            self.whole_bytes += bytes;
        }
        Ok(())
    }

    fn damaged(&self, line: u64, reason: String) -> ResultsError {
        ResultsError::Damaged {
            path: self.path.clone(),
            line,
            reason,
        }
    }

    /// The runs, by point and seed.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Bytes up to the end of the last whole line.
    #[must_use]
    pub const fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// Bytes behind that: of a line that a kill tore, whose run is to be done again.
    #[must_use]
    pub const fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Reads the samples of a run.
    ///
    /// # Errors
    ///
    /// When they are not what was written, or the file is gone.
    pub fn samples(&self, run: &Run) -> Result<Vec<SeriesValues>, ResultsError> {
        if run.series.is_empty() {
            return Ok(Vec::new());
        }
        let io = || ResultsError::io("read", &self.path);
        let mut file = File::open(&self.path).map_err(io())?;
        file.seek(SeekFrom::Start(run.offset)).map_err(io())?;
        // A whole line at once: reading from a file byte by byte takes several times as long.
        let mut line = Vec::new();
        file.take(run.bytes).read_to_end(&mut line).map_err(io())?;
        let read: Samples = serde_json::from_slice(&line).map_err(|error| {
            self.damaged(run.line, format!("no samples: {}", json_reason(&error)))
        })?;
        let is_whole = |(head, series): (&SeriesHead, &SeriesValues)| {
            head.name == series.name && head.kept == series.values.len() as u64
        };
        match run.series.iter().zip(&read.samples).all(is_whole) {
            true => Ok(read.samples),
            false => Err(self.damaged(run.line, "samples are missing".into())),
        }
    }

    /// Runs, counted.
    #[must_use]
    pub fn totals(&self, planned: u64) -> Totals {
        let mut totals = Totals {
            planned,
            kept: self.runs.len() as u64,
            ..Totals::default()
        };
        for run in &self.runs {
            totals.failed += u64::from(run.failure.is_some());
            let missing = run.measures.iter().filter(|(_, value)| value.is_none());
            totals.not_finite += missing.count() as u64;
            for series in &run.series {
                totals.not_finite += series.not_finite;
                totals.thinned += series.taken.saturating_sub(series.kept);
            }
        }
        totals
    }

    /// Names of measures, in the order in which they first come up.
    #[must_use]
    pub fn measures(&self) -> Vec<String> {
        let names = |run: &Run| -> Vec<String> {
            run.measures.iter().map(|(name, _)| name.clone()).collect()
        };
        unique(self.runs.iter().flat_map(names))
    }

    /// Names of series, in the order in which they first come up.
    #[must_use]
    pub fn series(&self) -> Vec<String> {
        let names =
            |run: &Run| -> Vec<String> { run.series.iter().map(|one| one.name.clone()).collect() };
        unique(self.runs.iter().flat_map(names))
    }
}

fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}

impl Run {
    fn new(read: Line, point: usize, (line, offset, bytes): (u64, u64, u64)) -> Self {
        Self {
            point,
            seed: read.seed,
            wall_s: read.wall_s,
            failure: read.failure,
            trace: read.trace,
            virtual_s: read.virtual_s,
            events: read.events,
            measures: read.measures,
            series: read.samples,
            line,
            offset,
            bytes,
        }
    }

    /// A measure of it, if it has it and it was finite.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<f64> {
        let found = self.measures.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| *value)
    }
}

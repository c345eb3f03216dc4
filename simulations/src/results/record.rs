//! What one run gave, and the form in which it is kept.

use serde::{Deserialize, Serialize};

use super::{Point, ResultsError};

/// Samples kept of one run, of all its series together: 8 MB. More are thinned evenly, and counted.
pub const SAMPLES_MAX: usize = 1_000_000;

/// What an experiment says of one run. Names end in their unit: `detection_s`, `sent_bytes`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunRecord {
    /// One number each, for the whole run. NaN and infinite ones are kept as missing.
    pub measures: Vec<(String, f64)>,
    /// Many numbers of one kind, in the order in which they came up. Names of their own.
    pub samples: Vec<(String, Vec<f64>)>,
    /// Hash of everything that happened: equal for equal runs.
    pub trace: u64,
    /// Virtual time that passed, in seconds.
    pub virtual_s: f64,
    /// Events of the simulation.
    pub events: u64,
}

/// A series as kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// With its unit.
    pub name: String,
    /// Samples that the run took; more than `values` holds if they were thinned.
    pub taken: u64,
    /// How many of `values` are missing, because they were NaN or infinite.
    pub not_finite: u64,
    /// How many `values` there are.
    pub kept: u64,
    /// The samples.
    pub values: Vec<Option<f64>>,
}

/// A line of `runs.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptRun {
    /// Where.
    pub point: Point,
    /// Of what seed.
    pub seed: u64,
    /// Seconds that it took on the machine that ran it.
    pub wall_s: f64,
    /// Why there is nothing measured: the rule that did not hold, or the error.
    pub failure: Option<String>,
    /// As hexadecimal text: not every reader of JSON has integers of 64 bits.
    pub trace: String,
    /// Virtual seconds.
    pub virtual_s: Option<f64>,
    /// Events.
    pub events: u64,
    /// Measures; none for what was not finite.
    pub measures: Vec<(String, Option<f64>)>,
    /// Samples.
    pub samples: Vec<Series>,
}

impl KeptRun {
    /// Of what a run gave, or of its failure. At most `samples_max` samples of it are kept.
    #[must_use]
    pub fn new(
        point: Point,
        seed: u64,
        wall_s: f64,
        outcome: Result<RunRecord, String>,
        samples_max: usize,
    ) -> Self {
        let (record, failure) = match outcome {
            Ok(record) => (record, None),
            Err(failure) => (RunRecord::default(), Some(failure)),
        };
        let taken: usize = record.samples.iter().map(|(_, values)| values.len()).sum();
        let series = |(name, values): (String, Vec<f64>)| {
            let share = match taken > samples_max {
                true => values.len() as u128 * samples_max as u128 / taken as u128,
                false => values.len() as u128,
            };
            Series::new(name, &values, usize::try_from(share).unwrap_or(usize::MAX))
        };
        let trace = match failure {
            None => format!("{:016x}", record.trace),
            Some(_) => String::new(),
        };
        Self {
            point,
            seed,
            wall_s,
            failure,
            trace,
            virtual_s: finite(record.virtual_s),
            events: record.events,
            measures: record
                .measures
                .into_iter()
                .map(|(name, value)| (name, finite(value)))
                .collect(),
            samples: record.samples.into_iter().map(series).collect(),
        }
    }

    /// No two columns of the tables may have one name.
    ///
    /// # Errors
    ///
    /// The first name that is there twice.
    pub(crate) fn check_names(&self) -> Result<(), ResultsError> {
        let axes = || self.point.axes().iter().map(|(name, _)| name.as_str());
        let measures = self.measures.iter().map(|(name, _)| name.as_str());
        differ(axes().chain(FIXED).chain(measures))?;
        differ(self.samples.iter().map(|series| series.name.as_str()))
    }
}

/// Columns that every table of runs or samples has.
pub(crate) const FIXED: [&str; 7] = [
    "seed",
    "failure",
    "trace",
    "virtual_s",
    "events",
    "series",
    "value",
];

/// Names that all differ.
pub(crate) fn differ<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ResultsError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ResultsError::TwoOfOneName(name.to_owned()));
        }
    }
    Ok(())
}

impl Series {
    fn new(name: String, values: &[f64], kept_max: usize) -> Self {
        let kept = values.len().min(kept_max);
        let pick = |place: usize| {
            let from = place as u128 * values.len() as u128 / kept as u128;
            finite(values[usize::try_from(from).unwrap_or(0)])
        };
        let picked: Vec<Option<f64>> = (0..kept).map(pick).collect();
        Self {
            name,
            taken: values.len() as u64,
            not_finite: picked.iter().filter(|value| value.is_none()).count() as u64,
            kept: kept as u64,
            values: picked,
        }
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(record: RunRecord, samples_max: usize) -> KeptRun {
        let point = Point::default().with("nodes", 3_u32);
        KeptRun::new(point, 1, 0.0, Ok(record), samples_max)
    }

    #[test]
    fn samples_beyond_the_limit_are_thinned_evenly_and_counted() {
        let many: Vec<f64> = (0..900).map(f64::from).collect();
        let record = RunRecord {
            samples: vec![("a_s".into(), many), ("b_s".into(), vec![7.0; 100])],
            ..RunRecord::default()
        };
        let run = kept(record.clone(), 100);
        let [a, b] = &run.samples[..] else {
            panic!("{run:?}")
        };
        assert_eq!(
            (a.taken, a.values.len(), b.taken, b.values.len()),
            (900, 90, 100, 10)
        );
        let tens: Vec<Option<f64>> = (0..90).map(|i| Some(f64::from(i * 10))).collect();
        assert_eq!(a.values, tens);
        assert_eq!(kept(record, 1_000).samples[0].values.len(), 900);
    }

    #[test]
    fn what_is_not_finite_is_missing_and_counted() {
        let record = RunRecord {
            measures: vec![("x_s".into(), f64::NAN), ("y_s".into(), 1.0)],
            samples: vec![("a_s".into(), vec![1.0, f64::INFINITY, 2.0])],
            ..RunRecord::default()
        };
        let run = kept(record, 10);
        assert_eq!(run.measures[0].1, None);
        assert_eq!(run.measures[1].1, Some(1.0));
        assert_eq!(run.samples[0].values, [Some(1.0), None, Some(2.0)]);
        assert_eq!(run.samples[0].not_finite, 1);
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let of = |measure: &str| RunRecord {
            measures: vec![("x_s".into(), 1.0), (measure.into(), 2.0)],
            ..RunRecord::default()
        };
        assert!(kept(of("y_s"), 1).check_names().is_ok());
        for twice in ["x_s", "nodes", "seed", "virtual_s"] {
            let error = kept(of(twice), 1).check_names().unwrap_err().to_string();
            assert!(error.contains(twice), "{error}");
        }
    }
}

//! What runs gave, on disk: kept one by one as they finish, and written out as tables for other tools.
//!
//! A folder of results holds `manifest.json` (what was run, where and when), `runs.jsonl` (a line a
//! run, the truth), and what is made of these two: `runs` and `samples` as CSV and as Parquet, and
//! the report. It never runs anything and reads no clock.

mod atomically;
mod csv_table;
mod error;
mod figure;
mod journal;
mod kept;
mod manifest;
mod parquet_table;
mod point;
mod record;
mod seeds;
mod table;
mod tables;
mod value;

pub use atomically::Replacement;
pub use error::ResultsError;
pub use figure::{Comparison, Curve, Figure, Shape};
pub use journal::Journal;
pub use kept::{Kept, Run, SeriesHead, SeriesValues};
pub use manifest::{FORMAT, Host, MANIFEST, Manifest, Plan, RUNS, State, Totals};
pub use point::Point;
pub use record::{KeptRun, RunRecord, SAMPLES_MAX, Series};
pub use seeds::SeedRange;
pub use tables::write_tables;
pub use value::{Value, number_text};

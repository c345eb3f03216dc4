//! What a folder of results says: tables for a terminal, figures, and one page with all of it.
//!
//! Everything is made from `manifest.json` and `runs.jsonl` alone, so a report can be made anew years
//! later, by whoever has the folder. It never runs anything.

mod comparing;
mod digest;
mod drawing;
mod figures;
mod numbers;
mod page;
mod page_tables;
mod summary;
mod terminal;
mod theory;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::results::{Kept, Manifest, Replacement, ResultsError};

/// The page's file name.
pub const FILE: &str = "report.html";
/// Where the figures are, each as a file of its own.
pub const FIGURES: &str = "figures";

/// What [`fn@write`] made.
#[derive(Clone, Debug)]
pub struct Written {
    /// The page: one file that needs no other.
    pub page: PathBuf,
    /// The tables for a terminal, 100 columns wide at most unless names are very long.
    pub summary: String,
}

/// Makes the page and the figures of a folder of results anew.
///
/// # Errors
///
/// When the folder is missing or damaged, with file, line and reason; or can't be written. An older
/// report stays then.
pub fn write(folder: &Path) -> Result<Written, ResultsError> {
    let results = Results::read(folder)?;
    let page = folder.join(FILE);
    let figures = figures::all(&results);
    let beside = folder.join(FIGURES);
    if !figures.is_empty() {
        fs::create_dir_all(&beside).map_err(ResultsError::io("make", &beside))?;
    }
    for figure in &figures {
        Replacement::of_text(&beside.join(&figure.file), &figure.svg)?;
    }
    Replacement::of_text(&page, &page::html(&results, &figures))?;
    Ok(Written {
        page,
        summary: terminal::text(&results),
    })
}

/// A folder's results, and what is worked out from them once.
struct Results {
    manifest: Manifest,
    kept: Kept,
    series: Vec<digest::SeriesDigest>,
    blocks: Vec<summary::Block>,
    comparisons: Vec<comparing::Compared>,
}

impl Results {
    fn read(folder: &Path) -> Result<Self, ResultsError> {
        let manifest = Manifest::read(folder)?;
        let kept = Kept::read(folder, &manifest.points)?;
        let series = digest::all(&kept, manifest.points.len())?;
        let blocks = summary::blocks(&manifest, &kept, &series);
        let comparisons = comparing::all(&manifest, &kept, &series);
        Ok(Self {
            manifest,
            kept,
            series,
            blocks,
            comparisons,
        })
    }
}

/// Axes that have more than one value, in the plan's order.
fn varied(manifest: &Manifest) -> Vec<&str> {
    let axes = manifest.points.first().map(|point| point.axes());
    let names = axes
        .unwrap_or_default()
        .iter()
        .map(|(name, _)| name.as_str());
    names
        .filter(|axis| values(manifest, axis).len() > 1)
        .collect()
}

/// The values of an axis, each once, in the plan's order.
fn values<'a>(manifest: &'a Manifest, axis: &str) -> Vec<&'a crate::results::Value> {
    let mut values = Vec::new();
    for value in manifest.points.iter().filter_map(|point| point.get(axis)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

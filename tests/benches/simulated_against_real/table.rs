//! The table: both sides side by side, for people as Markdown and for programs as CSV.

use std::{fs, io, path::Path};

use shoal_sim::statistics::quantile_of_sorted;

use crate::{
    Options,
    quantity::{Quantity, Values},
};

/// Median and spread of one side of one row.
#[derive(Clone, Copy, Debug)]
struct Side {
    n: usize,
    low: f64,
    median: f64,
    high: f64,
}

impl Side {
    fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            n: sorted.len(),
            low: quantile_of_sorted(&sorted, 0.05)?,
            median: quantile_of_sorted(&sorted, 0.5)?,
            high: quantile_of_sorted(&sorted, 0.95)?,
        })
    }

    fn text(&self, quantity: Quantity) -> String {
        let text = |value| quantity.text(value);
        format!(
            "{} ({} to {})",
            text(self.median),
            text(self.low),
            text(self.high)
        )
    }
}

struct Row {
    nodes: usize,
    quantity: Quantity,
    real: Side,
    simulated: Side,
}

impl Row {
    /// Of the simulated median to the real one, in per cent.
    fn difference_percent(&self) -> f64 {
        (self.simulated.median / self.real.median - 1.0) * 100.0
    }

    /// Whether the simulation would have called the real median a usual value.
    fn is_within(&self) -> bool {
        (self.simulated.low..=self.simulated.high).contains(&self.real.median)
    }
}

fn rows(options: &Options, real: &Values, simulated: &Values) -> Vec<Row> {
    let mut rows = Vec::new();
    for quantity in Quantity::ALL {
        for &nodes in &options.nodes {
            let side = |values: &Values| Side::of(values.of(nodes, quantity));
            if let (Some(real), Some(simulated)) = (side(real), side(simulated)) {
                rows.push(Row {
                    nodes,
                    quantity,
                    real,
                    simulated,
                });
            }
        }
    }
    rows
}

/// As a table in Markdown.
pub(crate) fn markdown(options: &Options, real: &Values, simulated: &Values) -> String {
    let mut text = String::from(
        "| what | agents | real processes | simulated | difference | within |\n\
         |---|---|---|---|---|---|\n",
    );
    for row in rows(options, real, simulated) {
        text += &format!(
            "| {} | {} | {} | {} | {:+.0} % | {} |\n",
            row.quantity.words(),
            row.nodes,
            row.real.text(row.quantity),
            row.simulated.text(row.quantity),
            // No "-0".
            row.difference_percent().round() + 0.0,
            if row.is_within() { "yes" } else { "no" }
        );
    }
    text
}

/// The table, and every single value, as CSV files in a folder.
pub(crate) fn write(
    folder: &Path,
    options: &Options,
    real: &Values,
    simulated: &Values,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut table = String::from(
        "measure,agents,real_n,real_p5,real_p50,real_p95,simulated_n,simulated_p5,simulated_p50,\
         simulated_p95,difference_percent,is_real_median_within_simulated\n",
    );
    for row in rows(options, real, simulated) {
        let side = |side: &Side| format!("{},{},{},{}", side.n, side.low, side.median, side.high);
        table += &format!(
            "{},{},{},{},{},{}\n",
            row.quantity.column(),
            row.nodes,
            side(&row.real),
            side(&row.simulated),
            row.difference_percent(),
            row.is_within()
        );
    }
    fs::write(folder.join("table.csv"), table)?;
    let mut values = String::from("measure,agents,side,number,value\n");
    for quantity in Quantity::ALL {
        for &nodes in &options.nodes {
            for (side, all) in [("real", real), ("simulated", simulated)] {
                for (number, value) in all.of(nodes, quantity).iter().enumerate() {
                    let name = quantity.column();
                    values += &format!("{name},{nodes},{side},{number},{value}\n");
                }
            }
        }
    }
    fs::write(folder.join("values.csv"), values)
}

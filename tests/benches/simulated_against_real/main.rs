//! Simulated against real: the same small clusters once as real processes on loopback and once in the
//! simulator, with the same things done to them, side by side with the difference.
//!
//!     cargo build --release && cargo bench -p shoal-tests --bench simulated_against_real
//!     … -- [--runs N] [--seeds N] [--nodes N] [--out DIR]
//!
//! It prints a table in Markdown on stdout, and keeps it with every single value as CSV under
//! `results/simulated-against-real`. Bytes and packets are those of the loopback interface: nothing
//! else may use it meanwhile, as in `unshare -n sh -c 'ip link set lo up; exec …'`. Nothing is asserted
//! of speed: a busy machine gives a table of a busy machine.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures time and prints it"
)]

mod inputs;
mod quantity;
mod real;
mod simulated;
mod table;
mod witnesses;

use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Replicas of the service for each node.
const REPLICAS_PER_NODE: usize = 2;
/// Connections and caches come to rest within this.
const SETTLE: Duration = Duration::from_secs(20);
/// Idle traffic is counted over this long.
const WINDOW: Duration = Duration::from_secs(10);
/// Bytes a second on loopback, before any agent runs, that spoil the count.
const QUIET_BYTES_PER_S: u64 = 20;

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Options {
    /// Repetitions with real processes, and windows of idle traffic, for each size.
    runs: u64,
    /// Seeds of the simulation for each size.
    seeds: u64,
    /// Sizes of the clusters.
    nodes: Vec<usize>,
    /// For the CSV.
    out: PathBuf,
}

fn main() -> ExitCode {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let number = |name: &str, usual: u64| {
        let given = option(name).and_then(|text| text.parse::<u64>().ok());
        given.unwrap_or(usual).max(1)
    };
    let nodes = option("--nodes").and_then(|text| text.parse::<usize>().ok());
    let options = Options {
        runs: number("--runs", 9),
        seeds: number("--seeds", 100),
        nodes: nodes.map_or(vec![5, 9], |nodes| vec![nodes.max(3)]),
        out: option("--out").map_or(workspace.join("results/simulated-against-real"), Into::into),
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> std::io::Result<()> {
    listen_for_others();
    let (real, inputs) = real::measure(options)?;
    let simulated = simulated::measure(options, &inputs);
    println!(
        "Medians (5th to 95th percentile) of {} repetitions with real processes and of {} seeds. \
         \"Within\": the real median lies between the simulated 5th and 95th percentile.\n",
        options.runs, options.seeds
    );
    println!("{}", table::markdown(options, &real, &simulated));
    println!("What the simulator was told, measured here in the same run; all else it predicts:\n");
    for line in inputs.lines() {
        println!("- {line}");
    }
    table::write(&options.out, options, &real, &simulated)?;
    note(&format!(
        "table.csv and values.csv: {}",
        options.out.display()
    ));
    Ok(())
}

/// The text after an option; `cargo bench` adds options of its own, which are ignored.
fn option(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).cloned()
}

/// Says so if the loopback interface is not ours alone.
fn listen_for_others() {
    let before = real::loopback_sent().0;
    std::thread::sleep(Duration::from_secs(2));
    let others = real::loopback_sent().0.saturating_sub(before) / 2;
    if others > QUIET_BYTES_PER_S {
        note(&format!(
            "others send {others} bytes a second over loopback: the bytes and packets are too many"
        ));
    }
}

/// On stderr: what is no result.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

//! The options of `shoal demo`. What it does is elsewhere.

use std::path::PathBuf;

use clap::Args;

/// Options of the demo.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Number of nodes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=100))]
    pub nodes: u16,
    /// Leave the cluster running at the end
    #[arg(long)]
    pub keep: bool,
    /// Folder for the nodes' data [default: a new temporary one]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Compose file to deploy [default: one that comes with Shoal]
    #[arg(short = 'c', long = "compose-file", value_name = "FILE")]
    pub compose_file: Option<PathBuf>,
}

//! `shoal service ls`, and `stack services`, which looks the same.

use clap::Args;
use serde_json::Value;

use super::ports::ingress_ports;
use crate::cli::{
    error::CliError,
    format::{
        natural,
        rows::{Layout, ListArgs, Row},
        words::{harmless, image, short_id},
    },
    lookup::Lookup,
    query::{Filters, Target},
    session::Session,
};

const LAYOUT: Layout = Layout {
    table: "{{.ID}}\t{{.Name}}\t{{.Mode}}\t{{.Replicas}}\t{{.Image}}\t{{.Ports}}",
    headers: &[
        ("ID", "ID"),
        ("Name", "NAME"),
        ("Mode", "MODE"),
        ("Replicas", "REPLICAS"),
        ("Image", "IMAGE"),
        ("Ports", "PORTS"),
    ],
    quiet: "ID",
};

/// Options of lists of services.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    /// Only services that match, such as name=web or label=tier=front; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Does it.
pub(super) async fn run(session: &mut Session, args: LsArgs) -> Result<(), CliError> {
    let filters = Filters::parse(&args.filter)?;
    print(session, &args, &filters).await?;
    Ok(())
}

/// Prints the services that match, and says how many there were.
pub(crate) async fn print(
    session: &mut Session,
    args: &LsArgs,
    filters: &Filters,
) -> Result<usize, CliError> {
    let target = Target::new("/services")
        .maybe("status", (!args.list.quiet).then_some(true))
        .filtered(filters);
    let mut services: Vec<Value> = session.client.get(target.as_str()).await?;
    services.sort_by(|a, b| natural::compare(a.text("/Spec/Name"), b.text("/Spec/Name")));
    let rows = services.iter().map(row).collect();
    args.list.print(&mut session.out, &LAYOUT, rows)?;
    Ok(services.len())
}

fn row(service: &Value) -> Row {
    let fields = [
        ("ID", short_id(service.text("/ID"), false)),
        ("Name", service.text("/Spec/Name").to_owned()),
        ("Mode", mode(service).to_owned()),
        ("Replicas", replicas(service)),
        (
            "Image",
            image(service.text("/Spec/TaskTemplate/ContainerSpec/Image")),
        ),
        ("Ports", ingress_ports(service)),
    ];
    fields
        .into_iter()
        .map(|(field, text)| (field.to_owned(), harmless(&text).into()))
        .collect()
}

/// The mode in Docker's words.
pub(super) fn mode(service: &Value) -> &'static str {
    let has = |kind: &str| service.has(&format!("/Spec/Mode/{kind}"));
    match () {
        () if has("Global") => "global",
        () if has("ReplicatedJob") => "replicated job",
        () if has("GlobalJob") => "global job",
        () => "replicated",
    }
}

fn replicas(service: &Value) -> String {
    let status = |field: &str| service.number(&format!("/ServiceStatus/{field}"));
    let (running, desired) = (status("RunningTasks"), status("DesiredTasks"));
    let count = format!("{running}/{desired}");
    match mode(service) {
        "replicated" => match service.number("/Spec/TaskTemplate/Placement/MaxReplicas") {
            0 => count,
            max => format!("{count} (max {max} per node)"),
        },
        "replicated job" => {
            let total = service.number("/Spec/Mode/ReplicatedJob/TotalCompletions");
            format!("{count} ({}/{total} completed)", status("CompletedTasks"))
        }
        "global job" => {
            let completed = status("CompletedTasks");
            format!("{count} ({completed}/{} completed)", desired + completed)
        }
        _ => count,
    }
}

//! `shoal service traffic`: what a node carries for services.

use clap::Args;
use serde_json::Value;

use super::super::{
    error::CliError,
    format::{
        rows::{Layout, ListArgs, Row},
        size,
    },
    lookup::Lookup,
    session::Session,
};

const LAYOUT: Layout = Layout {
    table: "{{.Name}}\t{{.Connections}}\t{{.Flows}}\t{{.Served}}\t{{.ToTasks}}\t{{.FromTasks}}\t{{.Refused}}\t{{.PassedOver}}\t{{.Around}}\t{{.Dropped}}",
    headers: &[
        ("ID", "ID"),
        ("Name", "NAME"),
        ("Connections", "CONNECTIONS"),
        ("Flows", "UDP FLOWS"),
        ("Served", "SERVED"),
        ("ToTasks", "TO TASKS"),
        ("FromTasks", "FROM TASKS"),
        ("Refused", "REFUSED"),
        ("PassedOver", "PASSED OVER"),
        ("Around", "AROUND"),
        ("Dropped", "DROPPED"),
    ],
    quiet: "ID",
};

/// Options of `service traffic`.
#[derive(Args, Debug)]
pub(crate) struct TrafficArgs {
    /// Names or ids of services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Prints it.
pub(super) async fn print(session: &mut Session, args: TrafficArgs) -> Result<(), CliError> {
    let all: Vec<Value> = session.client.get("/shoal/v1/traffic").await?;
    let is_meant = |one: &&Value| {
        let (name, id) = (one.text("/Name"), one.text("/ServiceID"));
        args.services.is_empty()
            || args
                .services
                .iter()
                .any(|asked| asked == name || asked == id)
    };
    for asked in &args.services {
        let mut known = all.iter();
        if !known.any(|one| one.text("/Name") == asked || one.text("/ServiceID") == asked) {
            return Err(CliError::failed(format!("no such service: {asked}")));
        }
    }
    let rows = all.iter().filter(is_meant).map(row);
    args.list.print(&mut session.out, &LAYOUT, rows.collect())
}

fn row(one: &Value) -> Row {
    let mut row = Row::new();
    let number = |key: &str| one.number(key);
    let of_all = |now: &str, ever: &str| format!("{} of {}", number(now), number(ever));
    row.insert("ID".into(), one.text("/ServiceID").into());
    row.insert("Name".into(), one.text("/Name").into());
    row.insert(
        "Connections".into(),
        of_all("/Connections", "/ConnectionsTotal").into(),
    );
    row.insert("Flows".into(), of_all("/Flows", "/FlowsTotal").into());
    row.insert("Served".into(), number("/Served").into());
    for (name, key) in [
        ("ToTasks", "/BytesToTasks"),
        ("FromTasks", "/BytesFromTasks"),
    ] {
        row.insert(name.into(), size::show(number(key)).into());
    }
    let refused = number("/NoTask") + number("/Full");
    row.insert("Refused".into(), refused.into());
    row.insert("PassedOver".into(), number("/PassedOver").into());
    row.insert("Around".into(), number("/Around").into());
    row.insert("Dropped".into(), number("/PacketsDropped").into());
    row
}

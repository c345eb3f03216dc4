//! `shoal conflicts`: services that were written on two sides of a partition, neither knowing of the other. All nodes
//! show the same of the writes; the next one settles it, and `keep` is that, with one of them.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    error::CliError,
    format::{
        human::ago,
        rows::{Layout, ListArgs, Row},
        words::harmless,
    },
    lookup::Lookup,
    query::Target,
    session::Session,
    values::WriteArgs,
};

/// Most differences that are shown of one write.
const DIFFERENCES_MAX: usize = 100;

const LAYOUT: Layout = Layout {
    table: "{{.Service}}\t{{.Number}}\t{{.Author}}\t{{.Written}}\t{{.What}}",
    headers: &[
        ("Service", "SERVICE"),
        ("Number", "WRITE"),
        ("Author", "BY"),
        ("Written", "WRITTEN"),
        ("What", "WHAT"),
    ],
    quiet: "Service",
};

/// Conflicts.
#[derive(Subcommand, Debug)]
pub(crate) enum ConflictsCommand {
    /// List the writes that are not shown, beside the one that is
    #[command(visible_alias = "list")]
    Ls(ListArgs),
    /// Show how they differ from the one that is shown
    Show(ShowArgs),
    /// Settle it: keep the one that is shown (0), or another
    Keep(KeepArgs),
}

/// Options of `conflicts show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Name or id of the service
    service: String,
}

/// Options of `conflicts keep`.
#[derive(Args, Debug)]
pub(crate) struct KeepArgs {
    /// Name or id of the service
    service: String,
    /// Number of the write, as listed; 0 is the one that is shown
    number: usize,
    #[command(flatten)]
    write: WriteArgs,
}

/// Does it.
pub(crate) async fn run(session: &mut Session, command: ConflictsCommand) -> Result<(), CliError> {
    match command {
        ConflictsCommand::Ls(args) => ls(session, args).await,
        ConflictsCommand::Show(args) => show(session, &args).await,
        ConflictsCommand::Keep(args) => keep(session, &args).await,
    }
}

fn others(service: &Value) -> &[Value] {
    let others = service
        .pointer("/Shoal/Conflicts")
        .and_then(Value::as_array);
    others.map_or(&[], Vec::as_slice)
}

fn is_removal(write: &Value) -> bool {
    write.get("Removed") == Some(&Value::Bool(true))
}

async fn ls(session: &mut Session, args: ListArgs) -> Result<(), CliError> {
    let services: Vec<Value> = session.client.get("/services").await?;
    let nodes: Vec<Value> = session.client.get("/nodes").await?;
    let hostname = |id: &str| {
        let node = nodes.iter().find(|node| node.text("/ID") == id);
        let name = node.map_or(id, |node| node.text("/Description/Hostname"));
        harmless(name)
    };
    let now = (session.now)();
    let mut rows = Vec::new();
    for service in services
        .iter()
        .filter(|service| !others(service).is_empty())
    {
        for (number, write) in (1..).zip(others(service)) {
            let what = match is_removal(write) {
                true => "removal".to_owned(),
                false => {
                    let count = differences(service.get("Spec"), write.get("Spec")).len();
                    format!("{count} differences")
                }
            };
            let fields = [
                ("Service", harmless(service.text("/Spec/Name"))),
                ("Number", number.to_string()),
                ("Author", hostname(write.text("/Author"))),
                ("Written", ago(write.text("/WrittenAt"), now)),
                ("What", what),
            ];
            let row: Row = fields
                .into_iter()
                .map(|(field, text)| (field.to_owned(), text.into()))
                .collect();
            rows.push(row);
        }
    }
    args.print(&mut session.out, &LAYOUT, rows)
}

async fn find(session: &Session, name: &str) -> Result<Value, CliError> {
    let target = Target::new("/services").segment(name);
    let service: Value = session.client.get(target.as_str()).await?;
    match others(&service).is_empty() {
        true => Err(CliError::failed(format!("service {name} has no conflict"))),
        false => Ok(service),
    }
}

async fn show(session: &mut Session, args: &ShowArgs) -> Result<(), CliError> {
    let service = find(session, &args.service).await?;
    for (number, write) in (1..).zip(others(&service)) {
        let (author, at) = (write.text("/Author"), write.text("/WrittenAt"));
        session.out.line(&format!("{number}: by {author}, {at}"))?;
        if is_removal(write) {
            session.out.line("  the service was removed")?;
            continue;
        }
        let found = differences(service.get("Spec"), write.get("Spec"));
        for (path, shown, other) in found.iter().take(DIFFERENCES_MAX) {
            session
                .out
                .line(&format!("  {path}: {shown} is shown, {other} was written"))?;
        }
        if found.len() > DIFFERENCES_MAX {
            let more = found.len() - DIFFERENCES_MAX;
            session.out.line(&format!("  and {more} more"))?;
        }
    }
    let name = &args.service;
    session.out.note(&format!(
        "Settle it with `shoal conflicts keep {name} NUMBER`; 0 keeps what is shown."
    ))
}

async fn keep(session: &mut Session, args: &KeepArgs) -> Result<(), CliError> {
    let service = find(session, &args.service).await?;
    let (id, version) = (service.text("/ID"), service.number("/Version/Index"));
    let chosen = match args.number.checked_sub(1) {
        None => Some(&service),
        Some(at) => others(&service).get(at),
    };
    let Some(chosen) = chosen else {
        return Err(CliError::failed(format!(
            "service {} has {} other writes: there is no number {}",
            args.service,
            others(&service).len(),
            args.number
        )));
    };
    let path = Target::new("/services").segment(id);
    let written = match is_removal(chosen) {
        true => {
            let target = path.maybe("write-concern", args.write.word());
            session.client.delete(target.as_str()).await?
        }
        false => {
            let target = path
                .then("/update")
                .with("version", version)
                .maybe("write-concern", args.write.word());
            session
                .client
                .post(target.as_str(), chosen.get("Spec"))
                .await?
        }
    };
    session.out.line(&args.service)?;
    session.warn(&written)
}

/// Where two specs differ: the path, and what is there in each.
fn differences(shown: Option<&Value>, other: Option<&Value>) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    compare("", shown, other, &mut found);
    found
}

fn compare(
    path: &str,
    shown: Option<&Value>,
    other: Option<&Value>,
    found: &mut Vec<(String, String, String)>,
) {
    if let (Some(Value::Object(shown)), Some(Value::Object(other))) = (shown, other) {
        let mut keys: Vec<&String> = shown.keys().chain(other.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let path = match path {
                "" => key.clone(),
                path => format!("{path}.{key}"),
            };
            compare(&path, shown.get(key), other.get(key), found);
        }
        return;
    }
    if shown != other {
        let text = |value: Option<&Value>| match value {
            None => "nothing".to_owned(),
            Some(value) => harmless(&value.to_string()),
        };
        found.push((path.to_owned(), text(shown), text(other)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_specs_are_compared_field_by_field() {
        let one =
            json!({"Name": "web", "Mode": {"Replicated": {"Replicas": 2}}, "Labels": {"a": "1"}});
        let two = json!({"Name": "web", "Mode": {"Replicated": {"Replicas": 5}}, "Args": ["x"]});
        let found = differences(Some(&one), Some(&two));
        let found: Vec<String> = found
            .iter()
            .map(|(path, a, b)| format!("{path} {a} {b}"))
            .collect();
        assert_eq!(
            found,
            [
                "Args nothing [\"x\"]",
                "Labels {\"a\":\"1\"} nothing",
                "Mode.Replicated.Replicas 2 5"
            ]
        );
        assert!(differences(Some(&one), Some(&one)).is_empty());
    }
}

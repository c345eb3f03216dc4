//! Lists of tasks, as `service ps`, `stack ps` and `node ps` print them.

use std::{cmp::Reverse, collections::BTreeMap};

use clap::Args;
use serde_json::Value;

use super::{
    error::CliError,
    format::{
        human, natural,
        rows::{Layout, ListArgs, Row},
        words::{capital, cut, harmless, image, short_id},
    },
    lookup::Lookup,
    query::{Filters, Target},
    session::Session,
};

/// How much of an error a table shows, in characters.
const ERROR_LENGTH: usize = 30;

const LAYOUT: Layout = Layout {
    table: "{{.ID}}\t{{.Name}}\t{{.Image}}\t{{.Node}}\t{{.DesiredState}}\t{{.CurrentState}}\t\
            {{.Error}}\t{{.Ports}}",
    headers: &[
        ("ID", "ID"),
        ("Name", "NAME"),
        ("Image", "IMAGE"),
        ("Node", "NODE"),
        ("DesiredState", "DESIRED STATE"),
        ("CurrentState", "CURRENT STATE"),
        ("Error", "ERROR"),
        ("Ports", "PORTS"),
    ],
    quiet: "ID",
};

/// Options of every list of tasks.
#[derive(Args, Debug)]
pub(crate) struct TaskListArgs {
    /// Only tasks that match, such as desired-state=running; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
    /// Show ids of services and nodes, not their names
    #[arg(long)]
    pub(crate) no_resolve: bool,
    /// Show everything in full length
    #[arg(long)]
    pub(crate) no_trunc: bool,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// Names by id.
#[derive(Default)]
pub(crate) struct Names {
    services: BTreeMap<String, String>,
    nodes: BTreeMap<String, String>,
}

impl Names {
    /// Asks for all names: two requests, however many nodes and services there are.
    pub(crate) async fn fetch(session: &Session) -> Result<Self, CliError> {
        let services: Vec<Value> = session.client.get("/services").await?;
        let nodes: Vec<Value> = session.client.get("/nodes").await?;
        let index = |list: &[Value], name: &str| {
            let pairs = list.iter();
            pairs
                .map(|item| (item.text("/ID").to_owned(), item.text(name).to_owned()))
                .collect()
        };
        Ok(Self {
            services: index(&services, "/Spec/Name"),
            nodes: index(&nodes, "/Description/Hostname"),
        })
    }

    /// Name of a service, or its id.
    pub(crate) fn service<'a>(&'a self, id: &'a str) -> &'a str {
        self.services.get(id).map_or(id, String::as_str)
    }

    /// Name of a node, or its id.
    pub(crate) fn node<'a>(&'a self, id: &'a str) -> &'a str {
        self.nodes.get(id).map_or(id, String::as_str)
    }
}

/// Id of the node that answers.
pub(crate) async fn own_node(session: &Session) -> Result<String, CliError> {
    let info: Value = session.client.get("/info").await?;
    match info.text("/Swarm/NodeID") {
        "" => Err(CliError::failed("the agent has not said which node it is")),
        id => Ok(id.to_owned()),
    }
}

/// Fetches tasks. `node=self` means the node that answers.
pub(crate) async fn fetch(session: &Session, mut filters: Filters) -> Result<Vec<Value>, CliError> {
    for value in filters.values_mut("node") {
        if value == "self" {
            *value = own_node(session).await?;
        }
    }
    let target = Target::new("/tasks").filtered(&filters);
    session.client.get(target.as_str()).await
}

/// Prints tasks: slots in their order, the newest task of each first.
pub(crate) async fn print(
    session: &mut Session,
    args: &TaskListArgs,
    mut tasks: Vec<Value>,
) -> Result<(), CliError> {
    let names = match args.no_resolve {
        true => Names::default(),
        false => Names::fetch(session).await?,
    };
    let name = |task: &Value| task_name(task, &names);
    tasks.sort_by(|a, b| {
        let newest_first = || Reverse(created(a)).cmp(&Reverse(created(b)));
        natural::compare(&name(a), &name(b)).then_with(newest_first)
    });
    let now = (session.now)();
    let mut previous = String::new();
    let mut rows = Vec::with_capacity(tasks.len());
    for task in &tasks {
        let name = name(task);
        let shown = match args.list.is_table() && name == previous {
            true => format!(" \\_ {name}"),
            false => name.clone(),
        };
        previous = name;
        rows.push(row(task, shown, &names, args, now));
    }
    args.list.print(&mut session.out, &LAYOUT, rows)
}

/// `service.slot`, or `service.node` where a service has no slots.
pub(crate) fn task_name(task: &Value, names: &Names) -> String {
    let service = names.service(task.text("/ServiceID"));
    match task.number("/Slot") {
        0 => format!("{service}.{}", task.text("/NodeID")),
        slot => format!("{service}.{slot}"),
    }
}

fn created(task: &Value) -> Option<jiff::Timestamp> {
    task.text("/CreatedAt").parse().ok()
}

fn row(
    task: &Value,
    name: String,
    names: &Names,
    args: &TaskListArgs,
    now: jiff::Timestamp,
) -> Row {
    // As Docker does it, -q prints ids in full.
    let whole = args.no_trunc || args.list.quiet;
    let reference = task.text("/Spec/ContainerSpec/Image");
    let state = format!(
        "{} {}",
        capital(task.text("/Status/State")),
        human::ago(task.text("/Status/Timestamp"), now).to_lowercase()
    );
    let fields = [
        ("ID", short_id(task.text("/ID"), whole)),
        ("Name", name),
        (
            "Image",
            if args.no_trunc {
                reference.to_owned()
            } else {
                image(reference)
            },
        ),
        ("Node", names.node(task.text("/NodeID")).to_owned()),
        ("DesiredState", capital(task.text("/DesiredState"))),
        ("CurrentState", state.trim_end().to_owned()),
        ("Error", error(task, args.no_trunc)),
        ("Ports", host_ports(task)),
    ];
    fields
        .into_iter()
        .map(|(field, text)| (field.to_owned(), harmless(&text).into()))
        .collect()
}

fn error(task: &Value, whole: bool) -> String {
    let length = if whole { usize::MAX } else { ERROR_LENGTH };
    match task.text("/Status/Err") {
        "" => String::new(),
        error => format!("\"{}\"", cut(error, length)),
    }
}

fn host_ports(task: &Value) -> String {
    let ports = task.list("/Status/PortStatus/Ports").iter().map(|port| {
        format!(
            "*:{}->{}/{}",
            port.number("/PublishedPort"),
            port.number("/TargetPort"),
            port.text("/Protocol")
        )
    });
    ports.collect::<Vec<_>>().join(",")
}

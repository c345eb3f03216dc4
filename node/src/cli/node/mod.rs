//! `shoal node`: the machines.

mod list;
mod pretty;
mod update;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    error::{CliError, each},
    inspect::{self, InspectArgs},
    lookup::Lookup,
    query::{Filters, Target},
    remove,
    session::Session,
    tasks::{self, TaskListArgs},
    values::WriteArgs,
};

/// Nodes.
#[derive(Subcommand, Debug)]
pub(crate) enum NodeCommand {
    /// List nodes
    #[command(visible_alias = "list")]
    Ls(list::LsArgs),
    /// Show everything about nodes
    Inspect(NodeInspectArgs),
    /// List the tasks on nodes
    Ps(PsArgs),
    /// Change a node; to drain it: --availability drain
    Update(update::UpdateArgs),
    /// Take nodes out of the cluster: they are not let in again
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
}

/// Options of `node inspect`.
#[derive(Args, Debug)]
pub(crate) struct NodeInspectArgs {
    /// Names or ids of nodes, or 'self'
    #[arg(required = true, value_name = "self|NODE")]
    nodes: Vec<String>,
    #[command(flatten)]
    inspect: InspectArgs,
}

/// Options of `node ps`.
#[derive(Args, Debug)]
pub(crate) struct PsArgs {
    /// Names or ids of nodes
    #[arg(value_name = "self|NODE", default_value = "self")]
    nodes: Vec<String>,
    #[command(flatten)]
    tasks: TaskListArgs,
}

/// Options of `node rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// Names or ids of nodes
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// Even if it is alive
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    write: WriteArgs,
}

/// Does it.
pub(crate) async fn run(session: &mut Session, command: NodeCommand) -> Result<(), CliError> {
    match command {
        NodeCommand::Ls(args) => list::run(session, args).await,
        NodeCommand::Inspect(args) => inspect_nodes(session, args).await,
        NodeCommand::Ps(args) => ps(session, args).await,
        NodeCommand::Update(args) => update::run(session, args).await,
        NodeCommand::Rm(args) => {
            remove::named(session, "/nodes", &args.nodes, args.force, args.write).await
        }
    }
}

/// The path of a node that a person named.
async fn node_target(session: &Session, name: &str) -> Result<Target, CliError> {
    let nodes = Target::new("/nodes");
    match name {
        "self" => Ok(nodes.segment(&tasks::own_node(session).await?)),
        name => Ok(nodes.segment(name)),
    }
}

async fn inspect_nodes(session: &mut Session, args: NodeInspectArgs) -> Result<(), CliError> {
    let mut targets = Vec::new();
    for node in &args.nodes {
        targets.push(node_target(session, node).await?);
    }
    if !args.inspect.pretty {
        return inspect::run(session, &args.inspect, &targets).await;
    }
    each(&targets, async |target: &Target| {
        let node: Value = session.client.get(target.as_str()).await?;
        session.out.line(&pretty::text(&node))
    })
    .await
}

async fn ps(session: &mut Session, args: PsArgs) -> Result<(), CliError> {
    let mut found = Vec::new();
    let nodes = each(&args.nodes, async |name: &String| {
        let target = node_target(session, name).await?;
        let node: Value = session.client.get(target.as_str()).await?;
        let filters = Filters::parse(&args.tasks.filter)?.and("node", node.text("/ID"));
        found.extend(tasks::fetch(session, filters).await?);
        Ok(())
    })
    .await;
    if nodes.is_ok() || !found.is_empty() {
        found.sort_by(|a, b| a.text("/ID").cmp(b.text("/ID")));
        found.dedup_by(|a, b| a.text("/ID") == b.text("/ID"));
        tasks::print(session, &args.tasks, found).await?;
    }
    nodes
}

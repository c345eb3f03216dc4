//! `shoal swarm`: this node's own place in the cluster, in Docker's words.

use clap::{Args, Subcommand};

use super::{error::CliError, query::Target, session::Session};

/// This node and its cluster.
#[derive(Subcommand, Debug)]
pub(crate) enum SwarmCommand {
    /// Leave the cluster: tasks stop, the node's state is set aside, and it waits to be told where to go
    Leave(LeaveArgs),
}

/// Options of `swarm leave`.
#[derive(Args, Debug)]
pub(crate) struct LeaveArgs {
    /// Even if no other member can be reached, who would know what the cluster is to run
    #[arg(short, long)]
    force: bool,
}

/// Does it.
pub(crate) async fn run(session: &mut Session, command: SwarmCommand) -> Result<(), CliError> {
    let SwarmCommand::Leave(args) = command;
    let target = Target::new("/swarm/leave").maybe("force", args.force.then_some(1));
    session.client.post(target.as_str(), None).await?;
    session.out.line("Node left the swarm.")
}

//! `shoal volume`: data that binds a slot to a node.

use clap::{Args, Subcommand};

use super::{error::CliError, query::Target, session::Session, values::WriteArgs};

/// Volumes.
#[derive(Subcommand, Debug)]
pub(crate) enum VolumeCommand {
    /// Let a slot start elsewhere, without the local volume on a node that is gone
    Release(ReleaseArgs),
}

/// Options of `volume release`.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// Name or id of the service
    service: String,
    /// Number of the slot, from 1
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    slot: u64,
    #[command(flatten)]
    write: WriteArgs,
}

/// Does it.
pub(crate) async fn run(session: &mut Session, command: VolumeCommand) -> Result<(), CliError> {
    let VolumeCommand::Release(args) = command;
    let target = Target::new("/shoal/v1/volumes/release")
        .with("service", &args.service)
        .with("slot", args.slot)
        .maybe("write-concern", args.write.word());
    let answer = session.client.post(target.as_str(), None).await?;
    session
        .out
        .line(&format!("{}.{}", args.service, args.slot))?;
    session.warn(&answer)
}

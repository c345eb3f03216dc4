//! `shoal demo`: a cluster on this machine, a stack, a node killed, the healing, the node's return.
//!
//! It starts agents as processes of this same binary and speaks to them as anybody would: through
//! their sockets, and with the commands that it shows. It looks at nothing inside of them and helps
//! nothing along; what it says is what their API said at that moment. At the end, however it comes,
//! no process and no folder is left, unless `--keep` or a failure asks for them.

mod act_cluster;
mod act_power_cut;
mod act_return;
mod act_stack;
mod agent_process;
mod by_hand;
mod clients;
mod command;
mod drawing;
mod error;
mod fleet;
mod folder;
mod patience;
mod processes;
mod request;
mod sight;
mod signals;
mod stage;
mod web;

use std::time::Duration;

pub use self::web::dispatch;
use self::{
    error::DemoError, fleet::Fleet, folder::Folder, patience::until, signals::Signals, stage::Stage,
};
use crate::cli::DemoArgs;

/// Name of the stack that is deployed.
const STACK: &str = "demo";
/// Time in which an agent that is ending has ended.
const END_SEEN_MAX: Duration = Duration::from_millis(200);
/// Exit status after ^C, as shells have it.
const INTERRUPTED: i32 = 130;

/// Plays the demo to its end and cleans up. After ^C it cleans up and ends the process with status
/// 130.
///
/// # Errors
/// One sentence for the person: what went wrong, and where the agents' logs are. No agent and no
/// task is left then.
pub async fn run(args: DemoArgs) -> Result<(), String> {
    let mut signals = Signals::new()?;
    let mut stage = Stage::process();
    let folder = Folder::make(args.data_dir.as_deref())?;
    let mut fleet = Fleet::new(folder, args.nodes, args.compose_file.is_none())?;
    let told = tokio::select! {
        biased;
        () = signals.next() => Err(DemoError::Interrupted),
        told = play(&mut stage, &mut fleet, &args) => told,
    };
    let ended = match told {
        Ok(()) if args.keep => keep(&mut stage, &mut fleet),
        Ok(()) => stage.heading("The end: all of it stops"),
        Err(error) => Err(explained(error, &mut fleet).await),
    };
    if ended.is_ok() && args.keep {
        return Ok(());
    }
    if let Err(DemoError::Interrupted) = ended {
        // Nobody may be there to read it.
        let _ = stage.step("Interrupted: everything is stopped ...");
    }
    tokio::select! {
        () = signals.next() => fleet.kill(),
        () = fleet.stop() => {}
    }
    farewell(ended, &mut stage, &fleet)
}

/// The acts, in order.
async fn play(stage: &mut Stage, fleet: &mut Fleet, args: &DemoArgs) -> Result<(), DemoError> {
    let count = args.nodes;
    stage.title(&format!(
        "Shoal: {count} nodes as {count} processes on this machine; none of them is a manager"
    ))?;
    stage.line(&format!("Logs and data: {}", fleet.folder().display()))?;
    act_cluster::play(stage, fleet).await?;
    let file = args.compose_file.as_deref();
    let services = act_stack::play(stage, fleet, file).await?;
    let cut = act_power_cut::play(stage, fleet, &services).await?;
    act_return::play(stage, fleet, &services, &cut).await
}

/// An agent that has ended explains whatever failed a moment later.
async fn explained(error: DemoError, fleet: &mut Fleet) -> DemoError {
    if !matches!(error, DemoError::Failed(_)) {
        return error;
    }
    let ended = until(END_SEEN_MAX, async || fleet.check().err()).await;
    ended.unwrap_or(error)
}

fn keep(stage: &mut Stage, fleet: &mut Fleet) -> Result<(), DemoError> {
    by_hand::explain(stage, fleet)?;
    fleet.let_go();
    Ok(())
}

/// Clears the folder away, unless the logs in it are needed.
fn farewell(ended: Result<(), DemoError>, stage: &mut Stage, fleet: &Fleet) -> Result<(), String> {
    if let Err(DemoError::Failed(message)) = ended {
        fleet.remove_sockets();
        let folder = fleet.folder().display();
        return Err(format!(
            "the demo failed: {message}\nNothing of it runs any more. The agents' logs: \
             {folder}/*.log"
        ));
    }
    fleet.remove_folder()?;
    match ended {
        Err(DemoError::Interrupted) => {
            let _ = stage.step("No process is left, and the folder is removed.");
            std::process::exit(INTERRUPTED)
        }
        // Nobody reads it any more: not a failure.
        Err(_) => Ok(()),
        Ok(()) => match stage.step("No process is left, and the folder is removed.") {
            Ok(()) | Err(DemoError::OutputClosed) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
    }
}

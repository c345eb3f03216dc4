//! `shoal service`: what should run.

mod attach;
mod create;
mod edit;
mod flags;
mod list;
mod logs;
mod mounts;
mod ports;
mod pretty;
mod scale;
mod traffic;
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

pub(super) use list::{LsArgs, print as print_services};

/// Services.
#[derive(Subcommand, Debug)]
pub(crate) enum ServiceCommand {
    /// Make a service
    Create(Box<create::CreateArgs>),
    /// List services
    #[command(visible_alias = "list")]
    Ls(list::LsArgs),
    /// List the tasks of services
    Ps(PsArgs),
    /// Show everything about services
    Inspect(ServiceInspectArgs),
    /// Show what a service or task prints
    Logs(logs::LogsArgs),
    /// Change the number of replicas
    Scale(scale::ScaleArgs),
    /// Change a service
    Update(Box<update::UpdateArgs>),
    /// Return to the spec before the last update
    Rollback(update::RollbackArgs),
    /// Show what the agent's node carries for services, since the agent started
    Traffic(traffic::TrafficArgs),
    /// Remove services and stop their tasks
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
}

/// Options of `service ps`.
#[derive(Args, Debug)]
pub(crate) struct PsArgs {
    /// Names or ids of services
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    tasks: TaskListArgs,
}

/// Options of `service inspect`.
#[derive(Args, Debug)]
pub(crate) struct ServiceInspectArgs {
    /// Names or ids of services
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    inspect: InspectArgs,
}

/// Options of `service rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// Names or ids of services
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Does it.
pub(crate) async fn run(session: &mut Session, command: ServiceCommand) -> Result<(), CliError> {
    match command {
        ServiceCommand::Create(args) => create::run(session, *args).await,
        ServiceCommand::Ls(args) => list::run(session, args).await,
        ServiceCommand::Ps(args) => ps(session, args).await,
        ServiceCommand::Inspect(args) => inspect_services(session, args).await,
        ServiceCommand::Logs(args) => logs::run(session, args).await,
        ServiceCommand::Scale(args) => scale::run(session, args).await,
        ServiceCommand::Update(args) => update::run(session, *args).await,
        ServiceCommand::Traffic(args) => traffic::print(session, args).await,
        ServiceCommand::Rollback(args) => update::rollback(session, args).await,
        ServiceCommand::Rm(args) => {
            remove::named(session, "/services", &args.services, false, args.write).await
        }
    }
}

/// The path of a service that a person named.
fn service_target(name: &str) -> Target {
    Target::new("/services").segment(name)
}

async fn inspect_services(session: &mut Session, args: ServiceInspectArgs) -> Result<(), CliError> {
    let targets: Vec<Target> = args
        .services
        .iter()
        .map(|name| service_target(name).with("insertDefaults", true))
        .collect();
    if !args.inspect.pretty {
        return inspect::run(session, &args.inspect, &targets).await;
    }
    each(&targets, async |target: &Target| {
        let service: Value = session.client.get(target.as_str()).await?;
        session.out.line(&pretty::text(&service))
    })
    .await
}

async fn ps(session: &mut Session, args: PsArgs) -> Result<(), CliError> {
    let mut filters = Filters::parse(&args.tasks.filter)?;
    let mut is_any = false;
    let services = each(&args.services, async |name: &String| {
        let found: Option<Value> = session.client.find(service_target(name).as_str()).await?;
        let Some(service) = found else {
            return Err(CliError::failed(format!("no such service: {name}")));
        };
        filters.add("service", service.text("/ID"));
        is_any = true;
        Ok(())
    })
    .await;
    if is_any {
        let found = tasks::fetch(session, filters).await?;
        tasks::print(session, &args.tasks, found).await?;
    }
    services
}

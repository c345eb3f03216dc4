//! `shoal stack`: services that belong together, from Compose files.

mod deploy;
mod files;
mod list;
mod load;
mod networks;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    entry::LoadStack,
    error::{CliError, each},
    file::Kind,
    format::rows::ListArgs,
    lookup::Lookup,
    query::{Filters, Target},
    remove,
    service::{LsArgs, print_services},
    session::Session,
    tasks::{self, TaskListArgs},
    values::WriteArgs,
};

pub use files::FilePlan;
pub use load::StackPlan;

/// Label that stacks put on what they make.
const STACK_LABEL: &str = "com.docker.stack.namespace";

/// Stacks.
#[derive(Subcommand, Debug)]
pub(crate) enum StackCommand {
    /// Make or change a stack
    #[command(visible_alias = "up")]
    Deploy(deploy::DeployArgs),
    /// List stacks
    #[command(visible_alias = "list")]
    Ls(ListArgs),
    /// List the tasks of a stack
    Ps(PsArgs),
    /// List the services of a stack
    Services(ServicesArgs),
    /// Show what a Compose file asks for, without doing it
    Config(deploy::ConfigArgs),
    /// Remove stacks
    #[command(visible_alias = "remove", visible_alias = "down")]
    Rm(RmArgs),
}

/// Options of `stack ps`.
#[derive(Args, Debug)]
pub(crate) struct PsArgs {
    /// Name of the stack
    stack: String,
    #[command(flatten)]
    tasks: TaskListArgs,
}

/// Options of `stack services`.
#[derive(Args, Debug)]
pub(crate) struct ServicesArgs {
    /// Name of the stack
    stack: String,
    #[command(flatten)]
    list: LsArgs,
}

/// Options of `stack rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// Names of stacks
    #[arg(required = true, value_name = "STACK")]
    stacks: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Does it.
pub(crate) async fn run(
    session: &mut Session,
    load: Option<LoadStack>,
    command: StackCommand,
) -> Result<(), CliError> {
    match command {
        StackCommand::Deploy(args) => deploy::run(session, load, args).await,
        StackCommand::Config(args) => deploy::config(session, load, &args),
        StackCommand::Ls(args) => list::run(session, args).await,
        StackCommand::Ps(args) => ps(session, args).await,
        StackCommand::Services(args) => services(session, args).await,
        StackCommand::Rm(args) => rm(session, args).await,
    }
}

/// The filter for what belongs to a stack.
fn of_stack(stack: &str) -> Filters {
    Filters::default().and("label", &format!("{STACK_LABEL}={stack}"))
}

/// The services of a stack.
async fn stack_services(session: &Session, stack: &str) -> Result<Vec<Value>, CliError> {
    let target = Target::new("/services").filtered(&of_stack(stack));
    session.client.get(target.as_str()).await
}

async fn ps(session: &mut Session, args: PsArgs) -> Result<(), CliError> {
    let filters = Filters::parse(&args.tasks.filter)?;
    let label = format!("{STACK_LABEL}={}", args.stack);
    let found = tasks::fetch(session, filters.and("label", &label)).await?;
    if found.is_empty() {
        let stack = &args.stack;
        return Err(CliError::failed(format!("nothing found in stack: {stack}")));
    }
    tasks::print(session, &args.tasks, found).await
}

async fn services(session: &mut Session, args: ServicesArgs) -> Result<(), CliError> {
    let label = format!("{STACK_LABEL}={}", args.stack);
    let filters = Filters::parse(&args.list.filter)?.and("label", &label);
    if print_services(session, &args.list, &filters).await? == 0 {
        let note = format!("Nothing found in stack: {}", args.stack);
        session.out.note(&note)?;
    }
    Ok(())
}

async fn rm(session: &mut Session, args: RmArgs) -> Result<(), CliError> {
    each(&args.stacks, async |stack: &String| {
        let mut services = stack_services(session, stack).await?;
        let networks = networks::of_this(session, stack).await?;
        let secrets = files::of_this(session, Kind::Secret, stack).await?;
        let configs = files::of_this(session, Kind::Config, stack).await?;
        let parts = [&services, &secrets, &configs, &networks];
        if parts.iter().all(|part| part.is_empty()) {
            return session
                .out
                .note(&format!("Nothing found in stack: {stack}"));
        }
        services.sort_by(|a, b| a.text("/Spec/Name").cmp(b.text("/Spec/Name")));
        each(&services, async |service: &Value| {
            let (id, name) = (service.text("/ID"), service.text("/Spec/Name"));
            remove::part(session, "service", id, name, args.write).await
        })
        .await?;
        for (kind, files) in [(Kind::Secret, &secrets), (Kind::Config, &configs)] {
            each(files, async |file: &Value| {
                let (id, name) = (file.text("/ID"), file.text("/Spec/Name"));
                remove::part(session, kind.word(), id, name, args.write).await
            })
            .await?;
        }
        each(&networks, async |network: &Value| {
            let (id, name) = (network.text("/Id"), network.text("/Name"));
            remove::part(session, "network", id, name, args.write).await
        })
        .await
    })
    .await
}

//! The command line: a client of Docker's API on an agent's socket.
//!
//! It keeps no state and touches nothing but that socket: whatever it can do, the `docker` client
//! or curl can do, too. Its words, columns and files are Docker's; see the CLI recordings that the
//! tests compare with. Data goes to stdout, everything else to stderr. Exit status: 0, 1 for a
//! failure, 2 for bad usage, 130 for ^C.

mod agent;
mod client;
mod completion;
mod conflicts;
mod demo;
mod entry;
mod error;
mod events;
mod file;
mod format;
mod host;
mod inspect;
mod lookup;
mod network;
mod node;
mod output;
mod plan;
mod query;
mod registry;
mod remove;
mod service;
mod session;
mod stack;
mod streamed;
mod swarm;
mod tasks;
mod token;
mod values;
mod version;
mod volume;
mod wait;
mod why;

#[cfg(test)]
mod tests;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand,
};
use jiff::Timestamp;

pub use self::{
    agent::{AgentArgs, ProfileChoice, RuntimeChoice},
    demo::DemoArgs,
    entry::{Entry, LoadStack, Running, SendRunning},
    host::SocketAddress,
    stack::{FilePlan, StackPlan},
    values::Concern,
};
pub(crate) use self::{client::Client, error::CliError, format::words::harmless, lookup::Lookup};
use self::{host::DEFAULT_SOCKET, output::Output, session::Session};

/// The option that names the agent's socket, at every level of the command line.
const SOCKET_ARGUMENT: &str = "agent_socket";
/// The option of that name in `service create`, where Docker gives it another meaning: values
/// with `unix:` name the socket there, too.
const HOSTS_ARGUMENT: &str = "host_lines";

/// A container scheduler with no manager
#[derive(Parser, Debug)]
#[command(
    name = "shoal",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: TopCommand,
}

/// What shoal does.
#[derive(Subcommand, Debug)]
enum TopCommand {
    /// Run a node of the cluster on this machine, in the foreground
    Agent(Box<AgentArgs>),
    /// Show it all on this machine: a cluster, a stack, a node killed, the healing
    Demo(DemoArgs),
    /// What lets a machine join
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// The machines
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// Services that belong together, from Compose files
    #[command(subcommand)]
    Stack(stack::StackCommand),
    /// What should run
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// This node's own place in the cluster
    #[command(subcommand)]
    Swarm(swarm::SwarmCommand),
    /// What services share to reach one another
    #[command(subcommand)]
    Network(network::NetworkCommand),
    /// Services that were written on two sides at once
    #[command(subcommand)]
    Conflicts(conflicts::ConflictsCommand),
    /// Values that are encrypted everywhere but in memory of the tasks that use them
    #[command(subcommand)]
    Secret(file::FileCommand),
    /// Files that tasks find
    #[command(subcommand)]
    Config(file::FileCommand),
    /// Data that binds a slot to a node
    #[command(subcommand)]
    Volume(volume::VolumeCommand),
    /// Show what happens to services, nodes and networks
    Events(events::EventsArgs),
    /// Say who owns a slot, who is next, and why
    Why(why::WhyArgs),
    /// Print a script that completes shoal's commands in a shell
    Completion(completion::CompletionArgs),
    /// Show the versions of this program and of the agent
    Version(version::FormatArgs),
    /// Show what the agent knows of its machine and cluster
    Info(version::FormatArgs),
    /// The parent of a process task
    #[command(name = "__task", hide = true)]
    Task {
        /// Folder of the task
        dir: PathBuf,
    },
}

/// Runs the program with these arguments (the first is its name), and says how it ended.
pub fn run(entry: &Entry, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let socket = std::env::var("SHOAL_HOST").ok();
    let arguments = arguments.into_iter().collect();
    let surroundings = Surroundings {
        socket,
        out: Output::process(),
        now: Timestamp::now,
    };
    start(entry, arguments, surroundings)
}

/// What a run takes from outside of its arguments.
struct Surroundings {
    /// SHOAL_HOST
    socket: Option<String>,
    out: Output,
    now: fn() -> Timestamp,
}

fn start(entry: &Entry, arguments: Vec<OsString>, mut around: Surroundings) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return clap_answer(&error, &mut around.out),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return clap_answer(&error, &mut around.out),
    };
    let socket = socket_option(&matches)
        .or_else(|| around.socket.filter(|text| !text.is_empty()))
        .unwrap_or_else(|| DEFAULT_SOCKET.into());
    match cli.command {
        TopCommand::Agent(args) => {
            let agent = entry
                .agent
                .map(|agent| move |args| on_a_worker(agent(args)));
            long_running(agent, *args, "agent", around.out)
        }
        TopCommand::Demo(args) => long_running(entry.demo, args, "demo", around.out),
        TopCommand::Task { dir } => match entry.task_shim {
            Some(shim) => shim(&dir),
            None => finish(Err(left_out("process runtime")), around.out),
        },
        TopCommand::Completion(args) => {
            let result = completion::run(&mut around.out, command(), &args);
            finish(result, around.out)
        }
        command => match socket.parse::<SocketAddress>() {
            Err(message) => finish(Err(CliError::usage(message)), around.out),
            Ok(address) => {
                let session = Session {
                    client: Client::new(address),
                    out: around.out,
                    now: around.now,
                };
                ask(entry, command, session)
            }
        },
    }
}

/// The whole command with `--host` at every level that has no such option of its own.
fn command() -> Command {
    fn with_socket(command: Command) -> Command {
        let is_taken = command
            .get_arguments()
            .any(|argument| argument.get_long() == Some("host"));
        let command = command.mut_subcommands(with_socket);
        if is_taken
            || matches!(
                command.get_name(),
                "agent" | "demo" | "completion" | "__task"
            )
        {
            return command;
        }
        command.arg(
            Arg::new(SOCKET_ARGUMENT)
                .long("host")
                .value_name("unix:PATH")
                .action(ArgAction::Set)
                .help(format!(
                    "Socket of the agent [env: SHOAL_HOST] [default: {DEFAULT_SOCKET}]"
                )),
        )
    }
    with_socket(Cli::command())
}

/// The socket that was named; the innermost level counts.
fn socket_option(matches: &ArgMatches) -> Option<String> {
    let inner = matches
        .subcommand()
        .and_then(|(_, matches)| socket_option(matches));
    let own = || {
        let socket = matches
            .try_get_one::<String>(SOCKET_ARGUMENT)
            .ok()
            .flatten();
        let lines = matches
            .try_get_many::<String>(HOSTS_ARGUMENT)
            .ok()
            .flatten();
        let mut lines = lines.into_iter().flatten();
        socket.or_else(|| lines.find(|text| text.starts_with("unix:")))
    };
    inner.or_else(|| own().cloned())
}

/// Help and version are answers; everything else is bad usage.
fn clap_answer(error: &clap::Error, out: &mut Output) -> ExitCode {
    let text = error.render().to_string();
    let printed = match error.use_stderr() {
        true => out.raw_note(text),
        false => out.data(text).and_then(|()| out.flush()),
    };
    match printed {
        Ok(()) => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
        Err(error) => ExitCode::from(error.exit_status()),
    }
}

fn left_out(what: &str) -> CliError {
    CliError::failed(format!(
        "this build of shoal is a client only: it has no {what}"
    ))
}

fn long_running<A, F: Future<Output = Result<(), String>>>(
    part: Option<impl FnOnce(A) -> F>,
    args: A,
    name: &str,
    out: Output,
) -> ExitCode {
    let Some(part) = part else {
        return finish(Err(left_out(name)), out);
    };
    let result = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("can't start threads: {error}"))
        .and_then(|runtime| runtime.block_on(part(args)));
    finish(result.map_err(CliError::Failed), out)
}

/// Runs it where the tasks it starts run, too: each word between them would otherwise wake a thread.
async fn on_a_worker(part: SendRunning) -> Result<(), String> {
    match tokio::spawn(part).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(format!("was broken off: {error}")),
        },
    }
}

fn ask(entry: &Entry, command: TopCommand, mut session: Session) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(entry, command, &mut session)),
        Err(error) => Err(CliError::failed(format!("can't start: {error}"))),
    };
    finish(result, session.out)
}

async fn dispatch(
    entry: &Entry,
    command: TopCommand,
    session: &mut Session,
) -> Result<(), CliError> {
    match command {
        TopCommand::Token(command) => token::run(session, command).await,
        TopCommand::Node(command) => node::run(session, command).await,
        TopCommand::Stack(command) => stack::run(session, entry.load_stack, command).await,
        TopCommand::Service(command) => service::run(session, command).await,
        TopCommand::Swarm(command) => swarm::run(session, command).await,
        TopCommand::Network(command) => network::run(session, command).await,
        TopCommand::Conflicts(command) => conflicts::run(session, command).await,
        TopCommand::Secret(command) => file::run(session, file::Kind::Secret, command).await,
        TopCommand::Config(command) => file::run(session, file::Kind::Config, command).await,
        TopCommand::Volume(command) => volume::run(session, command).await,
        TopCommand::Events(args) => events::run(session, args).await,
        TopCommand::Why(args) => why::run(session, args).await,
        TopCommand::Version(args) => version::version(session, args).await,
        TopCommand::Info(args) => version::info(session, args).await,
        // `start` has answered these.
        TopCommand::Agent(_)
        | TopCommand::Demo(_)
        | TopCommand::Completion(_)
        | TopCommand::Task { .. } => Ok(()),
    }
}

/// Says what went wrong and turns it into the exit status.
fn finish(result: Result<(), CliError>, mut out: Output) -> ExitCode {
    let result = result.and_then(|()| out.flush());
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    let message = error.to_string();
    if !matches!(error, CliError::ClosedPipe) && !message.is_empty() {
        // When even this can't be written, the exit status must do.
        let _ = out.note(&message);
    }
    ExitCode::from(error.exit_status())
}

//! `shoal stack deploy` and `stack config`.
//!
//! A deploy writes only what changed. With `--wait` it then watches: the exit status says whether
//! everything runs.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::Value;

use super::{StackPlan, files, networks, stack_services};
use crate::cli::{
    entry::LoadStack,
    error::CliError,
    lookup::Lookup,
    plan as forecast,
    query::Target,
    registry::RegistryArgs,
    remove,
    session::Session,
    values::{WriteArgs, span},
    wait::{self, Wait},
};

/// A task that ends at once has not run. Longer than this, health checks tell.
const SETTLE: Duration = Duration::from_secs(1);

/// Options of `stack deploy`.
#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    /// Name of the stack
    stack: String,
    /// Compose file, '-' for the standard input; later ones change earlier ones
    #[arg(
        short = 'c',
        long = "compose-file",
        required = true,
        value_name = "FILE"
    )]
    compose_file: Vec<PathBuf>,
    /// Wait until everything runs; the exit status says whether it does
    #[arg(long, conflicts_with = "detach")]
    wait: bool,
    /// Give up waiting after this
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = span)]
    wait_timeout: Duration,
    /// Do not wait (the default); --detach=false is --wait
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "true|false")]
    detach: Option<bool>,
    /// Remove services that the files do not name any more
    #[arg(long)]
    prune: bool,
    /// Only show what would start, stop and move
    #[arg(long, conflicts_with_all = ["wait", "detach"])]
    plan: bool,
    /// Do not show how it goes
    #[arg(short, long)]
    quiet: bool,
    /// Docker's option, without effect: nodes resolve images themselves
    #[arg(long, hide = true)]
    resolve_image: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    write: WriteArgs,
}

/// Options of `stack config`.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// Compose file, '-' for the standard input; later ones change earlier ones
    #[arg(
        short = 'c',
        long = "compose-file",
        required = true,
        value_name = "FILE"
    )]
    compose_file: Vec<PathBuf>,
    /// Name of the stack that the services would belong to
    #[arg(default_value = "stack")]
    stack: String,
}

/// What was done to a service.
enum Done {
    Created(String),
    Updated(String),
    Unchanged(String),
}

/// Does `stack config`: the services' specs, as a deploy would send them.
pub(super) fn config(
    session: &mut Session,
    load: Option<LoadStack>,
    args: &ConfigArgs,
) -> Result<(), CliError> {
    let plan = read(session, load, &args.compose_file, &args.stack)?;
    session.out.data(plan.config)
}

/// Does `stack deploy`.
pub(super) async fn run(
    session: &mut Session,
    load: Option<LoadStack>,
    args: DeployArgs,
) -> Result<(), CliError> {
    let stack = &args.stack;
    let mut plan = read(session, load, &args.compose_file, stack)?;
    let existing = stack_services(session, stack).await?;
    if args.plan {
        return forecast::show(session, thoughts(&plan, &existing, args.prune)).await;
    }
    if args.prune {
        let names: BTreeSet<&str> = plan
            .services
            .iter()
            .map(|(_, spec)| spec.text("/Name"))
            .collect();
        for service in &existing {
            if !names.contains(service.text("/Spec/Name")) {
                let (id, name) = (service.text("/ID"), service.text("/Spec/Name"));
                remove::part(session, "service", id, name, args.write).await?;
            }
        }
    }
    networks::make(session, stack, &plan.networks, args.write).await?;
    files::make(session, &plan.files, &mut plan.services, args.write).await?;
    let mut ids = Vec::new();
    for (name, spec) in &plan.services {
        let done = put(session, &existing, spec, &args).await;
        match done.map_err(|error| of_service(name, error))? {
            Done::Created(id) | Done::Updated(id) | Done::Unchanged(id) => ids.push(id),
        }
    }
    if !(args.wait || args.detach == Some(false)) || ids.is_empty() {
        return Ok(());
    }
    let wait = Wait {
        services: ids,
        settle: SETTLE,
        limit: args.wait_timeout,
        quiet: args.quiet,
        rollback_ordered: false,
        on_interrupt: format!(
            "The deploy goes on without being watched.\nUse `shoal stack ps {stack}` to check \
             progress."
        ),
    };
    wait::run(session, &wait).await
}

/// The services as they would be.
fn thoughts(plan: &StackPlan, existing: &[Value], prunes: bool) -> Vec<Value> {
    let known = |name: &str| existing.iter().find(|old| old.text("/Spec/Name") == name);
    let mut thoughts = Vec::new();
    for (_, spec) in &plan.services {
        let service = known(spec.text("/Name"));
        let mut spec = spec.clone();
        if let Some(service) = service {
            keep_forced(&mut spec, service);
            keep_files(&mut spec, service);
        }
        let id = service.map(|service| service.text("/ID"));
        thoughts.push(forecast::thought(id, Some(&spec)));
    }
    let is_named = |service: &&Value| {
        let name = service.text("/Spec/Name");
        plan.services
            .iter()
            .any(|(_, spec)| spec.text("/Name") == name)
    };
    let gone = existing
        .iter()
        .filter(|service| prunes && !is_named(service));
    thoughts.extend(gone.map(|service| forecast::thought(Some(service.text("/ID")), None)));
    thoughts
}

/// The ids of secrets and configs that it has already: without them it would look like another.
fn keep_files(spec: &mut Value, service: &Value) {
    for (list, name, id) in [
        ("Secrets", "SecretName", "SecretID"),
        ("Configs", "ConfigName", "ConfigID"),
    ] {
        let path = format!("/TaskTemplate/ContainerSpec/{list}");
        let known = service
            .pointer(&format!("/Spec{path}"))
            .and_then(Value::as_array);
        let known = known.map_or(&[][..], Vec::as_slice);
        let wanted = spec.pointer_mut(&path).and_then(Value::as_array_mut);
        for reference in wanted.into_iter().flatten() {
            let found = known
                .iter()
                .find(|one| one.get(name) == reference.get(name));
            if let Some(found) = found.and_then(|one| one.get(id)) {
                reference[id] = found.clone();
            }
        }
    }
}

fn of_service(name: &str, error: CliError) -> CliError {
    match error {
        CliError::Failed(message) => CliError::failed(format!("service {name}: {message}")),
        other => other,
    }
}

fn read(
    session: &mut Session,
    load: Option<LoadStack>,
    files: &[PathBuf],
    stack: &str,
) -> Result<StackPlan, CliError> {
    let Some(load) = load else {
        return Err(CliError::failed(
            "this build of shoal can't read Compose files; use one that contains the agent",
        ));
    };
    let plan = load(files, stack).map_err(CliError::Failed)?;
    for warning in &plan.warnings {
        session.out.note(&format!("warning: {warning}"))?;
    }
    if plan.services.is_empty() {
        return Err(CliError::failed("the Compose files name no services"));
    }
    Ok(plan)
}

/// Creates a service, or updates it if it differs.
async fn put(
    session: &mut Session,
    existing: &[Value],
    spec: &Value,
    args: &DeployArgs,
) -> Result<Done, CliError> {
    let name = spec.text("/Name");
    let concern = args.write.word();
    let credentials = args.registry.header(session, spec)?;
    let Some(service) = existing.iter().find(|old| old.text("/Spec/Name") == name) else {
        session.out.line(&format!("Creating service {name}"))?;
        let target = Target::new("/services/create").maybe("write-concern", concern);
        let answer = session
            .client
            .post_with(target.as_str(), spec, credentials)
            .await?;
        session.warn(&answer)?;
        return Ok(Done::Created(answer.body.text("/ID").to_owned()));
    };
    let id = service.text("/ID");
    let mut spec = spec.clone();
    keep_forced(&mut spec, service);
    // An update without changes replaces no task, and brings new credentials.
    if service.get("Spec") == Some(&spec) && credentials.is_none() {
        return Ok(Done::Unchanged(id.to_owned()));
    }
    session
        .out
        .line(&format!("Updating service {name} (id: {id})"))?;
    let target = Target::new("/services")
        .segment(id)
        .then("/update")
        .with("version", service.number("/Version/Index"))
        .maybe("write-concern", concern);
    let answer = session
        .client
        .post_with(target.as_str(), &spec, credentials)
        .await?;
    session.warn(&answer)?;
    Ok(Done::Updated(id.to_owned()))
}

/// A deploy is no reason to replace tasks again that `service update --force` replaced.
fn keep_forced(spec: &mut Value, service: &Value) {
    let forced = service.pointer("/Spec/TaskTemplate/ForceUpdate");
    if let (Some(forced), Some(task)) = (forced, spec.get_mut("TaskTemplate")) {
        task["ForceUpdate"] = forced.clone();
    }
}

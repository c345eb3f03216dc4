//! `shoal service update` and `rollback`: read, change, write; then watch.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::{
    attach,
    create::{PortList, environment, generic_resource, hosts_line, port_list, preference},
    edit::{change_list, change_map, change_texts, change_variables, set},
    flags::{ContainerFlags, ServiceFlags, words},
    mounts, ports, service_target,
};
use crate::cli::{
    error::CliError,
    file::Kind,
    lookup::Lookup,
    plan,
    registry::RegistryArgs,
    session::Session,
    values::{WriteArgs, key_value, span},
    wait::{self, Wait},
};

/// Tasks that have run this long count as stable: Docker's default monitor time.
const SETTLE: Duration = Duration::from_secs(5);

/// How to follow a change.
#[derive(Args, Debug)]
pub(super) struct FollowArgs {
    /// Do not wait until the tasks run
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, value_name = "true|false", action = clap::ArgAction::Set)]
    detach: bool,
    /// Do not show how it goes
    #[arg(short, long)]
    quiet: bool,
    /// Give up waiting after this
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = span)]
    wait_timeout: Duration,
    /// Docker's option, without effect: nodes resolve images themselves
    #[arg(long, hide = true)]
    no_resolve_image: bool,
}

/// Options of `service rollback`.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    /// Name or id of the service
    service: String,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    write: WriteArgs,
}

/// Options of `service update`.
#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// Name or id of the service
    service: String,
    /// New image
    #[arg(long)]
    image: Option<String>,
    /// New command and arguments, as one text
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    args: Option<String>,
    /// Replace the tasks even if nothing changes
    #[arg(long)]
    force: bool,
    /// Return to the spec before the last update
    #[arg(long)]
    rollback: bool,
    /// Only show what would start, stop and move
    #[arg(long, conflicts_with = "rollback")]
    plan: bool,
    #[command(flatten)]
    lists: ListFlags,
    #[command(flatten)]
    container: ContainerFlags,
    #[command(flatten)]
    flags: ServiceFlags,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    write: WriteArgs,
}

/// Options that add to lists and remove from them; each may be repeated.
#[derive(Args, Debug)]
struct ListFlags {
    /// Add or change a variable
    #[arg(long, value_name = "NAME[=VALUE]")]
    env_add: Vec<String>,
    /// Remove a variable
    #[arg(long, value_name = "NAME")]
    env_rm: Vec<String>,
    /// Add or change a label of the service
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    label_add: Vec<(String, String)>,
    /// Remove a label of the service
    #[arg(long, value_name = "KEY")]
    label_rm: Vec<String>,
    /// Add or change a label of the containers
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    container_label_add: Vec<(String, String)>,
    /// Remove a label of the containers
    #[arg(long, value_name = "KEY")]
    container_label_rm: Vec<String>,
    /// Add a constraint
    #[arg(long, value_name = "CONSTRAINT")]
    constraint_add: Vec<String>,
    /// Remove a constraint
    #[arg(long, value_name = "CONSTRAINT")]
    constraint_rm: Vec<String>,
    /// Add a placement preference
    #[arg(long, value_name = "PREFERENCE", value_parser = preference)]
    placement_pref_add: Vec<Value>,
    /// Remove a placement preference
    #[arg(long, value_name = "PREFERENCE", value_parser = preference)]
    placement_pref_rm: Vec<Value>,
    /// Add or change things that a node must have for each task, such as GPU=2
    #[arg(long, value_name = "KIND=N", value_delimiter = ',', value_parser = generic_resource)]
    generic_resource_add: Vec<Value>,
    /// Remove things that a node must have
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    generic_resource_rm: Vec<String>,
    /// Add or change a published port
    #[arg(long, value_name = "PORT", value_parser = port_list)]
    publish_add: Vec<PortList>,
    /// Remove a published port, by the port in the container
    #[arg(long, value_name = "TARGET[/PROTOCOL]", value_parser = port_list)]
    publish_rm: Vec<PortList>,
    /// Add or change a mount
    #[arg(long, value_name = "MOUNT", value_parser = mounts::parse)]
    mount_add: Vec<Value>,
    /// Remove a mount, by its target
    #[arg(long, value_name = "PATH")]
    mount_rm: Vec<String>,
    /// Add a line to /etc/hosts
    #[arg(long, value_name = "NAME:IP")]
    host_add: Vec<String>,
    /// Remove a line from /etc/hosts
    #[arg(long, value_name = "NAME:IP")]
    host_rm: Vec<String>,
    /// Add a group
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Remove a group
    #[arg(long, value_name = "GROUP")]
    group_rm: Vec<String>,
    /// Attach to a network
    #[arg(long, value_name = "NETWORK")]
    network_add: Vec<String>,
    /// Detach from a network
    #[arg(long, value_name = "NETWORK")]
    network_rm: Vec<String>,
    /// Add or change a secret
    #[arg(long, value_name = "SECRET")]
    secret_add: Vec<String>,
    /// Remove a secret
    #[arg(long, value_name = "SECRET")]
    secret_rm: Vec<String>,
    /// Add or change a config
    #[arg(long, value_name = "CONFIG")]
    config_add: Vec<String>,
    /// Remove a config
    #[arg(long, value_name = "CONFIG")]
    config_rm: Vec<String>,
}

/// Does `service update`.
pub(super) async fn run(session: &mut Session, args: UpdateArgs) -> Result<(), CliError> {
    let service: Value = session
        .client
        .get(service_target(&args.service).as_str())
        .await?;
    let mut spec = service.get("Spec").cloned().unwrap_or_default();
    if args.rollback {
        write(session, &service, &spec, args.write, true).await?;
    } else {
        change(&mut spec, &args)?;
        references(session, &mut spec, &args.lists).await?;
        if args.plan {
            let id = Some(service.text("/ID"));
            return plan::show(session, vec![plan::thought(id, Some(&spec))]).await;
        }
        let credentials = args.registry.header(session, &spec)?;
        write_with(session, &service, &spec, args.write, false, credentials).await?;
    }
    session.out.line(&args.service)?;
    let id = service.text("/ID").to_owned();
    follow(session, &args.follow, vec![id], args.rollback).await
}

/// Does `service rollback`.
pub(super) async fn rollback(session: &mut Session, args: RollbackArgs) -> Result<(), CliError> {
    let service: Value = session
        .client
        .get(service_target(&args.service).as_str())
        .await?;
    let spec = service.get("Spec").cloned().unwrap_or_default();
    write(session, &service, &spec, args.write, true).await?;
    session.out.line(&args.service)?;
    let id = service.text("/ID").to_owned();
    follow(session, &args.follow, vec![id], true).await
}

/// Writes a spec over the version that was read.
pub(super) async fn write(
    session: &mut Session,
    service: &Value,
    spec: &Value,
    concern: WriteArgs,
    rollback: bool,
) -> Result<(), CliError> {
    write_with(session, service, spec, concern, rollback, None).await
}

async fn write_with(
    session: &mut Session,
    service: &Value,
    spec: &Value,
    concern: WriteArgs,
    rollback: bool,
    credentials: Option<String>,
) -> Result<(), CliError> {
    let target = service_target(service.text("/ID"))
        .then("/update")
        .with("version", service.number("/Version/Index"))
        .maybe("rollback", rollback.then_some("previous"))
        .maybe("write-concern", concern.word());
    let answer = session
        .client
        .post_with(target.as_str(), spec, credentials)
        .await?;
    session.warn(&answer)
}

/// Waits until services run, unless it was told not to.
pub(super) async fn follow(
    session: &mut Session,
    args: &FollowArgs,
    services: Vec<String>,
    rollback_ordered: bool,
) -> Result<(), CliError> {
    if args.detach {
        return Ok(());
    }
    let on_interrupt = format!(
        "Operation continuing in background.\nUse `shoal service ps {}` to check progress.",
        services.join(" ")
    );
    let wait = Wait {
        services,
        settle: SETTLE,
        limit: args.wait_timeout,
        quiet: args.quiet,
        rollback_ordered,
        on_interrupt,
    };
    wait::run(session, &wait).await
}

fn change(spec: &mut Value, args: &UpdateArgs) -> Result<(), CliError> {
    let container = |field: &'static str| ["TaskTemplate", "ContainerSpec", field];
    if let Some(image) = &args.image {
        set(spec, &container("Image"), image.clone().into());
    }
    if let Some(line) = &args.args {
        set(spec, &container("Args"), words(line)?.into());
    }
    if args.force {
        let count = spec.number("/TaskTemplate/ForceUpdate").wrapping_add(1);
        set(spec, &["TaskTemplate", "ForceUpdate"], count.into());
    }
    args.container.apply(spec)?;
    args.flags.apply(spec)?;
    let lists = &args.lists;
    change_variables(
        spec,
        &container("Env"),
        &environment(&lists.env_add),
        &lists.env_rm,
    );
    change_map(spec, &["Labels"], &lists.label_add, &lists.label_rm);
    let (add, rm) = (&lists.container_label_add, &lists.container_label_rm);
    change_map(spec, &container("Labels"), add, rm);
    let path = ["TaskTemplate", "Placement", "Constraints"];
    change_texts(spec, &path, &lists.constraint_add, &lists.constraint_rm);
    let hosts = |texts: &[String]| texts.iter().map(|text| hosts_line(text)).collect();
    let (add, rm): (Result<Vec<_>, _>, Result<Vec<_>, _>) =
        (hosts(&lists.host_add), hosts(&lists.host_rm));
    change_texts(spec, &container("Hosts"), &add?, &rm?);
    change_texts(
        spec,
        &container("Groups"),
        &lists.group_add,
        &lists.group_rm,
    );
    change_objects(spec, lists);
    Ok(())
}

fn change_objects(spec: &mut Value, lists: &ListFlags) {
    let path = ["TaskTemplate", "Placement", "Preferences"];
    let is_removed = |old: &Value| lists.placement_pref_rm.contains(old);
    let add = lists.placement_pref_add.clone();
    change_list(spec, &path, is_removed, add, |old, new| old == new);

    let path = [
        "TaskTemplate",
        "Resources",
        "Reservations",
        "GenericResources",
    ];
    let kind = |one: &Value| one.text("/DiscreteResourceSpec/Kind").to_owned();
    let is_removed = |old: &Value| lists.generic_resource_rm.contains(&kind(old));
    let add = lists.generic_resource_add.clone();
    change_list(spec, &path, is_removed, add, |old, new| {
        kind(old) == kind(new)
    });

    let flat = |lists: &[PortList]| lists.iter().flat_map(|list| list.0.clone()).collect();
    let (add, rm): (Vec<Value>, Vec<Value>) = (flat(&lists.publish_add), flat(&lists.publish_rm));
    let is_removed = |old: &Value| rm.iter().any(|gone| ports::same_target(old, gone));
    change_list(
        spec,
        &["EndpointSpec", "Ports"],
        is_removed,
        add,
        |old, new| {
            ports::same_target(old, new)
                && old.number("/PublishedPort") == new.number("/PublishedPort")
        },
    );

    let path = ["TaskTemplate", "ContainerSpec", "Mounts"];
    let is_removed = |old: &Value| {
        lists
            .mount_rm
            .iter()
            .any(|gone| gone == old.text("/Target"))
    };
    let add = lists.mount_add.clone();
    change_list(spec, &path, is_removed, add, |old, new| {
        old.text("/Target") == new.text("/Target")
    });
}

async fn references(
    session: &Session,
    spec: &mut Value,
    lists: &ListFlags,
) -> Result<(), CliError> {
    for (kind, add, rm) in [
        (Kind::Secret, &lists.secret_add, &lists.secret_rm),
        (Kind::Config, &lists.config_add, &lists.config_rm),
    ] {
        let files = attach::files(session, kind, add).await?;
        let name = |file: &Value| {
            let name = file.get(kind.name_field()).and_then(Value::as_str);
            name.unwrap_or_default().to_owned()
        };
        let path = ["TaskTemplate", "ContainerSpec", kind.field()];
        let is_removed = |old: &Value| rm.contains(&name(old));
        change_list(spec, &path, is_removed, files, |old, new| {
            name(old) == name(new)
        });
    }
    let add = attach::networks(session, &lists.network_add).await?;
    let rm = attach::networks(session, &lists.network_rm).await?;
    let same = |old: &Value, new: &Value| old.text("/Target") == new.text("/Target");
    let is_removed = |old: &Value| rm.iter().any(|gone| same(old, gone));
    change_list(spec, &["TaskTemplate", "Networks"], is_removed, add, same);
    Ok(())
}

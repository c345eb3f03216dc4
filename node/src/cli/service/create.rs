//! `shoal service create`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    attach,
    edit::{change_map, change_texts, change_variables, set},
    flags::{ContainerFlags, ServiceFlags},
    mounts, ports,
    update::{self, FollowArgs},
};
use crate::cli::{
    error::CliError,
    file::Kind,
    lookup::Lookup,
    query::Target,
    registry::RegistryArgs,
    session::Session,
    values::{WriteArgs, key_value},
};

/// The largest `--env-file` that is read, in bytes.
const ENV_FILE_BYTES_MAX: u64 = 1 << 20;

/// Options of `service create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Image to run; 'scratch' runs the command as a process of the host
    image: String,
    /// Command and arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<String>,
    /// Name of the service
    #[arg(long)]
    name: Option<String>,
    /// How many tasks there are, and where
    #[arg(long, default_value = "replicated",
          value_parser = ["replicated", "global", "replicated-job", "global-job"])]
    mode: String,
    /// Environment variable; without a value it is taken from here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// File with a variable per line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Label of the service
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    label: Vec<(String, String)>,
    /// Label of the containers
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    container_label: Vec<(String, String)>,
    /// Where tasks may run, such as node.labels.disk==ssd
    #[arg(long, value_name = "CONSTRAINT")]
    constraint: Vec<String>,
    /// How to spread, such as spread=node.labels.rack
    #[arg(long, value_name = "PREFERENCE", value_parser = preference)]
    placement_pref: Vec<Value>,
    /// Things that a node must have for each task, such as GPU=2
    #[arg(long, value_name = "KIND=N", value_delimiter = ',', value_parser = generic_resource)]
    generic_resource: Vec<Value>,
    /// Publish a port: 8080:80, or mode=host,target=80,published=8080
    #[arg(short, long, value_name = "PORT", value_parser = port_list)]
    publish: Vec<PortList>,
    /// Mount something: type=volume,source=data,target=/data
    #[arg(long, value_name = "MOUNT", value_parser = mounts::parse)]
    mount: Vec<Value>,
    /// Line for /etc/hosts, NAME:IP (unix:PATH names the agent's socket, as everywhere)
    #[arg(long = "host", id = super::super::HOSTS_ARGUMENT, value_name = "NAME:IP")]
    hosts: Vec<String>,
    /// Network to attach to
    #[arg(long, value_name = "NETWORK")]
    network: Vec<String>,
    /// Secret to give as a file
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// Config to give as a file
    #[arg(long, value_name = "CONFIG")]
    config: Vec<String>,
    /// Additional group in the container
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// Capability to add
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Capability to drop
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// Kernel parameter
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    sysctl: Vec<(String, String)>,
    #[command(flatten)]
    container: ContainerFlags,
    #[command(flatten)]
    service: ServiceFlags,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    write: WriteArgs,
}

/// Ports of one option.
#[derive(Clone, Debug)]
pub(super) struct PortList(pub(super) Vec<Value>);

/// Reads an option, for clap.
pub(super) fn port_list(text: &str) -> Result<PortList, String> {
    ports::parse(text).map(PortList)
}

/// Reads `spread=node.labels.rack`.
pub(super) fn preference(text: &str) -> Result<Value, String> {
    match text.split_once('=') {
        Some(("spread", by)) if !by.is_empty() => Ok(json!({"Spread": {"SpreadDescriptor": by}})),
        _ => Err(format!(
            "{text:?} is no preference; write spread=node.labels.NAME"
        )),
    }
}

/// Reads `GPU=2`.
pub(super) fn generic_resource(text: &str) -> Result<Value, String> {
    let count = |text: &str| text.parse::<u32>().ok();
    match text.split_once('=').map(|(kind, text)| (kind, count(text))) {
        Some((kind, Some(count))) if !kind.is_empty() => {
            Ok(json!({"DiscreteResourceSpec": {"Kind": kind, "Value": count}}))
        }
        _ => Err(format!(
            "{text:?} is no number of generic resources; write KIND=N"
        )),
    }
}

/// Turns `NAME:IP` into a line of /etc/hosts.
pub(super) fn hosts_line(text: &str) -> Result<String, CliError> {
    match text.split_once([':', '=']) {
        Some((name, address)) if !name.is_empty() && !address.is_empty() => {
            Ok(format!("{address} {name}"))
        }
        _ => Err(CliError::usage(format!(
            "{text:?} is no host; write NAME:IP"
        ))),
    }
}

/// Variables with the values that are missing taken from our own environment.
pub(super) fn environment(texts: &[String]) -> Vec<String> {
    let known = texts.iter().map(|text| match text.contains('=') {
        true => Some(text.clone()),
        false => std::env::var(text)
            .ok()
            .map(|value| format!("{text}={value}")),
    });
    known.flatten().collect()
}

/// Does it.
pub(super) async fn run(session: &mut Session, args: CreateArgs) -> Result<(), CliError> {
    let mut spec = spec(&args)?;
    let container = |field: &'static str| ["TaskTemplate", "ContainerSpec", field];
    for (kind, texts) in [(Kind::Secret, &args.secret), (Kind::Config, &args.config)] {
        let files = attach::files(session, kind, texts).await?;
        if !files.is_empty() {
            set(&mut spec, &container(kind.field()), files.into());
        }
    }
    let networks = attach::networks(session, &args.network).await?;
    if !networks.is_empty() {
        set(&mut spec, &["TaskTemplate", "Networks"], networks.into());
    }
    let target = Target::new("/services/create").maybe("write-concern", args.write.word());
    let credentials = args.registry.header(session, &spec)?;
    let answer = session
        .client
        .post_with(target.as_str(), &spec, credentials)
        .await?;
    let id = answer.body.text("/ID").to_owned();
    session.warn(&answer)?;
    session.out.line(&id)?;
    update::follow(session, &args.follow, vec![id], false).await
}

fn spec(args: &CreateArgs) -> Result<Value, CliError> {
    let mode = match args.mode.as_str() {
        "global" => json!({"Global": {}}),
        "replicated-job" => json!({"ReplicatedJob": {}}),
        "global-job" => json!({"GlobalJob": {}}),
        _ => json!({"Replicated": {}}),
    };
    let mut spec = json!({
        "Name": args.name.as_deref().unwrap_or_default(),
        "Labels": {},
        "TaskTemplate": {
            "ContainerSpec": {"Image": args.image},
            "Resources": {"Limits": {}, "Reservations": {}},
            "Placement": {},
            "ForceUpdate": 0,
        },
        "Mode": mode,
        "EndpointSpec": {"Mode": "vip"},
    });
    args.container.apply(&mut spec)?;
    args.service.apply(&mut spec)?;
    lists(&mut spec, args)?;
    Ok(spec)
}

fn lists(spec: &mut Value, args: &CreateArgs) -> Result<(), CliError> {
    let container = |field: &'static str| ["TaskTemplate", "ContainerSpec", field];
    let mut variables = Vec::new();
    for file in &args.env_file {
        variables.extend(environment(&read_lines(file)?));
    }
    variables.extend(environment(&args.env));
    let hosts = args.hosts.iter().filter(|text| !text.starts_with("unix:"));
    let hosts = hosts
        .map(|text| hosts_line(text))
        .collect::<Result<Vec<_>, _>>()?;
    if !args.command.is_empty() {
        set(spec, &container("Args"), args.command.clone().into());
    }
    change_variables(spec, &container("Env"), &variables, &[]);
    change_texts(spec, &container("Hosts"), &hosts, &[]);
    change_texts(spec, &container("Groups"), &args.group, &[]);
    change_texts(spec, &container("CapabilityAdd"), &args.cap_add, &[]);
    change_texts(spec, &container("CapabilityDrop"), &args.cap_drop, &[]);
    change_map(spec, &container("Sysctls"), &args.sysctl, &[]);
    change_map(spec, &container("Labels"), &args.container_label, &[]);
    change_map(spec, &["Labels"], &args.label, &[]);
    change_texts(
        spec,
        &["TaskTemplate", "Placement", "Constraints"],
        &args.constraint,
        &[],
    );
    if !args.generic_resource.is_empty() {
        let path = [
            "TaskTemplate",
            "Resources",
            "Reservations",
            "GenericResources",
        ];
        set(spec, &path, args.generic_resource.clone().into());
    }
    if !args.placement_pref.is_empty() {
        let path = ["TaskTemplate", "Placement", "Preferences"];
        set(spec, &path, args.placement_pref.clone().into());
    }
    if !args.mount.is_empty() {
        set(spec, &container("Mounts"), args.mount.clone().into());
    }
    let ports: Vec<Value> = args
        .publish
        .iter()
        .flat_map(|list| list.0.clone())
        .collect();
    if !ports.is_empty() {
        set(spec, &["EndpointSpec", "Ports"], ports.into());
    }
    Ok(())
}

fn read_lines(file: &PathBuf) -> Result<Vec<String>, CliError> {
    let wrong = |what: String| CliError::failed(format!("{}: {what}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?;
    if size.len() > ENV_FILE_BYTES_MAX {
        return Err(wrong(format!("larger than {ENV_FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

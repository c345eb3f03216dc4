//! `shoal network`: what services share. Networks of one machine are its engine's: `docker network`
//! makes those.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    error::CliError,
    format::{
        natural,
        rows::{Layout, ListArgs, Row},
        words::{harmless, short_id},
    },
    inspect::{self, InspectArgs},
    lookup::Lookup,
    query::{Filters, Target},
    remove,
    session::Session,
    values::{WriteArgs, key_value},
};

const LAYOUT: Layout = Layout {
    table: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    headers: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
    ],
    quiet: "ID",
};

/// Networks.
#[derive(Subcommand, Debug)]
pub(crate) enum NetworkCommand {
    /// Make a network
    Create(CreateArgs),
    /// List networks
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Show everything about networks
    Inspect(NetworkInspectArgs),
    /// Remove networks that no service uses
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
}

/// Options of `network create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Name of the network
    network: String,
    /// Kind of network
    #[arg(short, long, default_value = "overlay")]
    driver: String,
    /// Let containers that belong to no service attach to it
    #[arg(long)]
    attachable: bool,
    /// No way out of it
    #[arg(long)]
    internal: bool,
    /// The network by which published ports are reached
    #[arg(long)]
    ingress: bool,
    /// Give it IPv6 addresses, too
    #[arg(long)]
    ipv6: bool,
    /// A subnet of it, such as 10.1.0.0/24; may be repeated
    #[arg(long, value_name = "SUBNET")]
    subnet: Vec<String>,
    /// Give addresses from this part of the subnet; in the order of subnets
    #[arg(long, value_name = "RANGE", requires = "subnet")]
    ip_range: Vec<String>,
    /// Address of the subnet's gateway; in the order of subnets
    #[arg(long, value_name = "ADDRESS", requires = "subnet")]
    gateway: Vec<String>,
    /// Label of the network
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    label: Vec<(String, String)>,
    /// Option of the driver
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    opt: Vec<(String, String)>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Options of `network ls`.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    /// Only networks that match, such as name=web or dangling=true; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    list: ListArgs,
}

/// Options of `network inspect`.
#[derive(Args, Debug)]
pub(crate) struct NetworkInspectArgs {
    /// Names or ids of networks
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
    #[command(flatten)]
    inspect: InspectArgs,
}

/// Options of `network rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// Names or ids of networks
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Does it.
pub(crate) async fn run(session: &mut Session, command: NetworkCommand) -> Result<(), CliError> {
    match command {
        NetworkCommand::Create(args) => create(session, args).await,
        NetworkCommand::Ls(args) => ls(session, args).await,
        NetworkCommand::Inspect(args) => {
            let targets: Vec<Target> = args.networks.iter().map(|name| target(name)).collect();
            inspect::run(session, &args.inspect, &targets).await
        }
        NetworkCommand::Rm(args) => {
            remove::named(session, "/networks", &args.networks, false, args.write).await
        }
    }
}

/// The path of a network that a person named.
fn target(name: &str) -> Target {
    Target::new("/networks").segment(name)
}

async fn create(session: &mut Session, args: CreateArgs) -> Result<(), CliError> {
    let target = Target::new("/networks/create").maybe("write-concern", args.write.word());
    let answer = session
        .client
        .post(target.as_str(), Some(&spec(args)?))
        .await?;
    session.out.line(answer.body.text("/Id"))?;
    session.warn(&answer)
}

/// What docker sends.
fn spec(args: CreateArgs) -> Result<Value, CliError> {
    let subnets = args.subnet.len();
    for (option, given) in [
        ("--ip-range", args.ip_range.len()),
        ("--gateway", args.gateway.len()),
    ] {
        if given > subnets {
            return Err(CliError::usage(format!(
                "{given} times {option} for {subnets} times --subnet"
            )));
        }
    }
    let config = args.subnet.iter().enumerate().map(|(index, subnet)| {
        let mut config = json!({ "Subnet": subnet });
        for (field, given) in [("IPRange", &args.ip_range), ("Gateway", &args.gateway)] {
            if let Some(text) = given.get(index) {
                config[field] = text.as_str().into();
            }
        }
        config
    });
    Ok(json!({
        "Name": args.network,
        "Driver": args.driver,
        "EnableIPv6": args.ipv6,
        "IPAM": {"Driver": "default", "Options": {}, "Config": config.collect::<Vec<_>>()},
        "Internal": args.internal,
        "Attachable": args.attachable,
        "Ingress": args.ingress,
        "Options": object(args.opt),
        "Labels": object(args.label),
    }))
}

fn object(pairs: Vec<(String, String)>) -> Value {
    let pairs = pairs.into_iter().map(|(key, value)| (key, value.into()));
    Value::Object(pairs.collect::<Map<_, _>>())
}

async fn ls(session: &mut Session, args: LsArgs) -> Result<(), CliError> {
    let filters = Filters::parse(&args.filter)?;
    let target = Target::new("/networks").filtered(&filters);
    let mut networks: Vec<Value> = session.client.get(target.as_str()).await?;
    networks.sort_by(|a, b| natural::compare(a.text("/Name"), b.text("/Name")));
    let row = |network: &Value| -> Row {
        let id = short_id(network.text("/Id"), args.no_trunc);
        let text = |pointer: &str| harmless(network.text(pointer));
        let fields = [
            ("ID", id),
            ("Name", text("/Name")),
            ("Driver", text("/Driver")),
            ("Scope", text("/Scope")),
        ];
        let fields = fields.into_iter();
        fields
            .map(|(field, text)| (field.to_owned(), text.into()))
            .collect()
    };
    let rows = networks.iter().map(row).collect();
    args.list.print(&mut session.out, &LAYOUT, rows)
}

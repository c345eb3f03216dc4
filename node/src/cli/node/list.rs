//! `shoal node ls`.

use clap::Args;
use serde_json::Value;

use crate::cli::{
    error::CliError,
    format::{
        natural,
        rows::{Layout, ListArgs, Row},
        words::{capital, harmless},
    },
    lookup::Lookup,
    query::{Filters, Target},
    session::Session,
};

const LAYOUT: Layout = Layout {
    table: "{{.ID}} {{if .Self}}*{{else}} {{end}}\t{{.Hostname}}\t{{.Status}}\t\
            {{.Availability}}\t{{.ManagerStatus}}\t{{.EngineVersion}}",
    headers: &[
        ("ID", "ID"),
        ("Self", ""),
        ("Hostname", "HOSTNAME"),
        ("Status", "STATUS"),
        ("Availability", "AVAILABILITY"),
        ("ManagerStatus", "MANAGER STATUS"),
        ("TLSStatus", "TLS STATUS"),
        ("EngineVersion", "ENGINE VERSION"),
    ],
    quiet: "ID",
};

/// Options of `node ls`.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    /// Only nodes that match, such as name=pi or node.label=rack=1; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Does it.
pub(crate) async fn run(session: &mut Session, args: LsArgs) -> Result<(), CliError> {
    let target = Target::new("/nodes").filtered(&Filters::parse(&args.filter)?);
    let mut nodes: Vec<Value> = session.client.get(target.as_str()).await?;
    let info: Value = match args.list.quiet {
        true => Value::Null,
        false => session.client.get("/info").await?,
    };
    nodes.sort_by(|a, b| {
        let name = |node: &Value| node.text("/Description/Hostname").to_owned();
        natural::compare(&name(a), &name(b)).then_with(|| a.text("/ID").cmp(b.text("/ID")))
    });
    let rows = nodes.iter().map(|node| row(node, &info)).collect();
    args.list.print(&mut session.out, &LAYOUT, rows)?;
    let are_apart = nodes.iter().any(|node| node.has("/Shoal/ApartFrom"));
    match args.list.is_table() && are_apart {
        true => tell_apart(session).await,
        false => Ok(()),
    }
}

/// Says which nodes can't reach each other.
async fn tell_apart(session: &mut Session) -> Result<(), CliError> {
    let cluster: Value = session.client.get("/shoal/v1/cluster").await?;
    for pair in cluster.list("/Apart") {
        session.out.note(&harmless(pair.text("/Text")))?;
    }
    Ok(())
}

fn row(node: &Value, info: &Value) -> Row {
    let own = info.text("/Swarm/NodeID");
    let mut row = Row::new();
    let mut put = |field: &str, text: &str| {
        row.insert(field.into(), harmless(text).into());
    };
    put("ID", node.text("/ID"));
    put("Hostname", node.text("/Description/Hostname"));
    put("Status", &capital(node.text("/Status/State")));
    put("Availability", &capital(node.text("/Spec/Availability")));
    put("ManagerStatus", &manager_status(node));
    put("TLSStatus", tls_status(node, info));
    put(
        "EngineVersion",
        node.text("/Description/Engine/EngineVersion"),
    );
    let is_self = !own.is_empty() && node.text("/ID") == own;
    row.insert("Self".into(), is_self.into());
    row
}

fn manager_status(node: &Value) -> String {
    match node
        .pointer("/ManagerStatus/Leader")
        .and_then(Value::as_bool)
    {
        Some(true) => "Leader".into(),
        _ => capital(node.text("/ManagerStatus/Reachability")),
    }
}

/// Whether the node trusts what the cluster trusts.
fn tls_status(node: &Value, info: &Value) -> &'static str {
    let of_node = node.text("/Description/TLSInfo/TrustRoot");
    let of_cluster = info.text("/Swarm/Cluster/TLSInfo/TrustRoot");
    match (of_node, of_cluster) {
        ("", _) | (_, "") => "Unknown",
        (node, cluster) if node == cluster => "Ready",
        _ => "Needs Rotation",
    }
}

//! `shoal version` and `shoal info`: this program, the agent, and the cluster.

use clap::Args;
use serde_json::{Value, json};

use super::{
    error::CliError,
    format::{
        json::go_line,
        size,
        template::{Missing, Template},
    },
    lookup::Lookup,
    output::Output,
    session::Session,
};

/// Options of `version` and `info`.
#[derive(Args, Debug)]
pub(crate) struct FormatArgs {
    /// How to print: 'json' or a Go TEMPLATE
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

/// `shoal version`. The client's half is printed even if there is no agent.
pub(crate) async fn version(session: &mut Session, args: FormatArgs) -> Result<(), CliError> {
    let client = json!({
        "Version": env!("CARGO_PKG_VERSION"),
        "Os": std::env::consts::OS,
        "Arch": std::env::consts::ARCH,
    });
    let server: Result<Value, CliError> = session.client.get("/version").await;
    let found = server.as_ref().ok().cloned();
    let both = json!({"Client": client, "Server": found});
    if !print_formatted(&mut session.out, args.format.as_deref(), &both)? {
        session.out.data(version_text(&both))?;
    }
    server.map(|_| ())
}

fn version_text(both: &Value) -> String {
    let mut text = format!(
        "Client:\n Version:           {}\n OS/Arch:           {}/{}\n",
        both.text("/Client/Version"),
        both.text("/Client/Os"),
        both.text("/Client/Arch"),
    );
    if both.has("/Server") {
        text.push_str(&format!(
            "\nServer:\n Version:           {}\n API version:       {} (minimum version {})\n \
             OS/Arch:           {}/{}\n",
            both.text("/Server/Version"),
            both.text("/Server/ApiVersion"),
            both.text("/Server/MinAPIVersion"),
            both.text("/Server/Os"),
            both.text("/Server/Arch"),
        ));
        for component in both.list("/Server/Components") {
            text.push_str(&format!(
                " {}:\n  Version:          {}\n",
                component.text("/Name"),
                component.text("/Version")
            ));
        }
    }
    text
}

/// `shoal info`.
pub(crate) async fn info(session: &mut Session, args: FormatArgs) -> Result<(), CliError> {
    let info: Value = session.client.get("/info").await?;
    if print_formatted(&mut session.out, args.format.as_deref(), &info)? {
        return Ok(());
    }
    let cluster: Option<Value> = session.client.find("/shoal/v1/cluster").await?;
    session.out.data(info_text(&info, cluster.as_ref()))
}

fn info_text(info: &Value, cluster: Option<&Value>) -> String {
    let mut text = format!(
        "Name: {}\nServer Version: {}\nOperating System: {}\nArchitecture: {}\nCPUs: {}\nTotal \
         Memory: {}\nContainers: {}\n Running: {}\nCluster: {}\n NodeID: {}\n Node Address: {}\n \
         Nodes: {}\n",
        info.text("/Name"),
        info.text("/ServerVersion"),
        info.text("/OperatingSystem"),
        info.text("/Architecture"),
        info.number("/NCPU"),
        size::show(info.number("/MemTotal")),
        info.number("/Containers"),
        info.number("/ContainersRunning"),
        info.text("/Swarm/LocalNodeState"),
        info.text("/Swarm/NodeID"),
        info.text("/Swarm/NodeAddr"),
        info.number("/Swarm/Nodes"),
    );
    if info.has("/Swarm/Cluster/ID") {
        text.push_str(&format!(" ClusterID: {}\n", info.text("/Swarm/Cluster/ID")));
    }
    if !info.text("/Swarm/Error").is_empty() {
        text.push_str(&format!(" Error: {}\n", info.text("/Swarm/Error")));
    }
    for (key, value) in cluster.and_then(Value::as_object).into_iter().flatten() {
        if !matches!(value, Value::Object(_) | Value::Array(_) | Value::Null) {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!(" Shoal {key}: {value}\n"));
        }
    }
    text
}

/// Prints by a format, if there is one.
fn print_formatted(
    out: &mut Output,
    format: Option<&str>,
    value: &Value,
) -> Result<bool, CliError> {
    match format {
        None => return Ok(false),
        Some("json") => out.line(&go_line(value))?,
        Some(format) => {
            let template = Template::parse(format).map_err(CliError::Usage)?;
            let text = template.fill(value, Missing::IsShown);
            out.line(&text.map_err(CliError::Usage)?)?;
        }
    }
    Ok(true)
}

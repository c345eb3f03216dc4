//! `shoal node update`: availability and labels.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::node_target;
use crate::cli::{
    error::CliError,
    lookup::Lookup,
    query::Target,
    session::Session,
    values::{WriteArgs, key_value},
};

/// Options of `node update`.
#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// Name or id of the node, or 'self'
    #[arg(value_name = "NODE")]
    node: String,
    /// Whether it gets tasks
    #[arg(long, value_enum)]
    availability: Option<Availability>,
    /// Add or change a label; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    label_add: Vec<(String, String)>,
    /// Remove a label; may be repeated
    #[arg(long, value_name = "KEY")]
    label_rm: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Whether a node gets tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Availability {
    /// It gets tasks
    Active,
    /// It keeps its tasks and gets no new ones
    Pause,
    /// Its tasks move elsewhere
    Drain,
}

/// Does it.
pub(super) async fn run(session: &mut Session, args: UpdateArgs) -> Result<(), CliError> {
    let target = node_target(session, &args.node).await?;
    let node: Value = session.client.get(target.as_str()).await?;
    let spec = changed(node.get("Spec").cloned().unwrap_or_default(), &args)?;
    let target = Target::new("/nodes")
        .segment(node.text("/ID"))
        .then("/update")
        .with("version", node.number("/Version/Index"))
        .maybe("write-concern", args.write.word());
    let written = session.client.post(target.as_str(), Some(&spec)).await?;
    session.out.line(&args.node)?;
    session.warn(&written)
}

fn changed(spec: Value, args: &UpdateArgs) -> Result<Value, CliError> {
    let Value::Object(mut spec) = spec else {
        return Err(CliError::failed("the agent shows this node without a spec"));
    };
    if let Some(availability) = args.availability.and_then(|word| word.to_possible_value()) {
        spec.insert("Availability".into(), availability.get_name().into());
    }
    let mut labels = match spec.remove("Labels") {
        Some(Value::Object(labels)) => labels,
        _ => serde_json::Map::new(),
    };
    for (key, value) in &args.label_add {
        labels.insert(key.clone(), value.clone().into());
    }
    for key in &args.label_rm {
        if labels.remove(key).is_none() {
            return Err(CliError::failed(format!(
                "key {key} doesn't exist in node's labels"
            )));
        }
    }
    spec.insert("Labels".into(), labels.into());
    Ok(spec.into())
}

//! `inspect` of anything: JSON as the agent says it, or a template filled in per object.

use clap::Args;
use serde_json::Value;

use super::{
    error::CliError,
    format::{
        json::indent,
        template::{Missing, Template},
    },
    query::Target,
    session::Session,
};

/// Options of every `inspect`.
#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// How to print: 'json' or a Go TEMPLATE
    #[arg(short, long, value_name = "FORMAT", conflicts_with = "pretty")]
    format: Option<String>,
    /// Print it for people
    #[arg(long)]
    pub(crate) pretty: bool,
}

/// Prints objects of the paths. What was found is printed even if something was not.
pub(crate) async fn run(
    session: &mut Session,
    args: &InspectArgs,
    targets: &[Target],
) -> Result<(), CliError> {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for target in targets {
        match session.client.get_bytes(target.as_str()).await {
            Ok(body) => found.push(String::from_utf8_lossy(&body).trim().to_owned()),
            Err(CliError::Failed(message)) => failures.push(message),
            Err(other) => return Err(other),
        }
    }
    match args.format.as_deref() {
        None => {
            let list = format!("[{}]", found.join(","));
            session.out.line(&indent(&list))?;
        }
        Some("json") => session.out.line(&format!("[{}]", found.join(",")))?,
        Some(format) => {
            let template = Template::parse(format).map_err(CliError::Usage)?;
            for text in &found {
                let value: Value = serde_json::from_str(text).map_err(|error| {
                    CliError::failed(format!("the agent's answer is no JSON: {error}"))
                })?;
                let text = template
                    .fill(&value, Missing::IsShown)
                    .map_err(CliError::Usage)?;
                session.out.line(&text)?;
            }
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(CliError::Failed(failures.join("\n")))
}

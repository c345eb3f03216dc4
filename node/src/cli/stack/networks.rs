//! The networks of a stack.

use std::collections::BTreeSet;

use serde_json::Value;

use super::of_stack;
use crate::cli::{
    error::CliError, lookup::Lookup, query::Target, session::Session, values::WriteArgs,
};

/// Networks that every engine has, and nobody makes.
const PREDEFINED: [&str; 4] = ["host", "none", "bridge", "default"];

/// Makes the networks that are not there yet; those of others must be.
pub(super) async fn make(
    session: &mut Session,
    stack: &str,
    networks: &[(String, Option<Value>)],
    write: WriteArgs,
) -> Result<(), CliError> {
    if networks.is_empty() {
        return Ok(());
    }
    let own = of_this(session, stack).await?;
    let own: BTreeSet<&str> = own.iter().map(|network| network.text("/Name")).collect();
    for (name, spec) in networks {
        match spec {
            Some(_) if own.contains(name.as_str()) => {}
            Some(spec) => create(session, name, spec, write).await?,
            None if PREDEFINED.contains(&name.as_str()) => {}
            None => must_be_there(session, name).await?,
        }
    }
    Ok(())
}

async fn create(
    session: &mut Session,
    name: &str,
    spec: &Value,
    write: WriteArgs,
) -> Result<(), CliError> {
    session.out.line(&format!("Creating network {name}"))?;
    let target = Target::new("/networks/create").maybe("write-concern", write.word());
    let answer = session.client.post(target.as_str(), Some(spec)).await;
    let answer = answer.map_err(|error| match error {
        CliError::Failed(message) => {
            CliError::failed(format!("failed to create network {name}: {message}"))
        }
        other => other,
    })?;
    session.warn(&answer)
}

async fn must_be_there(session: &Session, name: &str) -> Result<(), CliError> {
    let target = Target::new("/networks").segment(name);
    let found: Result<Value, CliError> = session.client.get(target.as_str()).await;
    match found {
        Ok(_) => Ok(()),
        Err(CliError::Failed(message)) if message.contains("not found") => {
            Err(CliError::failed(format!(
                "network {name:?} is declared as external, but could not be found: make it first \
                 (docker network create -d overlay {name})"
            )))
        }
        Err(other) => Err(other),
    }
}

/// The networks that a stack made.
pub(super) async fn of_this(session: &Session, stack: &str) -> Result<Vec<Value>, CliError> {
    let target = Target::new("/networks").filtered(&of_stack(stack));
    session.client.get(target.as_str()).await
}

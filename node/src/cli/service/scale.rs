//! `shoal service scale web=3 api=2`.

use clap::Args;
use serde_json::Value;

use super::{
    edit::set,
    service_target,
    update::{self, FollowArgs},
};
use crate::cli::{
    error::{CliError, each},
    lookup::Lookup,
    session::Session,
    values::WriteArgs,
};

/// Options of `service scale`.
#[derive(Args, Debug)]
pub(crate) struct ScaleArgs {
    /// Services with their numbers of replicas
    #[arg(required = true, value_name = "SERVICE=REPLICAS", value_parser = scale)]
    scales: Vec<(String, u64)>,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    write: WriteArgs,
}

fn scale(text: &str) -> Result<(String, u64), String> {
    let Some((service, replicas)) = text.split_once('=') else {
        return Err(format!("{text:?} has no number; write SERVICE=REPLICAS"));
    };
    match replicas.parse() {
        Ok(replicas) if !service.is_empty() => Ok((service.to_owned(), replicas)),
        _ => Err(format!("{text:?} is no scale; write SERVICE=REPLICAS")),
    }
}

/// Does it.
pub(super) async fn run(session: &mut Session, args: ScaleArgs) -> Result<(), CliError> {
    let mut scaled = Vec::new();
    let result = each(&args.scales, async |(name, replicas): &(String, u64)| {
        let named = |error| match error {
            CliError::Failed(message) => CliError::failed(format!("{name}: {message}")),
            other => other,
        };
        let id = one(session, name, *replicas, args.write)
            .await
            .map_err(named)?;
        session.out.line(&format!("{name} scaled to {replicas}"))?;
        scaled.push(id);
        Ok(())
    })
    .await;
    if !scaled.is_empty() {
        update::follow(session, &args.follow, scaled, false).await?;
    }
    result
}

async fn one(
    session: &mut Session,
    name: &str,
    replicas: u64,
    write: WriteArgs,
) -> Result<String, CliError> {
    let service: Value = session.client.get(service_target(name).as_str()).await?;
    let mut spec = service.get("Spec").cloned().unwrap_or_default();
    if spec.has("/Mode/Replicated") {
        set(
            &mut spec,
            &["Mode", "Replicated", "Replicas"],
            replicas.into(),
        );
    } else if spec.has("/Mode/ReplicatedJob") {
        let path = ["Mode", "ReplicatedJob", "TotalCompletions"];
        set(&mut spec, &path, replicas.into());
    } else {
        return Err(CliError::failed(
            "scale can only be used with replicated or replicated-job mode",
        ));
    }
    update::write(session, &service, &spec, write, false).await?;
    Ok(service.text("/ID").to_owned())
}

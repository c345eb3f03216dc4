//! The first act: the agents start, and find each other.

use std::time::Duration;

use serde_json::Value;

use super::{
    command, error::DemoError, fleet::Fleet, patience::until, sight::nodes_of, stage::Stage,
};
use crate::cli::Lookup;

/// Time for the first agent to be a cluster of one.
const START_TIME_MAX: Duration = Duration::from_secs(20);
/// Time for all nodes to know each other.
const JOIN_TIME_MAX: Duration = Duration::from_secs(60);

/// Starts all agents; the first founds the cluster, the others join it with a token.
pub(super) async fn play(stage: &mut Stage, fleet: &mut Fleet) -> Result<(), DemoError> {
    let count = fleet.nodes().len();
    stage.heading(&format!("{count} agents start and find each other"))?;
    let Some(first) = fleet.nodes_mut().first_mut() else {
        return Err(DemoError::failed("there are no nodes"));
    };
    first.start(None)?;
    let (name, listen) = (first.name().to_owned(), first.listen());
    stage.step(&format!(
        "{name} starts alone, on {listen}: it founds a cluster"
    ))?;
    founded(fleet).await?;
    let said = command::shoal(fleet.witness()?.socket(), &["token", "create"]).await?;
    let token = said.data.trim();
    for node in fleet.nodes_mut().iter_mut().skip(1) {
        node.start(Some(token))?;
    }
    stage.step("the others start with a token that `shoal token create` made")?;
    let seen = until(JOIN_TIME_MAX, async || match fleet.check() {
        Err(error) => Some(Err(error)),
        Ok(()) => all_see_all(fleet).await.then_some(Ok(())),
    });
    match seen.await {
        Some(result) => result?,
        None => {
            return Err(DemoError::failed(format!(
                "not all nodes know each other after {} s",
                JOIN_TIME_MAX.as_secs()
            )));
        }
    }
    stage.step(&format!(
        "each of the {count} says that all {count} are ready"
    ))
}

/// Waits until the first node is in its cluster, at an address that a token can name.
async fn founded(fleet: &mut Fleet) -> Result<(), DemoError> {
    let client = fleet.witness()?.client();
    let founded = until(START_TIME_MAX, async || {
        if let Err(error) = fleet.check() {
            return Some(Err(error));
        }
        let nodes: Vec<Value> = client.get("/nodes").await.ok()?;
        let is_in = nodes.iter().any(|node| {
            node.text("/Status/State") == "ready" && !node.text("/ManagerStatus/Addr").is_empty()
        });
        is_in.then_some(Ok(()))
    });
    match founded.await {
        Some(result) => result,
        None => Err(DemoError::failed(format!(
            "the first agent founded no cluster within {} s",
            START_TIME_MAX.as_secs()
        ))),
    }
}

async fn all_see_all(fleet: &Fleet) -> bool {
    let count = fleet.nodes().len();
    for node in fleet.nodes() {
        let Ok(nodes) = node.client().get::<Vec<_>>("/nodes").await else {
            return false;
        };
        let ready = nodes_of(&nodes)
            .iter()
            .filter(|node| node.is_ready())
            .count();
        if ready != count {
            return false;
        }
    }
    true
}

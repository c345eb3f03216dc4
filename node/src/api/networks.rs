//! `/networks`: those that services share. Networks of one machine are its engine's.

use axum::{
    extract::{Request, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use shoal_scheduler::{order::Order, spec::NetworkSpec, task::NetworkId, view::NetworkView};

use super::{
    body::{self, JsonText},
    date::rfc3339,
    error::ApiError,
    filters::Filters,
    handle::{Handle, NodeState},
    lookup::{self, Purpose},
    orders::{Concern, carry_out, receipt_headers, until_seen},
    passing::{self, Head},
    query::{Id, Parameters, Spoken},
    swarm::NO_MANAGER,
    version::ApiVersion,
};

/// What the engine's part of a network of ours is known by.
const LOCAL_LABEL: &str = "shoal.network";
const FILTERS: [&str; 7] = ["id", "name", "label", "driver", "scope", "type", "dangling"];

#[derive(Deserialize)]
struct Scope {
    #[serde(rename = "Scope")]
    scope: Option<String>,
}

/// `GET /networks`: the cluster's, and the engine's own.
pub(super) async fn list(
    State(handle): State<Handle>,
    Spoken(spoken): Spoken,
    uri: Uri,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let filters = Filters::read(&parameters, &FILTERS)?;
    let view = handle.view.borrow().clone();
    let mut networks = Vec::new();
    let dangling = filters.flag("dangling")?;
    for network in view.networks.values() {
        let is_used = || {
            let mut services = view.services.values();
            services.any(|service| {
                let mut attached = service.spec.task_template.networks.iter();
                attached.any(|one| is_called(network, &one.target))
            })
        };
        if matches(network, &filters) && dangling.is_none_or(|wanted| wanted != is_used()) {
            networks.push(object(network));
        }
    }
    let query = uri.query().map(|query| format!("?{query}"));
    let path = format!("/networks{}", query.unwrap_or_default());
    let local: Option<Vec<Value>> = passing::ask(&handle, spoken, &path).await;
    let is_of_ours = |network: &Value| network["Labels"].get(LOCAL_LABEL).is_some();
    let local = local.into_iter().flatten();
    networks.extend(local.filter(|network| !is_of_ours(network)));
    body::json(&networks)
}

/// Names and ids match by any part of them, as on Docker.
fn matches(network: &NetworkView, filters: &Filters) -> bool {
    let id = network.id.to_string();
    filters.any("name", |name| network.spec.name.contains(name.as_str()))
        && filters.any("id", |wanted| id.contains(wanted.as_str()))
        && filters.any("driver", |driver| *driver == network.spec.driver)
        && filters.any("scope", |scope| scope == "swarm")
        && filters.any("type", |kind| kind == "custom")
        && filters.labels("label", &network.spec.labels)
}

fn is_called(network: &NetworkView, name: &str) -> bool {
    network.spec.name == name || network.id.to_string() == name
}

/// `GET /networks/{id}[?scope=]`
pub(super) async fn inspect(
    State(handle): State<Handle>,
    Id(id): Id,
    Spoken(spoken): Spoken,
    parameters: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let scope = parameters.text("scope");
    if matches!(scope, "" | "swarm") {
        match lookup::network(&view, &id, Purpose::Read) {
            Ok(found) => {
                let mut object = object(found);
                object["Containers"] = containers(&handle, spoken, found.id).await;
                return body::json(&object);
            }
            Err(error) if scope == "swarm" => return Err(error),
            Err(ApiError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    passing::forward(&handle, request).await
}

/// The containers of this node on a network, tasks or not.
async fn containers(handle: &Handle, spoken: ApiVersion, network: NetworkId) -> Value {
    let none = || json!({});
    let local = handle.engine.networks();
    let Some(local) = local.networks.get(&network) else {
        return none();
    };
    let path = format!("/networks/{}", local.name);
    let found: Option<Value> = passing::ask(handle, spoken, &path).await;
    let found = found.and_then(|mut found| found.get_mut("Containers").map(Value::take));
    found.filter(Value::is_object).unwrap_or_else(none)
}

/// `POST /networks/create`
pub(super) async fn create(
    State(handle): State<Handle>,
    concern: Concern,
    head: Head,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    let bad = |error| ApiError::Bad(format!("the network can't be read: {error}"));
    let spec: NetworkSpec = serde_json::from_str(&text).map_err(bad)?;
    let scope: Scope = serde_json::from_str(&text).map_err(bad)?;
    let is_ours = spec.driver == "overlay" || scope.scope.as_deref() == Some("swarm");
    if !is_ours && handle.engine.socket().is_some() {
        return passing::forward(&handle, head.with(text)).await;
    }
    if *handle.state.borrow() == NodeState::Inactive {
        return Err(ApiError::Fault(NO_MANAGER.to_owned()));
    }
    let receipt = carry_out(&handle, Order::CreateNetwork { spec }, concern).await?;
    if let Ok(id) = receipt.id.parse::<NetworkId>() {
        until_seen(&handle, |view| view.networks.contains_key(&id)).await;
    }
    let answer = body::json(&json!({ "Id": receipt.id, "Warning": receipt.warnings.join("; ") }))?;
    Ok((StatusCode::CREATED, receipt_headers(&receipt), answer).into_response())
}

/// `DELETE /networks/{id}`
pub(super) async fn remove(
    State(handle): State<Handle>,
    Id(id): Id,
    concern: Concern,
    request: Request,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let network = match lookup::network(&view, &id, Purpose::Write) {
        Ok(network) => network.id,
        Err(ApiError::NotFound { .. }) => return passing::forward(&handle, request).await,
        Err(error) => return Err(error),
    };
    // Of other nodes nobody knows here: there they keep what they have of it until they end.
    let guests = handle.engine.guests(network).await;
    if let Some(guest) = guests.iter().flatten().next() {
        return Err(ApiError::Bad(format!(
            "rpc error: code = FailedPrecondition desc = network {network} is in use by container {guest}"
        )));
    }
    let receipt = carry_out(&handle, Order::RemoveNetwork { network }, concern).await?;
    until_seen(&handle, |view| !view.networks.contains_key(&network)).await;
    Ok((StatusCode::NO_CONTENT, receipt_headers(&receipt)).into_response())
}

fn object(network: &NetworkView) -> Value {
    let spec = &network.spec;
    let driver = match spec.ipam.driver.as_str() {
        "" => "default",
        driver => driver,
    };
    json!({
        "Name": spec.name,
        "Id": network.id.to_string(),
        "Created": rfc3339(network.created_at),
        "Scope": "swarm",
        "Driver": spec.driver,
        "EnableIPv4": true,
        "EnableIPv6": spec.enable_ipv6,
        "IPAM": { "Driver": driver, "Options": null, "Config": spec.ipam.config },
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "Ingress": spec.ingress,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": null,
        "Options": spec.options,
        "Labels": spec.labels,
    })
}

//! Containers that are no tasks, on networks that services share: `docker run --network`, `docker network connect`.
//!
//! The engine of a machine has such a network under a name of its own, and only while somebody there needs it. So what
//! a request calls by its common name is made where it is not there, and called as the engine calls it.

use std::{net::Ipv4Addr, time::Duration};

use axum::{
    extract::{Request, State},
    http::Uri,
    response::Response,
};
use serde_json::{Map, Value, json};
use shoal_scheduler::view::NetworkView;
use tokio::time::timeout;

use super::{
    body::RawText,
    error::ApiError,
    handle::Handle,
    lookup::{self, Purpose},
    passing::{self, Head},
    query::Id,
};
use crate::{resolvers, runtime::docker::LocalNetwork};

/// How long a container waits for its network to be served. Where that can't be, it goes on without names.
const OPEN_TIME_MAX: Duration = Duration::from_secs(3);

/// `POST /containers/create`
pub(super) async fn create(
    State(handle): State<Handle>,
    head: Head,
    RawText(text): RawText,
) -> Result<Response, ApiError> {
    let text = match serde_json::from_str(&text) {
        Ok(mut wanted) => match attach(&handle, &mut wanted).await? {
            true => wanted.to_string(),
            false => text,
        },
        // The engine says it in its own words.
        Err(_) => text,
    };
    passing::forward(&handle, head.with(text)).await
}

/// `POST /networks/{id}/connect`
pub(super) async fn connect(
    State(handle): State<Handle>,
    Id(id): Id,
    mut request: Request,
) -> Result<Response, ApiError> {
    if let Some(network) = shared(&handle, &id)? {
        let local = local(&handle, &network).await?;
        *request.uri_mut() = path_to(&local, "connect")?;
    }
    passing::forward(&handle, request).await
}

/// `POST /networks/{id}/disconnect`
pub(super) async fn disconnect(
    State(handle): State<Handle>,
    Id(id): Id,
    mut request: Request,
) -> Result<Response, ApiError> {
    if let Some(network) = shared(&handle, &id)?
        && let Some(local) = handle.engine.networks().networks.get(&network.id)
    {
        *request.uri_mut() = path_to(local, "disconnect")?;
    }
    passing::forward(&handle, request).await
}

fn path_to(network: &LocalNetwork, what: &str) -> Result<Uri, ApiError> {
    // Names of networks have nothing that means something in a path.
    let path = format!("/networks/{}/{what}", network.name).parse();
    path.map_err(|_| ApiError::PageNotFound)
}

/// The network of services that is called so. None: one of the engine's own, if any.
fn shared(handle: &Handle, name: &str) -> Result<Option<NetworkView>, ApiError> {
    let view = handle.view.borrow().clone();
    match lookup::network(&view, name, Purpose::Write) {
        Ok(found) => Ok(Some(found.clone())),
        Err(ApiError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The network on this node's engine, for a container that is no task.
async fn local(handle: &Handle, network: &NetworkView) -> Result<LocalNetwork, ApiError> {
    let name = &network.spec.name;
    if !network.spec.attachable {
        return Err(ApiError::Forbidden(format!(
            "Could not attach to network {name}: rpc error: code = PermissionDenied desc = network {name} not manually attachable"
        )));
    }
    let made = handle.engine.guest_network(network).await;
    let made = made.map_err(ApiError::Engine)?;
    let mut opened = handle.opened.clone();
    let is_open = opened.wait_for(|opened| opened.contains(&network.id));
    // Not in time: the log says why.
    let _ = timeout(OPEN_TIME_MAX, is_open).await;
    Ok(made)
}

/// Calls networks of services as the engine does, in the body of a container's creation. Whether there were any.
async fn attach(handle: &Handle, wanted: &mut Value) -> Result<bool, ApiError> {
    let mut own = Vec::new();
    if let Some(mode) = wanted.pointer_mut("/HostConfig/NetworkMode")
        && let Some(network) = mode
            .as_str()
            .and_then(|name| shared(handle, name).transpose())
    {
        let local = local(handle, &network?).await?;
        own.push(local.range.gateway);
        *mode = local.name.into();
    }
    let endpoints = wanted.pointer_mut("/NetworkingConfig/EndpointsConfig");
    if let Some(Value::Object(endpoints)) = endpoints {
        let mut renamed = Map::new();
        for (name, mut endpoint) in std::mem::take(endpoints) {
            let Some(network) = shared(handle, &name)? else {
                renamed.insert(name, endpoint);
                continue;
            };
            let local = local(handle, &network).await?;
            own.push(local.range.gateway);
            if let Some(endpoint) = endpoint.as_object_mut() {
                endpoint.remove("NetworkID");
            }
            renamed.insert(local.name, endpoint);
        }
        *endpoints = renamed;
    }
    if own.is_empty() {
        return Ok(false);
    }
    own.dedup();
    ask_for_names(wanted, &own);
    Ok(true)
}

/// Has a container ask this node for names.
fn ask_for_names(wanted: &mut Value, own: &[Ipv4Addr]) {
    if let Some(wanted) = wanted.as_object_mut() {
        let host = wanted.entry("HostConfig").or_insert(Value::Null);
        if host.is_null() {
            *host = json!({});
        }
    }
    let host = wanted.get_mut("HostConfig").and_then(Value::as_object_mut);
    let Some(host) = host else {
        // The engine says that it is wrong.
        return;
    };
    let told = host.get("Dns").and_then(Value::as_array);
    let told = told.map(|told| {
        let servers = told.iter().filter_map(Value::as_str);
        servers.map(str::to_owned).collect()
    });
    let servers = resolvers::of_container(own, told);
    host.insert("Dns".to_owned(), json!(servers));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_asks_this_node_for_names_and_then_whom_it_was_told_to() {
        let own = Ipv4Addr::new(10, 0, 0, 1);
        let asked = |mut wanted: Value| {
            ask_for_names(&mut wanted, &[own]);
            let dns = wanted.pointer_mut("/HostConfig/Dns");
            dns.map_or(Value::Null, Value::take)
        };
        let told = json!({"HostConfig": {"Dns": ["1.1.1.1", "8.8.8.8", "9.9.9.9"]}});
        assert_eq!(asked(told), json!(["10.0.0.1", "1.1.1.1", "8.8.8.8"]));
        let by_the_machine = asked(json!({"HostConfig": {"Dns": []}}));
        assert_eq!(by_the_machine[0], "10.0.0.1");
        for nothing in [json!({}), json!({"HostConfig": null})] {
            assert_eq!(asked(nothing)[0], "10.0.0.1");
        }
        assert_eq!(asked(json!({"HostConfig": 7})), Value::Null);
    }
}

//! `/services`: creating, updating, removing. The spec goes to the registry byte for byte.

use axum::{
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use shoal_scheduler::{order::Order, task::ServiceId};

use super::{
    body::{self, JsonText},
    error::ApiError,
    handle::Handle,
    lookup::{self, Purpose},
    orders::{Concern, carry_out, receipt_headers, until_seen},
    query::{Id, Parameters},
};
use crate::runtime::docker::Credentials;

/// `POST /services/create`
pub(super) async fn create(
    State(handle): State<Handle>,
    concern: Concern,
    RegistryAuth(auth): RegistryAuth,
    JsonText(spec_json): JsonText,
) -> Result<Response, ApiError> {
    check_shape(&spec_json)?;
    let receipt = carry_out(&handle, Order::CreateService { spec_json }, concern).await?;
    if let Ok(id) = receipt.id.parse::<ServiceId>() {
        if let Some(auth) = auth {
            handle.credentials.keep(id, auth);
        }
        until_seen(&handle, |view| view.services.contains_key(&id)).await;
    }
    let mut created = json!({ "ID": receipt.id });
    if !receipt.warnings.is_empty() {
        created["Warnings"] = json!(receipt.warnings);
    }
    let answer = body::json(&created)?;
    Ok((StatusCode::CREATED, receipt_headers(&receipt), answer).into_response())
}

/// `POST /services/{id}/update?version=[&rollback=previous]`
pub(super) async fn update(
    State(handle): State<Handle>,
    Id(id): Id,
    parameters: Parameters,
    concern: Concern,
    RegistryAuth(auth): RegistryAuth,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    check_shape(&text)?;
    let version = parameters.version("service")?;
    let spec_json = match parameters.text("rollback") {
        "" => Some(text),
        "previous" => None,
        other => {
            return Err(ApiError::Bad(format!(
                "unrecognized rollback option {other:?}: it can only be `previous`"
            )));
        }
    };
    let service = find(&handle, &id)?;
    let order = Order::UpdateService {
        service,
        version,
        spec_json,
    };
    // Before the order: its tasks may start, and pull, at once. Without: what it has stays.
    if let Some(auth) = auth {
        handle.credentials.keep(service, auth);
    }
    let receipt = carry_out(&handle, order, concern).await?;
    until_seen(&handle, |view| {
        view.services
            .get(&service)
            .is_none_or(|service| service.version != version)
    })
    .await;
    let warnings = Some(&receipt.warnings).filter(|warnings| !warnings.is_empty());
    let answer = body::json(&json!({ "Warnings": warnings }))?;
    Ok((receipt_headers(&receipt), answer).into_response())
}

/// `DELETE /services/{id}`
pub(super) async fn remove(
    State(handle): State<Handle>,
    Id(id): Id,
    concern: Concern,
) -> Result<Response, ApiError> {
    let service = find(&handle, &id)?;
    let receipt = carry_out(&handle, Order::RemoveService { service }, concern).await?;
    handle.credentials.forget(service);
    until_seen(&handle, |view| !view.services.contains_key(&service)).await;
    Ok(receipt_headers(&receipt).into_response())
}

/// Credentials that came with the request, in docker's header.
pub(super) struct RegistryAuth(pub(super) Option<Credentials>);

impl<S: Sync> FromRequestParts<S> for RegistryAuth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let header = parts.headers.get("X-Registry-Auth");
        let text = header.and_then(|header| header.to_str().ok());
        Ok(Self(text.and_then(Credentials::of_header)))
    }
}

fn find(handle: &Handle, id: &str) -> Result<ServiceId, ApiError> {
    let view = handle.view.borrow().clone();
    lookup::service(&view, id, Purpose::Write).map(|service| service.id)
}

/// Refuses what is no spec of a container's service, and JSON nested deeper than clients can read
/// again; what it asks for is the owner's to check.
fn check_shape(text: &str) -> Result<(), ApiError> {
    let spec: Value = serde_json::from_str(text)
        .map_err(|error| ApiError::Bad(format!("the service's spec can't be read: {error}")))?;
    match spec.pointer("/TaskTemplate/ContainerSpec") {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(ApiError::Bad("mismatched Runtime and *Spec fields".into())),
    }
}

//! `/distribution/{name}/json`: what a registry has under a name, asked by the local engine. The docker
//! client pins images by it.

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{body::json, error::ApiError, handle::Handle, service_orders::RegistryAuth};

/// `GET /distribution/{name}/json`; a name may have slashes.
pub(super) async fn inspect(
    State(handle): State<Handle>,
    Path(rest): Path<String>,
    RegistryAuth(auth): RegistryAuth,
) -> Result<Response, ApiError> {
    let image = rest.strip_suffix("/json").filter(|image| !image.is_empty());
    let image = image.ok_or(ApiError::PageNotFound)?;
    match handle.engine.distribution(image, auth).await {
        Ok(found) => json(&found),
        Err(refusal) => Err(ApiError::Engine(refusal)),
    }
}

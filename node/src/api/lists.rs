//! Kinds of objects that this node has none of yet: their lists are empty, and nothing is found.

use axum::response::Response;

use super::{body::json, error::ApiError, query::Id};

/// An empty list.
pub(super) async fn empty() -> Result<Response, ApiError> {
    json(&[(); 0])
}

/// There is no such secret.
pub(super) async fn no_secret(Id(id): Id) -> ApiError {
    ApiError::not_found("secret", id)
}

/// There is no such config.
pub(super) async fn no_config(Id(id): Id) -> ApiError {
    ApiError::not_found("config", id)
}

//! The body of a request: bounded in size and in time.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{error::ApiError, letters::as_docker_writes};

/// Most bytes of a body: the largest config, in base64, fits.
pub(super) const BODY_BYTES_MAX: usize = 2 << 20;
/// A body that takes longer is given up.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// The body as text, not empty, with the fields of Docker's objects as Docker writes them.
pub(super) struct JsonText(pub(super) String);

impl<S: Sync> FromRequest<S> for JsonText {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let RawText(text) = RawText::from_request(request, state).await?;
        Ok(Self(as_docker_writes(&text).unwrap_or(text)))
    }
}

/// The body as text, not empty, as it came: nothing makes a copy of it.
pub(super) struct RawText(pub(super) String);

impl<S: Sync> FromRequest<S> for RawText {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let collected = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
        let bytes = tokio::time::timeout(BODY_TIME_MAX, collected)
            .await
            .map_err(|_| ApiError::TooSlow)?
            .map_err(|error| refusal(&*error))?
            .to_bytes();
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::Bad("got EOF while reading request body".into()));
        }
        match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Self(text)),
            Err(_) => Err(ApiError::Bad("the request's body is not UTF-8".into())),
        }
    }
}

fn refusal(error: &(dyn std::error::Error + Send + Sync + 'static)) -> ApiError {
    if error.is::<LengthLimitError>() {
        ApiError::TooLarge(BODY_BYTES_MAX)
    } else {
        ApiError::Bad(format!("the request's body broke off: {error}"))
    }
}

/// An answer in JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<axum::response::Response, ApiError> {
    let bytes = serde_json::to_vec(value)?;
    let mut response = axum::response::Response::new(Body::from(bytes));
    response.headers_mut().insert(
        axum::http::header::CONTENT_TYPE,
        axum::http::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

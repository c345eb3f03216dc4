//! Versions of Docker's API, and the `/v1.NN` that a request's path may begin with.

use std::{fmt, str::FromStr};

use axum::{
    extract::{Request, State},
    http::{Uri, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{error::ApiError, handle::Handle};

/// A version of Docker's API. All have the major number 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(pub u16);

impl ApiVersion {
    /// The oldest one that is served.
    pub const OLDEST: Self = Self(41);
    /// The newest one that is served.
    pub const NEWEST: Self = Self(50);
}

impl Default for ApiVersion {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let minor = text.strip_prefix("1.").ok_or(())?;
        let is_number = !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(());
        }
        minor.parse().map(Self).map_err(|_| ())
    }
}

/// Takes the version off the path, so that the routes need not know of it, and refuses versions
/// that are not served. Handlers find the version as an extension of the request.
pub(super) async fn strip(
    State(handle): State<Handle>,
    mut request: Request,
    next: Next,
) -> Response {
    let newest = handle.newest_api();
    let version = match split(request.uri().path()) {
        None => newest,
        Some((version, _)) if version > newest => {
            return ApiError::TooNew { version, newest }.into_response();
        }
        Some((version, _)) if version < ApiVersion::OLDEST => {
            return ApiError::TooOld(version).into_response();
        }
        Some((version, rest)) => match without_version(request.uri(), rest) {
            Some(uri) => {
                *request.uri_mut() = uri;
                version
            }
            None => return ApiError::PageNotFound.into_response(),
        },
    };
    request.extensions_mut().insert(version);
    next.run(request).await
}

/// `/v1.41/info` as (1.41, `/info`).
fn split(path: &str) -> Option<(ApiVersion, &str)> {
    let text = path.strip_prefix("/v")?;
    let end = text.find('/').unwrap_or(text.len());
    let version = text.get(..end)?.parse().ok()?;
    let rest = text.get(end..)?;
    Some((version, if rest.is_empty() { "/" } else { rest }))
}

fn without_version(uri: &Uri, path: &str) -> Option<Uri> {
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_into_version_and_rest() {
        assert_eq!(split("/v1.41/info"), Some((ApiVersion(41), "/info")));
        assert_eq!(split("/v1.50"), Some((ApiVersion(50), "/")));
        assert_eq!(split("/version"), None);
        assert_eq!(split("/v2.0/info"), None);
        assert_eq!(split("/v1.+4/info"), None);
        assert_eq!(split("/v1.99999999/info"), None);
        assert_eq!(split("/volumes"), None);
    }
}

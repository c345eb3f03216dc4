//! The headers that every answer of a Docker engine carries.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue},
    middleware::Next,
    response::Response,
};

use super::handle::Handle;

/// Adds them.
pub(super) async fn add(State(handle): State<Handle>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let identity = &handle.identity;
    set(headers, "Api-Version", &handle.newest_api().to_string());
    headers.insert("Docker-Experimental", HeaderValue::from_static("false"));
    headers.insert("Ostype", HeaderValue::from_static("linux"));
    let server = format!("Shoal/{} (linux)", identity.version);
    set(headers, "Server", &server);
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

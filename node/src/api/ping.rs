//! `/_ping`: what clients send first, to learn the version.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::handle::Handle;

/// `GET /_ping` and, without the body, `HEAD /_ping`.
pub(super) async fn ping(State(handle): State<Handle>) -> Response {
    let state = handle.state.borrow().as_str();
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
    ];
    let more = [("Swarm", state), ("Builder-Version", "1")];
    (headers, more, "OK").into_response()
}

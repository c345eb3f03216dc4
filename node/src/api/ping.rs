//! `/_ping`: what clients send first, to learn the version.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// `GET /_ping` and, without the body, `HEAD /_ping`.
pub(super) async fn ping() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
    ];
    let more = [("Swarm", "active/manager"), ("Builder-Version", "1")];
    (headers, more, "OK").into_response()
}

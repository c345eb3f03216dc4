//! What concerns single containers, passed on to the local engine as it comes: connections that become something else
//! (attach, exec, build) included.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts, uri::PathAndQuery},
    response::{IntoResponse, Response},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::UnixStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{body, error::ApiError, handle::Handle, version::ApiVersion};
use crate::runtime::docker::EngineRefusal;

/// Paths that are an engine's.
const OF_ENGINES: [&str; 13] = [
    "/auth",
    "/build",
    "/commit",
    "/containers",
    "/distribution",
    "/exec",
    "/grpc",
    "/images",
    "/networks",
    "/plugins",
    "/session",
    "/system/df",
    "/volumes",
];
/// Time for an engine to take a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for an engine to answer what is put together with ours.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Most bytes of such an answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Ends hijacked connections when the agent stops.
#[derive(Clone)]
pub(super) struct Stop(pub(super) CancellationToken);

/// Everything that nobody else answers.
pub(super) async fn pass(
    State(handle): State<Handle>,
    request: Request,
) -> Result<Response, ApiError> {
    let path = request.uri().path();
    let is_of_engine = OF_ENGINES.iter().any(|prefix| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    match is_of_engine {
        true => forward(&handle, request).await,
        false => Err(ApiError::PageNotFound),
    }
}

/// Passes a request on as it is, and brings back the answer as it comes.
pub(super) async fn forward(handle: &Handle, mut request: Request) -> Result<Response, ApiError> {
    let version = request.extensions().get::<ApiVersion>().copied();
    let stop = request.extensions().get::<Stop>().cloned();
    let Some(engine) = connect(handle).await else {
        return absent(request.method(), request.uri().path());
    };
    let client = hyper::upgrade::on(&mut request);
    *request.uri_mut() = versioned(request.uri(), version.unwrap_or_default())?;
    let host = HeaderValue::from_static("engine");
    request.headers_mut().insert(header::HOST, host);
    let mut answer = send(engine, request).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let engine = hyper::upgrade::on(&mut answer);
        let stop = stop.map_or_else(CancellationToken::new, |stop| stop.0);
        tokio::spawn(stop.run_until_cancelled_owned(hijacked(client, engine)));
    }
    Ok(answer.map(Body::new).into_response())
}

/// Bytes both ways, until both have ended.
async fn hijacked(client: hyper::upgrade::OnUpgrade, engine: hyper::upgrade::OnUpgrade) {
    let (client, engine) = match tokio::try_join!(client, engine) {
        Ok(both) => both,
        Err(error) => {
            tracing::debug!(%error, "a connection to the engine did not become a stream");
            return;
        }
    };
    let (mut client, mut engine) = (TokioIo::new(client), TokioIo::new(engine));
    if let Err(error) = copy_bidirectional(&mut client, &mut engine).await {
        tracing::debug!(%error, "a stream to the engine broke off");
    }
    let _ = tokio::join!(client.shutdown(), engine.shutdown());
}

/// Asks the engine for something that is put together with ours. None: there is no engine, or it said no.
pub(super) async fn ask<T: serde::de::DeserializeOwned>(
    handle: &Handle,
    version: ApiVersion,
    path: &str,
) -> Option<T> {
    let answer = async {
        let answer = get(handle, version, path).await?;
        let is_fine = answer.status().is_success();
        let body = Body::new(answer.into_body());
        let bytes = axum::body::to_bytes(body, ANSWER_BYTES_MAX).await.ok()?;
        is_fine
            .then(|| serde_json::from_slice(&bytes).ok())
            .flatten()
    };
    timeout(ANSWER_TIME_MAX, answer).await.ok()?
}

/// The engine's answer to a question, as it comes.
pub(super) async fn get(
    handle: &Handle,
    version: ApiVersion,
    path: &str,
) -> Option<hyper::Response<hyper::body::Incoming>> {
    let engine = connect(handle).await?;
    let request = Request::get(format!("/v{version}{path}"))
        .header(header::HOST, "engine")
        .body(Body::empty());
    send(engine, request.ok()?).await.ok()
}

/// A request but for its body, kept in case that it is an engine's after all.
pub(super) struct Head(Parts);

impl<S: Sync> FromRequestParts<S> for Head {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.clone()))
    }
}

impl Head {
    /// The request, with the body that was read.
    pub(super) fn with(self, text: String) -> Request {
        let mut request = Request::from_parts(self.0, Body::from(text));
        for own in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
            request.headers_mut().remove(own);
        }
        request
    }
}

async fn connect(handle: &Handle) -> Option<UnixStream> {
    let socket = handle.engine.socket()?;
    let connected = timeout(CONNECT_TIME_MAX, UnixStream::connect(socket)).await;
    connected.ok()?.ok()
}

async fn send(
    engine: UnixStream,
    request: Request,
) -> Result<hyper::Response<hyper::body::Incoming>, ApiError> {
    let broken = |error: hyper::Error| {
        ApiError::Engine(EngineRefusal {
            status: 502,
            message: format!("the container engine of this node broke off: {error}"),
        })
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(engine))
        .await
        .map_err(broken)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to the engine ended early");
        }
    });
    sender.send_request(request).await.map_err(broken)
}

/// The path as the engine has it.
fn versioned(uri: &Uri, version: ApiVersion) -> Result<Uri, ApiError> {
    let rest = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    format!("/v{version}{rest}")
        .parse()
        .map_err(|_| ApiError::PageNotFound)
}

/// What stands where a name could be.
const NO_NAMES: [&str; 6] = ["create", "get", "json", "load", "prune", "search"];

/// Without an engine there are no containers: that is an answer where somebody looks for one.
fn absent(method: &Method, path: &str) -> Result<Response, ApiError> {
    match path {
        "/containers/json" | "/images/json" | "/plugins" if method == Method::GET => {
            return body::json(&[(); 0]);
        }
        "/volumes" if method == Method::GET => {
            return body::json(&json!({ "Volumes": [], "Warnings": null }));
        }
        _ => {}
    }
    for (prefix, what) in [
        ("/containers/", "container"),
        ("/images/", "image"),
        ("/volumes/", "volume"),
        ("/plugins/", "plugin"),
        ("/networks/", "network"),
    ] {
        let name = path
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('/').next());
        if let Some(name) = name.filter(|name| !NO_NAMES.contains(name)) {
            return Err(ApiError::not_found(what, name));
        }
    }
    Err(ApiError::Unavailable(
        "this node has no container engine: it runs commands as processes".to_owned(),
    ))
}

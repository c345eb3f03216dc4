//! `/services/{id}/logs` and `/tasks/{id}/logs`: the lines of all tasks, whichever nodes run them.

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
    routing::get,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    error::ApiError,
    handle::Handle,
    log_request::{LogRequest, Scope},
    log_stream::{Frames, LINES_WAITING_MAX, send_all},
    lookup::{self, Purpose},
    query::{Id, Parameters, Spoken},
    version::ApiVersion,
};

/// The routes of logs. `stop` ends followers.
pub(super) fn routes(stop: CancellationToken) -> Router<Handle> {
    let for_tasks = stop.clone();
    Router::new()
        .route(
            "/services/{id}/logs",
            get(|state, id, parameters, version| of_service(state, id, parameters, version, stop)),
        )
        .route(
            "/tasks/{id}/logs",
            get(|state, id, parameters, version| {
                of_task(state, id, parameters, version, for_tasks)
            }),
        )
}

async fn of_service(
    State(handle): State<Handle>,
    Id(id): Id,
    parameters: Parameters,
    version: Spoken,
    stop: CancellationToken,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let service = lookup::service(&view, &id, Purpose::Read)?;
    let raw = service.spec.container().tty;
    let request = LogRequest::read(&parameters, Scope::Service(service.id), raw)?;
    request.check_number(&view)?;
    Ok(answer(handle, request, version.0, stop))
}

async fn of_task(
    State(handle): State<Handle>,
    Id(id): Id,
    parameters: Parameters,
    version: Spoken,
    stop: CancellationToken,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let task = lookup::task(view.tasks.keys().copied(), &id)?;
    let service = view.tasks.get(&task).map(|task| task.report.service);
    let raw = service
        .and_then(|service| view.services.get(&service))
        .is_some_and(|service| service.spec.container().tty);
    let request = LogRequest::read(&parameters, Scope::Task(task), raw)?;
    Ok(answer(handle, request, version.0, stop))
}

fn answer(
    handle: Handle,
    request: LogRequest,
    version: ApiVersion,
    stop: CancellationToken,
) -> Response {
    let (frames, body) = mpsc::channel(LINES_WAITING_MAX);
    tokio::spawn(async move {
        // The client's leaving closes the channel; the agent's stopping cancels the token.
        let gone = frames.clone();
        tokio::select! {
            () = send_all(handle, request, frames) => {}
            () = gone.closed() => {}
            () = stop.cancelled() => {}
        }
    });
    let mut response = Response::new(Body::new(Frames(body)));
    if version > ApiVersion(41) {
        let kind = match request.style.raw {
            true => "application/vnd.docker.raw-stream",
            false => "application/vnd.docker.multiplexed-stream",
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

//! Connections: how many, how long, and how they end.
//!
//! `axum::serve` has neither limits nor timeouts, so hyper is driven directly, as its own examples
//! do (`examples/graceful_shutdown.rs`).

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::AsyncWriteExt,
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    handle::Handle,
    router::router,
    socket::{Socket, SocketError},
};

/// Connections that are open at a time.
const CONNECTIONS_MAX: usize = 256;
/// A client that takes longer for the head of a request, or for the next request on a connection
/// that is kept open, is cut off.
const HEAD_TIME_MAX: Duration = Duration::from_secs(60);
/// Most bytes of a request's head; filters over hundreds of ids are in there.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Connections have this long to finish when the agent stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);
/// Pause after the system refused a connection, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: application/json\r\nConnection: close\r\nContent-Length: 66\r\n\r\n\
    {\"message\":\"this node serves 256 connections already; try again\"}\n";

/// The API, bound to its socket and not yet answering.
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    stays: Arc<AtomicBool>,
}

impl Server {
    /// Answers on this socket. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`SocketError`].
    pub fn on(socket: &Socket) -> Result<Self, SocketError> {
        let shared = socket.share().and_then(|(listener, path, stays)| {
            Ok(Self {
                listener: UnixListener::from_std(listener)?,
                path,
                stays,
            })
        });
        shared.map_err(|cause| SocketError::Io {
            path: PathBuf::new(),
            cause,
        })
    }

    /// Answers until `stop` is cancelled; then requests under way are finished (log followers are
    /// ended at once), for at most five seconds. The socket's file is removed first.
    pub async fn run(self, handle: Handle, stop: CancellationToken) {
        let router = router(handle, stop.clone());
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Err(error) => pause(&error).await,
                Ok((stream, _)) => match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => {
                        let connection = serve(stream, router.clone(), stop.clone());
                        let cut = cut.clone();
                        connections.spawn(async move {
                            let _place = place;
                            cut.run_until_cancelled(connection).await;
                        });
                    }
                    Err(_) => refuse(stream).await,
                },
            }
        }
        // While the listener still stands: afterwards the path may be another agent's.
        let is_last = !self.stays.load(Ordering::Relaxed);
        if let Err(error) = match is_last {
            true => std::fs::remove_file(&self.path),
            false => Ok(()),
        } {
            tracing::debug!(%error, "the API's socket was gone already");
        }
        drop(self.listener);
        connections.close();
        if timeout(STOP_TIME_MAX, connections.wait()).await.is_err() {
            tracing::debug!(open = connections.len(), "cutting API connections off");
            cut.cancel();
            connections.wait().await;
        }
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "can't accept an API connection");
    sleep(ACCEPT_PAUSE).await;
}

/// The buffers of a new connection are empty, so this does not wait.
async fn refuse(mut stream: UnixStream) {
    if timeout(ACCEPT_PAUSE, stream.write_all(TOO_MANY))
        .await
        .is_err()
    {
        tracing::debug!("a refused API client does not read");
    }
}

async fn serve(stream: UnixStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an API connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_has_the_length_it_says() {
        let text = std::str::from_utf8(TOO_MANY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = format!("Content-Length: {}", body.len());
        assert!(head.ends_with(&length), "{head} lacks {length}");
        assert!(body.contains(&CONNECTIONS_MAX.to_string()));
    }
}

//! An agent of fixed answers on a socket of its own, and a run of the command line against it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
};
use tokio::sync::oneshot;

use crate::cli::{Entry, Surroundings, output::Output, start};

/// An answer: method, path (with its query if that matters), status, body.
pub(super) type Route = (&'static str, &'static str, u16, Vec<u8>);

/// A request that was made: its line and its body.
pub(super) type Seen = (String, String);

struct Answers {
    routes: Vec<Route>,
    seen: Mutex<Vec<Seen>>,
}

/// The agent. It stops when it is dropped.
pub(super) struct Fake {
    folder: tempfile::TempDir,
    answers: Arc<Answers>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: ExitCode,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Fake {
    /// Starts one. The socket is there when this returns.
    pub(super) fn start(routes: Vec<Route>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let answers = Arc::new(Answers {
            routes,
            seen: Mutex::default(),
        });
        let listener = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let app = Router::new().fallback(answer).with_state(answers.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                tokio::select! {
                    result = async { axum::serve(listener, app).await } => result.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            folder,
            answers,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The socket, as an address.
    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("s").display())
    }

    /// Runs `shoal` with these arguments.
    pub(super) fn run(&self, arguments: &[&str]) -> Ended {
        run_with(&Entry::default(), &self.host(), arguments)
    }

    /// What was asked for.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.answers.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn answer(
    State(answers): State<Arc<Answers>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let body = String::from_utf8_lossy(&body).into_owned();
    answers
        .seen
        .lock()
        .unwrap()
        .push((format!("{method} {uri}"), body));
    let path = uri.path();
    let matching = |route: &&Route| {
        let (expected, target, ..) = route;
        *expected == method.as_str() && (*target == path || uri == **target)
    };
    // A target with its query is meant before the path alone.
    let mut found: Vec<_> = answers.routes.iter().filter(matching).collect();
    found.sort_by_key(|(_, target, ..)| !target.contains('?'));
    let mut headers = HeaderMap::new();
    if path.ends_with("/warned") {
        let warning = HeaderValue::from_static("held by 1 node");
        headers.insert("Shoal-Warning", warning);
    }
    match found.first() {
        Some((_, _, status, body)) => {
            let status = StatusCode::from_u16(*status).unwrap();
            (status, headers, body.clone())
        }
        None => {
            let name = path.rsplit('/').next().unwrap_or_default();
            let body = format!("{{\"message\":\"service {name} not found\"}}");
            (StatusCode::NOT_FOUND, headers, body.into())
        }
    }
}

/// A stream that a test reads afterwards.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `shoal` with SHOAL_HOST set to this.
pub(super) fn run_with(entry: &Entry, host: &str, arguments: &[&str]) -> Ended {
    let (data, notes) = (Shared::default(), Shared::default());
    let code = start(
        entry,
        std::iter::once("shoal")
            .chain(arguments.iter().copied())
            .map(Into::into)
            .collect(),
        Surroundings {
            socket: Some(host.to_owned()),
            out: Output::to(Box::new(data.clone()), Box::new(notes.clone())),
            now: || "2026-11-22T10:04:45Z".parse().unwrap(),
        },
    );
    Ended {
        code,
        stdout: data.text(),
        stderr: notes.text(),
    }
}

/// A file of `testdata`.
pub(super) fn data(name: &str) -> Vec<u8> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/testdata");
    std::fs::read(folder.join(name)).unwrap()
}

/// A text of `testdata`.
pub(super) fn text(name: &str) -> String {
    String::from_utf8(data(name)).unwrap()
}

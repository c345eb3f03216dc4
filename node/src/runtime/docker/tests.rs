//! Engines as they should not be: too old, of another system, full, without a part of the kernel.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use shoal_membership::NodeId;
use shoal_scheduler::{task::ServiceId, view::NetworkView};
use tokio::sync::mpsc;

use super::{
    CredentialSource, Credentials, DockerRuntime, DockerSettings, EngineNews, NetworkSource,
    engine::{Engine, NoEngine},
    first_news, installation, labels,
    monitor::Patience,
    samples::launch_of,
};
use crate::runtime::{BoxFuture, Change, EventReceiver, Runtime, events};

/// An engine in this process, and how it is.
#[derive(Clone)]
struct Fake {
    version: &'static str,
    info: Value,
    /// Whether it has the image.
    has_image: bool,
    /// What it says instead of making a container.
    refusal: &'static str,
    /// The status that goes with it.
    status: StatusCode,
    /// Whether it answers nothing, for ever.
    hangs: Arc<AtomicBool>,
    /// Containers that it has from before.
    containers: Arc<Mutex<Value>>,
    /// Those that it was told to remove.
    removed: Arc<Mutex<Vec<String>>>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            version: "1.41",
            info: json!({"OSType": "linux", "Architecture": "x86_64"}),
            has_image: true,
            refusal: "",
            status: StatusCode::INTERNAL_SERVER_ERROR,
            hangs: Arc::default(),
            containers: Arc::new(Mutex::new(json!([]))),
            removed: Arc::default(),
        }
    }
}

const FULL: &str = "write /var/lib/docker/tmp/x: no space left on device";

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    if fake.hangs.load(Ordering::Relaxed) {
        return std::future::pending().await;
    }
    let path = request.uri().path().to_owned();
    // Without the version before it.
    let path = match path.strip_prefix("/v1.") {
        Some(rest) => rest.trim_start_matches(|one: char| one.is_ascii_digit()),
        None => path.as_str(),
    };
    let no = |status: StatusCode, message: &str| {
        (status, Json(json!({ "message": message }))).into_response()
    };
    match (request.method(), path) {
        (_, "/_ping") => "OK".into_response(),
        (_, "/version") => Json(json!({ "ApiVersion": fake.version })).into_response(),
        (_, "/info") => Json(fake.info).into_response(),
        (_, "/networks") => Json(json!([])).into_response(),
        (_, "/containers/json") => Json(fake.containers.lock().unwrap().clone()).into_response(),
        (&Method::DELETE, path) if path.starts_with("/containers/") => {
            let id = path.trim_start_matches("/containers/").to_owned();
            fake.removed.lock().unwrap().push(id);
            StatusCode::NO_CONTENT.into_response()
        }
        (_, "/events") => Body::from_stream(futures_util::stream::pending::<
            Result<bytes::Bytes, std::io::Error>,
        >())
        .into_response(),
        (_, "/images/app/json") if fake.has_image => {
            Json(json!({"Id": "i1", "Architecture": "amd64", "Os": "linux"})).into_response()
        }
        // Progress, then why there is no more of it.
        (_, "/images/create") => {
            let error = json!({"errorDetail": {"message": FULL}, "error": FULL});
            format!("{{\"status\":\"Extracting\"}}\n{error}\n").into_response()
        }
        (&Method::POST, "/containers/create") if !fake.refusal.is_empty() => {
            no(fake.status, fake.refusal)
        }
        (&Method::POST, "/containers/create") => (
            StatusCode::CREATED,
            Json(json!({"Id": "c1", "Warnings": []})),
        )
            .into_response(),
        (_, "/containers/c1/start") => StatusCode::NO_CONTENT.into_response(),
        (_, "/containers/c1/json") => Json(json!({"Id": "c1", "State": {
            "Status": "running", "Running": true, "Pid": 9, "StartedAt": "2026-11-22T10:04:45Z"}}))
        .into_response(),
        // Somebody else's, under a name that the task's container should have.
        (&Method::GET, path) if path.starts_with("/containers/web.3.") => {
            Json(json!({"Id": "c2", "Config": {"Labels": {"com.docker.swarm.task.id": "0"}}}))
                .into_response()
        }
        _ => no(StatusCode::NOT_FOUND, "no such thing"),
    }
}

/// Serves it, as long as the folder is there.
fn serve(fake: Fake) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::UnixListener::bind(folder.path().join("s")).unwrap();
    let app = Router::new().fallback(answer).with_state(fake);
    tokio::spawn(async move { axum::serve(listener, app).await });
    folder
}

/// Nobody's.
struct Nobody;

impl CredentialSource for Nobody {
    fn find(&self, _: ServiceId) -> BoxFuture<'_, Option<Credentials>> {
        Box::pin(async { None })
    }
}

impl NetworkSource for Nobody {
    fn find<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<NetworkView>> {
        Box::pin(async { None })
    }
}

const PATIENCE: Patience = Patience {
    greeting: Duration::from_millis(300),
    silence: Duration::from_millis(300),
    ping: Duration::from_millis(200),
    absence: Duration::from_millis(300),
};

/// A runtime of the engine in this folder.
fn runtime(folder: &Path) -> (DockerRuntime, mpsc::Receiver<EngineNews>, EventReceiver) {
    let (events, receiver) = events();
    let settings = DockerSettings {
        socket: folder.join("s"),
        data_dir: folder.to_path_buf(),
        is_expected: true,
        node: NodeId::from_bytes([3; 16]),
        credentials: Arc::new(Nobody),
        networks: Arc::new(Nobody),
    };
    let (runtime, news) = DockerRuntime::with_patience(settings, events, PATIENCE).unwrap();
    (runtime, news, receiver)
}

/// What becomes of a task with a memory limit, in the end.
async fn becomes(fake: Fake) -> Change {
    let folder = serve(fake);
    let (runtime, mut news, mut receiver) = runtime(folder.path());
    first_news(&mut news).await.unwrap();
    runtime.start(launch_of(
        r#"{"Name":"web","TaskTemplate":{"ContainerSpec":{"Image":"app"},
            "Resources":{"Limits":{"MemoryBytes":67108864}}}}"#,
    ));
    let settled = async {
        loop {
            match receiver.next().await.unwrap().change {
                Change::Preparing => {}
                change => return change,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_engine_that_can_not_do_the_work_is_not_used_and_says_why() {
    let old = Fake {
        version: "1.24",
        ..Fake::default()
    };
    let windows = Fake {
        info: json!({"OSType": "windows"}),
        ..Fake::default()
    };
    for (fake, words) in [
        (old, "speaks API 1.24 only: Shoal needs 1.41 (Docker 20.10)"),
        (windows, "runs containers of windows"),
    ] {
        let folder = serve(fake);
        let no = Engine::new(folder.path().join("s"))
            .greet(Duration::from_secs(5))
            .await;
        let no: NoEngine = no.map(drop).unwrap_err();
        assert!(no.to_string().contains(words), "{no}");
    }
    let absent = Engine::new("/nonexistent/s".into())
        .greet(Duration::from_secs(5))
        .await;
    assert!(matches!(absent, Err(NoEngine::Absent { .. })));
}

#[tokio::test]
async fn a_full_engine_refuses_in_its_own_words() {
    let pull = Fake {
        has_image: false,
        ..Fake::default()
    };
    let create = Fake {
        refusal: FULL,
        ..Fake::default()
    };
    for fake in [pull, create] {
        refuses(fake, FULL).await;
    }
}

async fn refuses(fake: Fake, words: &str) {
    match becomes(fake).await {
        Change::Refused { reason } => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_left_to_them() {
    let taken = Fake {
        refusal: "Conflict. The container name is already in use",
        status: StatusCode::CONFLICT,
        ..Fake::default()
    };
    refuses(taken, "is already in use").await;
}

#[tokio::test]
async fn a_limit_that_the_kernel_does_not_hold_is_a_warning() {
    let mut fake = Fake::default();
    let Change::Running(live) = becomes(fake.clone()).await else {
        panic!("it does not run");
    };
    assert_eq!(live.warnings, Vec::<String>::new());
    fake.info["MemoryLimit"] = false.into();
    let Change::Running(live) = becomes(fake).await else {
        panic!("it does not run");
    };
    let warning = live.warnings.concat();
    assert!(warning.contains("cgroup_enable=memory"), "{warning}");
}

#[tokio::test]
async fn an_engine_that_hangs_is_given_up_and_taken_back() {
    let fake = Fake::default();
    let hangs = fake.hangs.clone();
    let folder = serve(fake);
    let (_runtime, mut news, _receiver) = runtime(folder.path());
    assert!(first_news(&mut news).await.is_some());
    hangs.store(true, Ordering::Relaxed);
    let Some(EngineNews::Down { trouble }) = news.recv().await else {
        panic!("it is not given up");
    };
    assert!(trouble.ends_with("it does not answer"), "{trouble}");
    hangs.store(false, Ordering::Relaxed);
    assert!(matches!(news.recv().await, Some(EngineNews::Up { .. })));
}

#[tokio::test]
async fn what_this_machine_left_as_another_node_is_removed_and_nothing_else() {
    let fake = Fake::default();
    let folder = serve(fake.clone());
    let owner = installation::of(folder.path()).unwrap();
    let launch = launch_of(r#"{"Name":"web","TaskTemplate":{"ContainerSpec":{"Image":"app"}}}"#);
    let mut former = launch.clone();
    former.node = NodeId::from_bytes([9; 16]);
    *fake.containers.lock().unwrap() = json!([
        {"Id": "c1", "Labels": labels::of(&launch, &owner)},
        {"Id": "former", "Labels": labels::of(&former, &owner)},
        {"Id": "another-agents", "Labels": labels::of(&former, "o9")},
        {"Id": "a-swarms", "Labels": {"com.docker.swarm.task.id": "x"}},
        {"Id": "a-persons", "Labels": null},
    ]);
    let (_runtime, mut news, _receiver) = runtime(folder.path());
    let (_, adopted) = first_news(&mut news).await.unwrap();
    assert_eq!(adopted.len(), 1);
    assert_eq!(adopted[0].launch.task, launch.task);
    assert_eq!(*fake.removed.lock().unwrap(), ["former"]);
}

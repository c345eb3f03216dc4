//! The socket, the view, the owner and a client.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shoal_scheduler::{
    order::{Order, OrderError, Receipt, WriteConcern},
    view::ClusterView,
};
use tokio::{
    net::UnixStream,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::obedient::obey;
use super::sample::sample_view;

use super::super::{
    EnterRequest, Handle, History, Identity, LeaveRequest, LogEvent, LogQuery, LogSource,
    LogTarget, NodeState, OrderRequest, Question, Server, Socket, StandingToken,
};
use crate::{
    balancer::{ledger::Ledger, virtuals::Virtuals},
    runtime::docker::EngineClient,
};

/// The logs that the test plays: a channel per reading.
type Openings = mpsc::UnboundedSender<(LogTarget, LogQuery, mpsc::Sender<LogEvent>)>;

struct PlayedLogs(Openings);

impl LogSource for PlayedLogs {
    fn read(&self, task: LogTarget, query: LogQuery) -> mpsc::Receiver<LogEvent> {
        let (lines, log) = mpsc::channel(4);
        self.0.send((task, query, lines)).expect("the test listens");
        log
    }
}

/// What was asked to enter: whether with a token, and where others are to reach it.
pub(super) type Entered = Arc<Mutex<Vec<(bool, Option<SocketAddr>)>>>;
pub(super) type Ordered = Arc<Mutex<Vec<(Order, WriteConcern)>>>;
pub(super) type Outcome = Result<Receipt, OrderError>;

pub(super) struct Fixture {
    _folder: tempfile::TempDir,
    pub(super) path: PathBuf,
    pub(super) view: Arc<watch::Sender<Arc<ClusterView>>>,
    pub(super) ordered: Ordered,
    pub(super) logs: mpsc::UnboundedReceiver<(LogTarget, LogQuery, mpsc::Sender<LogEvent>)>,
    pub(super) stop: CancellationToken,
    pub(super) server: JoinHandle<()>,
    handle: Handle,
    pub(super) state: Arc<watch::Sender<NodeState>>,
    pub(super) entered: Entered,
    _socket: Socket,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    pub(super) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .expect("an error has a message")
            .to_owned()
    }
}

impl Fixture {
    /// An owner who does what it is told.
    pub(super) fn new() -> Self {
        Self::with_owner(|_| None)
    }

    /// An owner who answers orders in this way; None: it does what it is told.
    pub(super) fn with_owner(
        answer: impl FnMut(&Order) -> Option<Outcome> + Send + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (view, seen) = watch::channel(Arc::new(sample_view()));
        let (orders, requests) = mpsc::channel(8);
        let (questions, asked) = mpsc::channel(8);
        let (openings, logs) = mpsc::unbounded_channel();
        let view = Arc::new(view);
        let ordered = Ordered::default();
        tokio::spawn(own(
            requests,
            Arc::clone(&view),
            Arc::clone(&ordered),
            answer,
        ));
        tokio::spawn(explain(asked));
        let (leaving, leavers) = mpsc::channel(8);
        tokio::spawn(let_go(leavers));
        let (entering, enterers) = mpsc::channel(1);
        let state = Arc::new(watch::Sender::new(NodeState::Active));
        let entered = Arc::default();
        tokio::spawn(let_in(enterers, state.clone(), Arc::clone(&entered)));
        let handle = Handle {
            virtuals: Virtuals::default(),
            ledger: Ledger::of(2_048),
            opened: watch::Sender::default().subscribe(),
            history: History::new(),
            view: seen,
            orders,
            logs: Arc::new(PlayedLogs(openings)),
            credentials: Arc::default(),
            engine: EngineClient::default(),
            questions,
            leaving,
            entering,
            state: state.subscribe(),
            standing: StandingToken::of(folder.path()),
            identity: Arc::new(Identity::of_this_machine(
                "host1".into(),
                "/data".into(),
                ([10, 0, 0, 1], 7900).into(),
            )),
        };
        let stop = CancellationToken::new();
        let socket = Socket::take(path.clone()).unwrap();
        let server = Server::on(&socket).unwrap();
        let server = tokio::spawn(server.run(handle.clone(), stop.clone()));
        Self {
            _folder: folder,
            path,
            view,
            ordered,
            logs,
            stop,
            server,
            handle,
            state,
            entered,
            _socket: socket,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send(Method::POST, path, &[], body).await
    }

    pub(super) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], "").await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let response = self.open(method, path, headers, body).await;
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(super) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> axum::http::Response<hyper::body::Incoming> {
        let stream = UnixStream::connect(&self.path).await.unwrap();
        let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", "docker");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        client
            .send_request(request.body(body).unwrap())
            .await
            .unwrap()
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut ClusterView)) {
        self.view.send_modify(|view| change(Arc::make_mut(view)));
    }
}

async fn explain(mut asked: mpsc::Receiver<Question>) {
    while let Some(Question::Why {
        service,
        slot,
        reply,
    }) = asked.recv().await
    {
        let slot = slot.map(|slot| slot.to_string());
        let _ = reply.send(Ok(json!({ "Service": service, "Slot": slot })));
    }
}

/// Lets whoever asks into a cluster, but not into one whose token has no addresses.
async fn let_in(
    mut enterers: mpsc::Receiver<EnterRequest>,
    state: Arc<watch::Sender<NodeState>>,
    entered: Entered,
) {
    while let Some(EnterRequest {
        token,
        advertise,
        reply,
    }) = enterers.recv().await
    {
        entered.lock().unwrap().push((token.is_some(), advertise));
        let outcome = match token {
            Some(token) if token.addresses.is_empty() => Err("nobody answers".to_owned()),
            _ => {
                state.send_replace(NodeState::Active);
                Ok(())
            }
        };
        let _ = reply.send(outcome);
    }
}

/// A node that may leave by force only.
async fn let_go(mut leavers: mpsc::Receiver<LeaveRequest>) {
    while let Some(LeaveRequest { force, reply }) = leavers.recv().await {
        let _ = reply.send(force.then_some(()).ok_or("not without force".to_owned()));
    }
}

async fn own(
    mut requests: mpsc::Receiver<OrderRequest>,
    view: Arc<watch::Sender<Arc<ClusterView>>>,
    ordered: Ordered,
    mut answer: impl FnMut(&Order) -> Option<Outcome>,
) {
    while let Some(request) = requests.recv().await {
        let outcome = answer(&request.order).unwrap_or_else(|| {
            let mut id = String::new();
            view.send_modify(|view| id = obey(Arc::make_mut(view), &request.order));
            Ok(Receipt {
                id,
                holders: 2,
                warnings: Vec::new(),
            })
        });
        ordered
            .lock()
            .unwrap()
            .push((request.order, request.concern.unwrap_or_default()));
        let _ = request.reply.send(outcome);
    }
}

/// Percent-encodes filters as docker does.
pub(super) fn filters(value: Value) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    format!(
        "filters={}",
        value.to_string().bytes().map(encode).collect::<String>()
    )
}

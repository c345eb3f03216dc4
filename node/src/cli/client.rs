//! The client of an agent's API: HTTP/1.1 on a unix socket, a connection per request.
//!
//! It asks for paths without a version. Every reply has a deadline and a size limit. It never
//! retries: a write may have been carried out although its answer was lost.

use std::{io::ErrorKind, path::Path, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{net::UnixStream, time::timeout};

use super::{error::CliError, host::SocketAddress, lookup::Lookup};

/// Time for the socket to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time until a whole answer is there. A write concern may take several seconds by itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer that is read into memory, in bytes: 1,000 nodes with 30,000 tasks fit.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// The largest error body that is shown, in bytes.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// Something that speaks to one agent.
pub(crate) struct Client {
    address: SocketAddress,
}

/// An answer that is not 2xx: its status, and what the agent said.
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// The agent's sentence.
    pub(crate) message: String,
}

/// An answer that is 2xx.
struct Answer {
    body: Bytes,
    /// What `Shoal-Warning` headers say: answers to some writes have no body.
    warnings: Vec<String>,
}

/// A write that was carried out.
#[derive(Debug)]
pub(crate) struct Written {
    /// The answer; null if there is none.
    pub(crate) body: Value,
    /// What the person should know, such as fewer holders than asked for.
    pub(crate) warnings: Vec<String>,
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(format!("Error response from shoal: {}", refusal.message))
    }
}

impl Client {
    /// A client of the agent behind this socket. It connects when it is asked something.
    pub(crate) fn new(address: SocketAddress) -> Self {
        Self { address }
    }

    /// Reads an object or a list.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        let body = self.get_bytes(path).await?;
        self.decode(path, &body)
    }

    /// Reads an object; none if the agent says 404.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, CliError> {
        match self.ask(Method::GET, path, None, None).await? {
            Ok(answer) => self.decode(path, &answer.body).map(Some),
            Err(refusal) if refusal.status == 404 => Ok(None),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Reads a body as it is.
    pub(crate) async fn get_bytes(&self, path: &str) -> Result<Bytes, CliError> {
        Ok(self.ask(Method::GET, path, None, None).await??.body)
    }

    /// Sends a write.
    pub(crate) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Written, CliError> {
        self.write(Method::POST, path, body, None).await
    }

    /// Sends a write with credentials of a registry: the value of `X-Registry-Auth`.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        body: &Value,
        credentials: Option<String>,
    ) -> Result<Written, CliError> {
        self.write(Method::POST, path, Some(body), credentials)
            .await
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &str) -> Result<Written, CliError> {
        self.write(Method::DELETE, path, None, None).await
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        credentials: Option<String>,
    ) -> Result<Written, CliError> {
        let answer = self.ask(method, path, body, credentials).await??;
        let body: Value = match answer.body.is_empty() {
            true => Value::Null,
            false => self.decode(path, &answer.body)?,
        };
        let mut warnings = answer.warnings;
        for warning in body.texts("/Warnings") {
            if !warnings.iter().any(|known| known == warning) {
                warnings.push(warning.to_owned());
            }
        }
        Ok(Written { body, warnings })
    }

    /// Opens a body that may never end. Only its head has a deadline.
    pub(crate) async fn stream(&self, path: &str) -> Result<Incoming, CliError> {
        let answer = self
            .within(self.send(Method::GET, path, None, None))
            .await?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        Err(self.refusal(answer).await?.into())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        credentials: Option<String>,
    ) -> Result<Result<Answer, Refusal>, CliError> {
        self.within(async {
            let answer = self.send(method, path, body, credentials).await?;
            if !answer.status().is_success() {
                return Ok(Err(self.refusal(answer).await?));
            }
            let warnings = answer.headers().get_all("Shoal-Warning").iter();
            let warnings = warnings.map(|text| String::from_utf8_lossy(text.as_bytes()).into());
            let warnings = warnings.collect();
            let body = self.read(answer.into_body(), ANSWER_BYTES_MAX).await?;
            Ok(Ok(Answer { body, warnings }))
        })
        .await
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        timeout(ANSWER_TIMEOUT, work).await.unwrap_or_else(|_| {
            Err(CliError::failed(format!(
                "the agent at {} did not answer within {} s; it may be overloaded or stuck: see \
                 its log",
                self.address,
                ANSWER_TIMEOUT.as_secs()
            )))
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        credentials: Option<String>,
    ) -> Result<Response<Incoming>, CliError> {
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| self.not_an_agent(&error))?;
        // It ends when the sender and the body are dropped.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", "shoal")
            .header("User-Agent", concat!("shoal/", env!("CARGO_PKG_VERSION")));
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        if let Some(credentials) = credentials {
            request = request.header("X-Registry-Auth", credentials);
        }
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let request = request
            .body(Full::from(bytes))
            .map_err(|error| CliError::usage(format!("{path:?} can't be asked for: {error}")))?;
        sender
            .send_request(request)
            .await
            .map_err(|error| self.not_an_agent(&error))
    }

    async fn connect(&self) -> Result<UnixStream, CliError> {
        match timeout(CONNECT_TIMEOUT, UnixStream::connect(self.address.path())).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => Err(CliError::failed(format!(
                "{} accepts no connection: the agent behind it is stuck; restart it",
                self.address
            ))),
        }
    }

    fn unreachable(&self, error: &std::io::Error) -> CliError {
        let address = &self.address;
        let message = match error.kind() {
            ErrorKind::NotFound => format!(
                "no agent at {address}: there is no such socket. Start one with `shoal agent`, or \
                 name another with --host or SHOAL_HOST"
            ),
            ErrorKind::ConnectionRefused => format!(
                "no agent at {address}: nobody listens on that socket any more. Start the agent \
                 again with `shoal agent`"
            ),
            ErrorKind::PermissionDenied => format!(
                "permission denied on {address}: run this as root, or as a member of the group \
                 that owns {}",
                owner_place(address.path())
            ),
            _ => format!("can't connect to {address}: {error}"),
        };
        CliError::Failed(message)
    }

    fn not_an_agent(&self, error: &hyper::Error) -> CliError {
        let address = &self.address;
        if error.is_parse() {
            return CliError::failed(format!(
                "what listens at {address} does not speak HTTP: it is no Shoal agent. Name another \
                 socket with --host or SHOAL_HOST"
            ));
        }
        CliError::failed(format!(
            "the connection to {address} broke before there was an answer ({error}); the agent may \
             have stopped: see its log, then look whether the command was carried out"
        ))
    }

    async fn read(&self, mut body: Incoming, bytes_max: usize) -> Result<Bytes, CliError> {
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.not_an_agent(&error))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if all.len() + data.len() > bytes_max {
                return Err(CliError::failed(format!(
                    "the answer from {} is larger than {} MiB; narrow it with --filter",
                    self.address,
                    bytes_max >> 20
                )));
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    async fn refusal(&self, answer: Response<Incoming>) -> Result<Refusal, CliError> {
        let status = answer.status();
        let body = self.read(answer.into_body(), ERROR_BYTES_MAX).await?;
        let message = serde_json::from_slice::<Value>(&body)
            .ok()
            .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()))
            .unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
        Ok(Refusal {
            status: status.as_u16(),
            message: if message.is_empty() {
                status.to_string()
            } else {
                message
            },
        })
    }

    fn decode<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, CliError> {
        serde_json::from_slice(body).map_err(|error| {
            CliError::failed(format!(
                "{} answers {path} with something unexpected ({error}); it may be no Shoal agent, \
                 or of another version",
                self.address
            ))
        })
    }
}

fn owner_place(path: &Path) -> String {
    path.parent()
        .filter(|folder| !folder.exists())
        .unwrap_or(path)
        .display()
        .to_string()
}

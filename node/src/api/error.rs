//! Refusals in Docker's shape: a status and `{"message": "..."}`.
//!
//! Statuses and texts are those that dockerd 20.10 gives, oddities included (an update out of
//! sequence is a 500): clients match on them.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use shoal_scheduler::{order::OrderError, spec::SpecError};

use super::version::ApiVersion;
use crate::runtime::docker::EngineRefusal;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// No such path, or not with this method.
    #[error("page not found")]
    PageNotFound,
    /// The client speaks a newer version.
    #[error("client version {version} is too new. Maximum supported API version is {newest}")]
    TooNew {
        version: ApiVersion,
        newest: ApiVersion,
    },
    /// The client speaks an older version.
    #[error(
        "client version {0} is too old. Minimum supported API version is {oldest}, \
         please upgrade your client to a newer version",
        oldest = ApiVersion::OLDEST
    )]
    TooOld(ApiVersion),
    /// No such thing.
    #[error("{kind} {id} not found")]
    NotFound { kind: &'static str, id: String },
    /// More than one thing answers to it.
    #[error("{kind} {id} is ambiguous ({matches} matches found)")]
    Ambiguous {
        kind: &'static str,
        id: String,
        matches: usize,
    },
    /// Something is wrong with the request.
    #[error("{0}")]
    Bad(String),
    /// A filter that this list does not have.
    #[error("Invalid filter '{0}'")]
    Filter(String),
    /// A state that tasks do not have.
    #[error("Invalid desired-state filter: '{0}'")]
    DesiredState(String),
    /// Neither of the two streams of a log.
    #[error("Bad parameters: you must choose at least one stream")]
    NoStream,
    /// The body is too large.
    #[error("the request's body has more than {0} bytes")]
    TooLarge(usize),
    /// The body did not come.
    #[error("the request's body did not arrive in time")]
    TooSlow,
    /// The order was refused.
    #[error("{}{_0}", grpc_prefix(_0))]
    Order(#[from] OrderError),
    /// The agent has more to do than it can take.
    #[error("this node is too busy to take the request; try again")]
    Busy,
    /// It can't be done now.
    #[error("{0}")]
    Unavailable(String),
    /// The local engine said no, or is not there.
    #[error("{}", _0.message)]
    Engine(EngineRefusal),
    /// The agent is going down.
    #[error("this node's agent is stopping")]
    Stopping,
    /// No answer.
    #[error("no answer within {0} s; the order may still be carried out")]
    NoAnswer(u64),
    /// It may not be.
    #[error("{0}")]
    Forbidden(String),
    /// What Swarm answers as a fault of its own, though it is none.
    #[error("{0}")]
    Fault(String),
    /// It is not as the request takes it to be.
    #[error("{0}")]
    Conflict(&'static str),
    /// A fault of the program.
    #[error("the answer can't be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl ApiError {
    /// No such service, node...
    pub(super) fn not_found(kind: &'static str, id: impl ToString) -> Self {
        Self::NotFound {
            kind,
            id: id.to_string(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::PageNotFound | Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::TooNew { .. }
            | Self::TooOld(_)
            | Self::Ambiguous { .. }
            | Self::Bad(_)
            | Self::Filter(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::DesiredState(_) | Self::NoStream | Self::Json(_) | Self::Fault(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Order(error) => order_status(error),
            Self::Engine(refusal) => {
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_GATEWAY)
            }
            Self::Busy | Self::Stopping | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAnswer(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let text = self.to_string();
        let status = self.status();
        // Old clients don't read JSON here, so Docker sends text.
        if matches!(self, Self::TooOld(_)) {
            let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            return (status, plain, format!("{text}\n")).into_response();
        }
        let body = serde_json::json!({ "message": text }).to_string();
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

fn order_status(error: &OrderError) -> StatusCode {
    match error {
        OrderError::NotFound { .. } => StatusCode::NOT_FOUND,
        OrderError::NameTaken { .. }
        | OrderError::FileTaken { .. }
        | OrderError::NetworkTaken(_) => StatusCode::CONFLICT,
        OrderError::Spec(SpecError::PredefinedNetwork(_)) => StatusCode::FORBIDDEN,
        OrderError::OutOfSequence
        | OrderError::Spec(SpecError::Constraint(_))
        | OrderError::Disk(_) => StatusCode::INTERNAL_SERVER_ERROR,
        OrderError::Unsupported(_) | OrderError::Spec(SpecError::Mode(_)) => {
            StatusCode::NOT_IMPLEMENTED
        }
        OrderError::Spec(_)
        | OrderError::Json(_)
        | OrderError::NoSuchFile { .. }
        | OrderError::FileTarget { .. }
        | OrderError::FileInUse { .. }
        | OrderError::FileFixed
        | OrderError::PortTaken { .. }
        | OrderError::NoPortLeft(_)
        | OrderError::NetworkInUse { .. }
        | OrderError::NotDown(_) => StatusCode::BAD_REQUEST,
        OrderError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        OrderError::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Swarm's managers speak gRPC among themselves, and it shows in their errors.
fn grpc_prefix(error: &OrderError) -> &'static str {
    match error {
        OrderError::NameTaken { .. } | OrderError::FileTaken { .. } => {
            "rpc error: code = AlreadyExists desc = "
        }
        OrderError::OutOfSequence | OrderError::Spec(SpecError::Constraint(_)) => {
            "rpc error: code = Unknown desc = "
        }
        OrderError::Unsupported(_) | OrderError::Spec(SpecError::Mode(_)) => {
            "rpc error: code = Unimplemented desc = "
        }
        OrderError::Spec(
            SpecError::PredefinedNetwork(_)
            | SpecError::NetworkName(_)
            | SpecError::NetworkDriver(_)
            | SpecError::Subnet(_),
        ) => "",
        OrderError::Spec(_)
        | OrderError::NoSuchFile { .. }
        | OrderError::FileTarget { .. }
        | OrderError::FileInUse { .. }
        | OrderError::FileFixed
        | OrderError::PortTaken { .. }
        | OrderError::NoPortLeft(_) => "rpc error: code = InvalidArgument desc = ",
        OrderError::NotDown(_) | OrderError::NetworkInUse { .. } => {
            "rpc error: code = FailedPrecondition desc = "
        }
        _ => "",
    }
}

//! Which log lines a client asks for, and of which tasks.

use std::time::Duration;

use shoal_scheduler::{
    task::{ServiceId, TaskId},
    view::{ClusterView, TaskView},
};

use super::{
    date::parse_unix,
    error::ApiError,
    log_frame::Style,
    log_source::{LogQuery, LogTarget},
    query::Parameters,
};

/// Logs that are read at a time for one request.
pub(super) const LOGS_MAX: usize = 1024;

/// Whose logs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    Service(ServiceId),
    Task(TaskId),
}

/// What the client asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogRequest {
    pub(super) scope: Scope,
    pub(super) query: LogQuery,
    pub(super) style: Style,
}

impl LogRequest {
    pub(super) fn read(parameters: &Parameters, scope: Scope, raw: bool) -> Result<Self, ApiError> {
        let (stdout, stderr) = (parameters.flag("stdout"), parameters.flag("stderr"));
        if !stdout && !stderr {
            return Err(ApiError::NoStream);
        }
        let query = LogQuery {
            follow: parameters.flag("follow"),
            tail: tail(parameters.text("tail"))?,
            since: time(parameters, "since")?,
            until: time(parameters, "until")?,
            stdout,
            stderr,
        };
        let style = Style {
            timestamps: parameters.flag("timestamps"),
            details: parameters.flag("details"),
            raw,
        };
        Ok(Self {
            scope,
            query,
            style,
        })
    }

    /// Refuses a service with more tasks than can be read at a time.
    pub(super) fn check_number(&self, view: &ClusterView) -> Result<(), ApiError> {
        match self.targets(view).count() {
            number if number > LOGS_MAX => Err(ApiError::Bad(format!(
                "the service has {number} tasks; the logs of at most {LOGS_MAX} can be read at \
                 once: ask for the logs of a task"
            ))),
            _ => Ok(()),
        }
    }

    /// The tasks that are there now.
    pub(super) fn targets<'a>(
        &self,
        view: &'a ClusterView,
    ) -> impl Iterator<Item = LogTarget> + 'a {
        let scope = self.scope;
        let is_meant = move |task: &&TaskView| match scope {
            Scope::Service(id) => task.report.service == id,
            Scope::Task(id) => task.report.id == id,
        };
        view.tasks.values().filter(is_meant).map(|task| LogTarget {
            node: task.node,
            service: task.report.service,
            task: task.report.id,
        })
    }
}

/// `all`, nothing and negative numbers mean all lines.
fn tail(text: &str) -> Result<Option<u64>, ApiError> {
    if matches!(text, "" | "all") {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(number) => Ok(number.try_into().ok()),
        Err(_) => Err(ApiError::Bad(format!(
            "tail must be a number of lines or `all`, not {text:?}"
        ))),
    }
}

fn time(parameters: &Parameters, name: &str) -> Result<Option<Duration>, ApiError> {
    match parameters.text(name) {
        "" | "0" => Ok(None),
        text => parse_unix(text).map(Some).ok_or_else(|| {
            ApiError::Bad(format!("{name} must be seconds since 1970, not {text:?}"))
        }),
    }
}

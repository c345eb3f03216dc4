//! Answers that have no end of their own: read piece by piece, until they end or a person has had enough.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::error::CliError;

/// The next piece of an answer; `what` it is, for people. None: that was all.
pub(super) async fn next(body: &mut Incoming, what: &str) -> Result<Option<Bytes>, CliError> {
    loop {
        let frame = tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted(String::new())),
            frame = body.frame() => frame,
        };
        let Some(frame) = frame else { return Ok(None) };
        let broken = |error| CliError::failed(format!("{what} broke off: {error}"));
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            return Ok(Some(data));
        }
    }
}

//! Where answers of a flow come from.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::socket::ToldSocket;

/// The socket that its packets come to.
pub(super) struct Reply {
    pub(super) socket: Arc<ToldSocket>,
    /// Nobody listens there any more: whoever uses it is to end.
    pub(super) closed: CancellationToken,
}

impl Reply {
    /// The one of a socket that listens until `end`.
    pub(super) fn of(socket: &Arc<ToldSocket>, end: &CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            socket: socket.clone(),
            closed: end.clone(),
        })
    }
}

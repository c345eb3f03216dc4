//! Streams that other nodes open: each goes to whoever it is for, past the owner, who has the members' own news
//! to see to.

use std::sync::Arc;

use shoal_net::{Endpoint, IncomingStream, Streams};
use tokio_util::sync::CancellationToken;

use super::{credentials::Desk, logs::Logs};
use crate::balancer::Balancer;

/// Who takes streams.
pub(super) struct Takers {
    pub(super) balancer: Balancer,
    pub(super) desk: Arc<Desk>,
    pub(super) logs: Logs,
}

impl Takers {
    /// Gives each stream to its taker, until `end`. To be called within a tokio runtime.
    pub(super) fn start(self, endpoint: &Endpoint, end: CancellationToken) {
        // Nobody else has taken them: this endpoint is this agent's alone.
        if let Some(streams) = endpoint.streams() {
            tokio::spawn(end.run_until_cancelled_owned(self.serve(streams)));
        }
    }

    async fn serve(self, mut streams: Streams) {
        while let Some(stream) = streams.recv().await {
            let IncomingStream {
                header, send, recv, ..
            } = stream;
            let Some((send, recv)) = self.balancer.serve(&header, send, recv) else {
                continue;
            };
            if let Some(send) = self.desk.serve(&header, send) {
                self.logs.serve(&header, send, recv);
            }
        }
    }
}

//! The HTTP API on a unix socket: Docker's Engine API in shape, its Swarm part in meaning.
//!
//! Everything is answered from the node's own [`ClusterView`](shoal_scheduler::view::ClusterView);
//! orders go to the owner of the peer over a channel. This module starts nothing, decides nothing,
//! reads no disk, and speaks to no other node.
//!
//! Shapes, statuses and texts are those recorded from dockerd 20.10 with the docker client 28.2;
//! paths are `/v1.41` to `/v1.50` or without a version. What Docker has no word for is below
//! `/shoal/v1`.

mod attaching;
mod body;
mod date;
mod distribution;
mod entering;
mod error;
mod events;
mod files;
mod filters;
mod generic;
mod handle;
mod headers;
mod info;
mod letters;
mod local_names;
mod log_frame;
mod log_merge;
mod log_request;
mod log_source;
mod log_stream;
mod logs;
mod lookup;
mod meant_address;
mod networks;
mod node_object;
mod nodes;
mod orders;
mod passing;
mod ping;
mod query;
mod router;
mod serve;
mod service_object;
mod service_orders;
mod services;
mod shoal;
mod socket;
mod spec_json;
mod standing;
mod streams;
mod swarm;
mod system_version;
mod task_object;
mod tasks;
mod version;

#[cfg(test)]
mod tests;

pub(crate) use events::History;
pub use handle::{
    Answer, EnterRequest, Handle, Identity, LeaveRequest, NodeState, OrderRequest, Question,
};
pub use log_source::{LogEvent, LogQuery, LogSource, LogStream, LogTarget, TaskLogLine};
pub use router::router;
pub use serve::Server;
pub use socket::{Socket, SocketError, bind};
pub(crate) use standing::StandingToken;
pub use version::ApiVersion;

//! What a node and a cluster are called, and the key that proves it.

mod base36;
mod cluster_id;
mod key;
mod node_id;

pub use base36::{Base36, ParseIdError};
pub use cluster_id::ClusterId;
pub use key::{BadKey, BadSignature, PublicKey, SecretKey, Signature};
pub use node_id::NodeId;

//! Orders about what holds for the whole cluster.

use super::{
    super::{Peer, catalog::cluster_key},
    Draft, json,
};
use crate::{order::OrderError, registry::Entry, spec::ClusterSpec};

impl Peer {
    pub(super) fn draft_cluster(
        &self,
        version: u64,
        spec: &ClusterSpec,
    ) -> Result<Draft, OrderError> {
        let key = cluster_key();
        let known = self.registry.entry(&key).map_or(0, Entry::version);
        if known != version {
            return Err(OrderError::OutOfSequence);
        }
        spec.validate()?;
        let id = self.registry.cluster().to_string();
        Ok(Draft::one(key, json(spec), id))
    }
}

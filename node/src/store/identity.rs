//! Who this node is, and whom it knows: kept beside the registry, so that it outlives it.

use std::path::{Path, PathBuf};

use shoal_membership::{NodeId, SecretKey};

use super::{
    cluster_file::{self, ClusterFileError, KnownCluster},
    damaged,
    error::DiskError,
    key_file::{self, KeyFileError},
    replace::{remove_if_there, replace},
};

/// Name of the key's file in the data directory.
pub(super) const KEY_FILE: &str = "node.key";
/// Name of the cluster's file in the data directory.
pub(super) const CLUSTER_FILE: &str = "cluster.json";

/// This node's key, and the cluster that it is in.
#[derive(Debug)]
pub struct Identity {
    /// Made at the first start; never changed.
    pub secret: SecretKey,
    /// None: it was in no cluster yet, or the file was damaged.
    pub cluster: Option<KnownCluster>,
    /// Where the cluster's file was moved, if it was damaged. The registry may still know the
    /// cluster (`Store::cluster_of`), its admissions (the founder's has the nonce) and members. A
    /// node that had a cluster must not found another.
    pub was_damaged: Option<PathBuf>,
    data_dir: PathBuf,
    /// What is on the disk: the same is not written again.
    written: Option<Vec<u8>>,
}

/// Why there is no identity. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// About the key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// About the cluster's file.
    #[error(transparent)]
    Cluster(#[from] ClusterFileError),
    /// A cluster, but no key.
    #[error(
        "{} is gone, but {CLUSTER_FILE} is there: restore the key from a backup, or move the data \
         directory away and join anew", .0.display()
    )]
    KeyMissing(PathBuf),
    /// The key of one node and the cluster's file of another.
    #[error(
        "{CLUSTER_FILE} in {} is of node {of}, but {KEY_FILE} is the key of node {key}: put the \
         right files back, or move the directory away and join anew", .data_dir.display()
    )]
    OtherNode {
        /// The data directory.
        data_dir: PathBuf,
        /// Whose file it is.
        of: NodeId,
        /// Whose key it is.
        key: NodeId,
    },
    /// The disk or the operating system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Identity {
    /// Reads who this node is; makes a key from the operating system's entropy at the first start.
    /// A damaged cluster file is set aside (see [`Identity::was_damaged`]). Hold the
    /// [`DirectoryLock`](super::DirectoryLock) from before.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn load_or_create(data_dir: &Path) -> Result<Self, IdentityError> {
        let cluster_path = data_dir.join(CLUSTER_FILE);
        let key_path = data_dir.join(KEY_FILE);
        let (known, damage) = match cluster_file::load(&cluster_path) {
            Ok(known) => (known, None),
            Err(ClusterFileError::Damaged { what, .. }) => (None, Some(what)),
            Err(error) => return Err(error.into()),
        };
        let secret = match key_file::load(&key_path)? {
            Some(secret) => secret,
            None if known.is_none() && damage.is_none() => key_file::make(&key_path)?,
            None => return Err(IdentityError::KeyMissing(key_path)),
        };
        let key = secret.node_id();
        if let Some((of, _)) = known.as_ref().filter(|(of, _)| *of != key) {
            let (data_dir, of) = (data_dir.to_owned(), *of);
            return Err(IdentityError::OtherNode { data_dir, of, key });
        }
        let was_damaged = match damage {
            Some(what) => Some(set_damaged_aside(&cluster_path, &what)?),
            None => None,
        };
        let cluster = known.map(|(_, cluster)| cluster);
        let written = cluster
            .as_ref()
            .map(|cluster| cluster_file::to_bytes(key, cluster));
        Ok(Self {
            secret,
            cluster,
            was_damaged,
            data_dir: data_dir.to_owned(),
            written,
        })
    }

    /// Puts [`Identity::cluster`] on the disk, whole and flushed; does nothing if it is there
    /// already. Returns whether it wrote. Call it at once when the cluster, an admission or a
    /// revocation changed; for addresses alone, at most once a minute.
    ///
    /// # Errors
    /// If the disk refuses. The file is as it was then.
    pub fn save(&mut self) -> Result<bool, DiskError> {
        let key = self.secret.node_id();
        let cluster = self.cluster.as_ref();
        let bytes = cluster.map(|cluster| cluster_file::to_bytes(key, cluster));
        if bytes == self.written {
            return Ok(false);
        }
        let path = self.data_dir.join(CLUSTER_FILE);
        match &bytes {
            Some(bytes) => replace(&path, bytes)?,
            None => remove_if_there(&path)?,
        }
        self.written = bytes;
        Ok(true)
    }
}

fn set_damaged_aside(path: &Path, what: &str) -> Result<PathBuf, DiskError> {
    let aside = damaged::put_aside(path)?;
    tracing::warn!(file = %aside.display(), %what, "{CLUSTER_FILE} was damaged and is set aside");
    Ok(aside)
}

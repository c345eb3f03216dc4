//! The join token that `docker swarm join-token` shows: it stands until it is rotated.
//!
//! Each node makes one of its own when it is asked for the first time, and keeps its secret beside its key: the
//! registry has the public half alone, as of all tokens. All are good at all nodes, and all go with a rotation. The
//! addresses in it are those of the moment.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use shoal_membership::NodeId;
use shoal_net::{JoinToken, token::MAX_TOKEN_ENTRIES};
use shoal_scheduler::{
    order::Order,
    view::{ClusterView, NodeStatus, NodeView},
};
use tokio::sync::Mutex;

use super::{
    error::ApiError,
    handle::Handle,
    orders::{Concern, carry_out, until_seen},
};
use crate::store::STANDING_TOKEN_FILE;

/// Members that a token names.
const PINS_MAX: usize = 4;

/// The node's own token.
#[derive(Clone)]
pub(crate) struct StandingToken {
    file: PathBuf,
    /// One is made at a time.
    turn: Arc<Mutex<()>>,
}

impl StandingToken {
    /// Kept in this directory.
    pub(crate) fn of(data_dir: &Path) -> Self {
        Self {
            file: data_dir.join(STANDING_TOKEN_FILE),
            turn: Arc::default(),
        }
    }

    fn kept(&self) -> Option<JoinToken> {
        fs::read_to_string(&self.file).ok()?.parse().ok()
    }

    fn keep(&self, token: &JoinToken) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.as_file()
            .set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(token.to_string().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.file)?;
        Ok(())
    }
}

/// The text of the token, made if there is none that is good.
pub(super) async fn token(handle: &Handle) -> Result<String, ApiError> {
    let _turn = handle.standing.turn.lock().await;
    let view = handle.view.borrow().clone();
    let is_good = |token: &JoinToken| {
        let mut known = view.tokens.iter();
        token.cluster == view.cluster && known.any(|one| one.id == token.name() && one.is_standing)
    };
    if let Some(token) = handle.standing.kept().filter(is_good) {
        return Ok(renewed(token, &view).to_string());
    }
    let order = Order::CreateToken {
        ttl: None,
        uses: None,
        is_standing: true,
    };
    let receipt = carry_out(handle, order, Concern(None)).await?;
    let token: JoinToken = receipt
        .id
        .parse()
        .map_err(|_| ApiError::Unavailable("no join token was made".to_owned()))?;
    let id = token.name();
    until_seen(handle, |view| view.tokens.iter().any(|one| one.id == id)).await;
    handle.standing.keep(&token).map_err(|error| {
        let file = handle.standing.file.display();
        ApiError::Unavailable(format!("the join token can't be kept in {file}: {error}"))
    })?;
    Ok(renewed(token, &view).to_string())
}

/// The same token with the members that are there now, this node first.
fn renewed(token: JoinToken, view: &ClusterView) -> JoinToken {
    let this = view.nodes.get(&view.this_node);
    let others = view.nodes.values();
    let others =
        others.filter(|node| node.id != view.this_node && node.status == NodeStatus::Ready);
    let members: Vec<&NodeView> = this.into_iter().chain(others).take(PINS_MAX).collect();
    if members.is_empty() {
        return token;
    }
    let addresses = members.iter().flat_map(|node| &node.addresses).copied();
    JoinToken {
        pins: members.iter().map(|node| node.id).collect::<Vec<NodeId>>(),
        addresses: addresses.take(MAX_TOKEN_ENTRIES).collect(),
        ..token
    }
}

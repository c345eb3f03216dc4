//! How an agent comes to be in a cluster: it is a member already, it joins, or it founds one.

use std::{path::Path, time::Duration};

use shoal_membership::ClusterId;
use shoal_net::{Endpoint, JoinError, JoinToken};
use shoal_scheduler::order::OrderError;
use tokio::sync::mpsc;

use super::{
    door::{JoinHello, of_snapshot},
    patience::Patience,
    run::entropy,
};
use crate::{
    api::{LeaveRequest, OrderRequest},
    store::{Identity, KnownCluster, KnownMember, REGISTRY_FILE, Store},
};

/// The cluster that this node is in now.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) cluster: ClusterId,
    pub(super) founder_nonce: Option<[u8; 16]>,
}

/// What is needed to get in.
pub(super) struct Door<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) hostname: &'a str,
    pub(super) data_dir: &'a Path,
    pub(super) token: Option<&'a JoinToken>,
}

impl Door<'_> {
    /// Gets in, however long that takes.
    pub(super) async fn enter(&self, identity: &mut Identity) -> Result<Entered, String> {
        if let Some(known) = &identity.cluster {
            self.check_membership(known.id)?;
            return Ok(Entered {
                cluster: known.id,
                founder_nonce: known.founder_nonce,
            });
        }
        let known = match self.token {
            None => self.found_or_return(identity)?,
            Some(token) => self.join(token).await?,
        };
        let entered = Entered {
            cluster: known.id,
            founder_nonce: known.founder_nonce,
        };
        identity.cluster = Some(known);
        identity.save().map_err(|error| error.to_string())?;
        Ok(entered)
    }

    /// A cluster of one; or the cluster that the store knows, if only the file beside it was lost.
    fn found_or_return(&self, identity: &Identity) -> Result<KnownCluster, String> {
        let stored = Store::cluster_of(&self.data_dir.join(REGISTRY_FILE))
            .map_err(|error| error.to_string())?;
        if let Some(id) = stored {
            tracing::warn!(cluster = %id, "the file of the members is gone: the store still knows the cluster");
            return Ok(KnownCluster {
                id,
                founder_nonce: None,
                members: vec![],
                trust: vec![],
            });
        }
        if let Some(aside) = &identity.was_damaged {
            return Err(format!(
                "the file that says which cluster this node is in was damaged (it is now {}), and \
                 there is no store that knows it: join again with --join and a token",
                aside.display()
            ));
        }
        let nonce = entropy()?;
        let id = ClusterId::founded_by(&identity.secret.public(), &nonce);
        tracing::info!(cluster = %id, "founded a cluster; `shoal token create` makes what others join with");
        Ok(KnownCluster {
            id,
            founder_nonce: Some(nonce),
            members: vec![],
            trust: vec![],
        })
    }

    /// A member ignores a token of its own cluster, and refuses one of another.
    fn check_membership(&self, cluster: ClusterId) -> Result<(), String> {
        match self.token {
            Some(token) if token.cluster != cluster => Err(format!(
                "this node is in cluster {cluster}, and the token is for cluster {}: leave first, \
                 by stopping the agent and moving its --data-dir away",
                token.cluster
            )),
            Some(_) => {
                tracing::info!(%cluster, "this node is a member already: --join is ignored");
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Asks the members that the token names until one lets this node in, or says that none will.
    async fn join(&self, token: &JoinToken) -> Result<KnownCluster, String> {
        let hello = serde_json::to_vec(&JoinHello {
            hostname: self.hostname.to_owned(),
        })
        .map_err(|error| error.to_string())?;
        let mut patience = Patience::new();
        loop {
            let asked = self.endpoint.join(token, hello.clone(), |_, _| false).await;
            let error = match asked {
                Ok(answer) => {
                    let Some(welcome) = of_snapshot(&answer.snapshot) else {
                        return Err(JoinError::BadAnswer(answer.address).to_string());
                    };
                    tracing::info!(cluster = %token.cluster, by = %answer.address, "joined");
                    let members = welcome.members.into_iter();
                    return Ok(KnownCluster {
                        id: token.cluster,
                        founder_nonce: None,
                        members: members
                            .map(|(id, addresses)| KnownMember {
                                id,
                                key: None,
                                addresses,
                                silence: Duration::ZERO,
                            })
                            .collect(),
                        trust: welcome.writes,
                    });
                }
                Err(error) => error,
            };
            let Some(wait) = patience.after(&error) else {
                return Err(format!("can't join: {error}"));
            };
            tracing::warn!(%error, retry_in = ?wait, "can't join yet");
            tokio::time::sleep(wait).await;
        }
    }
}

/// Answers everybody who wants something of a cluster with the reason why they can't have it yet.
pub(super) async fn refuse(
    orders: &mut mpsc::Receiver<OrderRequest>,
    leavers: &mut mpsc::Receiver<LeaveRequest>,
) -> std::convert::Infallible {
    loop {
        // Whoever asked may be gone.
        tokio::select! {
            Some(request) = orders.recv() => {
                let error = "this node has not joined its cluster yet; try again when it has";
                let _ = request.reply.send(Err(OrderError::Unsupported(error.to_owned())));
            }
            Some(request) = leavers.recv() => {
                let _ = request.reply.send(Err("This node is not part of a swarm".to_owned()));
            }
            // Nobody can ask any more.
            else => return std::future::pending().await,
        }
    }
}

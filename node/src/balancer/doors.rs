//! Where containers knock: one listener on each network of this node, to which all connections to virtual
//! addresses are led. The address that was meant says which service, or which task.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use shoal_scheduler::{task::NetworkId, view::ClusterView};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::DropGuard;

use super::{
    Shared,
    accepting::accept,
    capture::{self, Captured},
    flows::VirtualPackets,
    published::Front,
    virtuals::Whose,
};
use crate::runtime::docker::{LocalNetwork, LocalNetworks};

/// What did not work is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// Until something changes.
const NEVER: Duration = Duration::from_secs(86_400);

struct Door {
    captured: Captured,
    /// Ends its listener; connections go on.
    _end: DropGuard,
}

/// Keeps them until it is told to stop, and takes the rules away then.
pub(super) async fn keep(shared: Arc<Shared>, mut networks: watch::Receiver<Arc<LocalNetworks>>) {
    let mut view = shared.view.clone();
    let mut doors: BTreeMap<NetworkId, Door> = BTreeMap::new();
    let mut applied: Option<Vec<Captured>> = None;
    let mut said = String::new();
    let mut again = Instant::now();
    let mut lives = 0;
    loop {
        let local = networks.borrow_and_update().clone();
        if std::mem::replace(&mut lives, local.lives) != local.lives {
            // A new bridge has no route of the old one.
            doors.clear();
        }
        shared
            .virtuals
            .update(&local, &view.borrow_and_update().clone());
        doors.retain(|id, door| local.networks.get(id) == Some(&door.captured.network));
        // The view changes far more often than what went wrong can have changed.
        let may_try = said.is_empty() || Instant::now() >= again;
        if !may_try {
            tokio::select! {
                () = shared.stop.cancelled() => break,
                () = sleep_until(again) => {}
                changed = view.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
            continue;
        }
        let mut wrong = String::new();
        for network in local.networks.values() {
            if doors.contains_key(&network.id) {
                continue;
            }
            match open(&shared, network).await {
                Ok(door) => {
                    doors.insert(network.id, door);
                }
                Err(error) => wrong = error.to_string(),
            }
        }
        let wanted: Vec<Captured> = doors.values().map(|door| door.captured.clone()).collect();
        let is_new = applied.as_ref() != Some(&wanted);
        // Without networks, and never any before, nothing of this machine is touched.
        if is_new && (!wanted.is_empty() || applied.is_some()) {
            match capture::replace(&shared.table, &wanted).await {
                Ok(without_packets) => {
                    if let Some(error) = without_packets
                        && applied.is_none()
                    {
                        tracing::warn!(%error, "containers reach services by TCP alone: this kernel can't lead packets (it needs nft_tproxy)");
                    }
                    applied = Some(wanted);
                }
                Err(error) => wrong = error.to_string(),
            }
        }
        if wrong != said && !wrong.is_empty() {
            tracing::warn!(
                error = %wrong,
                "containers can't reach services by their names; it is tried again (needs root, and nftables and iproute2)"
            );
        }
        said = wrong;
        again = Instant::now()
            + match said.is_empty() {
                true => NEVER,
                false => RETRY,
            };
        tokio::select! {
            () = shared.stop.cancelled() => break,
            changed = timeout_at(again, networks.changed()) => {
                if matches!(changed, Ok(Err(_))) {
                    break;
                }
            }
            changed = view.changed() => {
                if changed.is_err() {
                    break;
                }
            }
        }
    }
    if applied.is_some()
        && let Err(error) = capture::replace(&shared.table, &[]).await
    {
        tracing::warn!(%error, "rules of nftables are left; the next start replaces them");
    }
}

async fn open(shared: &Arc<Shared>, network: &LocalNetwork) -> std::io::Result<Door> {
    let address = SocketAddr::new(network.range.gateway.into(), 0);
    let listener = TcpListener::bind(address).await?;
    capture::route(network).await?;
    let packets = VirtualPackets::listen(network.range.gateway.into())?;
    let captured = Captured {
        network: network.clone(),
        port: listener.local_addr()?.port(),
        packets: packets.port()?,
    };
    let end = shared.stop.child_token();
    let (judge, here) = (shared.clone(), network.clone());
    let meant_by = move |client: &TcpStream, from| {
        let original = SockRef::from(client).original_dst_v4().ok()?;
        meant(&judge, &here, from, original.as_socket()?)
    };
    tokio::spawn(accept(shared.clone(), listener, end.clone(), meant_by));
    let (judge, here) = (shared.clone(), network.clone());
    let front = move |from, to| meant(&judge, &here, from, to);
    tokio::spawn(packets.carry(shared.clone(), front, end.clone()));
    Ok(Door {
        captured,
        _end: end.drop_guard(),
    })
}

/// What was meant by who asks, and what address it asked. None: nothing of this network, or it comes from
/// elsewhere.
fn meant(
    shared: &Shared,
    network: &LocalNetwork,
    from: SocketAddr,
    to: SocketAddr,
) -> Option<Front> {
    let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, to) else {
        return None;
    };
    if !network.range.subnet.contains(from.ip()) {
        return None;
    }
    let whose = shared.virtuals.at(network.id, *to.ip())?;
    let view = shared.view.borrow();
    front_of(&view, network.id, whose, to.port())
}

fn front_of(view: &ClusterView, network: NetworkId, whose: Whose, target: u16) -> Option<Front> {
    let (service, task) = match whose {
        Whose::Service(service) => (service, None),
        Whose::Task(task) => (view.tasks.get(&task)?.report.service, Some(task)),
    };
    let name = view.services.get(&service)?.spec.name.clone();
    Some(Front {
        service,
        name,
        target,
        network: Some(network),
        task,
    })
}

//! Where containers knock: on each network of this node one listener for connections to virtual addresses, one
//! for packets to them, and who answers questions for names. Rules lead to these what was sent elsewhere; the
//! address that was meant says which service, or which task.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use shoal_scheduler::{task::NetworkId, view::ClusterView};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Shared,
    accepting::accept,
    capture::{self, Captured},
    flows::VirtualPackets,
    meant::meant,
    plain::Listeners,
};
use crate::runtime::docker::{LocalNetwork, LocalNetworks};

/// What did not work is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// Until something changes.
const NEVER: Duration = Duration::from_secs(86_400);

/// Who answers the questions for names that containers of a network ask.
pub(crate) trait NameServer: Send + Sync {
    /// Answers by packets and by streams, until `end`. To be called within a tokio runtime.
    fn serve(
        &self,
        network: NetworkId,
        packets: UdpSocket,
        streams: TcpListener,
        end: CancellationToken,
    );
}

struct Door {
    network: LocalNetwork,
    /// None: nothing leads anything anywhere.
    captured: Option<Captured>,
    /// Ends its listeners; connections go on.
    _end: DropGuard,
}

/// How connections to virtual addresses come here.
enum Manner {
    /// By rules, whatever their port.
    Rules,
    /// To a listener each.
    Plain(Listeners),
}

/// Those of all networks.
struct Doors {
    shared: Arc<Shared>,
    networks: watch::Receiver<Arc<LocalNetworks>>,
    view: watch::Receiver<Arc<ClusterView>>,
    open: BTreeMap<NetworkId, Door>,
    /// None: there was no network yet.
    manner: Option<Manner>,
    /// The rules that stand. None: nothing of this machine was ever touched.
    applied: Option<Vec<Captured>>,
    /// What is wrong, as it was said.
    said: String,
    /// When what went wrong is tried again.
    again: Option<Instant>,
    lives: u64,
}

/// Keeps them until it is told to stop, and takes the rules away then.
pub(super) async fn keep(shared: Arc<Shared>, networks: watch::Receiver<Arc<LocalNetworks>>) {
    // It may have been killed, and its networks removed since.
    capture::clear(&shared.table).await;
    shared.sources.clear().await;
    let mut doors = Doors {
        view: shared.view.clone(),
        shared,
        networks,
        open: BTreeMap::new(),
        manner: None,
        applied: None,
        said: String::new(),
        again: None,
        lives: 0,
    };
    loop {
        doors.update().await;
        let again = doors.again.unwrap_or_else(|| Instant::now() + NEVER);
        let goes_on = tokio::select! {
            () = doors.shared.stop.cancelled() => false,
            () = sleep_until(again) => true,
            changed = doors.networks.changed() => changed.is_ok(),
            changed = doors.view.changed() => changed.is_ok(),
        };
        if !goes_on {
            break;
        }
    }
    doors.shared.sources.end().await;
    if doors.applied.is_some()
        && let Err(error) = capture::replace(&doors.shared.table, &[]).await
    {
        tracing::warn!(%error, "rules of nftables are left; the next start replaces them");
    }
}

impl Doors {
    /// Does what the networks and services of now need.
    async fn update(&mut self) {
        let local = self.networks.borrow_and_update().clone();
        if std::mem::replace(&mut self.lives, local.lives) != local.lives {
            // A new bridge has no route of the old one.
            self.open.clear();
        }
        let view = self.view.borrow_and_update().clone();
        self.shared.virtuals.update(&local, &view);
        self.open
            .retain(|id, door| local.networks.get(id) == Some(&door.network));
        if let Some(Manner::Plain(listeners)) = &mut self.manner {
            listeners.update(&self.shared, &local, &view).await;
        }
        // The view changes far more often than what went wrong can have changed.
        if self.again.is_some_and(|again| Instant::now() < again) {
            return;
        }
        let wrong = match self.open_all(&local).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        if wrong != self.said && !wrong.is_empty() {
            tracing::warn!(
                error = %wrong,
                "containers can't reach services by their names; it is tried again (needs root, and nftables and iproute2)"
            );
        }
        self.shared.opened.send_if_modified(|known| {
            let is_same = known.iter().eq(self.open.keys());
            *known = self.open.keys().copied().collect();
            !is_same
        });
        self.again = (!wrong.is_empty()).then(|| Instant::now() + RETRY);
        self.said = wrong;
    }

    async fn open_all(&mut self, local: &LocalNetworks) -> io::Result<()> {
        if self.manner.is_none() && !local.networks.is_empty() {
            self.manner = Some(manner(&self.shared).await);
        }
        let is_plain = matches!(self.manner, Some(Manner::Plain(_)));
        let mut wrong = None;
        for network in local.networks.values() {
            if self.open.contains_key(&network.id) {
                continue;
            }
            let opened = match is_plain {
                true => open_plainly(&self.shared, network).await,
                false => open(&self.shared, network).await,
            };
            match opened {
                Ok(door) => drop(self.open.insert(network.id, door)),
                Err(error) => wrong = Some(error),
            }
        }
        let doors = self.open.values();
        let wanted: Vec<Captured> = doors.filter_map(|door| door.captured.clone()).collect();
        let is_new = self.applied.as_ref() != Some(&wanted);
        // Without networks, and never any before, nothing of this machine is touched.
        if is_new && (!wanted.is_empty() || self.applied.is_some()) {
            let without_packets = capture::replace(&self.shared.table, &wanted).await?;
            if let Some(error) = without_packets.filter(|_| self.applied.is_none()) {
                tracing::warn!(%error, "containers reach services by TCP alone: this kernel can't lead packets (it needs nft_tproxy)");
            }
            self.applied = Some(wanted);
        }
        wrong.map_or(Ok(()), Err)
    }
}

/// What this machine can do.
async fn manner(shared: &Shared) -> Manner {
    match capture::check(&shared.table).await {
        Ok(()) => Manner::Rules,
        Err(error) => {
            tracing::warn!(
                %error,
                "containers reach services on the ports alone that these publish and their images expose; to have all, install nftables and start the agent again"
            );
            Manner::Plain(Listeners::default())
        }
    }
}

/// Where there are no rules: names on their own port, and everything else as services need it.
async fn open_plainly(shared: &Arc<Shared>, network: &LocalNetwork) -> io::Result<Door> {
    let address = SocketAddr::new(network.range.gateway.into(), capture::NAMES);
    let names = (
        UdpSocket::bind(address).await?,
        TcpListener::bind(address).await?,
    );
    capture::route(network).await?;
    let end = shared.stop.child_token();
    shared
        .names
        .serve(network.id, names.0, names.1, end.clone());
    Ok(Door {
        network: network.clone(),
        captured: None,
        _end: end.drop_guard(),
    })
}

async fn open(shared: &Arc<Shared>, network: &LocalNetwork) -> io::Result<Door> {
    let address = SocketAddr::new(network.range.gateway.into(), 0);
    let connections = TcpListener::bind(address).await?;
    let packets = VirtualPackets::listen(address.ip())?;
    let names = (
        UdpSocket::bind(address).await?,
        TcpListener::bind(address).await?,
    );
    capture::route(network).await?;
    let captured = Captured {
        network: network.clone(),
        connections: connections.local_addr()?.port(),
        packets: packets.port()?,
        names_by_packets: names.0.local_addr()?.port(),
        names_by_streams: names.1.local_addr()?.port(),
    };
    let end = shared.stop.child_token();
    let (judge, here) = (shared.clone(), network.clone());
    let meant_by = move |client: &TcpStream, from| {
        let original = SockRef::from(client).original_dst_v4().ok()?;
        let asked = original.as_socket()?;
        Some((meant(&judge, &here, from, asked)?, Some(asked)))
    };
    tokio::spawn(accept(shared.clone(), connections, end.clone(), meant_by));
    let (judge, here) = (shared.clone(), network.clone());
    let front = move |from, to| meant(&judge, &here, from, to);
    tokio::spawn(packets.carry(shared.clone(), front, end.clone()));
    shared
        .names
        .serve(network.id, names.0, names.1, end.clone());
    Ok(Door {
        network: network.clone(),
        captured: Some(captured),
        _end: end.drop_guard(),
    })
}

//! Where containers knock: on each network of this node one listener for connections to virtual addresses, one
//! for packets to them, and who answers questions for names. Rules lead to these what was sent elsewhere; the
//! address that was meant says which service, or which task.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

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
    capture::{self, Captured, Captured6},
    claims::Claims,
    flows::VirtualPackets,
    meant::meant,
    plain::Listeners,
    virtuals::Whose,
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
    claims: Claims,
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
    let mut doors = Doors {
        view: shared.view.clone(),
        shared,
        networks,
        open: BTreeMap::new(),
        claims: Claims::default(),
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
    if let Some(applied) = doors.applied
        && let Err(error) = capture::replace(&doors.shared.table, &applied, &[]).await
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
            self.claims.forget();
            self.again = None;
        }
        let view = self.view.borrow_and_update().clone();
        self.shared.virtuals.update(&local, &view);
        self.open
            .retain(|id, door| local.networks.get(id) == Some(&door.network));
        // The view changes far more often than what went wrong can have changed.
        let may_try = self.again.is_none_or(|again| Instant::now() >= again);
        let claimed = match may_try {
            true => self.claim(&local).await,
            false => Ok(()),
        };
        if let Some(Manner::Plain(listeners)) = &mut self.manner {
            listeners.update(&self.shared, &local, &view).await;
        }
        if !may_try {
            return;
        }
        let wrong = match self.open_all(&local, &view).await.and(claimed) {
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

    /// Has this machine answer for its virtual addresses of IPv6.
    async fn claim(&mut self, local: &LocalNetworks) -> io::Result<()> {
        let networks = local.networks.values();
        let wanted = networks.filter_map(|network| {
            let own = network.range6?.own(&network.range);
            let all = self.shared.virtuals.all(network.id).into_iter();
            let behind = all.filter_map(|(_, address)| network.behind(address));
            Some((network, behind.chain([own]).collect()))
        });
        self.claims.update(wanted).await
    }

    async fn open_all(&mut self, local: &LocalNetworks, view: &Arc<ClusterView>) -> io::Result<()> {
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
        let wanted = doors.filter_map(|door| {
            let captured = door.captured.clone()?;
            let silent = silent(&self.shared, view, door.network.id);
            Some(Captured { silent, ..captured })
        });
        let wanted: Vec<Captured> = wanted.collect();
        let is_new = self.applied.as_ref() != Some(&wanted);
        // Without networks, and never any before, nothing of this machine is touched.
        if is_new && (!wanted.is_empty() || self.applied.is_some()) {
            let before = self.applied.as_deref().unwrap_or_default();
            capture::replace(&self.shared.table, before, &wanted).await?;
            self.applied = Some(wanted);
        }
        wrong.map_or(Ok(()), Err)
    }
}

/// The addresses of services on a network that have no task which takes connections.
fn silent(shared: &Shared, view: &Arc<ClusterView>, network: NetworkId) -> BTreeSet<Ipv4Addr> {
    let all = shared.virtuals.all(network).into_iter();
    let silent = all.filter(|(whose, _)| match whose {
        Whose::Service(service) => !shared.has_any(view, *service),
        Whose::Task(_) => false,
    });
    silent.map(|(_, address)| address).collect()
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
    let names = (
        UdpSocket::bind(address).await?,
        TcpListener::bind(address).await?,
    );
    capture::route(network).await?;
    let end = shared.stop.child_token();
    let guard = end.clone().drop_guard();
    let (connections, packets) = listen(shared, network, address.ip(), &end).await?;
    let six = match network.range6 {
        Some(six) => {
            let own = six.own(&network.range);
            match listen(shared, network, own.into(), &end).await {
                Ok((connections, packets)) => Some(Captured6 {
                    own,
                    virtuals: six.virtuals(),
                    connections,
                    packets,
                }),
                Err(error) => {
                    tracing::warn!(network = %network.name, %error, "containers reach services of a network by IPv4 alone");
                    None
                }
            }
        }
        None => None,
    };
    let captured = Captured {
        network: network.clone(),
        connections,
        packets,
        names_by_packets: names.0.local_addr()?.port(),
        names_by_streams: names.1.local_addr()?.port(),
        six,
        silent: BTreeSet::new(),
    };
    shared.names.serve(network.id, names.0, names.1, end);
    Ok(Door {
        network: network.clone(),
        captured: Some(captured),
        _end: guard,
    })
}

/// Listens at one of this machine's addresses on a network for what rules bring there, until `end`: the ports for
/// connections and for packets.
async fn listen(
    shared: &Arc<Shared>,
    network: &LocalNetwork,
    address: IpAddr,
    end: &CancellationToken,
) -> io::Result<(u16, Option<u16>)> {
    let connections = TcpListener::bind(SocketAddr::new(address, 0)).await?;
    let packets = VirtualPackets::led_to(address).await;
    let (judge, here) = (shared.clone(), network.clone());
    let meant_by = move |client: &TcpStream, from| {
        let asked = original(client, address)?;
        Some((meant(&judge, &here, from, asked)?, Some(asked)))
    };
    let for_connections = connections.local_addr()?.port();
    tokio::spawn(accept(shared.clone(), connections, end.clone(), meant_by));
    let packets = match packets {
        Ok(packets) => packets,
        Err(error) => {
            tracing::warn!(network = %network.name, %error, "containers reach services of a network by TCP alone: packets need nf_conntrack_netlink");
            return Ok((for_connections, None));
        }
    };
    let for_packets = packets.port()?;
    let (judge, here) = (shared.clone(), network.clone());
    let front = move |from, to| meant(&judge, &here, from, to);
    tokio::spawn(packets.carry(shared.clone(), front, end.clone()));
    Ok((for_connections, Some(for_packets)))
}

/// The address that a client asked before rules brought it to ours.
fn original(client: &TcpStream, own: IpAddr) -> Option<SocketAddr> {
    let client = SockRef::from(client);
    let asked = match own {
        IpAddr::V4(_) => client.original_dst_v4(),
        IpAddr::V6(_) => client.original_dst_v6(),
    };
    asked.ok()?.as_socket()
}

//! The way to a task: dialled here, or by the node that has it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    time::Duration,
};

use shoal_membership::NodeId;
use shoal_net::{StreamError, StreamHeader};
use shoal_scheduler::{
    spec::{Protocol, PublishMode},
    task::{NetworkId, TaskId, TaskPort},
};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use super::{
    Shared, attached,
    backends::takes_connections,
    pipe::{Far, Near},
    sources,
    wire::{Ask, REACHED},
};

/// Time for a task to take a connection, wherever it is.
pub(super) const REACH_TIME_MAX: Duration = Duration::from_secs(2);

/// A connection with a task.
pub(super) enum Way {
    Near(Near),
    Far(Far),
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoWay {
    #[error("it takes no connections on that port")]
    Unknown,
    #[error("it does not take connections: {0}")]
    Refused(#[from] io::Error),
    #[error("its node can't be reached: {0}")]
    NoNode(#[from] StreamError),
    #[error("its node can't be reached from here")]
    Apart,
    #[error("its node can't reach it")]
    NotFromThere,
    #[error("no answer within {} s", REACH_TIME_MAX.as_secs())]
    TooSlow,
}

impl Shared {
    /// A connection with a task on this node.
    pub(super) async fn reach(&self, node: NodeId, ask: Ask) -> Result<Way, NoWay> {
        if self.is_apart(node) {
            return Err(NoWay::Apart);
        }
        let reached = async {
            match node == self.me {
                true => self.dial(ask).await.map(Way::Near),
                false => self.ask(node, ask).await.map(Way::Far),
            }
        };
        timeout(REACH_TIME_MAX, reached)
            .await
            .unwrap_or(Err(NoWay::TooSlow))
    }

    /// Dials a task of this node.
    pub(super) async fn dial(&self, ask: Ask) -> Result<Near, NoWay> {
        let place = self.place(ask.task, (ask.target, Protocol::Tcp), ask.network);
        let address = place.ok_or(NoWay::Unknown)?;
        if let Some((task, client)) = self.seeing(ask)
            && let Some(dialled) = self.sources.dial(ask.task, task, client).await
        {
            return Ok(Near::dialled(dialled?));
        }
        let dialled = TcpStream::connect(address).await;
        let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        // It may listen by IPv6 alone.
        let dialled = match (self.place6(ask), dialled) {
            (Some(six), Err(error)) if is_refused(&error) => TcpStream::connect(six).await,
            (_, dialled) => dialled,
        };
        Ok(Near::dialled(dialled?))
    }

    /// Where a task of this node is on a network that has IPv6.
    fn place6(&self, ask: Ask) -> Option<SocketAddrV6> {
        let local = self.networks.borrow();
        let address = *local.tasks6.get(&ask.task)?.get(&ask.network?)?;
        Some(SocketAddrV6::new(address, ask.target, 0, 0))
    }

    /// Where a task of this node may see its client's own address, and that. None: it can't.
    pub(super) fn seeing(&self, ask: Ask) -> Option<(SocketAddrV4, Ipv4Addr)> {
        let client = ask.client?;
        let local = self.networks.borrow();
        let routed = local.routed.get(&ask.task)?;
        // Another node says whose address it is: never one of this machine's own networks.
        let ranges = local.networks.values().map(|one| &one.range.subnet);
        sources::is_kept(client, ranges.chain(&routed.networks))
            .then(|| (SocketAddrV4::new(routed.own, ask.target), client))
    }

    /// Where a task of this node listens: in its own network, or where its runtime had it listen. Whoever
    /// asks: by a network only tasks on it are reached, and else only what their service publishes.
    pub(super) fn place(
        &self,
        task: TaskId,
        (target, protocol): (u16, Protocol),
        network: Option<NetworkId>,
    ) -> Option<SocketAddr> {
        let view = self.view.borrow();
        let known = view.tasks.get(&task).filter(|task| task.node == self.me)?;
        let service = view.services.get(&known.report.service)?;
        let is_published = service.spec.ports().iter().any(|port| {
            port.target_port == target
                && port.protocol == protocol
                && port.publish_mode == PublishMode::Ingress
        });
        let may_be_reached = match network {
            Some(network) => attached::is_on(&view, known.report.service, network),
            None => is_published,
        };
        if !may_be_reached || !takes_connections(known) {
            return None;
        }
        let own = network.and_then(|network| {
            let local = self.networks.borrow();
            local.tasks.get(&task)?.get(&network).copied()
        });
        if let Some(address) = own.map(IpAddr::V4).or_else(|| self.addresses.of(task)) {
            return Some(SocketAddr::new(address, target));
        }
        let mut ports = known.report.ports.iter();
        let is_meant =
            |port: &&TaskPort| (port.target, port.protocol) == (target, protocol) && port.host != 0;
        let port = ports.find(is_meant)?;
        Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.host))
    }

    /// Has the task's node dial it.
    async fn ask(&self, node: NodeId, ask: Ask) -> Result<Far, NoWay> {
        let header = StreamHeader(ask.to_header());
        let (send, mut recv) = self.endpoint.open_stream(node, header).await?;
        match AsyncReadExt::read_u8(&mut recv).await {
            Ok(REACHED) => Ok(Far::new(send, recv)),
            _ => Err(NoWay::NotFromThere),
        }
    }
}

//! Which task a flow goes to, and how it is reached.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use shoal_membership::NodeId;
use shoal_scheduler::{spec::Protocol, task::TaskState, view::ClusterView};
use tokio::{net::UdpSocket, time::timeout};

use super::super::{
    Shared, backends::Backend, loads::Counted, published::Front, reach::REACH_TIME_MAX, wire::Ask,
};

/// Tasks that are tried before a flow is given up.
const TRIES_MAX: usize = 4;
/// Nodes by which one is reached that are tried.
const RELAYS_MAX: usize = 2;

/// How a task is reached.
pub(super) enum Way {
    /// It is here.
    Near(UdpSocket),
    /// By this node: its own, or a third one.
    Far(NodeId),
}

/// A task, and the way to it. It counts as one of the task's flows until this is dropped.
pub(super) struct Chosen {
    pub(super) backend: Backend,
    pub(super) way: Way,
    _counted: Counted,
}

impl Chosen {
    /// Whether it is one of these that a node has to pass on.
    pub(super) fn is_around(&self) -> bool {
        matches!(self.way, Way::Far(by) if by != self.backend.node)
    }

    /// Whether the task may be kept: it runs, also if it is to end soon, and its node can be reached the
    /// same way.
    pub(super) fn still_stands(&self, shared: &Shared, view: &ClusterView) -> bool {
        let node = self.backend.node;
        let runs = view.tasks.get(&self.backend.task).is_some_and(|task| {
            task.node == node && task.node_is_alive && task.report.state == TaskState::Running
        });
        runs && (node == shared.me || self.is_around() || !shared.is_apart(node))
    }
}

/// What was tried for a flow, and did not do.
#[derive(Default)]
pub(super) struct Tried {
    pub(super) tasks: Vec<Backend>,
    /// Their nodes can't be reached from here.
    pub(super) apart: Vec<Backend>,
    /// Nodes that did not help.
    pub(super) relays: Vec<NodeId>,
}

impl Tried {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Shared {
    /// The next task for a flow, as for a connection. None: no task takes it.
    pub(super) async fn choose(
        &self,
        front: &Front,
        client: Option<IpAddr>,
        tried: &mut Tried,
    ) -> Option<Chosen> {
        while tried.tasks.len() < TRIES_MAX {
            let next = self.next(&self.flows.loads, front, &tried.tasks);
            let Some(backend) = next else {
                break;
            };
            match self
                .way_to(backend.node, front.ask(backend.task, client))
                .await
            {
                Ok(Some(way)) => return Some(self.chosen(backend, way)),
                Ok(None) => {
                    if !self.is_apart(backend.node) {
                        self.flows.loads.node_failed(backend.node);
                        self.endpoint.doubt_streams(backend.node);
                    }
                    tried.apart.push(backend.clone());
                }
                Err(error) => {
                    tracing::debug!(service = %front.name, task = %backend.task, %error, "a task is passed over");
                    self.flows.loads.task_failed(backend.task);
                }
            }
            tried.tasks.push(backend);
        }
        while tried.relays.len() < RELAYS_MAX {
            let backend = tried.apart.first()?;
            let by = self.next_relay(backend.node, &tried.relays)?;
            tried.relays.push(by);
            if self.opened(by).await {
                return Some(self.chosen(backend.clone(), Way::Far(by)));
            }
        }
        None
    }

    fn chosen(&self, backend: Backend, way: Way) -> Chosen {
        let _counted = self.flows.loads.count(&backend);
        Chosen {
            backend,
            way,
            _counted,
        }
    }

    /// None: its node can't be reached from here. An error: nobody listens.
    async fn way_to(&self, node: NodeId, ask: Ask) -> io::Result<Option<Way>> {
        if node == self.me {
            let unknown = || io::Error::other("it takes no packets on that port");
            let task = self.task_socket(ask).await.ok_or_else(unknown)??;
            return Ok(Some(Way::Near(task)));
        }
        let is_open = !self.is_apart(node) && self.opened(node).await;
        Ok(is_open.then_some(Way::Far(node)))
    }

    /// Whether packets can be sent to a node.
    pub(super) async fn opened(&self, node: NodeId) -> bool {
        let opened = timeout(REACH_TIME_MAX, self.endpoint.open_packets(node)).await;
        matches!(opened, Ok(Ok(())))
    }

    /// A socket that is connected with a task of this node. None: it takes no packets on that port.
    pub(super) async fn task_socket(&self, ask: Ask) -> Option<io::Result<UdpSocket>> {
        let at = self.place(ask.task, (ask.target, Protocol::Udp), ask.network)?;
        if let Some((task, client)) = self.seeing(ask)
            && let Some(socket) = self.sources.packets(ask.task, task, client).await
        {
            return Some(Ok(socket));
        }
        Some(connected(at).await)
    }
}

async fn connected(at: SocketAddr) -> io::Result<UdpSocket> {
    let any = match at {
        SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(at).await?;
    Ok(socket)
}

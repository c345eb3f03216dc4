//! A UDP socket that says to which of its addresses each packet was sent, and answers from there: a machine
//! has many addresses, and a client takes an answer only from the one that it asked.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::AsRawFd,
};

use nix::{
    libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo, sockaddr_in, sockaddr_in6},
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage,
        recvmsg, sendmsg, setsockopt, sockopt,
    },
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{io::Interest, net::UdpSocket};

/// Bytes that wait in the kernel, where it allows so many.
const WAITING: usize = 1 << 20;

/// What is needed to receive from it.
pub(super) struct Inbound {
    pub(super) buffer: Vec<u8>,
    control: Vec<u8>,
}

impl Inbound {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; usize::from(u16::MAX)],
            control: nix::cmsg_space!(sockaddr_in, sockaddr_in6),
        }
    }
}

/// A packet's size, who sent it, and to what address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) size: usize,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// The socket.
#[derive(Debug)]
pub(super) struct ToldSocket(UdpSocket);

impl ToldSocket {
    /// Listens on an address of this node; an unspecified one means all, of both kinds where there are both.
    pub(super) fn published(address: SocketAddr) -> io::Result<Self> {
        match bind(address) {
            Err(error)
                if address.is_ipv6()
                    && address.ip().is_unspecified()
                    && error.kind() != io::ErrorKind::AddrInUse =>
            {
                // A kernel without IPv6.
                let all = Ipv4Addr::UNSPECIFIED.into();
                bind(SocketAddr::new(all, address.port()))
            }
            bound => bound,
        }
    }

    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// The next packet. May be cancelled without loss.
    pub(super) async fn receive(&self, inbound: &mut Inbound) -> io::Result<Received> {
        let receive = || receive(&self.0, inbound);
        self.0.async_io(Interest::READABLE, receive).await
    }

    /// Sends a packet from one of its addresses, now or not at all.
    pub(super) fn send(&self, bytes: &[u8], from: IpAddr, to: SocketAddr) -> io::Result<()> {
        // Not by way of tokio, which knows of a new socket only later that it can be written to.
        send(&self.0, bytes, from, to)
    }
}

fn bind(address: SocketAddr) -> io::Result<ToldSocket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The default does, too.
    let _ = socket.set_recv_buffer_size(WAITING);
    setsockopt(&socket, sockopt::Ipv4OrigDstAddr, &true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
        setsockopt(&socket, sockopt::Ipv6OrigDstAddr, &true)?;
    }
    socket.bind(&address.into())?;
    Ok(ToldSocket(UdpSocket::from_std(socket.into())?))
}

fn receive(socket: &UdpSocket, inbound: &mut Inbound) -> io::Result<Received> {
    let Inbound { buffer, control } = inbound;
    let mut parts = [IoSliceMut::new(buffer)];
    let said = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(control),
        MsgFlags::empty(),
    )?;
    let unknown = || io::Error::other("a packet does not say whence it is, and where to");
    let from = said.address.and_then(|from| address_of(&from));
    let from = from.ok_or_else(unknown)?;
    let mut to = None;
    for message in said.cmsgs()? {
        match message {
            ControlMessageOwned::Ipv4OrigDstAddr(address) => {
                let address = SocketAddrV4::from(SockaddrIn::from(address));
                to = Some(SocketAddr::V4(address));
            }
            ControlMessageOwned::Ipv6OrigDstAddr(address) => {
                let address = SocketAddrV6::from(SockaddrIn6::from(address));
                to = Some(SocketAddr::V6(address));
            }
            _ => {}
        }
    }
    Ok(Received {
        size: said.bytes,
        from,
        to: to.ok_or_else(unknown)?,
    })
}

fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in();
    let v6 = address.as_sockaddr_in6();
    v4.map(|address| SocketAddrV4::from(*address).into())
        .or_else(|| v6.map(|address| SocketAddrV6::from(*address).into()))
}

fn send(socket: &UdpSocket, bytes: &[u8], from: IpAddr, to: SocketAddr) -> io::Result<()> {
    let (fd, parts, flags) = (socket.as_raw_fd(), [IoSlice::new(bytes)], MsgFlags::empty());
    match to {
        SocketAddr::V4(to) => {
            let IpAddr::V4(from) = from else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            let info = in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr {
                    s_addr: u32::from_ne_bytes(from.octets()),
                },
                ipi_addr: in_addr { s_addr: 0 },
            };
            let control = [ControlMessage::Ipv4PacketInfo(&info)];
            sendmsg(fd, &parts, &control, flags, Some(&SockaddrIn::from(to)))?;
        }
        SocketAddr::V6(to) => {
            let from = match from {
                IpAddr::V4(from) => from.to_ipv6_mapped(),
                IpAddr::V6(from) => from,
            };
            let info = in6_pktinfo {
                ipi6_addr: in6_addr {
                    s6_addr: from.octets(),
                },
                // An address of one link alone means nothing without the link.
                ipi6_ifindex: match is_of_one_link(&from) {
                    true => to.scope_id(),
                    false => 0,
                },
            };
            let control = [ControlMessage::Ipv6PacketInfo(&info)];
            sendmsg(fd, &parts, &control, flags, Some(&SockaddrIn6::from(to)))?;
        }
    }
    Ok(())
}

fn is_of_one_link(address: &Ipv6Addr) -> bool {
    address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo(listen: &str, to: &str) -> (SocketAddr, SocketAddr) {
        let socket = ToldSocket::published(listen.parse().unwrap()).unwrap();
        let mut asked: SocketAddr = to.parse().unwrap();
        asked.set_port(socket.port().unwrap());
        let own = match asked {
            SocketAddr::V4(_) => "127.0.0.1:0",
            SocketAddr::V6(_) => "[::1]:0",
        };
        let client = UdpSocket::bind(own).await.unwrap();
        client.send_to(b"question", asked).await.unwrap();
        let mut inbound = Inbound::new();
        let received = socket.receive(&mut inbound).await.unwrap();
        assert_eq!(&inbound.buffer[..received.size], b"question");
        socket
            .send(b"answer", received.to.ip(), received.from)
            .unwrap();
        let mut answer = [0; 16];
        let (size, from) = client.recv_from(&mut answer).await.unwrap();
        assert_eq!(&answer[..size], b"answer");
        assert_eq!(received.to.port(), asked.port());
        (asked, from)
    }

    #[tokio::test]
    async fn an_answer_comes_from_the_address_that_was_asked() {
        for (listen, to) in [
            ("0.0.0.0:0", "127.0.0.9:0"),
            ("127.0.0.9:0", "127.0.0.9:0"),
            ("[::]:0", "127.0.0.9:0"),
            ("[::]:0", "[::1]:0"),
        ] {
            let (asked, from) = echo(listen, to).await;
            assert_eq!(asked, from, "{listen} {to}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_not_shared() {
        let first = ToldSocket::published("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), first.port().unwrap());
        let second = ToldSocket::published(address).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    }
}

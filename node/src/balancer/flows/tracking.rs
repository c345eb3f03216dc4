//! Where a packet was sent before rules led it here: Linux's connection tracking knows.
//!
//! A connection says itself what its client asked for (`SO_ORIGINAL_DST`); packets do not. The kernel is asked once for
//! each flow, by the answer's addresses, over netlink (`linux/netfilter/nfnetlink_conntrack.h`, one question and one
//! answer). The crates for it are far larger than that, or read lists alone. What is answered from the address that the packet
//! came to is sent by the kernel as from the one that was asked.
//!
//! Rules that lead by `tproxy` would need no such question, but where bridges pass packets to firewalls
//! (`bridge-nf-call-iptables`, which Docker's hosts have) the kernel forgets what such a rule said.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::{AsRawFd, OwnedFd},
    sync::{Mutex, PoisonError},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt,
            socket, sockopt::ReceiveTimeout,
        },
        time::{TimeVal, TimeValLike},
    },
};

/// Netfilter's connection tracking, and what is asked of it.
const GET: u16 = 0x0101;
const NEW: u16 = 0x0100;
const ERROR: u16 = 2;
const REQUEST: u16 = 1;
/// An attribute that has attributes.
const NESTED: u16 = 0x8000;
const TYPE: u16 = 0x3fff;
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const TUPLE_IP: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const PROTOCOL_NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const TARGET_PORT: u16 = 3;
const UDP: u8 = 17;
/// Sizes of the heads of messages, in bytes.
const HEAD: usize = 16;
const NETFILTER_HEAD: usize = 4;
/// The kernel answers within the call itself.
const ANSWER_TIME_MAX_MS: i64 = 100;

/// Asks the kernel.
#[derive(Debug)]
pub(super) struct Tracking(Mutex<OwnedFd>);

impl Tracking {
    /// # Errors
    /// If the kernel tracks nothing, or tells others alone.
    pub(super) fn open() -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkNetFilter,
        )?;
        setsockopt(
            &socket,
            ReceiveTimeout,
            &TimeVal::milliseconds(ANSWER_TIME_MAX_MS),
        )?;
        let tracking = Self(Mutex::new(socket));
        // Nobody has sent this: it is to say so.
        let nobody = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        match tracking.original(nobody, nobody) {
            Err(error) if error.raw_os_error() != Some(Errno::ENOENT as i32) => Err(error),
            _ => Ok(tracking),
        }
    }

    /// To which address somebody sent what came to this one of ours.
    ///
    /// # Errors
    /// If the kernel does not know.
    pub(super) fn original(&self, from: SocketAddr, own: SocketAddr) -> io::Result<SocketAddr> {
        let mut answer = [0; 2_048];
        let size = {
            // Nothing under this lock can leave it half changed.
            let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            send(socket.as_raw_fd(), &question(from, own), MsgFlags::empty())?;
            recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?
        };
        read(answer.get(..size).unwrap_or_default())
    }
}

/// An attribute: its length, its type, what it holds, and nothing up to a whole number of words.
fn attribute(kind: u16, holds: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + holds.len()).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(holds);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn question(from: SocketAddr, own: SocketAddr) -> Vec<u8> {
    let (family, addresses) = match (own.ip().to_canonical(), from.ip().to_canonical()) {
        (IpAddr::V4(own), IpAddr::V4(from)) => (
            AddressFamily::Inet,
            [attribute(1, &own.octets()), attribute(2, &from.octets())],
        ),
        (own, from) => (
            AddressFamily::Inet6,
            [attribute(3, &octets(own)), attribute(4, &octets(from))],
        ),
    };
    let ports = [
        attribute(PROTOCOL_NUMBER, &[UDP]),
        attribute(SOURCE_PORT, &own.port().to_be_bytes()),
        attribute(TARGET_PORT, &from.port().to_be_bytes()),
    ];
    // What the answer to such a packet looks like.
    let tuple = [
        attribute(TUPLE_IP | NESTED, &addresses.concat()),
        attribute(TUPLE_PROTOCOL | NESTED, &ports.concat()),
    ];
    let tuple = attribute(REPLY | NESTED, &tuple.concat());
    let length = u32::try_from(HEAD + NETFILTER_HEAD + tuple.len()).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend([GET.to_ne_bytes(), REQUEST.to_ne_bytes()].concat());
    // Number and sender: there is one question at a time, and one who asks.
    message.extend([0; 8]);
    message.extend([u8::try_from(family as i32).unwrap_or_default(), 0, 0, 0]);
    message.extend(tuple);
    message
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn read(message: &[u8]) -> io::Result<SocketAddr> {
    let strange = || io::Error::other("connection tracking answers what is no answer");
    let kind = message.get(4..6).and_then(number).ok_or_else(strange)?;
    let rest = message.get(HEAD..).ok_or_else(strange)?;
    match kind {
        NEW => original_of(rest).ok_or_else(strange),
        ERROR => {
            let code = rest.get(..4).and_then(|code| code.try_into().ok());
            let code = i32::from_ne_bytes(code.ok_or_else(strange)?);
            Err(io::Error::from_raw_os_error(code.saturating_neg()))
        }
        _ => Err(strange()),
    }
}

fn original_of(message: &[u8]) -> Option<SocketAddr> {
    let tuple = find(message.get(NETFILTER_HEAD..)?, ORIGINAL)?;
    let (ip, protocol) = (find(tuple, TUPLE_IP)?, find(tuple, TUPLE_PROTOCOL)?);
    let address = match (find(ip, 2), find(ip, 4)) {
        (Some(four), _) => IpAddr::from(<[u8; 4]>::try_from(four).ok()?),
        (_, Some(six)) => IpAddr::from(<[u8; 16]>::try_from(six).ok()?),
        (None, None) => return None,
    };
    let port = find(protocol, TARGET_PORT)?.try_into().ok()?;
    Some(SocketAddr::new(address, u16::from_be_bytes(port)))
}

/// What the first attribute of this type holds.
fn find(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(number(attributes.get(..2)?)?);
        let found = number(attributes.get(2..4)?)? & TYPE;
        let holds = attributes.get(4..length)?;
        if found == kind {
            return Some(holds);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn number(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What the kernel would say of a question, were its tuple the original one.
    fn answer(asked: &str, from: &str) -> Vec<u8> {
        let mut message = question(asked.parse().unwrap(), from.parse().unwrap());
        message[4..6].copy_from_slice(&NEW.to_ne_bytes());
        message[22..24].copy_from_slice(&(ORIGINAL | NESTED).to_ne_bytes());
        message
    }

    #[test]
    fn an_answer_says_what_was_asked() {
        for asked in ["10.0.8.3:53", "[fd00::8000:0:0:3]:5353"] {
            let from = match asked.starts_with('[') {
                true => "[fd00::9]:4000",
                false => "10.0.0.9:4000",
            };
            let message = answer(asked, from);
            assert_eq!(read(&message).unwrap(), asked.parse().unwrap());
            for length in 0..message.len() {
                assert!(read(&message[..length]).is_err(), "{length} bytes");
            }
        }
        let mut unknown = vec![0; HEAD];
        unknown[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        unknown.extend((-(Errno::ENOENT as i32)).to_ne_bytes());
        let error = read(&unknown).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ENOENT as i32));
    }

    proptest! {
        #[test]
        fn nonsense_is_no_answer(bytes in vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if bytes.len() > HEAD {
                bytes[4..6].copy_from_slice(&NEW.to_ne_bytes());
            }
            let _ = read(&bytes);
        }
    }
}

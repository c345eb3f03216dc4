//! Free ports of this node for tasks that publish some.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    sync::{Mutex, MutexGuard, PoisonError},
};

use shoal_scheduler::spec::{PortConfig, Protocol, PublishMode};

use super::folder::PortRecord;

/// Ports tried for one target before it is given up.
const TRIES: usize = 64;

/// No port is free.
#[derive(Debug, thiserror::Error)]
#[error("no free port on this node for target port {target}: {cause}")]
pub(super) struct NoPort {
    target: u16,
    cause: io::Error,
}

/// The ports that tasks of this node have. No two tasks have the same one.
#[derive(Default)]
pub(super) struct Ports(Mutex<BTreeSet<u16>>);

impl Ports {
    fn taken(&self) -> MutexGuard<'_, BTreeSet<u16>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free port for each target, the same one for all protocols of a target; in mode `host` the one that is
    /// published.
    pub(super) fn choose(&self, wanted: &[PortConfig]) -> Result<Vec<PortRecord>, NoPort> {
        let mut hosts = BTreeMap::new();
        let mut ports: Vec<PortRecord> = Vec::new();
        for config in wanted {
            let target = config.target_port;
            let published = match config.publish_mode {
                PublishMode::Host => config.published_port,
                PublishMode::Ingress => 0,
            };
            let host = match (hosts.get(&(target, published)), published) {
                (Some(host), _) => Ok(*host),
                (None, 0) => self.choose_one(),
                (None, port) => self.take_one(port, config.protocol).map(|()| port),
            };
            let host = host.map_err(|cause| {
                self.release(&ports);
                NoPort { target, cause }
            })?;
            hosts.insert((target, published), host);
            let port = PortRecord {
                target,
                host,
                protocol: config.protocol,
            };
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        Ok(ports)
    }

    fn choose_one(&self) -> io::Result<u16> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            match free_port() {
                Ok(port) if self.taken().insert(port) => return Ok(port),
                Ok(_) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn take_one(&self, port: u16, protocol: Protocol) -> io::Result<()> {
        let bound = match protocol {
            Protocol::Udp => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).map(drop),
            Protocol::Tcp | Protocol::Sctp => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map(drop)
            }
        };
        let is_ours = bound.is_ok() && self.taken().insert(port);
        is_ours
            .then_some(())
            .ok_or_else(|| io::Error::other(format!("port {port} is taken")))
    }

    /// Marks ports of an adopted task.
    pub(super) fn take(&self, ports: &[PortRecord]) {
        self.taken().extend(ports.iter().map(|port| port.host));
    }

    /// Gives the ports of a task back.
    pub(super) fn release(&self, ports: &[PortRecord]) {
        let mut taken = self.taken();
        for port in ports {
            taken.remove(&port.host);
        }
    }
}

/// A port that nobody listens on, neither by TCP nor by UDP.
fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let port = listener.local_addr()?.port();
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(target_port: u16, protocol: Protocol) -> PortConfig {
        PortConfig {
            target_port,
            protocol,
            ..PortConfig::default()
        }
    }

    #[test]
    fn no_port_is_given_twice() {
        let ports = Ports::default();
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let chosen = ports.choose(&[wanted(80, Protocol::Tcp), wanted(81, Protocol::Tcp)]);
            for port in chosen.unwrap() {
                assert!(seen.insert(port.host));
            }
        }
    }

    #[test]
    fn in_mode_host_it_is_the_published_one_or_none() {
        let ports = Ports::default();
        let published = free_port().unwrap();
        let in_mode_host = |protocol| PortConfig {
            publish_mode: PublishMode::Host,
            published_port: published,
            ..wanted(80, protocol)
        };
        let both = [in_mode_host(Protocol::Tcp), in_mode_host(Protocol::Udp)];
        let chosen = ports.choose(&both).unwrap();
        assert_eq!((chosen[0].host, chosen[1].host), (published, published));
        let error = ports.choose(&both).unwrap_err();
        assert!(error.to_string().contains("is taken"), "{error}");
        ports.release(&chosen);
        let other = TcpListener::bind((Ipv4Addr::UNSPECIFIED, published)).unwrap();
        assert!(ports.choose(&both).is_err());
        drop(other);
        assert!(ports.choose(&both).is_ok());
    }

    #[test]
    fn protocols_of_a_target_share_a_port() {
        let ports = Ports::default();
        let chosen = ports
            .choose(&[wanted(53, Protocol::Tcp), wanted(53, Protocol::Udp)])
            .unwrap();
        assert_eq!(chosen.len(), 2);
        assert_eq!(chosen[0].host, chosen[1].host);
        ports.release(&chosen);
        assert!(ports.taken().is_empty());
    }
}

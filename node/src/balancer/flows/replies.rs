//! Where answers of virtual addresses come from: a socket on the address and port that a container asked,
//! shared by all who asked it, as long as anybody does.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio_util::sync::CancellationToken;

use super::socket::ToldSocket;

/// One of them.
pub(super) struct Reply {
    pub(super) socket: Arc<ToldSocket>,
    /// Its port is needed: whoever uses it is to end.
    pub(super) closed: CancellationToken,
}

impl Reply {
    /// A socket that listens itself, until `end`.
    pub(super) fn listening(socket: &Arc<ToldSocket>, end: &CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            socket: socket.clone(),
            closed: end.clone(),
        })
    }
}

/// All of this node.
#[derive(Default)]
pub(super) struct Replies(Mutex<BTreeMap<SocketAddr, Weak<Reply>>>);

impl Replies {
    fn held(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Weak<Reply>>> {
        // Nothing under this lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one of an address.
    pub(super) fn of(&self, address: SocketAddr) -> io::Result<Arc<Reply>> {
        let mut held = self.held();
        if let Some(known) = held.get(&address).and_then(Weak::upgrade)
            && !known.closed.is_cancelled()
        {
            return Ok(known);
        }
        let made = Arc::new(Reply {
            socket: Arc::new(ToldSocket::answering(address)?),
            closed: CancellationToken::new(),
        });
        held.retain(|_, known| known.strong_count() > 0);
        held.insert(address, Arc::downgrade(&made));
        Ok(made)
    }

    /// Has those of a port end. Whether there were any.
    pub(super) fn give_way(&self, port: u16) -> bool {
        let mut held = self.held();
        let mut had_any = false;
        held.retain(|address, known| {
            let Some(known) = known.upgrade() else {
                return false;
            };
            let is_meant = address.port() == port;
            if is_meant {
                known.closed.cancel();
                had_any = true;
            }
            !is_meant
        });
        had_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_shares_its_port_with_who_listens_everywhere_and_gives_way_to_who_will() {
        let listener = ToldSocket::published("0.0.0.0:0".parse().unwrap()).unwrap();
        let port = listener.port().unwrap();
        let replies = Replies::default();
        let address: SocketAddr = format!("127.0.0.7:{port}").parse().unwrap();
        let first = replies.of(address).unwrap();
        assert!(Arc::ptr_eq(&first, &replies.of(address).unwrap()));
        drop(listener);
        let all: SocketAddr = format!("0.0.0.0:{port}").parse().unwrap();
        let error = ToldSocket::published(all).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(!replies.give_way(port.wrapping_add(1)) && replies.give_way(port));
        assert!(first.closed.is_cancelled());
        drop(first);
        assert!(ToldSocket::published(all).is_ok());
    }
}

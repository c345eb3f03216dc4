//! Published ports on which this node can't listen, and why: the log says it, and all nodes are told.

use std::collections::BTreeMap;

use shoal_scheduler::{
    observed::{PORTS_MAX, PortTrouble},
    spec::Protocol,
};
use tokio::sync::watch;

/// Most characters of a reason.
const WORDS_MAX: usize = 200;

type Held = BTreeMap<(u16, Protocol), String>;

/// The ports that are missing now.
#[derive(Debug, Default)]
pub(super) struct Missing(watch::Sender<Held>);

impl Missing {
    /// A port can't be had. Whether that is news.
    pub(super) fn add(&self, port: u16, protocol: Protocol, words: &str) -> bool {
        let words: String = words.chars().take(WORDS_MAX).collect();
        self.0.send_if_modified(|held| {
            let is_news = held.get(&(port, protocol)) != Some(&words);
            held.insert((port, protocol), words);
            is_news
        })
    }

    /// A port was had.
    pub(super) fn remove(&self, port: u16, protocol: Protocol) {
        self.0
            .send_if_modified(|held| held.remove(&(port, protocol)).is_some());
    }

    /// Forgets ports that nobody wants any more.
    pub(super) fn keep(&self, is_wanted: impl Fn(u16, Protocol) -> bool) {
        self.0.send_if_modified(|held| {
            let before = held.len();
            held.retain(|(port, protocol), _| is_wanted(*port, *protocol));
            held.len() != before
        });
    }

    /// Whether a port is missing.
    pub(super) fn has_any(&self) -> bool {
        !self.0.borrow().is_empty()
    }

    pub(super) fn troubles(&self) -> PortTroubles {
        PortTroubles(self.0.subscribe())
    }
}

/// Tells of the ports on which this node can't listen.
#[derive(Debug)]
pub struct PortTroubles(watch::Receiver<Held>);

impl PortTroubles {
    /// All of them, when they have changed; the lowest ports, where there are too many to tell. None: nobody
    /// listens any more. May be cancelled without loss.
    pub async fn changed(&mut self) -> Option<Vec<PortTrouble>> {
        self.0.changed().await.ok()?;
        let held = self.0.borrow_and_update();
        let troubles = held.iter().map(|((port, protocol), words)| PortTrouble {
            port: *port,
            protocol: *protocol,
            words: words.clone(),
        });
        Some(troubles.take(PORTS_MAX).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_missing_is_told_until_it_was_had() {
        let missing = Missing::default();
        let mut troubles = missing.troubles();
        assert!(missing.add(80, Protocol::Tcp, "taken"));
        assert!(!missing.add(80, Protocol::Tcp, "taken"), "said once");
        assert!(missing.add(80, Protocol::Udp, &"x".repeat(1_000)));
        let told = troubles.changed().await.unwrap();
        assert_eq!(told.len(), 2);
        assert_eq!((told[0].port, told[0].words.as_str()), (80, "taken"));
        assert_eq!(told[1].words.len(), WORDS_MAX);
        missing.keep(|_, protocol| protocol == Protocol::Tcp);
        assert_eq!(troubles.changed().await.unwrap().len(), 1);
        assert!(missing.has_any());
        missing.remove(80, Protocol::Tcp);
        assert!(!missing.has_any());
        assert_eq!(troubles.changed().await, Some(Vec::new()));
        for port in 1..=200 {
            missing.add(port, Protocol::Tcp, "taken");
        }
        assert_eq!(troubles.changed().await.unwrap().len(), PORTS_MAX);
        drop(missing);
        assert_eq!(troubles.changed().await, None);
    }
}

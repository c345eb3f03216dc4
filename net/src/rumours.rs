//! Rumours that wait for one peer. No I/O: a queue that drops the oldest for the newest.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::config::{RUMOUR_BYTES_QUEUED, RUMOURS_QUEUED};

/// Rumours that wait to be sent to one peer.
#[derive(Debug, Default)]
pub(crate) struct Rumours {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// A task empties the queue.
    pub(crate) sending: bool,
}

impl Rumours {
    /// Queues a rumour; gives back how many older ones had to go.
    pub(crate) fn push(&mut self, rumour: Bytes) -> u64 {
        self.bytes += rumour.len();
        self.queue.push_back(rumour);
        let mut dropped = 0;
        while self.queue.len() > RUMOURS_QUEUED || self.bytes > RUMOUR_BYTES_QUEUED {
            self.pop();
            dropped += 1;
        }
        dropped
    }

    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let rumour = self.queue.pop_front()?;
        self.bytes -= rumour.len();
        Some(rumour)
    }

    /// Forgets all; gives back how many there were.
    pub(crate) fn clear(&mut self) -> u64 {
        self.bytes = 0;
        let dropped = self.queue.len() as u64;
        self.queue.clear();
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_of_rumours_drops_the_oldest() {
        let mut rumours = Rumours::default();
        for number in 0..RUMOURS_QUEUED {
            assert_eq!(rumours.push(Bytes::from(number.to_string())), 0);
        }
        assert_eq!(rumours.push(Bytes::from_static(b"new")), 1);
        assert_eq!(rumours.pop(), Some(Bytes::from_static(b"1")));
        assert_eq!(rumours.push(Bytes::from(vec![0; RUMOUR_BYTES_QUEUED])), 255);
        assert_eq!(rumours.clear(), 1);
        assert_eq!((rumours.pop(), rumours.bytes), (None, 0));
    }
}

//! What a run costs the network.

/// What went over the network so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Events of all kinds.
    pub events: u64,
    /// Datagrams sent, lost ones included.
    pub datagrams: u64,
    /// Bytes in them.
    pub datagram_bytes: u64,
    /// The largest, in bytes.
    pub datagram_bytes_max: usize,
    /// Messages on streams.
    pub messages: u64,
    /// Bytes in them.
    pub message_bytes: u64,
    /// The largest, in bytes.
    pub message_bytes_max: usize,
}

impl Traffic {
    pub(super) fn datagram(&mut self, size: usize) {
        self.datagrams += 1;
        self.datagram_bytes += size as u64;
        self.datagram_bytes_max = self.datagram_bytes_max.max(size);
    }

    pub(super) fn message(&mut self, size: usize) {
        self.messages += 1;
        self.message_bytes += size as u64;
        self.message_bytes_max = self.message_bytes_max.max(size);
    }
}

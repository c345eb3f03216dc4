//! What goes over the wire for a message: QUIC's packets around it, and those that acknowledge it.
//!
//! Sizes are those of packets after the handshake, on IPv4: RFC 791 and 768 (IP, UDP), RFC 9000 (17.3.1
//! the short header, 19.3 ACK, 19.8 STREAM), RFC 9001 (5.3, the seal) and RFC 9221 (DATAGRAM). Who
//! receives something acknowledges it with the next packet that goes back, or else alone: after 25 ms,
//! or when a second one has come (RFC 9000, 13.2). Handshakes and keep-alives are left out: an idle
//! cluster has none.

use std::time::Duration;

/// IP and UDP.
const UNDER_BYTES: u64 = 20 + 8;
/// Flags, connection id and packet number; and the seal.
const AROUND_BYTES: u64 = 1 + 8 + 1 + 16;
/// Type and length.
const DATAGRAM_BYTES: u64 = 3;
/// Type, stream and length.
const STREAM_BYTES: u64 = 5;
/// An acknowledgement of one range, with the counts of congestion marks (19.3.2).
const ACK_BYTES: u64 = 11;
/// One that goes alone.
const ALONE_BYTES: u64 = UNDER_BYTES + AROUND_BYTES + ACK_BYTES;
/// What one packet of a stream carries at most.
const PACKET_BYTES_MAX: u64 = 1_160;
/// An acknowledgement waits so long for something to ride on.
const ACK_WAITS: Duration = Duration::from_millis(25);

/// What has gone over all links so far, headers and acknowledgements included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// UDP packets.
    pub packets: u64,
    /// Bytes of them, IP and UDP headers included.
    pub bytes: u64,
}

/// Since when one end of a link owes the other an acknowledgement; it has been counted as one that goes
/// alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owed(Option<Duration>);

impl Wire {
    /// A datagram is sent, and with it what the sender `owed`.
    pub(super) fn datagram(&mut self, bytes: usize, owed: &mut Owed, now: Duration) {
        self.packet(bytes as u64 + DATAGRAM_BYTES, owed, now);
    }

    /// A message on a stream is sent: as many packets as it needs, at least one.
    pub(super) fn message(&mut self, bytes: usize, owed: &mut Owed, now: Duration) {
        let mut left = bytes as u64;
        loop {
            let part = left.min(PACKET_BYTES_MAX);
            self.packet(part + STREAM_BYTES, owed, now);
            left -= part;
            if left == 0 {
                return;
            }
        }
    }

    /// A packet has arrived, and is acknowledged: alone, unless something goes back in time, which takes it
    /// along. A second packet within that time shares the first one's. `owed` is the receiver's.
    pub(super) fn arrived(&mut self, owed: &mut Owed, now: Duration) {
        if owed.take_in_time(now) {
            return;
        }
        self.packets += 1;
        self.bytes += ALONE_BYTES;
        owed.0 = Some(now);
    }

    fn packet(&mut self, payload: u64, owed: &mut Owed, now: Duration) {
        self.packets += 1;
        self.bytes += UNDER_BYTES + AROUND_BYTES + payload;
        if owed.take_in_time(now) {
            // It may have been counted before somebody set all counts to 0.
            self.packets = self.packets.saturating_sub(1);
            self.bytes = (self.bytes + ACK_BYTES).saturating_sub(ALONE_BYTES);
        }
    }
}

impl Owed {
    /// Takes what is owed, if it has not gone alone by now. Whether there was any.
    fn take_in_time(&mut self, now: Duration) -> bool {
        let since = self.0.take();
        since.is_some_and(|since| now <= since + ACK_WAITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_probe_and_its_answer_are_three_packets() {
        let (mut wire, mut near, mut far) = (Wire::default(), Owed::default(), Owed::default());
        for second in 1..=100 {
            let now = MS * 1_000 * second;
            wire.datagram(50, &mut near, now);
            wire.arrived(&mut far, now);
            wire.datagram(50, &mut far, now + MS);
            wire.arrived(&mut near, now + MS);
        }
        assert_eq!(wire.packets, 300);
        let whole = UNDER_BYTES + AROUND_BYTES;
        assert_eq!(wire.bytes, 300 * whole + 200 * 53 + 200 * ACK_BYTES);
    }

    #[test]
    fn every_second_packet_is_acknowledged_and_long_messages_take_several() {
        let (mut wire, mut near, mut far) = (Wire::default(), Owed::default(), Owed::default());
        for _ in 0..10 {
            wire.datagram(50, &mut near, MS);
            wire.arrived(&mut far, MS);
        }
        assert_eq!(wire.packets, 15);
        wire.message(3_000, &mut far, 2 * MS);
        assert_eq!(wire.packets, 18);
        wire.message(0, &mut far, 2 * MS);
        assert_eq!(wire.packets, 19);
    }
}

//! What is compared, and what came of it.

use std::collections::BTreeMap;

/// One thing that is measured on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quantity {
    /// Power cut to the first other node that says so.
    CutToFirst,
    /// Power cut to the last other node that says so.
    CutToAll,
    /// Power cut to all its slots running elsewhere.
    CutToReplaced,
    /// Order to every node having begun to start its part of it.
    OrderToKnown,
    /// Order to all its processes running.
    OrderToRunning,
    /// Start of the agent of a node that had left, to its share running on it.
    ReturnToShare,
    /// Packets that a node sends in a second, idle.
    Packets,
    /// Bytes that a node sends in a second, idle, IP and UDP headers included.
    Bytes,
}

impl Quantity {
    /// In the order of the table.
    pub(crate) const ALL: [Self; 8] = [
        Self::CutToFirst,
        Self::CutToAll,
        Self::CutToReplaced,
        Self::OrderToKnown,
        Self::OrderToRunning,
        Self::ReturnToShare,
        Self::Packets,
        Self::Bytes,
    ];

    /// In words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::CutToFirst => "a power cut until the first other node says so",
            Self::CutToAll => "a power cut until all others say so",
            Self::CutToReplaced => "a power cut until all its slots run elsewhere",
            Self::OrderToKnown => "an order until every node acts on it",
            Self::OrderToRunning => "an order until all its processes run",
            Self::ReturnToShare => "start of a node that had left until it runs its share",
            Self::Packets => "packets that an idle node sends",
            Self::Bytes => "bytes that an idle node sends, with headers",
        }
    }

    /// As a column's name, with the unit.
    pub(crate) const fn column(self) -> &'static str {
        match self {
            Self::CutToFirst => "cut_to_first_notice_s",
            Self::CutToAll => "cut_to_all_noticed_s",
            Self::CutToReplaced => "cut_to_all_replaced_s",
            Self::OrderToKnown => "order_to_all_acting_s",
            Self::OrderToRunning => "order_to_all_running_s",
            Self::ReturnToShare => "return_to_share_running_s",
            Self::Packets => "idle_packets_per_node_and_s",
            Self::Bytes => "idle_bytes_per_node_and_s",
        }
    }

    /// A value with its unit, for people.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Packets => format!("{value:.1} /s"),
            Self::Bytes => format!("{value:.0} B/s"),
            _ if value < 1.0 => format!("{:.0} ms", value * 1_000.0),
            _ => format!("{value:.2} s"),
        }
    }
}

/// All values of one side, by size of the cluster and quantity: seconds, or numbers a second.
#[derive(Debug, Default)]
pub(crate) struct Values(BTreeMap<(usize, Quantity), Vec<f64>>);

impl Values {
    pub(crate) fn add(&mut self, nodes: usize, quantity: Quantity, value: f64) {
        self.0.entry((nodes, quantity)).or_default().push(value);
    }

    /// Those of one row, in the order in which they were measured.
    pub(crate) fn of(&self, nodes: usize, quantity: Quantity) -> &[f64] {
        self.0.get(&(nodes, quantity)).map_or(&[], Vec::as_slice)
    }
}

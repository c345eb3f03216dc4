//! Anti-entropy: when a peer's roots have differed from ours for a while, compare and trade.
//!
//! The one asked keeps no state, answers from memory, and refuses when it has sent its fill.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::RngExt;
use shoal_membership::{
    NodeId,
    bugs::{self, Bug},
};

use super::{Peer, calls::Purpose};
use crate::gossip::{Answer, Differences, Heartbeat, Question, Trade, compare_with};
use crate::registry::SignedBytes;

/// Most syncs of this peer's own under way.
pub(super) const SYNCS_MAX: usize = 2;
/// Bytes of answers that may be sent in one second; twice that in a burst: 4 MiB.
const ANSWER_BYTES_PER_SECOND: u64 = 4 * 1024 * 1024;
/// A sync that settled nothing is repeated ever more slowly, up to this many doublings.
const FRUITLESS_MAX: u32 = 8;
/// Comparing member lists slows down to this many intervals while they are equal.
const QUIET_MAX: u32 = 6;

#[derive(Clone, Copy, Debug)]
struct Unequal {
    theirs: Heartbeat,
    ours: Heartbeat,
    due: Duration,
}

/// Syncs with one peer, in a row, that settled nothing.
#[derive(Clone, Copy, Debug)]
struct Fruitless {
    /// Where both stood, theirs first. None: the peer did not answer, or had no time.
    roots: Option<(Heartbeat, Heartbeat)>,
    count: u32,
}

/// What a peer was asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// It has synced itself, and nothing was left out: after this nothing is missing here.
    is_settled: bool,
    writes: usize,
    records: usize,
}

/// Who seems to differ, and what is being done about it.
#[derive(Debug)]
pub(super) struct Sync {
    unequal: BTreeMap<NodeId, Unequal>,
    /// What was asked of each in a trade.
    wanted: BTreeMap<NodeId, Wanted>,
    /// The roots, theirs and ours, with which each was opened.
    under_way: BTreeMap<NodeId, (Heartbeat, Heartbeat)>,
    fruitless: BTreeMap<NodeId, Fruitless>,
    pub(super) heard: BTreeMap<NodeId, Heartbeat>,
    /// Somebody in `heard` may not be here.
    pub(super) may_hold_absent: bool,
    next_members: Duration,
    quiet: u32,
    budget: u64,
    budget_at: Duration,
    /// A whole sync with a settled peer was completed in this run.
    pub(super) has_synced: bool,
    /// See `note_settling`.
    pub(super) is_settled: bool,
}

impl Sync {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            unequal: BTreeMap::new(),
            wanted: BTreeMap::new(),
            under_way: BTreeMap::new(),
            fruitless: BTreeMap::new(),
            heard: BTreeMap::new(),
            may_hold_absent: false,
            next_members: now,
            quiet: 0,
            budget: ANSWER_BYTES_PER_SECOND * 2,
            budget_at: now,
            has_synced: false,
            is_settled: false,
        }
    }

    /// Of a node that has been here for long and agrees with the others.
    pub(super) fn awake(&mut self, interval: Duration, jitter: u32, now: Duration) {
        (self.has_synced, self.is_settled) = (true, true);
        self.quiet = QUIET_MAX;
        self.next_members = now.saturating_add(interval * (QUIET_MAX + 1) * jitter / 1_000);
    }

    pub(super) fn members_changed(&mut self, now: Duration) {
        self.quiet = 0;
        self.may_hold_absent = true;
        self.next_members = self
            .next_members
            .min(now.saturating_add(Duration::from_secs(1)));
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.unequal
            .values()
            .map(|unequal| unequal.due)
            .chain([self.next_members])
            .min()
    }

    fn forget(&mut self, node: &NodeId) {
        self.unequal.remove(node);
        self.heard.remove(node);
        self.fruitless.remove(node);
        self.wanted.remove(node);
    }

    pub(super) fn spend(&mut self, bytes: usize, now: Duration) -> bool {
        let earned = now
            .saturating_sub(self.budget_at)
            .as_millis()
            .saturating_mul(u128::from(ANSWER_BYTES_PER_SECOND) / 1_000);
        let earned = u64::try_from(earned).unwrap_or(u64::MAX);
        self.budget = self
            .budget
            .saturating_add(earned)
            .min(ANSWER_BYTES_PER_SECOND * 2);
        self.budget_at = now;
        let bytes = bytes as u64;
        let may = self.budget >= bytes;
        self.budget -= if may { bytes } else { 0 };
        may
    }
}

impl Peer {
    /// A peer's roots rode in on its packet.
    pub(super) fn heard_roots(&mut self, from: NodeId, theirs: Heartbeat) {
        let ours = self.heartbeat();
        self.sync.heard.insert(from, theirs);
        self.sync.may_hold_absent |= !self.presence.is_alive(&from);
        if theirs.desired == ours.desired
            && self.evicting.is_returning()
            && self.catalog.roster().contains_key(&from)
        {
            self.snapshot_is_whole();
        }
        let is_equal = theirs == ours && !bugs::is(Bug::EqualComparedForEver);
        if is_equal || bugs::is(Bug::RumourWithoutAntiEntropy) {
            self.sync.unequal.remove(&from);
            self.sync.fruitless.remove(&from);
            return;
        }
        let now = self.now.monotonic;
        // Either side has moved: what settled nothing before may settle something now.
        let before = self.sync.fruitless.get(&from).and_then(|one| one.roots);
        if before.is_some_and(|roots| roots != (theirs, ours)) {
            self.sync.fruitless.remove(&from);
        }
        let delay = self.sync_delay(&from);
        self.sync
            .unequal
            .entry(from)
            .and_modify(|unequal| {
                unequal.theirs = theirs;
                unequal.ours = ours;
            })
            .or_insert(Unequal {
                theirs,
                ours,
                due: now.saturating_add(delay),
            });
    }

    fn sync_delay(&mut self, peer: &NodeId) -> Duration {
        let base = self.config.timing.sync_delay;
        let fruitless = self
            .sync
            .fruitless
            .get(peer)
            .filter(|_| !bugs::is(Bug::EqualComparedForEver))
            .map_or(0, |fruitless| fruitless.count)
            .min(FRUITLESS_MAX);
        let jitter = self.rng.random_range(0..1_000_u32);
        (base + base * jitter / 1_000).saturating_mul(1 << fruitless)
    }

    /// A member is here now: until the first sync nothing else matters more.
    pub(super) fn met(&mut self, node: NodeId) {
        let is_free = self.sync.under_way.len() < SYNCS_MAX;
        if !self.sync.has_synced && is_free && self.catalog.roster().contains_key(&node) {
            self.begin_sync(node);
        }
    }

    /// Opens the syncs that are due.
    pub(super) fn tend_sync(&mut self) {
        self.forget_absent();
        if self
            .sync
            .deadline()
            .is_none_or(|at| at > self.now.monotonic)
        {
            return;
        }
        let (now, ours) = (self.now.monotonic, self.heartbeat());
        let due: Vec<(NodeId, Unequal)> = self
            .sync
            .unequal
            .iter()
            .filter(|(_, unequal)| unequal.due <= now)
            .map(|(node, unequal)| (*node, *unequal))
            .collect();
        for (node, unequal) in due {
            // Our own state has moved since: its next packet will tell whether we still differ.
            let is_equal = unequal.theirs == ours && !bugs::is(Bug::EqualComparedForEver);
            let may_begin =
                self.sync.under_way.len() < SYNCS_MAX || bugs::is(Bug::SyncsWithoutLimit);
            if unequal.ours != ours || is_equal {
                self.sync.unequal.remove(&node);
            } else if may_begin {
                self.sync.unequal.remove(&node);
                self.begin_sync(node);
            } else {
                let later = now.saturating_add(self.config.timing.sync_delay);
                if let Some(unequal) = self.sync.unequal.get_mut(&node) {
                    unequal.due = later;
                }
            }
        }
        self.tend_member_lists();
    }

    /// What somebody said who is not here any more, says nothing.
    fn forget_absent(&mut self) {
        if !std::mem::take(&mut self.sync.may_hold_absent) {
            return;
        }
        let heard = self.sync.heard.keys().copied();
        let gone: Vec<NodeId> = heard.filter(|node| !self.presence.is_alive(node)).collect();
        for node in gone {
            self.sync.forget(&node);
        }
    }

    fn tend_member_lists(&mut self) {
        let now = self.now.monotonic;
        if self.sync.next_members > now {
            return;
        }
        let interval = self.config.timing.member_sync_interval;
        let factor = 1 + self.sync.quiet;
        let jitter = self.rng.random_range(500..1_500_u32);
        self.sync.next_members = now.saturating_add(interval * factor * jitter / 1_000);
        self.sync.quiet = (self.sync.quiet + 1).min(QUIET_MAX);
        if let Some(peer) = self.any_peer() {
            let members = self.membership.digest();
            let question = Question::Compare {
                desired: vec![],
                observed: vec![],
                members,
            };
            self.ask(peer, Purpose::Compare, &question);
        }
    }

    fn begin_sync(&mut self, peer: NodeId) {
        if !self.config.anti_entropy {
            return;
        }
        if !self.presence.is_alive(&peer) || self.sync.under_way.contains_key(&peer) {
            return;
        }
        let ours = self.heartbeat();
        let theirs = self.sync.heard.get(&peer).copied().unwrap_or(ours);
        tracing::debug!(%peer, "compares registries");
        self.sync.under_way.insert(peer, (theirs, ours));
        let members = self.membership.digest();
        let question = compare_with(&self.registry, &self.observed, members);
        self.ask(peer, Purpose::Compare, &question);
    }

    /// Where we differ from a peer, or that it did not say.
    pub(super) fn compared(&mut self, peer: NodeId, answer: Option<Answer>) {
        let Some(Answer::Differences(differences)) = answer else {
            self.sync_ended(peer, false);
            return;
        };
        let members = self.take_members(&differences.members);
        let trade = Trade::of(&self.registry, &self.observed, &differences);
        let trade_is_cut = trade.is_cut();
        let nothing = Differences::default();
        let is_equal = differences.desired == nothing.desired
            && differences.observed == nothing.observed
            && members.is_empty();
        if is_equal {
            self.sync_ended(peer, differences.is_settled);
            return;
        }
        let Trade {
            writes,
            records,
            want_writes,
            want_records,
        } = trade;
        let wanted = Wanted {
            is_settled: differences.is_settled && !trade_is_cut,
            writes: want_writes.len(),
            records: want_records.len(),
        };
        self.sync.wanted.insert(peer, wanted);
        let question = Question::Trade {
            writes,
            records,
            members,
            want_writes,
            want_records,
        };
        self.ask(peer, Purpose::Trade, &question);
    }

    /// What a peer gave, or that it did not.
    pub(super) fn traded(&mut self, peer: NodeId, answer: Option<Answer>) {
        let Some(Answer::Traded { writes, records }) = answer else {
            self.sync_ended(peer, false);
            return;
        };
        let keys: BTreeSet<u64> = writes.iter().filter_map(SignedBytes::key_digest).collect();
        let is_all = self.sync.wanted.remove(&peer).is_some_and(|wanted| {
            wanted.is_settled && keys.len() >= wanted.writes && records.len() >= wanted.records
        });
        let writes = self.admissible(&peer, writes);
        self.take_writes(writes);
        self.take_records(records);
        self.sync_ended(peer, is_all);
        if !is_all && !self.sync.has_synced {
            self.begin_sync(peer);
        }
    }

    /// Whether this node may rely on what it knows, and another on it: it has synced, or was alone,
    /// or has waited for an answer in vain. Once it may, it may until it ends.
    pub(super) fn note_settling(&mut self) {
        let is_alone = self.catalog.roster().len() == 1;
        let has_waited = self.now.monotonic >= self.boot_ends;
        if has_waited && !is_alone && !self.sync.has_synced && !self.sync.is_settled {
            tracing::info!("nobody answered since the start: goes by what is on its own disk");
        }
        self.sync.is_settled |= is_alone || has_waited || self.sync.has_synced;
    }

    fn sync_ended(&mut self, peer: NodeId, is_complete: bool) {
        let Some(roots) = self.sync.under_way.remove(&peer) else {
            return;
        };
        if is_complete && !self.sync.has_synced {
            self.sync.has_synced = true;
            self.running.is_stale = true;
        }
        // Cleared by the next packet of that peer that shows other roots, or equal ones.
        let before = self.sync.fruitless.get(&peer).map_or(0, |one| one.count);
        let fruitless = Fruitless {
            roots: is_complete.then_some(roots),
            count: before.saturating_add(1),
        };
        self.sync.fruitless.insert(peer, fruitless);
    }
}

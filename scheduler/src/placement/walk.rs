//! The walk over (slot, node) pairs by descending (priority, score), in three passes.
//!
//! Within a priority, all pairs are walked over twice: nodes take their share of each service rounded
//! down first, and then, of the slots that are left, rounded up.
//!
//! The pairs are never all written down. Each slot offers its best candidate that would take it;
//! offers are looked at in order, and a slot that is refused offers its next. Since a node that
//! refused once keeps refusing for that pass, this gives exactly what walking over all pairs gives
//! (`reference.rs` does that, and a property test compares).
//!
//! Of equal (priority, score): the smaller (service id, slot), then the smaller node id.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::{
    binding::{Binding, bindings},
    global,
    input::Input,
    ledger::{Ledger, Pass},
    nodes::{NO_NODE, NodeTable},
    planner::Prepared,
    score::{pair_hash, score_of},
    shortlist::Candidate,
    spread::Share,
};

/// The score of a slot that has no choice: such slots go first within their priority.
const BOUND_SCORE: u64 = u64::MAX;

/// Where everything went.
pub(super) struct Outcome<'a> {
    pub(super) ledger: Ledger<'a>,
    pub(super) globals: global::Globals,
    pub(super) bindings: BTreeMap<u32, Binding>,
}

/// Places all slots of these services.
pub(super) fn walk<'a>(input: &Input, table: &NodeTable, services: &'a [Prepared]) -> Outcome<'a> {
    let mut ledger = Ledger::new(services, table, input.load_caps);
    let globals = global::place(input, table, &mut ledger);
    for (service, slot, node) in input.refusals.keys() {
        let found = super::binding::find_slot(services, *service, *slot);
        if let (Some((index, number)), Some(node)) = (found, table.index_of(*node)) {
            let first = ledger.slots_of(index).start;
            ledger.refuse((first + number) as u32, node);
        }
    }
    let bindings = bindings(input, table, services, |index| ledger.slots_of(index).start);
    let mut walk = Walk::new(ledger, &bindings);
    for pass in Pass::ALL {
        walk.run(pass);
    }
    Outcome {
        ledger: walk.ledger,
        globals,
        bindings,
    }
}

struct Walk<'a, 'b> {
    ledger: Ledger<'a>,
    bindings: &'b BTreeMap<u32, Binding>,
    service_of: Vec<u32>,
    /// By slot: how far in its short list it is.
    cursor: Vec<u32>,
    /// By slot: the node of its present offer.
    offer: Vec<u32>,
    /// By slot: the share that nodes may have of its service when they are offered it.
    share: Vec<Share>,
    /// By service: up to which share no node takes another replica in this pass.
    is_exhausted: Vec<Option<Share>>,
}

impl<'a, 'b> Walk<'a, 'b> {
    fn new(ledger: Ledger<'a>, bindings: &'b BTreeMap<u32, Binding>) -> Self {
        let slots = ledger.owners().len();
        let mut service_of = vec![0; slots];
        for index in 0..ledger.services.len() {
            service_of[ledger.slots_of(index)].fill(index as u32);
        }
        Self {
            bindings,
            service_of,
            cursor: vec![0; slots],
            offer: vec![NO_NODE; slots],
            share: vec![Share::Down; slots],
            is_exhausted: vec![None; ledger.services.len()],
            ledger,
        }
    }

    fn run(&mut self, pass: Pass) {
        self.is_exhausted.fill(None);
        self.cursor.fill(0);
        self.share.fill(Share::Down);
        let open = (0..self.ledger.owners().len() as u32)
            .filter(|slot| self.ledger.owners()[*slot as usize] == NO_NODE)
            .collect::<Vec<_>>();
        let mut first: Vec<u128> = open
            .into_iter()
            .filter_map(|slot| self.first_offer(pass, slot))
            .collect();
        first.sort_unstable();
        let mut first = first.into_iter().peekable();
        let mut later: BinaryHeap<Reverse<u128>> = BinaryHeap::new();
        loop {
            let is_later = match (first.peek(), later.peek()) {
                (None, None) => break,
                (Some(first), Some(Reverse(later))) => later < first,
                (None, _) => true,
                (_, None) => false,
            };
            let next = if is_later {
                later.pop().map(|Reverse(key)| key)
            } else {
                first.next()
            };
            if let Some(again) = next.and_then(|key| self.settle(pass, key)) {
                later.push(Reverse(again));
            }
        }
    }

    /// Gives the slot of this offer to its node, or makes its next offer.
    fn settle(&mut self, pass: Pass, key: u128) -> Option<u128> {
        let slot = key as u32 & (u32::MAX >> 1);
        let service = self.service_of[slot as usize] as usize;
        let node = self.offer[slot as usize];
        if self.is_bound(slot) {
            if self.ledger.obstacle(service, slot, node).is_none() {
                self.ledger.give(service, slot, node);
            }
            return None;
        }
        let share = self.share[slot as usize];
        if self.ledger.accepts(pass, share, service, slot, node) {
            self.ledger.give(service, slot, node);
            return None;
        }
        self.next_offer(pass, slot)
    }

    fn is_bound(&self, slot: u32) -> bool {
        !self.bindings.is_empty() && self.bindings.contains_key(&slot)
    }

    fn first_offer(&mut self, pass: Pass, slot: u32) -> Option<u128> {
        match self.bindings.get(&slot) {
            None => self.next_offer(pass, slot),
            // What keeps a bound slot off its node holds in every pass.
            Some(Binding::To(node)) if pass == Pass::AllCaps => {
                self.offer[slot as usize] = *node;
                Some(self.key(slot, BOUND_SCORE))
            }
            Some(_) => None,
        }
    }

    fn next_offer(&mut self, pass: Pass, slot: u32) -> Option<u128> {
        let mut candidate = self.listed(pass, slot).or_else(|| self.scan(pass, slot));
        let service = self.service_of[slot as usize] as usize;
        let may_round = self.share[slot as usize] == Share::Down
            && self.ledger.gains_by_rounding(pass, service);
        if candidate.is_none() && may_round {
            self.share[slot as usize] = Share::Up;
            self.cursor[slot as usize] = 0;
            candidate = self.listed(pass, slot).or_else(|| self.scan(pass, slot));
        }
        let candidate = candidate?;
        self.offer[slot as usize] = candidate.node;
        Some(self.key(slot, candidate.score))
    }

    /// The next candidate of the short list who takes the slot.
    fn listed(&mut self, pass: Pass, slot: u32) -> Option<Candidate> {
        let service = self.service_of[slot as usize] as usize;
        let (first, share) = (
            self.ledger.slots_of(service).start,
            self.share[slot as usize],
        );
        let list = &self.ledger.services[service].lists[slot as usize - first].candidates;
        let cursor = &mut self.cursor[slot as usize];
        while let Some(candidate) = list.get(*cursor as usize) {
            if self
                .ledger
                .accepts(pass, share, service, slot, candidate.node)
            {
                return Some(*candidate);
            }
            *cursor += 1;
        }
        None
    }

    /// The best of all nodes that take the slot, when the short list has none left.
    fn scan(&mut self, pass: Pass, slot: u32) -> Option<Candidate> {
        let service = self.service_of[slot as usize] as usize;
        let share = self.share[slot as usize];
        if self.is_exhausted[service] >= Some(share) {
            return None;
        }
        let prepared = &self.ledger.services[service];
        let list = &prepared.lists[slot as usize - self.ledger.slots_of(service).start];
        let mut best: Option<Candidate> = None;
        for class in prepared
            .field
            .classes
            .iter()
            .filter(|_| !list.is_complete())
        {
            let mut best_hash = None;
            for (node, hash) in class.nodes.iter().zip(&class.hashes) {
                let pair = pair_hash(list.hash, *hash);
                if best_hash.is_some_and(|best| pair <= best)
                    || !self.ledger.accepts(pass, share, service, slot, *node)
                {
                    continue;
                }
                best_hash = Some(pair);
                let score = score_of(class.weight, pair);
                let is_better =
                    |best: &Candidate| (score, Reverse(*node)) > (best.score, Reverse(best.node));
                if best.as_ref().is_none_or(is_better) {
                    best = Some(Candidate { score, node: *node });
                }
            }
        }
        if best.is_none() && !self.ledger.is_refused_anywhere(slot) {
            self.is_exhausted[service] = Some(share);
        }
        best
    }

    /// Smaller is earlier: higher priority, smaller share, higher score, smaller slot number.
    fn key(&self, slot: u32, score: u64) -> u128 {
        let service = self.service_of[slot as usize] as usize;
        let priority = self.ledger.services[service].demand.priority;
        let rank = u32::MAX - priority.abs_diff(i32::MIN);
        let is_up = u128::from(self.share[slot as usize] == Share::Up);
        // There are fewer than 2^31 slots: see SLOTS_MAX.
        u128::from(rank) << 96 | is_up << 95 | u128::from(u64::MAX - score) << 31 | u128::from(slot)
    }
}

//! Plans again and again, and works out anew only what changed.
//!
//! What costs time is scoring every slot against every node. The best few nodes of each slot are kept
//! from plan to plan; a service that changed is scored anew, a node that came or went is added to or
//! struck from the lists. The walk over them is done whole each time, so the plan is the one that a
//! fresh planner makes: the history shows in its speed alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use imbl::OrdMap;
use shoal_membership::NodeId;

use super::{
    demand::Demand,
    field::Field,
    filter::Filter,
    input::{Input, Node},
    nodes::{NO_NODE, NodeTable},
    plan::{Owners, Plan},
    reason,
    score::slot_hash,
    shortlist::{FieldChange, Shortlist},
    walk::{Outcome, walk},
};
use crate::{spec::ServiceSpec, task::ServiceId};

/// Most replicated slots of all services together: about 50 MB of short lists. Slots beyond it, of the
/// services with the largest ids, are pending; each such service names the first of them.
pub const SLOTS_MAX: usize = 250_000;

/// Works out plans, and remembers what makes the next one cheap.
#[derive(Debug, Default)]
pub struct Planner {
    nodes: OrdMap<NodeId, Arc<Node>>,
    table: NodeTable,
    fields: BTreeMap<Filter, Arc<Field>>,
    services: Vec<Prepared>,
}

/// A service made ready for the walk.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) id: ServiceId,
    pub(super) spec: Arc<ServiceSpec>,
    pub(super) demand: Demand,
    pub(super) field: Arc<Field>,
    /// One for each slot.
    pub(super) lists: Vec<Shortlist>,
}

type Changes = BTreeMap<Filter, FieldChange>;

impl Planner {
    /// The plan of this input: the same as [`plan`](super::plan) makes, whatever came before.
    pub fn plan(&mut self, input: Input) -> Plan {
        self.plan_of(&input)
    }

    pub(super) fn plan_of(&mut self, input: &Input) -> Plan {
        self.refresh(input);
        let outcome = self.walk(input);
        let pending = reason::pending(input, &self.table, &outcome);
        self.assemble(&outcome, pending)
    }

    /// Walks over what the last `refresh` made ready, of the same input.
    pub(super) fn walk(&self, input: &Input) -> Outcome<'_> {
        walk(input, &self.table, &self.services)
    }

    pub(super) fn table(&self) -> &NodeTable {
        &self.table
    }

    /// Takes an input in.
    pub(super) fn refresh(&mut self, input: &Input) {
        let changes = if is_same(&self.nodes, &input.nodes) {
            Changes::new()
        } else {
            self.replace_nodes(&input.nodes)
        };
        let mut before = mem::take(&mut self.services).into_iter().peekable();
        self.services.reserve(input.services.len());
        let mut slots_left = SLOTS_MAX;
        for (id, spec) in &input.services {
            while before.next_if(|service| service.id < *id).is_some() {}
            let mut service = match before.next_if(|service| service.id == *id) {
                Some(known) => self.follow(known, spec, &changes),
                None => self.prepare(*id, spec),
            };
            service.fit_slots(slots_left);
            slots_left -= service.lists.len();
            self.services.push(service);
        }
        self.fields.retain(|_, field| Arc::strong_count(field) > 1);
    }

    fn prepare(&mut self, id: ServiceId, spec: &Arc<ServiceSpec>) -> Prepared {
        Prepared {
            id,
            spec: Arc::clone(spec),
            demand: Demand::of(spec),
            field: self.field(Filter::of(spec)),
            lists: Vec::new(),
        }
    }

    /// A service that was there before, with its present spec and nodes.
    fn follow(
        &mut self,
        mut known: Prepared,
        spec: &Arc<ServiceSpec>,
        changes: &Changes,
    ) -> Prepared {
        if !Arc::ptr_eq(&known.spec, spec) && known.spec != *spec {
            known.demand = Demand::of(spec);
            let filter = Filter::of(spec);
            if filter != known.field.filter {
                return self.prepare(known.id, spec);
            }
            known.spec = Arc::clone(spec);
        }
        if let Some(change) = changes.get(&known.field.filter) {
            known.field = self.field(known.field.filter.clone());
            for list in &mut known.lists {
                list.apply(change, &known.field, &self.table);
            }
        }
        known
    }

    fn field(&mut self, filter: Filter) -> Arc<Field> {
        if let Some(field) = self.fields.get(&filter) {
            return Arc::clone(field);
        }
        let field = Arc::new(Field::new(filter.clone(), &self.table));
        self.fields.insert(filter, Arc::clone(&field));
        field
    }

    /// Takes other nodes, and says what that means for each field there is.
    fn replace_nodes(&mut self, nodes: &OrdMap<NodeId, Arc<Node>>) -> Changes {
        self.nodes.clone_from(nodes);
        let old_table = mem::replace(&mut self.table, NodeTable::new(nodes));
        let old_fields = mem::take(&mut self.fields);
        let mut changes = Changes::new();
        for (filter, old) in old_fields {
            let new = self.field(filter.clone());
            changes.insert(filter, change(&old_table, &old, &self.table, &new));
        }
        changes
    }

    fn assemble(&self, outcome: &Outcome<'_>, pending: Vec<crate::view::PendingSlot>) -> Plan {
        let ids: Vec<NodeId> = self.table.entries.iter().map(|entry| entry.id).collect();
        let owners = outcome.ledger.owners();
        let mut everywhere: BTreeMap<usize, BTreeSet<NodeId>> = BTreeMap::new();
        for (service, node) in &outcome.globals.owners {
            everywhere
                .entry(*service)
                .or_default()
                .extend(ids.get(*node as usize));
        }
        let mut owners_of = |(index, service): (usize, &Prepared)| {
            let slots = &owners[outcome.ledger.slots_of(index)];
            let owners = Owners {
                replicas: slots
                    .iter()
                    .map(|node| ids.get(*node as usize).copied())
                    .collect(),
                everywhere: everywhere.remove(&index).unwrap_or_default(),
            };
            (service.id, owners)
        };
        Plan {
            services: self
                .services
                .iter()
                .enumerate()
                .map(&mut owners_of)
                .collect(),
            pending,
            rung: outcome.ledger.rung,
        }
    }
}

impl Prepared {
    /// Makes as many short lists as there are slots, up to a limit.
    fn fit_slots(&mut self, limit: usize) {
        let slots = (self.demand.slots as usize).min(limit);
        self.lists.truncate(slots);
        self.lists.reserve_exact(slots - self.lists.len());
        for number in self.lists.len() + 1..=slots {
            let hash = slot_hash(self.id, number as u64);
            self.lists.push(Shortlist::new(hash, &self.field));
        }
    }
}

/// Whether these are the same nodes; quick where they are shared.
fn is_same(ours: &OrdMap<NodeId, Arc<Node>>, theirs: &OrdMap<NodeId, Arc<Node>>) -> bool {
    let equal = |((id, node), (other_id, other)): ((&NodeId, &Arc<Node>), (_, &Arc<Node>))| {
        id == other_id && (Arc::ptr_eq(node, other) || node == other)
    };
    let is_shared = ours.ptr_eq(theirs);
    is_shared || (ours.len() == theirs.len() && ours.iter().zip(theirs).all(equal))
}

fn change(old_table: &NodeTable, old: &Field, table: &NodeTable, new: &Field) -> FieldChange {
    let mut kept = vec![NO_NODE; old_table.entries.len()];
    let mut is_known = vec![false; table.entries.len()];
    for (index, entry) in (0..).zip(&old_table.entries) {
        let Some(now) = table.index_of(entry.id).filter(|now| new.has(*now)) else {
            continue;
        };
        let is_same_weight = table.get(now).is_some_and(|now| now.weight == entry.weight);
        if old.has(index) && is_same_weight {
            kept[index as usize] = now;
            is_known[now as usize] = true;
        }
    }
    let added = (0..table.entries.len() as u32)
        .filter(|index| new.has(*index) && !is_known[*index as usize])
        .collect();
    FieldChange { kept, added }
}

//! What this node carries for each service, and how much that may be: for people who ask what is going on.
//!
//! Counters begin with the agent and are this node's alone.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;
use shoal_scheduler::{task::ServiceId, view::ClusterView};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number that only grows, and others that come and go.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn one(&self) {
        self.many(1);
    }

    pub(super) fn many(&self, number: usize) {
        self.0.fetch_add(number as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Of one service.
#[derive(Debug)]
pub(super) struct Account {
    /// Connections of clients that may still be made.
    places: Arc<Semaphore>,
    /// The same of flows.
    flow_places: Arc<Semaphore>,
    /// Of either, all together.
    most: usize,
    flows_now: AtomicU64,
    connections: Count,
    flows: Count,
    /// Connections and flows of other nodes to tasks of this one.
    pub(super) served: Count,
    /// Clients that no task took.
    pub(super) no_task: Count,
    /// Clients beyond the limit.
    pub(super) full: Count,
    /// Tasks that could not be reached.
    pub(super) passed_over: Count,
    /// By way of a third node.
    pub(super) around: Count,
    /// Packets that found no room.
    pub(super) dropped: Count,
    pub(super) bytes_to_tasks: Count,
    pub(super) bytes_from_tasks: Count,
}

impl Account {
    fn new(most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most)),
            flow_places: Arc::new(Semaphore::new(most)),
            most,
            flows_now: AtomicU64::new(0),
            connections: Count::default(),
            flows: Count::default(),
            served: Count::default(),
            no_task: Count::default(),
            full: Count::default(),
            passed_over: Count::default(),
            around: Count::default(),
            dropped: Count::default(),
            bytes_to_tasks: Count::default(),
            bytes_from_tasks: Count::default(),
        }
    }

    /// A place for one more connection. None: there are as many as there may be.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.places.clone().try_acquire_owned().ok();
        match place {
            Some(_) => self.connections.one(),
            None => self.full.one(),
        }
        place
    }

    /// A place for one more flow. None: there are as many as there may be.
    pub(super) fn flow_place(&self) -> Option<OwnedSemaphorePermit> {
        self.flow_places.clone().try_acquire_owned().ok()
    }

    /// One more flow.
    pub(super) fn flow(self: &Arc<Self>) -> FlowCounted {
        self.flows.one();
        self.flows_now.fetch_add(1, Ordering::Relaxed);
        FlowCounted(self.clone())
    }

    fn traffic(&self, service: ServiceId, name: String) -> Traffic {
        let free = self.places.available_permits();
        Traffic {
            service,
            name,
            connections: self.most.saturating_sub(free) as u64,
            connections_max: self.most as u64,
            connections_total: self.connections.get(),
            flows: self.flows_now.load(Ordering::Relaxed),
            flows_max: self.most as u64,
            flows_total: self.flows.get(),
            served: self.served.get(),
            no_task: self.no_task.get(),
            full: self.full.get(),
            passed_over: self.passed_over.get(),
            around: self.around.get(),
            packets_dropped: self.dropped.get(),
            bytes_to_tasks: self.bytes_to_tasks.get(),
            bytes_from_tasks: self.bytes_from_tasks.get(),
        }
    }
}

/// A flow that lasts until this is dropped.
pub(super) struct FlowCounted(Arc<Account>);

impl Drop for FlowCounted {
    fn drop(&mut self) {
        self.0.flows_now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a node has carried for a service since its agent started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Traffic {
    #[serde(rename = "ServiceID")]
    pub(crate) service: ServiceId,
    pub(crate) name: String,
    /// Connections of clients of this node now, at most, and ever.
    pub(crate) connections: u64,
    pub(crate) connections_max: u64,
    pub(crate) connections_total: u64,
    /// Flows of packets of clients of this node now, at most, and ever.
    pub(crate) flows: u64,
    pub(crate) flows_max: u64,
    pub(crate) flows_total: u64,
    /// Connections and flows that other nodes brought to tasks of this one.
    pub(crate) served: u64,
    /// Clients that no task took.
    pub(crate) no_task: u64,
    /// Clients beyond the limit.
    pub(crate) full: u64,
    /// Tasks that could not be reached.
    pub(crate) passed_over: u64,
    /// Connections that went by way of a third node.
    pub(crate) around: u64,
    pub(crate) packets_dropped: u64,
    /// Bytes of clients of this node.
    pub(crate) bytes_to_tasks: u64,
    pub(crate) bytes_from_tasks: u64,
}

#[derive(Debug)]
struct Held {
    accounts: BTreeMap<ServiceId, Arc<Account>>,
    most: usize,
}

/// The accounts of all services. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<Mutex<Held>>);

impl Ledger {
    /// With so many connections of each service at most, and as many flows.
    pub(crate) fn of(most: usize) -> Self {
        let accounts = BTreeMap::new();
        Self(Arc::new(Mutex::new(Held { accounts, most })))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing under this lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn account(&self, service: ServiceId) -> Arc<Account> {
        let mut held = self.held();
        let most = held.most;
        let account = held.accounts.entry(service);
        account
            .or_insert_with(|| Arc::new(Account::new(most)))
            .clone()
    }

    /// Forgets services that are no more.
    pub(super) fn keep(&self, view: &ClusterView) {
        let mut held = self.held();
        held.accounts
            .retain(|service, _| view.services.contains_key(service));
    }

    /// What was carried, for each service by name.
    pub(crate) fn traffic(&self, view: &ClusterView) -> Vec<Traffic> {
        let held = self.held();
        let mut traffic: Vec<Traffic> = view
            .services
            .values()
            .map(|service| {
                let name = service.spec.name.clone();
                let nothing = || Arc::new(Account::new(held.most));
                let account = held.accounts.get(&service.id).cloned();
                account.unwrap_or_else(nothing).traffic(service.id, name)
            })
            .collect();
        traffic.sort_by(|one, other| one.name.cmp(&other.name));
        traffic
    }
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn a_service_has_its_places_and_all_of_it_is_counted() {
        let ledger = Ledger::of(2);
        let account = ledger.account(ServiceId(1));
        let places = (account.place(), account.place());
        assert!(places.0.is_some() && places.1.is_some());
        assert!(account.place().is_none());
        assert!(ledger.account(ServiceId(2)).place().is_some(), "another's");
        let flow = account.flow();
        let flow_places = (account.flow_place(), account.flow_place());
        assert!(flow_places.1.is_some() && account.flow_place().is_none());
        account.bytes_to_tasks.many(7);
        drop(places.0);
        let services = [samples::service(1, r#"{"Name":"web"}"#)];
        let view = samples::view("n", &services);
        let traffic = ledger.traffic(&view).remove(0);
        assert_eq!((traffic.connections, traffic.connections_total), (1, 2));
        assert_eq!((traffic.full, traffic.connections_max), (1, 2));
        assert_eq!((traffic.flows, traffic.bytes_to_tasks), (1, 7));
        drop(flow);
        ledger.keep(&view);
        assert_eq!(ledger.held().accounts.len(), 1);
        let traffic = ledger.traffic(&view).remove(0);
        assert_eq!((traffic.flows, traffic.flows_total), (0, 1));
    }
}

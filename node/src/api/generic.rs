//! Generic resources in Docker's shape: a number of things, or one entry for each that has a name.

use bollard::models::{
    GenericResources, GenericResourcesInner, GenericResourcesInnerDiscreteResourceSpec,
    GenericResourcesInnerNamedResourceSpec,
};
use shoal_scheduler::generic::{Assigned, Stock, Stocks};

/// What a machine has. None: nothing.
pub(super) fn of_machine(stocks: &Stocks) -> Option<GenericResources> {
    let all = stocks.iter().flat_map(|(kind, stock)| match stock {
        Stock::Count(count) => vec![discrete(kind, *count)],
        Stock::Names(names) => names.iter().map(|name| named(kind, name)).collect(),
    });
    some(all.collect())
}

/// What a task was given. None: nothing.
pub(super) fn of_task(assigned: &[Assigned]) -> Option<GenericResources> {
    let all = assigned.iter().flat_map(|one| match one.names.as_slice() {
        [] => vec![discrete(&one.kind, one.count)],
        names => names.iter().map(|name| named(&one.kind, name)).collect(),
    });
    some(all.collect())
}

fn some(all: GenericResources) -> Option<GenericResources> {
    Some(all).filter(|all| !all.is_empty())
}

fn discrete(kind: &str, count: u64) -> GenericResourcesInner {
    GenericResourcesInner {
        discrete_resource_spec: Some(GenericResourcesInnerDiscreteResourceSpec {
            kind: Some(kind.to_owned()),
            value: Some(i64::try_from(count).unwrap_or(i64::MAX)),
        }),
        named_resource_spec: None,
    }
}

fn named(kind: &str, name: &str) -> GenericResourcesInner {
    GenericResourcesInner {
        discrete_resource_spec: None,
        named_resource_spec: Some(GenericResourcesInnerNamedResourceSpec {
            kind: Some(kind.to_owned()),
            value: Some(name.to_owned()),
        }),
    }
}

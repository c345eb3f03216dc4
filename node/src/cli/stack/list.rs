//! `shoal stack ls`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::STACK_LABEL;
use crate::cli::{
    error::CliError,
    format::{
        natural,
        rows::{Layout, ListArgs, Row},
        words::harmless,
    },
    lookup::Lookup,
    query::{Filters, Target},
    session::Session,
};

const LAYOUT: Layout = Layout {
    table: "{{.Name}}\t{{.Services}}",
    headers: &[("Name", "NAME"), ("Services", "SERVICES")],
    quiet: "Name",
};

/// Does it.
pub(super) async fn run(session: &mut Session, args: ListArgs) -> Result<(), CliError> {
    let filters = Filters::default().and("label", STACK_LABEL);
    let target = Target::new("/services").filtered(&filters);
    let services: Vec<Value> = session.client.get(target.as_str()).await?;
    let mut stacks: BTreeMap<&str, usize> = BTreeMap::new();
    for service in &services {
        let labels = service.pairs("/Spec/Labels");
        if let Some((_, stack)) = labels.iter().find(|(key, _)| *key == STACK_LABEL) {
            *stacks.entry(stack).or_default() += 1;
        }
    }
    let mut stacks: Vec<_> = stacks.into_iter().collect();
    stacks.sort_by(|a, b| natural::compare(a.0, b.0));
    let rows = stacks.iter().map(|(stack, count)| {
        let mut row = Row::new();
        row.insert("Name".into(), harmless(stack).into());
        row.insert("Services".into(), count.to_string().into());
        row
    });
    args.print(&mut session.out, &LAYOUT, rows.collect())
}

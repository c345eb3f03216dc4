//! Plans, each made once for all machines that ask for it.
//!
//! A plan is a function of its input alone, so machines that see the same cluster get the same plan;
//! a thousand of them need not work it out a thousand times, nor hold a thousand copies.

use std::{collections::VecDeque, sync::Arc};

use shoal_scheduler::placement::{Input, Plan, Planner};

/// Plans kept. While news spreads, machines ask for a few different ones.
const KEPT: usize = 16;

/// The one who plans for all.
#[derive(Debug, Default)]
pub(super) struct Plans {
    planner: Planner,
    made: VecDeque<(Input, Arc<Plan>)>,
}

impl Plans {
    /// The plan of this input.
    pub(super) fn plan(&mut self, input: Input) -> Arc<Plan> {
        if let Some((_, plan)) = self.made.iter().find(|(known, _)| is_same(known, &input)) {
            return plan.clone();
        }
        let plan = Arc::new(self.planner.plan(input.clone()));
        self.made.truncate(KEPT - 1);
        self.made.push_front((input, plan.clone()));
        plan
    }
}

/// Whether two inputs are equal; quick where they share their nodes.
fn is_same(one: &Input, other: &Input) -> bool {
    one.version == other.version
        && one.load_caps == other.load_caps
        && one.services == other.services
        && one.refusals == other.refusals
        && one.homes == other.homes
        && one.keeps == other.keeps
        && (one.nodes.ptr_eq(&other.nodes) || one.nodes == other.nodes)
}

//! What is done, in the order of time: deployments and faults, and the ends of faults.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;

use super::{Watch, actions};
use crate::{World, plan::Plan, streams};

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    /// Deploy this service of the plan.
    Deploy(usize),
    /// This fault of the plan, for the n-th time, and when it was due.
    Strike(usize, u32, Duration),
    /// This line of the trace of churn.
    Churn(usize),
    /// This fault is over on that machine.
    Mend(usize, usize),
}

/// All that is still to be done.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    plan: &'a Plan,
    acts: BinaryHeap<Reverse<(Duration, u64, Act)>>,
    planned: u64,
    rng: SplitMix64,
    last_change: Option<Duration>,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(plan: &'a Plan, seed: u64, begin: Duration) -> Self {
        let mut timeline = Self {
            plan,
            acts: BinaryHeap::new(),
            planned: 0,
            rng: SplitMix64::seed_from_u64(streams::faults(seed)),
            last_change: None,
        };
        for (place, service) in plan.services.iter().enumerate() {
            timeline.plan_act(begin + service.at.0, Act::Deploy(place));
        }
        for (place, fault) in plan.faults.iter().enumerate() {
            timeline.plan_strike(begin + fault.at.0, place, 0);
        }
        for (place, turn) in plan.churn.trace.0.iter().enumerate() {
            timeline.plan_act(begin + turn.at, Act::Churn(place));
        }
        timeline
    }

    fn plan_act(&mut self, at: Duration, act: Act) {
        self.planned += 1;
        self.acts.push(Reverse((at, self.planned, act)));
    }

    /// A fault that is due at `due`, before its jitter.
    fn plan_strike(&mut self, due: Duration, place: usize, number: u32) {
        let jitter = self.plan.faults[place].jitter.0;
        // Without jitter nothing is drawn, and plans that have none go as they went.
        let late = match jitter.is_zero() {
            true => Duration::ZERO,
            false => jitter.mul_f64(self.rng.random()),
        };
        self.plan_act(due + late, Act::Strike(place, number, due));
    }

    /// When something is to be done next.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.acts.peek().map(|Reverse((at, ..))| *at)
    }

    /// When something was last done.
    pub(super) fn last_change(&self) -> Option<Duration> {
        self.last_change
    }

    /// Does what is due.
    pub(super) fn act(&mut self, world: &mut World, watch: &mut Watch) {
        while self.next_at().is_some_and(|at| at <= world.now()) {
            let Some(Reverse((at, _, act))) = self.acts.pop() else {
                return;
            };
            self.last_change = Some(at);
            match act {
                Act::Deploy(place) => {
                    let nodes = self.plan.cluster.nodes;
                    actions::deploy(world, &self.plan.services[place], nodes, watch);
                }
                Act::Strike(place, number, due) => {
                    self.strike(world, watch, (place, number), at);
                    self.repeat(place, number, due);
                }
                Act::Churn(place) => {
                    actions::turn(world, self.plan.churn.trace.0[place], watch);
                }
                Act::Mend(place, machine) => {
                    actions::mend(world, self.plan, &self.plan.faults[place], machine);
                    watch.detection.is_well(world, machine);
                }
            }
        }
    }

    fn strike(
        &mut self,
        world: &mut World,
        watch: &mut Watch,
        (place, number): (usize, u32),
        at: Duration,
    ) {
        let fault = &self.plan.faults[place];
        let struck = actions::strike(world, fault, number, &mut self.rng, watch);
        if let Some(lasts) = fault.lasts {
            for machine in struck {
                self.plan_act(at + lasts.0, Act::Mend(place, machine));
            }
        }
    }

    fn repeat(&mut self, place: usize, number: u32, due: Duration) {
        let fault = &self.plan.faults[place];
        if number < fault.repeat
            && let Some(every) = fault.every
        {
            self.plan_strike(due + every.0, place, number + 1);
        }
    }
}

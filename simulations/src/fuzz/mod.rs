//! A random cluster, random orders and random faults; then quiet, and everything must come right.
//!
//! First safety: faults and orders in any order, rules looked at after every event. Then liveness:
//! faults stop, and within 5 minutes every rule must hold (as in TigerBeetle's VOPR). A seed gives
//! one run, byte for byte, whatever the machine.

mod faults;
mod orders;
mod shapes;

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shoal_membership::Profile;

use self::{
    faults::{Fault, Struck},
    orders::Orders,
};
use crate::{
    World,
    checkers::{self, Checker, Happening},
};

/// Faults and orders go on for at least this long.
const TROUBLE: Duration = Duration::from_secs(600);
/// Orders at least.
const ORDERS_MIN: u32 = 20;
/// Kinds of fault at least.
const KINDS_MIN: usize = 5;
/// After the last fault all must be well within this.
const REST_MAX: Duration = Duration::from_secs(300);
/// And again, or still, so long after; and once more, so long after a node was drained or made active
/// again. What was about to move has moved by then.
const REST_LASTS: Duration = Duration::from_secs(60);
/// Removals are forgotten after this time, so that a run sees many of them forgotten.
const TOMBSTONE_AGE: Duration = Duration::from_secs(60);
/// How often it is looked whether all is well.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: &'static str,
    /// How.
    pub what: String,
    /// When, since the beginning.
    pub at: Duration,
}

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Machines.
    pub machines: usize,
    /// Orders given.
    pub orders: u32,
    /// How often each kind of fault struck.
    pub faults: BTreeMap<&'static str, u32>,
    /// Events.
    pub events: u64,
    /// Time that passed in it.
    pub virtual_time: Duration,
    /// Hash of everything that happened: equal for equal runs.
    pub trace: u64,
    /// The first rule that did not hold, if any.
    pub violation: Option<Violation>,
}

/// Runs a seed to its end, or until a rule does not hold.
#[must_use]
pub fn run(seed: u64) -> Report {
    run_watched(seed, &mut |_, _| {})
}

/// Told before every event, when it happens and on which machine.
pub type Watch<'a> = dyn FnMut(Duration, usize) + 'a;

/// The same, watched.
pub fn run_watched(seed: u64, watch: &mut Watch<'_>) -> Report {
    let mut run = Run::new(seed, watch);
    let violation = run.trouble().and_then(|()| run.quiet()).err();
    Report {
        seed,
        machines: run.world.machines.len(),
        orders: run.orders.given,
        faults: run.faults,
        events: run.world.traffic.events,
        virtual_time: run.world.now(),
        trace: run.world.trace,
        violation,
    }
}

struct Run<'a> {
    world: World,
    rng: ChaCha8Rng,
    orders: Orders,
    checkers: Vec<Box<dyn Checker + Send>>,
    /// Kinds of fault that strike in this run.
    kinds: Vec<Fault>,
    faults: BTreeMap<&'static str, u32>,
    watch: &'a mut Watch<'a>,
}

impl<'a> Run<'a> {
    fn new(seed: u64, watch: &'a mut Watch<'a>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Small clusters are what people have, and find most; large ones find the rest.
        let machines = match rng.random_range(0..100) {
            0..80 => rng.random_range(3..8),
            80..96 => rng.random_range(8..17),
            _ => rng.random_range(17..51),
        };
        let profile = if rng.random_bool(0.8) {
            Profile::Lan
        } else {
            Profile::Edge
        };
        let mut kinds = Fault::ALL.to_vec();
        let leave_out = rng.random_range(0..=kinds.len() - KINDS_MIN);
        for _ in 0..leave_out {
            kinds.swap_remove(rng.random_range(0..kinds.len()));
        }
        let world = shapes::world(machines, profile, seed, &mut rng);
        Self {
            world,
            rng,
            orders: Orders::default(),
            checkers: checkers::all(),
            kinds,
            faults: BTreeMap::new(),
            watch,
        }
    }

    /// Faults and orders.
    fn trouble(&mut self) -> Result<(), Violation> {
        let begin = self.world.now();
        while self.world.now() < begin + TROUBLE
            || self.orders.given < ORDERS_MIN
            || self.faults.len() < KINDS_MIN
        {
            // Some kinds find nothing to strike in some clusters: then others are let in.
            if self.world.now() > begin + TROUBLE && self.kinds.len() < Fault::ALL.len() {
                self.kinds = Fault::ALL.to_vec();
            }
            if self.rng.random_bool(0.6) {
                self.strike();
            }
            faults::mend_some(&mut self.world, &mut self.rng);
            self.orders.give(&mut self.world, &mut self.rng);
            let pause = Duration::from_millis(self.rng.random_range(0..20_000));
            self.pass(pause)?;
        }
        Ok(())
    }

    fn strike(&mut self) {
        let fault = self.kinds[self.rng.random_range(0..self.kinds.len())];
        let Some(struck) = fault.strike(&mut self.world, &mut self.rng) else {
            return;
        };
        *self.faults.entry(fault.name()).or_default() += 1;
        match struck {
            Struck::Plainly => {}
            Struck::DiskLost(machine) => self.tell(&Happening::DiskLost { machine }),
            Struck::Removed(machine, node) => self.tell(&Happening::Removed { machine, node }),
        }
    }

    /// No more of either: in the end all is well.
    fn quiet(&mut self) -> Result<(), Violation> {
        faults::mend_all(&mut self.world);
        self.tell(&Happening::Quiet);
        self.rest()?;
        self.pass(REST_LASTS)?;
        self.rest()?;
        // What moves from now on moves by order only.
        self.orders.move_tasks(&mut self.world, &mut self.rng);
        self.pass(REST_LASTS)?;
        self.rest()
    }

    /// Passes time until all is well.
    fn rest(&mut self) -> Result<(), Violation> {
        let end = self.world.now() + REST_MAX;
        loop {
            self.pass(LOOK_EVERY)?;
            match self.is_at_rest() {
                Ok(()) => return Ok(()),
                Err(violation) if self.world.now() >= end => return Err(violation),
                Err(_) => {}
            }
        }
    }

    fn is_at_rest(&self) -> Result<(), Violation> {
        for checker in &self.checkers {
            checker
                .at_rest(&self.world)
                .map_err(|what| self.violation(checker.name(), what))?;
        }
        Ok(())
    }

    /// Lets time pass, and looks after every event.
    fn pass(&mut self, duration: Duration) -> Result<(), Violation> {
        let until = self.world.now() + duration;
        loop {
            if let Some((at, machine)) = self.world.upcoming() {
                (self.watch)(at, machine);
            }
            let Some(machine) = self.world.next_event(until) else {
                return Ok(());
            };
            for index in 0..self.checkers.len() {
                let checker = &mut self.checkers[index];
                let name = checker.name();
                if let Err(what) = checker.after_event(&self.world, machine) {
                    return Err(self.violation(name, what));
                }
            }
            while let Some((machine, key)) = self.orders.hear(&mut self.world) {
                self.tell(&Happening::Acknowledged { machine, key });
            }
        }
    }

    fn tell(&mut self, happening: &Happening) {
        for checker in &mut self.checkers {
            checker.heard(&self.world, happening);
        }
    }

    fn violation(&self, rule: &'static str, what: String) -> Violation {
        Violation {
            rule,
            what,
            at: self.world.now(),
        }
    }
}

//! A random cluster, random orders and random faults; then quiet, and everything must come right.
//!
//! First safety: faults and orders in any order, rules looked at after every event. Then liveness:
//! faults stop, and within 5 minutes every rule must hold (as in TigerBeetle's VOPR). A seed gives
//! one run, byte for byte, whatever the machine; one that fails can be [shortened](minimise).

mod faults;
mod minimise;
mod orders;
mod script;
mod shapes;

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shoal_membership::Profile;

use self::{
    faults::{Fault, Struck},
    orders::Orders,
};
pub use self::{
    minimise::{Shortened, minimise},
    script::{Act, Kind, Script},
};
use crate::{
    World,
    checkers::{self, Checker, Happening},
    streams,
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

/// Machines of a cluster at least.
pub const MACHINES_MIN: usize = 3;
/// And at most.
pub const MACHINES_MAX: usize = 50;

/// A run: a seed, and what of it takes place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// The seed.
    pub seed: u64,
    /// Machines, if not as many as the seed says: 3 to 50.
    pub machines: Option<usize>,
    /// What takes place.
    pub script: Script,
}

impl Case {
    /// All of a seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self {
            seed,
            machines: None,
            script: Script::Whole,
        }
    }
}

/// Something that took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What.
    pub act: Act,
    /// When, since the beginning.
    pub at: Duration,
    /// In a word: the fault's name, `order`, `mend`, or for how long time passed.
    pub what: String,
}

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
    /// What took place before that, in its order. Faults that found nothing to strike are not among it.
    pub acts: Vec<Done>,
}

/// Runs a seed to its end, or until a rule does not hold.
#[must_use]
pub fn run(seed: u64) -> Report {
    run_case(&Case::of(seed))
}

/// Runs a case to its end, or until a rule does not hold.
#[must_use]
pub fn run_case(case: &Case) -> Report {
    let mut run = Run::new(case);
    let violation = run.trouble().and_then(|()| run.quiet()).err();
    Report {
        seed: case.seed,
        machines: run.world.machines.len(),
        orders: run.orders.given,
        faults: run.faults,
        events: run.world.traffic.events,
        virtual_time: run.world.now(),
        trace: run.world.trace,
        violation,
        acts: run.acts,
    }
}

struct Run<'a> {
    case: &'a Case,
    world: World,
    orders: Orders,
    checkers: Vec<Box<dyn Checker + Send>>,
    /// Kinds of fault that strike in this run.
    kinds: Vec<Fault>,
    faults: BTreeMap<&'static str, u32>,
    acts: Vec<Done>,
}

impl<'a> Run<'a> {
    fn new(case: &'a Case) -> Self {
        let seed = case.seed;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Small clusters are what people have, and find most; large ones find the rest.
        let drawn = match rng.random_range(0..100) {
            0..80 => rng.random_range(MACHINES_MIN..8),
            80..96 => rng.random_range(8..17),
            _ => rng.random_range(17..=MACHINES_MAX),
        };
        let machines = case.machines.unwrap_or(drawn);
        let machines = machines.clamp(MACHINES_MIN, MACHINES_MAX);
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
            case,
            world,
            orders: Orders::default(),
            checkers: checkers::all(),
            kinds,
            faults: BTreeMap::new(),
            acts: Vec::new(),
        }
    }

    /// Faults and orders.
    fn trouble(&mut self) -> Result<(), Violation> {
        let mut passed = Duration::ZERO;
        for step in 0..script::STEPS_MAX {
            let has_lasted = passed >= TROUBLE;
            let is_over = match self.case.script.steps() {
                Some(steps) => step >= steps,
                None => {
                    has_lasted && self.orders.given >= ORDERS_MIN && self.faults.len() >= KINDS_MIN
                }
            };
            if is_over {
                break;
            }
            // Some kinds find nothing to strike in some clusters: then others are let in.
            if has_lasted && self.kinds.len() < Fault::ALL.len() {
                self.kinds = Fault::ALL.to_vec();
            }
            passed += self.step(step)?;
        }
        Ok(())
    }

    /// One step of trouble. How long it lasts, if all of it takes place.
    fn step(&mut self, step: u32) -> Result<Duration, Violation> {
        let mut pause = Duration::ZERO;
        for kind in Kind::ALL {
            let act = Act { step, kind };
            let stream = streams::step(self.case.seed, step, kind as u64);
            let mut rng = ChaCha8Rng::seed_from_u64(stream);
            if kind == Kind::Pause {
                pause = Duration::from_millis(rng.random_range(0..20_000));
            }
            if !self.case.script.has(act) {
                continue;
            }
            let at = self.world.now();
            let what = match kind {
                Kind::Strike => self.strike(&mut rng).map(str::to_owned),
                Kind::Mend => {
                    faults::mend_some(&mut self.world, &mut rng);
                    Some("mend".to_owned())
                }
                Kind::Order => {
                    let given = self.orders.give(&mut self.world, &mut rng);
                    given.then(|| "order".to_owned())
                }
                Kind::Pause => Some(format!("{:.3} s pass", pause.as_secs_f64())),
            };
            self.acts.extend(what.map(|what| Done { act, at, what }));
            if kind == Kind::Pause {
                self.pass(pause)?;
            }
        }
        Ok(pause)
    }

    /// A fault strikes, or finds nothing to strike.
    fn strike(&mut self, rng: &mut ChaCha8Rng) -> Option<&'static str> {
        if !rng.random_bool(0.6) {
            return None;
        }
        let fault = self.kinds[rng.random_range(0..self.kinds.len())];
        let struck = fault.strike(&mut self.world, rng)?;
        *self.faults.entry(fault.name()).or_default() += 1;
        match struck {
            Struck::Plainly => {}
            Struck::DiskLost(machine) => self.tell(&Happening::DiskLost { machine }),
            Struck::Removed(machine, node) => self.tell(&Happening::Removed { machine, node }),
        }
        Some(fault.name())
    }

    /// No more of either: in the end all is well.
    fn quiet(&mut self) -> Result<(), Violation> {
        faults::mend_all(&mut self.world);
        self.tell(&Happening::Quiet);
        self.rest()?;
        self.pass(REST_LASTS)?;
        self.rest()?;
        // What moves from now on moves by order only.
        let stream = streams::step(self.case.seed, script::STEPS_MAX, 0);
        let mut rng = ChaCha8Rng::seed_from_u64(stream);
        self.orders.move_tasks(&mut self.world, &mut rng);
        self.pass(REST_LASTS)?;
        self.rest()?;
        self.tell(&Happening::Still);
        self.pass(REST_LASTS)?;
        // A slot that was held down may be on its way just now.
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
        while let Some(machine) = self.world.next_event(until) {
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
        Ok(())
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

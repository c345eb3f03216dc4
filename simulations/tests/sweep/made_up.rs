//! An experiment without a simulation: figures from point and seed, so that tests know them.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use shoal_sim::{
    results::{Curve, Figure, Kept, Manifest, Point, RunRecord, Shape},
    sweep::{Experiment, Finished, Options, Silent, Stop, sweep},
};

pub(crate) const PLAN: &str =
    "name = \"made-up\" # <b>&\nnodes = [4, 64, 256]\nhold_down = [\"off\", \"on\"]\n";

pub(crate) struct MadeUp {
    pub(crate) plan: &'static str,
    pub(crate) samples: usize,
    /// A run takes so long.
    pub(crate) pause: Duration,
    /// Stops it before so many runs.
    pub(crate) stop_at: usize,
    pub(crate) stop: Stop,
    pub(crate) runs: AtomicUsize,
    pub(crate) oddities: bool,
}

impl Default for MadeUp {
    fn default() -> Self {
        Self {
            plan: PLAN,
            samples: 200,
            pause: Duration::ZERO,
            stop_at: usize::MAX,
            stop: Stop::default(),
            runs: AtomicUsize::new(0),
            oddities: false,
        }
    }
}

/// Between 0 and 1, from two numbers: the same on any machine.
pub(crate) fn luck(seed: u64, salt: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x ^= x >> 32;
    x = x.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^= x >> 32;
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

impl Experiment for MadeUp {
    fn name(&self) -> &str {
        "made-up"
    }

    fn plan(&self) -> &str {
        self.plan
    }

    fn points(&self) -> Vec<Point> {
        let point = |nodes: u32, is_on: bool| {
            let point = Point::default()
                .with("nodes", nodes)
                .with("hold_down", is_on);
            point.with("loss_percent", 1_u32)
        };
        let nodes = [4, 64, 256].into_iter();
        nodes
            .flat_map(|nodes| [false, true].map(|is_on| point(nodes, is_on)))
            .collect()
    }

    fn run(&self, point: &Point, seed: u64) -> Result<RunRecord, String> {
        if self.runs.fetch_add(1, Ordering::Relaxed) >= self.stop_at {
            self.stop.stop();
        }
        thread::sleep(self.pause);
        let nodes = point.get("nodes").and_then(|value| value.number()).unwrap();
        let is_on = point.get("hold_down").unwrap().to_string() == "on";
        if self.oddities && seed == 2 && nodes == 4.0 {
            return Err("once: slot <1> ran twice, \"and\" more".into());
        }
        assert!(!(self.oddities && seed == 3 && nodes == 4.0), "out of luck");
        // Shared by both variants of a seed, so that only pairs show the small difference.
        let shared = luck(seed, 1) * 4.0;
        let own = luck(seed, 2 + nodes as u64 + u64::from(is_on));
        let detection = nodes.log2() + shared + 0.05 * own - if is_on { 0.2 } else { 0.0 };
        let moved = if self.oddities && seed == 1 {
            f64::NAN
        } else {
            nodes * own
        };
        let sample = |place: usize| -(1.0 - luck(seed, 1_000 + place as u64)).ln() * nodes;
        Ok(RunRecord {
            measures: vec![
                ("detection_s".into(), detection),
                ("moved_tasks".into(), moved),
            ],
            samples: vec![("latency_ms".into(), (0..self.samples).map(sample).collect())],
            trace: seed.wrapping_mul(0x1234_5678_9ABC_DEF1) ^ nodes as u64,
            virtual_s: 600.0,
            events: 1_000 + seed,
        })
    }

    fn figures(&self) -> Vec<Figure> {
        let mut line = Figure::new(Shape::Line, "detection_s", Some("nodes"));
        line.curves = Some("hold_down".into());
        line.is_x_log = true;
        line.theory = vec![Curve {
            name: "log2(nodes) + 2".into(),
            points: vec![(4.0, 4.0), (64.0, 8.0), (256.0, 10.0)],
            at: Point::default(),
            speaks_of: None,
        }];
        let mut cdf = Figure::new(Shape::Cdf, "latency_ms", None);
        cdf.curves = Some("nodes".into());
        cdf.is_x_log = true;
        let mut dots = Figure::new(Shape::Dots, "moved_tasks", Some("hold_down"));
        dots.curves = Some("nodes".into());
        vec![line, cdf, dots]
    }
}

/// Sweeps into a folder, with so many seeds from 0.
pub(crate) fn into(folder: &Path, experiment: &MadeUp, seeds: u64, jobs: usize) -> Finished {
    try_into(folder, experiment, seeds, jobs).unwrap()
}

pub(crate) fn try_into(
    folder: &Path,
    experiment: &MadeUp,
    seeds: u64,
    jobs: usize,
) -> Result<Finished, shoal_sim::results::ResultsError> {
    let mut options = Options::new(folder, (0..seeds).collect());
    options.jobs = jobs;
    sweep(experiment, &options, &experiment.stop, &Silent)
}

pub(crate) fn kept(folder: &Path) -> Kept {
    let manifest = Manifest::read(folder).unwrap();
    Kept::read(folder, &manifest.points).unwrap()
}

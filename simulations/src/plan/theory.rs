//! Closed forms that a figure may name, to be drawn beside what was measured: `theory = ["…"]`.
//!
//! Each is worked out from the plan's own parameters at each of its points, so it follows whatever is
//! varied. None knows of lost packets: they hold for quiet links.

use serde::Deserialize;

use super::{Plan, PlanError, PlanText, PointSettings};
use crate::results::Curve;

/// Terms of a sum that are less than this are left out with all that follow.
const NEGLIGIBLE: f64 = 1e-12;

/// A closed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theory {
    /// SWIM's first detection, in seconds: `T e/(e-1) + S`, with T the probe period and S the suspicion.
    ///
    /// Das, Gupta and Motivala 2002, section 5: if each of n nodes probes a random one in each period, a
    /// dead one is probed in a period with the chance `1 - (1 - 1/n)^n`, which goes to `1 - 1/e`; so it
    /// takes `e/(e-1) = 1.58` periods. These are whole periods from the first that begins after the
    /// crash, with the answer due at the end of each. The paper has S beyond that (section 4.2).
    SwimFirstDetection,
    /// The mean first detection of what is shipped, in seconds: `T (E + 1) + S`.
    ///
    /// Nodes probe in turn, in an order drawn anew each round (the paper's section 4.3), at times that
    /// have nothing to do with each other's. E is the mean time from a crash to the first probe of the
    /// dead, in periods; it goes to 1 with many nodes. One period later the probe has failed, and one
    /// suspicion later the node is declared dead. E is the integral of the chance that none of
    /// n = N - 1 nodes has probed it yet: see [`first_probe`].
    FirstDetection,
    /// All know of a death, in seconds: [`Self::FirstDetection`], and then gossip that each who knows
    /// sends to f others in each interval G, at times that have nothing to do with each other's.
    ///
    /// With k of n knowing, the next learns of it after `(n - 1) / (k (n - k) f/G)` in the mean; the sum
    /// over k is that of the logistic curve of epidemics (SWIM, section 4.1; Bailey 1975; as
    /// first-passage time, Janson 1999: 2 log n / n). Who declares a death tells f others at once, so
    /// the sum begins with 1 + f.
    AllDetected,
    /// All hold an order, in seconds: the writer's disk, and then `log_(f+1) N + ln N / f` times the way
    /// of a message (Pittel 1987, for f random others that are told in each round).
    ///
    /// Rumours are passed on at once, to `f = max(3, bits of N - 1)` others, so a round is as long as
    /// the mean way on a stream. Each node passes them on once, not in each round: where f is small the
    /// last hear of it later than this, and some from anti-entropy alone.
    OrderKnown,
}

impl Theory {
    /// In a legend.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SwimFirstDetection => "SWIM: e/(e-1) periods",
            Self::FirstDetection => "theory: probes in turn",
            Self::AllDetected => "theory: then gossip",
            Self::OrderKnown => "theory: log N rounds",
        }
    }

    /// What it gives for a plan.
    ///
    /// # Errors
    /// As the plan's protocol and links have it.
    pub fn at(self, plan: &Plan) -> Result<f64, String> {
        let protocol = plan
            .protocol
            .build(plan.cluster.profile, plan.cluster.nodes)?;
        let swim = protocol
            .swim
            .unwrap_or_else(|| shoal_membership::Config::for_profile(plan.cluster.profile, 1));
        let (period, suspicion) = (
            swim.probe_period.as_secs_f64(),
            swim.suspicion.as_secs_f64(),
        );
        let others = plan.cluster.nodes.saturating_sub(1).max(1);
        let first = || period * (first_probe(others) + 1.0) + suspicion;
        Ok(match self {
            Self::SwimFirstDetection => period * swim_periods() + suspicion,
            Self::FirstDetection => first(),
            Self::AllDetected => {
                let receivers = swim.indirect_probes.get();
                let rate = receivers as f64 / swim.gossip_every.as_secs_f64();
                first() + epidemic(others, 1 + receivers) / rate
            }
            Self::OrderKnown => {
                let link = plan.links.build()?;
                // Two ways of a datagram: see `Links::stream`.
                let round = 2.0 * link.latency.mean().as_secs_f64();
                let disk = plan.disks.delay.as_ref().map(|delay| delay.0.clone());
                let disk = disk.unwrap_or(crate::Disk::DELAY);
                let disk = (*disk.start() + *disk.end()).as_secs_f64() / 2.0;
                disk + round
                    * push_rounds(plan.cluster.nodes, shoal_scheduler::peer::fanout(others))
            }
        })
    }

    /// Its curve along an axis.
    ///
    /// # Errors
    /// If it is not the same for all values of another axis: then there is no one curve.
    pub(crate) fn curve(
        self,
        along: &str,
        text: &PlanText,
        points: &[PointSettings],
    ) -> Result<Curve, PlanError> {
        let wrong = |what: &str| PlanError::new(format!("figures: {}: {what}", self.name()));
        let mut curve: Vec<(f64, f64)> = Vec::new();
        for (point, settings) in points {
            let Some(x) = point.get(along).and_then(crate::results::Value::number) else {
                continue;
            };
            let y = self.at(&text.with(settings)?).map_err(PlanError::new)?;
            match curve.iter().find(|(known, _)| *known == x) {
                Some((_, known)) if *known == y => {}
                Some(_) => return Err(wrong("differs with what else is varied")),
                None => curve.push((x, y)),
            }
        }
        curve.sort_by(|one, other| one.0.total_cmp(&other.0));
        Ok(Curve {
            name: self.name().to_owned(),
            points: curve,
        })
    }
}

/// `e/(e-1)`: in how many periods a member is probed for the first time, of many that probe at random.
#[must_use]
pub fn swim_periods() -> f64 {
    std::f64::consts::E / (std::f64::consts::E - 1.0)
}

/// In how many periods after a crash one of `n` others probes the dead for the first time, in the mean,
/// the period of that probe included: SWIM's number for nodes that probe in turn. The sum over k of the
/// chance that it takes more than k.
#[must_use]
pub fn periods_to_first_probe(n: usize) -> f64 {
    silences(n).map(|silent| silent.powf(n as f64)).sum()
}

/// Time from a crash to the first probe of the dead by one of `n` others, in the mean, in periods.
///
/// After k whole periods and a part x of the next, one node has not probed it with the chance
/// `a - x (a - b)`, where a and b are those of k and k + 1 periods; the n-th power of that, integrated
/// over x, is `(a^(n+1) - b^(n+1)) / ((n + 1) (a - b))`.
#[must_use]
pub fn first_probe(n: usize) -> f64 {
    let after: Vec<f64> = silences(n).chain([0.0]).collect();
    let power = n as f64 + 1.0;
    let part = |pair: &[f64]| {
        let [a, b] = [pair[0], pair[1]];
        match a - b > 0.0 {
            true => (a.powf(power) - b.powf(power)) / (power * (a - b)),
            false => a.powf(n as f64),
        }
    };
    after.windows(2).map(part).sum()
}

/// The chance that one node has not probed a given one of n in 0, 1, 2… periods, as long as it matters.
///
/// It is somewhere in a round of n: c of them are done, any c alike. The one in question was among
/// those, with c/n, or is among those to come; then a new order is drawn.
fn silences(n: usize) -> impl Iterator<Item = f64> {
    let size = n as f64;
    let silent = move |k: usize| {
        let at = |done: usize| match (n - done).checked_sub(k) {
            Some(_) => 1.0 - k as f64 / size,
            None => {
                let into_next = (k - (n - done)) as f64;
                done as f64 / size * (1.0 - into_next / size).max(0.0)
            }
        };
        (0..n).map(at).sum::<f64>() / size
    };
    (0..2 * n)
        .map(silent)
        .take_while(move |silent| silent.powf(size) > NEGLIGIBLE)
}

/// Until all of n know what `known` of them know at first, if each who knows tells a random other once in
/// each unit of time, in the mean: the sum of `(n - 1) / (k (n - k))`.
#[must_use]
pub fn epidemic(n: usize, known: usize) -> f64 {
    let waits = (known..n).map(|k| (n - 1) as f64 / (k as f64 * (n - k) as f64));
    waits.sum()
}

/// Rounds until all of n know what one knows, if each who knows tells f random others in each round:
/// `log_(f+1) n + ln n / f` (Pittel 1987, "On spreading a rumor").
#[must_use]
pub fn push_rounds(n: usize, f: usize) -> f64 {
    let (n, f) = (n.max(1) as f64, f.max(1) as f64);
    n.ln() / (f + 1.0).ln() + n.ln() / f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probing_in_turn_goes_to_the_paper_s_number_and_is_never_worse() {
        assert!((swim_periods() - 1.582).abs() < 0.001);
        for n in [1, 2, 4, 7, 31, 1_000] {
            let at_random = 1.0 / (1.0 - (1.0 - 1.0 / n as f64).powi(n as i32));
            let in_turn = periods_to_first_probe(n);
            assert!(in_turn <= at_random + 1e-9, "{n}: {in_turn} {at_random}");
        }
        assert!((periods_to_first_probe(5_000) - swim_periods()).abs() < 0.001);
        assert!((first_probe(5_000) - 1.0).abs() < 0.001);
    }

    #[test]
    fn one_prober_of_one_takes_half_a_period() {
        assert_eq!(periods_to_first_probe(1), 1.0);
        assert_eq!(first_probe(1), 0.5);
        // Two of two: each probes it every second time, or twice in a row.
        let chances: Vec<f64> = silences(2).collect();
        assert_eq!(chances, [1.0, 0.5, 0.125]);
    }

    #[test]
    fn an_epidemic_grows_with_twice_the_logarithm() {
        assert_eq!(epidemic(2, 1), 1.0);
        assert_eq!(epidemic(5, 5), 0.0);
        let grows = epidemic(10_000, 1) - epidemic(100, 1);
        assert!((grows - 2.0 * 100_f64.ln()).abs() < 0.2, "{grows}");
        assert!((push_rounds(1_024, 1) - (10.0 + 1_024_f64.ln())).abs() < 1e-9);
    }
}

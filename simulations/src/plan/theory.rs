//! What theory says of a figure: a few closed forms by name, each with its source.
//!
//! Each is worked out from the plan's own parameters at each point of a sweep, so it follows whatever is
//! varied. Those of detection and dissemination know of no lost packets: they hold for quiet links. To add
//! one: a variant, its name in the legend, its formula.

use serde::Deserialize;
use shoal_scheduler::placement::rung;

use super::{Plan, PlanError, PlanText, PointSettings, curves::curves, epidemics};
use crate::results::{Curve, Figure, Value};

/// A closed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theory {
    /// 1: only what must move, moves.
    #[serde(rename = "1")]
    One,
    /// 1/N, the share of the slots of one of N nodes: what moves on its loss by rendezvous hashing (Thaler
    /// and Ravishankar 1998) and on a ring (Karger et al. 1997).
    #[serde(rename = "1/n")]
    ShareOfOne,
    /// Coefficient of variation of balls thrown into N bins, s balls for each: √((N-1)/(N s)), the binomial
    /// distribution's. The mean of measured ones is a little less where N is small: it is the mean of CV²
    /// that is met exactly.
    BallsInBinsCv,
    /// The fullest bin over the mean: 1 + √(2 ln N / s), for s well above ln N (Raab and Steger, "Balls into
    /// Bins: A Simple and Tight Analysis", 1998, theorem 1).
    BallsInBinsMax,
    /// Coefficient of variation on a ring with V virtual nodes each. A node's arcs are Dirichlet distributed
    /// with variance (N-1)/(N²(NV+1)), and slots fall on them like balls, m in all: CV² =
    /// (N-1)/m + (1-1/m)(N-1)/(NV+1).
    RingCv,
    /// The cap of the shipped placement over the mean: the rung of the design's ladder.
    LoadCap,
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
    /// n = N - 1 nodes has probed it yet: see [`epidemics::first_probe`].
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
            Self::One => "theory: 1",
            Self::ShareOfOne => "theory: 1/N",
            Self::BallsInBinsCv => "bins: √((N-1)/(N s))",
            Self::BallsInBinsMax => "bins: 1+√(2 ln N / s)",
            Self::RingCv => "ring: arcs and bins",
            Self::LoadCap => "cap: rung / mean",
            Self::SwimFirstDetection => "SWIM: e/(e-1) periods",
            Self::FirstDetection => "theory: probes in turn",
            Self::AllDetected => "theory: then gossip",
            Self::OrderKnown => "theory: log N rounds",
        }
    }

    /// Rules of placement that it speaks of. None: of whatever is measured. Empty: it is a bound, and
    /// means nothing for a mean.
    fn rules(self) -> Option<&'static [&'static str]> {
        match self {
            Self::One | Self::ShareOfOne => Some(&["hrw", "ring", "random"]),
            Self::BallsInBinsCv | Self::BallsInBinsMax => Some(&["hrw", "random"]),
            Self::RingCv => Some(&["ring"]),
            Self::LoadCap => Some(&[]),
            Self::SwimFirstDetection
            | Self::FirstDetection
            | Self::AllDetected
            | Self::OrderKnown => None,
        }
    }

    /// What it gives for a plan.
    ///
    /// # Errors
    /// If the plan does not have what it speaks of.
    pub fn at(self, plan: &Plan) -> Result<f64, String> {
        match self.rules() {
            Some(_) => self.of_placement(plan),
            None => self.of_gossip(plan),
        }
    }

    fn of_placement(self, plan: &Plan) -> Result<f64, String> {
        let nodes = plan.cluster.nodes;
        let n = nodes as f64;
        let placement = || {
            plan.placement
                .as_ref()
                .ok_or("needs the section [placement]")
        };
        let slots_per_node = || placement().map(|placement| placement.slots_per_node as f64);
        Ok(match self {
            Self::ShareOfOne => 1.0 / n,
            Self::BallsInBinsCv => ((n - 1.0) / (n * slots_per_node()?)).sqrt(),
            Self::BallsInBinsMax => 1.0 + (2.0 * n.ln() / slots_per_node()?).sqrt(),
            Self::RingCv => {
                let slots = n * slots_per_node()?;
                let points = n * f64::from(placement()?.virtual_nodes);
                let of_bins = (n - 1.0) / slots;
                let of_arcs = (1.0 - 1.0 / slots) * (n - 1.0) / (points + 1.0);
                (of_bins + of_arcs).sqrt()
            }
            Self::LoadCap => {
                let slots = nodes as u64 * placement()?.slots_per_node;
                rung(slots, nodes as u64) as f64 / slots_per_node()?
            }
            _ => 1.0,
        })
    }

    fn of_gossip(self, plan: &Plan) -> Result<f64, String> {
        let (profile, nodes) = (plan.cluster.profile, plan.cluster.nodes);
        let protocol = plan.protocol.build(profile, nodes)?;
        let swim = protocol
            .swim
            .unwrap_or_else(|| shoal_membership::Config::for_profile(profile, nodes));
        let period = swim.probe_period.as_secs_f64();
        let suspicion = swim.suspicion.as_secs_f64();
        let others = nodes.saturating_sub(1).max(1);
        let first = period * (epidemics::first_probe(others) + 1.0) + suspicion;
        Ok(match self {
            Self::SwimFirstDetection => period * epidemics::swim_periods() + suspicion,
            Self::AllDetected => {
                let receivers = swim.indirect_probes.get();
                let rate = receivers as f64 / swim.gossip_every.as_secs_f64();
                first + epidemics::epidemic(others, 1 + receivers) / rate
            }
            Self::OrderKnown => {
                let link = plan.links.build()?;
                // Two ways of a datagram: see `Links::stream`.
                let round = 2.0 * link.latency.mean().as_secs_f64();
                let disk = plan.disks.delay.as_ref().map(|delay| delay.0.clone());
                let disk = disk.unwrap_or(crate::Disk::DELAY);
                let disk = (*disk.start() + *disk.end()).as_secs_f64() / 2.0;
                let fanout = shoal_scheduler::peer::fanout(others);
                disk + round * epidemics::push_rounds(nodes, fanout)
            }
            _ => first,
        })
    }

    /// Its curves in a figure, from its value at each point of a sweep: see [`curves`].
    ///
    /// # Errors
    /// As [`Self::at`].
    pub(super) fn curves(
        self,
        figure: &Figure,
        text: &PlanText,
        points: &[PointSettings],
    ) -> Result<Vec<Curve>, PlanError> {
        let wrong = |what: String| PlanError::new(format!("figures: {}: {what}", self.name()));
        let mut values = Vec::new();
        for (point, settings) in points {
            let value = self.at(&text.with(settings)?).map_err(wrong)?;
            values.push((point.clone(), value));
        }
        let axis = "placement.algorithm";
        let rules = self.rules().map(|rules| {
            let rules = rules.iter().map(|rule| Value::from(*rule));
            (axis.to_owned(), rules.collect())
        });
        let mut curves = curves(self.name(), figure, &values);
        for curve in &mut curves {
            curve.speaks_of.clone_from(&rules);
        }
        Ok(curves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlanText;

    fn plan(nodes: usize, slots_per_node: u64, virtual_nodes: u32) -> Plan {
        let text = format!(
            "title = \"t\"\nmeasure = [\"placement\"]\ncluster.nodes = {nodes}\n[placement]\n\
             slots_per_node = {slots_per_node}\nvirtual_nodes = {virtual_nodes}"
        );
        PlanText::parse(&text).unwrap().1
    }

    #[test]
    fn forms_give_what_a_pocket_calculator_does() {
        let near = |form: Theory, plan: &Plan, expected: f64| {
            let value = form.at(plan).unwrap();
            assert!((value - expected).abs() < 1e-4, "{form:?}: {value}");
        };
        let hundred = plan(100, 30, 100);
        near(Theory::ShareOfOne, &hundred, 0.01);
        near(Theory::BallsInBinsCv, &hundred, 0.181_66);
        near(Theory::BallsInBinsMax, &hundred, 1.554_08);
        // 99/3000 + 99/10001, nearly.
        near(Theory::RingCv, &hundred, 0.207_12);
        near(Theory::LoadCap, &hundred, 38.0 / 30.0);
        // Many slots: the arcs alone are left, 1/√V of them.
        near(Theory::RingCv, &plan(10, 20_000, 1), 0.904_53);
    }
}

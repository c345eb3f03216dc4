//! What theory says of a figure: a few closed forms by name, each with its source.
//!
//! Each is worked out from the plan's own parameters at each point of a sweep, so it follows whatever is
//! varied. To add one: a variant, its name in the legend, its formula.

use serde::Deserialize;
use shoal_scheduler::placement::rung;

use super::{Plan, PlanError, PlanText, PointSettings, curves::curves};
use crate::results::{Curve, Figure};

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
        }
    }

    /// What it gives for a plan.
    ///
    /// # Errors
    /// If the plan does not have what it speaks of.
    pub fn at(self, plan: &Plan) -> Result<f64, String> {
        let nodes = plan.cluster.nodes;
        let n = nodes as f64;
        let placement = || {
            plan.placement
                .as_ref()
                .ok_or("needs the section [placement]")
        };
        let slots_per_node = || placement().map(|placement| placement.slots_per_node as f64);
        Ok(match self {
            Self::One => 1.0,
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
        Ok(curves(self.name(), figure, &values))
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

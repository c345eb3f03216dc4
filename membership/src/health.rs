//! How far this node trusts its own judgement: the local health of Lifeguard (Dadgar, Phillips and
//! Currey, 2018, section IV). Plain SWIM lets one overloaded node of a hundred accuse the healthy.
//!
//! A node that is late itself, or that several members in a row don't answer, is more likely the
//! sick one: it then gives each suspect a multiple of the usual time. It never stops accusing.

use std::{collections::BTreeSet, time::Duration};

use crate::NodeId;

/// The sickest score: suspects then get eight times the usual time.
const SCORE_MAX: u32 = 7;
/// One silent member says nothing of us. From the second in a row on, each counts.
const SILENT_IN_A_ROW: usize = 2;

/// The local health score, 0 (well) to 7.
#[derive(Debug, Default)]
pub(crate) struct Health {
    score: u32,
    /// Members that didn't answer our last probes, since anybody last did. At most `SCORE_MAX + 1`.
    silent: BTreeSet<NodeId>,
}

impl Health {
    /// What the suspicion time is multiplied by: 1 to 8.
    pub(crate) const fn multiplier(&self) -> u32 {
        1 + self.score
    }

    /// A timer fired so much later than due, where so much is tolerable.
    pub(crate) fn was_late(&mut self, lateness: Duration, tolerable: Duration) {
        if lateness > tolerable {
            let times = lateness.as_millis() / tolerable.as_millis().max(1);
            self.worsen(u32::try_from(times).unwrap_or(SCORE_MAX));
        }
    }

    /// A member answered a probe in time.
    pub(crate) fn probe_answered(&mut self) {
        self.silent.clear();
        self.score = self.score.saturating_sub(1);
    }

    /// A member did not answer a direct probe in time.
    pub(crate) fn probe_failed(&mut self, member: NodeId) {
        let is_another = self.silent.len() <= SCORE_MAX as usize && self.silent.insert(member);
        if is_another && self.silent.len() >= SILENT_IN_A_ROW {
            self.worsen(1);
        }
    }

    fn worsen(&mut self, by: u32) {
        self.score = self.score.saturating_add(by).min(SCORE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 16])
    }

    #[test]
    fn one_silent_member_says_nothing_of_us_and_several_do() {
        let mut health = Health::default();
        for _ in 0..5 {
            health.probe_failed(node(1));
        }
        assert_eq!(health.multiplier(), 1);
        (2..=3).for_each(|number| health.probe_failed(node(number)));
        assert_eq!(health.multiplier(), 3);
        (4..=99).for_each(|number| health.probe_failed(node(number)));
        assert_eq!(health.multiplier(), 8);
        assert!(health.silent.len() <= 8);
    }

    #[test]
    fn lateness_counts_by_its_size_and_answers_heal() {
        let mut health = Health::default();
        let tolerable = Duration::from_millis(100);
        health.was_late(Duration::from_millis(99), tolerable);
        assert_eq!(health.multiplier(), 1);
        health.was_late(Duration::from_millis(250), tolerable);
        assert_eq!(health.multiplier(), 3);
        health.was_late(Duration::from_secs(10), tolerable);
        assert_eq!(health.multiplier(), 8);
        (0..7).for_each(|_| health.probe_answered());
        assert_eq!(health.multiplier(), 1);
    }
}

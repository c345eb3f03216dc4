//! How many slots a node may get: a cap that rarely changes.
//!
//! A cap taken straight from the mean load would move with every death and shuffle slots that have
//! nothing to do with it. So it is taken from a ladder whose rungs lie a quarter apart
//! (after "Consistent hashing with bounded loads", Mirrokni et al. 2016, made coarse).

use super::weight::Weight;

/// The smallest rung of 1, 2, 3, 4, 5, 7, 9, 12, 15, 19 ... that is at least 1.1 times the mean
/// load of this many replicated slots on this many active nodes. Without nodes: 1.
#[must_use]
pub fn rung(slots: u64, active_nodes: u64) -> u64 {
    let needed = u128::from(slots) * 11;
    let mut rung = 1_u64;
    while active_nodes > 0 && u128::from(rung) * u128::from(active_nodes) * 10 < needed {
        rung = next_rung(rung);
    }
    rung
}

/// The rung above: `max(c + 1, ceil(1.25 c))`.
fn next_rung(rung: u64) -> u64 {
    rung.saturating_add(1)
        .max(rung.saturating_mul(5).div_ceil(4))
}

/// Most replicated slots on a node of this weight: `max(1, ceil(rung x weight / mean weight))`.
///
/// `total` is the sum of the weights of the active nodes, in thousandths.
#[must_use]
pub(super) fn load_cap(rung: u64, weight: Weight, total: u64, active_nodes: u64) -> u32 {
    let share = u128::from(rung) * u128::from(weight.thousandths()) * u128::from(active_nodes);
    let cap = share.div_ceil(u128::from(total.max(1))).max(1);
    u32::try_from(cap).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_the_published_one() {
        let ladder: Vec<u64> = std::iter::successors(Some(1), |rung| Some(next_rung(*rung)))
            .take(12)
            .collect();
        assert_eq!(ladder, [1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30]);
    }

    #[test]
    fn a_rung_is_a_tenth_above_the_mean() {
        for (slots, nodes, expected) in [
            (0, 0, 1),
            (5, 0, 1),
            (0, 5, 1),
            (5, 5, 2),
            (10, 11, 1),
            (30, 10, 4),
            (30_000, 1000, 38),
        ] {
            assert_eq!(rung(slots, nodes), expected, "{slots} on {nodes}");
        }
    }

    #[test]
    fn caps_follow_the_weights_and_are_never_zero() {
        let [tenth, one, three] = ["0.1", "1", "3"].map(|text| Weight::parse(text).unwrap());
        assert_eq!(load_cap(4, one, 3000, 3), 4);
        assert_eq!(load_cap(4, three, 5000, 3), 8);
        assert_eq!(load_cap(4, tenth, 100_100, 2), 1);
        assert_eq!(load_cap(u64::MAX, three, 1, 3), u32::MAX);
    }
}

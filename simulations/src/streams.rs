//! Seeds of independent random streams, each derived from the run's seed and what it is for.

/// The seed of one direction of a link.
pub(crate) fn link(seed: u64, from: usize, to: usize) -> u64 {
    mixed(mixed(mixed(seed, 0x6c69_6e6b), from as u64), to as u64)
}

/// The seed of what a machine's disk and runtime do.
pub(crate) fn machine(seed: u64, index: usize) -> u64 {
    mixed(mixed(seed, 0x6d61_6368), index as u64)
}

/// The seed of a plan's choices before the run.
pub(crate) fn setting(seed: u64) -> u64 {
    mixed(seed, 0x7365_7474)
}

/// The seed of how the machines' timers come to stand to each other.
pub(crate) fn beats(seed: u64) -> u64 {
    mixed(seed, 0x6265_6174)
}

/// The seed of a plan's choices of whom faults strike.
pub(crate) fn faults(seed: u64) -> u64 {
    mixed(seed, 0x6661_756c)
}

/// The seed of how long the machines of a search for faults take for their plans.
pub(crate) fn planning(seed: u64) -> u64 {
    mixed(seed, 0x706c_616e)
}

/// The seed of what of one kind takes place in a step of a search for faults.
pub(crate) fn step(seed: u64, step: u32, kind: u64) -> u64 {
    mixed(mixed(mixed(seed, 0x7374_6570), u64::from(step)), kind)
}

/// The seed of the nodes and services of a study of placement.
pub(crate) fn placed(seed: u64) -> u64 {
    mixed(seed, 0x706c_6163)
}

/// The seed of what is done to them.
pub(crate) fn placed_anew(seed: u64) -> u64 {
    mixed(seed, 0x616e_6577)
}

/// The seed of whoever places by lot.
pub(crate) fn lots(seed: u64) -> u64 {
    mixed(seed, 0x6c6f_7473)
}

/// `SplitMix64`'s finaliser (Steele, Lea, Flood 2014), over both.
fn mixed(state: u64, value: u64) -> u64 {
    let mut z = state
        .wrapping_add(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(value.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn streams_are_told_apart() {
        let links = (0..30).flat_map(|from| (0..30).map(move |to| link(5, from, to)));
        let machines = (0..30).map(|index| machine(5, index));
        let other_seed = (0..30).map(|index| machine(6, index));
        let steps = (0..30).flat_map(|at| (0..4).map(move |kind| step(5, at, kind)));
        let others = [setting, faults, placed, placed_anew, lots, planning].map(|stream| stream(5));
        let all: BTreeSet<u64> = links
            .chain(machines)
            .chain(other_seed)
            .chain(steps)
            .chain(others)
            .collect();
        assert_eq!(all.len(), 30 * 30 + 60 + 120 + 6);
    }
}

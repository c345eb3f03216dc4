//! How often this node looks, and how long it waits before it believes that another is gone.
//!
//! Two profiles, because two kinds of networks exist: one where a packet takes milliseconds and a
//! silent second means something, and one where it means nothing. All nodes of a cluster should use
//! the same profile: a node that waits for less accuses, on behalf of all, those that wait for more.

use std::{
    num::{NonZeroU8, NonZeroUsize},
    str::FromStr,
    time::Duration,
};

use crate::packet::SWIM_BYTES_MAX;

/// The kind of network that the cluster lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// One building: round trips of a few milliseconds. A death is known in about 2 s.
    #[default]
    Lan,
    /// Lossy, slow links: cellular modems, long distances. A death is known in about 15 s.
    Edge,
}

/// A word that is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no profile is called {0:?}: use lan or edge")]
pub struct UnknownProfile(String);

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(word: &str) -> Result<Self, UnknownProfile> {
        match word {
            "lan" => Ok(Self::Lan),
            "edge" => Ok(Self::Edge),
            other => Err(UnknownProfile(other.to_owned())),
        }
    }
}

/// The timings of the failure detector. No field may be zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How often one member is probed; each in turn, in random order.
    ///
    /// A death is noticed by the first of N - 1 nodes whose turn it is, and one period later: halving
    /// it halves that part of the detection time and doubles the packets of an idle cluster.
    /// Should be over twice `probe_timeout`, or the indirect probe has no time to come back.
    pub probe_period: Duration,

    /// How long to wait for a direct answer before others are asked to probe in our stead.
    ///
    /// Must leave room for a handshake (a probe may be the first packet of a connection), and be
    /// less than `probe_period`. Too short costs packets, not accusations.
    pub probe_timeout: Duration,

    /// How many members are asked to probe on our behalf, and how many a round of gossip goes to.
    ///
    /// Rule of thumb: 3. More only helps where paths, not nodes, fail.
    pub indirect_probes: NonZeroUsize,

    /// How long a suspect may stay silent before it is declared dead, in good local health.
    ///
    /// Since the suspect is asked directly all this time, it needs only be long enough for a pause
    /// of its process (garbage, swapping, a slow SD card), not for gossip to reach it.
    pub suspicion: Duration,

    /// How often the holder of a suspicion asks the suspect itself.
    ///
    /// `suspicion / ask_every` lost questions or answers in a row kill a healthy node: at 20 % loss,
    /// 25 of them are a matter of 10^-11 per suspicion. Should be over the round trip where possible.
    pub ask_every: Duration,

    /// How often news goes to `indirect_probes` random members, while there is news.
    ///
    /// Spreading takes about log(N) of these. Nothing is sent when nothing is new.
    pub gossip_every: Duration,

    /// How often one random member is asked whom it knows.
    ///
    /// Only a safety net: member lists are compared by digest far more often.
    pub announce_every: Duration,

    /// How often two random members believed to be down are called upon.
    ///
    /// This alone makes two sides of a healed partition find each other, so it bounds the time that
    /// takes; each call to a node that is truly off costs a dial.
    pub announce_to_down_every: Duration,

    /// How much later than due a timer may fire before this node thinks less of its own health.
    ///
    /// A few times what the scheduler of a busy machine takes.
    pub lateness_max: Duration,

    /// How late means that this process was stopped, suspended or starved: the detector's clock then
    /// counts as having stood still, and nobody is accused for what was missed.
    ///
    /// Must be less than `suspicion`, or a pause can kill the others.
    pub asleep_after: Duration,

    /// Whether this node gives suspects more time while it doubts itself (Lifeguard's local health).
    ///
    /// Off only to measure what it buys.
    pub local_health: bool,

    /// Whether suspects are asked directly, and anything that is heard of them counts, before they
    /// are declared dead. Off is SWIM's suspicion, which rests on rumours alone.
    ///
    /// Off only to measure what it buys.
    pub confirm_suspicions: bool,

    /// Whether suspects are asked by way of other members, too: what matters where paths fail while
    /// nodes are well, as between two that sit behind NATs.
    ///
    /// Off only to measure what it buys.
    pub ask_through_others: bool,

    /// The number of members expected. Only decides how often a piece of news is repeated, and
    /// grows by itself with the cluster.
    pub cluster_size: usize,
}

impl Config {
    /// The timings for a kind of network. `cluster_size_hint` need not be right.
    #[must_use]
    pub fn for_profile(profile: Profile, cluster_size_hint: usize) -> Self {
        let milliseconds = Duration::from_millis;
        let lan = Self {
            probe_period: milliseconds(500),
            probe_timeout: milliseconds(200),
            indirect_probes: const { NonZeroUsize::new(3).unwrap() },
            suspicion: milliseconds(1_000),
            ask_every: milliseconds(40),
            gossip_every: milliseconds(200),
            announce_every: milliseconds(30_000),
            announce_to_down_every: milliseconds(5_000),
            lateness_max: milliseconds(100),
            asleep_after: milliseconds(400),
            local_health: true,
            confirm_suspicions: true,
            ask_through_others: true,
            cluster_size: cluster_size_hint.max(1),
        };
        match profile {
            Profile::Lan => lan,
            Profile::Edge => Self {
                probe_period: milliseconds(3_000),
                probe_timeout: milliseconds(1_200),
                suspicion: milliseconds(10_000),
                ask_every: milliseconds(200),
                gossip_every: milliseconds(500),
                announce_every: milliseconds(60_000),
                announce_to_down_every: milliseconds(15_000),
                lateness_max: milliseconds(500),
                asleep_after: milliseconds(2_500),
                ..lan
            },
        }
    }

    /// The same, in foca's words.
    pub(crate) fn to_foca(&self) -> foca::Config {
        let every = |frequency, num_members| foca::PeriodicParams {
            frequency,
            num_members,
        };
        foca::Config {
            probe_period: self.probe_period,
            probe_rtt: self.probe_timeout,
            num_indirect_probes: self.indirect_probes,
            max_transmissions: transmissions(self.cluster_size),
            suspect_to_down_after: self.suspicion,
            // Down members are kept until `forget`: memory grows with nodes, not with their lives,
            // and a node that comes back after any time wins by its incarnation.
            remove_down_after: None,
            max_packet_size: const { NonZeroUsize::new(SWIM_BYTES_MAX).unwrap() },
            notify_down_members: true,
            periodic_announce: Some(every(self.announce_every, NonZeroUsize::MIN)),
            periodic_announce_to_down_members: Some(every(
                self.announce_to_down_every,
                const { NonZeroUsize::new(2).unwrap() },
            )),
            periodic_gossip: Some(every(self.gossip_every, self.indirect_probes)),
        }
    }
}

/// How often a piece of news is sent: ceil(4 log10(members + 1)). foca itself rounds down, and then
/// a fifth of all rumours at 1,000 nodes and 30 % loss miss somebody.
pub(crate) fn transmissions(members: usize) -> NonZeroU8 {
    let fourth_power = (members as u128).saturating_add(1).saturating_pow(4);
    // The least d with 10^d >= x is the number of digits of x - 1.
    let digits = (fourth_power - 1).checked_ilog10().map_or(0, |log| log + 1);
    u8::try_from(digits)
        .ok()
        .and_then(NonZeroU8::new)
        .unwrap_or(NonZeroU8::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transmissions_round_up() {
        let expected = [
            (0, 1),
            (1, 2),
            (5, 4),
            (9, 4),
            (10, 5),
            (100, 9),
            (1_000, 13),
        ];
        for (members, count) in expected {
            assert_eq!(transmissions(members).get(), count, "{members} members");
        }
        assert!(transmissions(usize::MAX).get() > 30);
    }

    #[test]
    fn profiles_keep_their_own_rules() {
        for profile in [Profile::Lan, Profile::Edge] {
            let config = Config::for_profile(profile, 5);
            assert!(config.probe_timeout * 2 < config.probe_period);
            assert!(config.asleep_after < config.suspicion);
            assert!(config.lateness_max < config.asleep_after);
            assert!(config.ask_every * 25 <= config.suspicion);
        }
        assert_eq!("edge".parse(), Ok(Profile::Edge));
        assert!("wan".parse::<Profile>().is_err());
    }
}

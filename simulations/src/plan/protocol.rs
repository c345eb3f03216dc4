//! `[protocol]` of a plan: every parameter of the protocols, and a switch for each mechanism.

use std::time::Duration;

use serde::Deserialize;
use shoal_membership::Profile;
use shoal_scheduler::placement::LoadCaps;

use super::units::Time;

/// `[protocol]`: what differs from the profile. Every parameter of the protocols, and a switch for
/// each mechanism, to see what it buys.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// SWIM: how often one member is probed. `lan` 500 ms, `edge` 3 s.
    pub probe_period: Option<Time>,
    /// SWIM: wait for a direct answer. `lan` 200 ms, `edge` 1.2 s.
    pub probe_timeout: Option<Time>,
    /// SWIM: members asked to probe in our stead; receivers of a round of gossip. 3.
    pub indirect_probes: Option<std::num::NonZeroUsize>,
    /// How long a suspect may be silent. `lan` 1 s, `edge` 10 s.
    pub suspicion: Option<Time>,
    /// How often a suspect is asked. `lan` 40 ms, `edge` 200 ms.
    pub ask_every: Option<Time>,
    /// How often news is gossiped. `lan` 200 ms, `edge` 500 ms.
    pub gossip_every: Option<Time>,
    /// How often a member is asked whom it knows. `lan` 30 s, `edge` 60 s.
    pub announce_every: Option<Time>,
    /// How often the dead are called upon. `lan` 5 s, `edge` 15 s.
    pub announce_to_down_every: Option<Time>,
    /// How late a timer may be before the node doubts itself. `lan` 100 ms, `edge` 500 ms.
    pub lateness_max: Option<Time>,
    /// How late means asleep. `lan` 400 ms, `edge` 2.5 s.
    pub asleep_after: Option<Time>,
    /// Lifeguard's local health. true.
    pub local_health: Option<bool>,
    /// Whether suspects are asked before they are given up. true.
    pub confirm_suspicions: Option<bool>,
    /// Whether suspects are asked by way of other members, too. true.
    pub ask_through_others: Option<bool>,
    /// Whether registries are compared and mended beside rumours. true.
    pub anti_entropy: Option<bool>,
    /// Whether placement caps the load of each node. true.
    pub load_cap: Option<bool>,
    /// At start all are presumed alive for this long. `lan` 5 s, `edge` 30 s.
    pub boot_grace: Option<Time>,
    /// A slot that another living node runs is taken over after this. `lan` 10 s, `edge` 60 s. `0 s`
    /// switches the hold-down off.
    pub hold_down: Option<Time>,
    /// A root that differs for this long starts a sync. `lan` 150 ms, `edge` 1 s.
    pub sync_delay: Option<Time>,
    /// How often member lists are compared. `lan` 5 s, `edge` 20 s.
    pub member_sync_interval: Option<Time>,
    /// A question is given up after this. `lan` 5 s, `edge` 20 s.
    pub question_timeout: Option<Time>,
    /// First wait between two tries to reach a member. `lan` 1 s, `edge` 3 s.
    pub announce_delay: Option<Time>,
}

impl Protocol {
    /// As placement knows it.
    #[must_use]
    pub fn load_caps(&self) -> LoadCaps {
        match self.load_cap {
            Some(false) => LoadCaps::Off,
            _ => LoadCaps::On,
        }
    }

    /// As the engine knows it, for a cluster of so many nodes.
    ///
    /// # Errors
    /// Times that contradict one another, and how.
    pub fn build(&self, profile: Profile, nodes: usize) -> Result<crate::Protocol, String> {
        let set = |field: &mut Duration, given: Option<Time>| {
            if let Some(Time(time)) = given {
                *field = time;
            }
        };
        let mut swim = shoal_membership::Config::for_profile(profile, nodes);
        set(&mut swim.probe_period, self.probe_period);
        set(&mut swim.probe_timeout, self.probe_timeout);
        set(&mut swim.suspicion, self.suspicion);
        set(&mut swim.ask_every, self.ask_every);
        set(&mut swim.gossip_every, self.gossip_every);
        set(&mut swim.announce_every, self.announce_every);
        set(
            &mut swim.announce_to_down_every,
            self.announce_to_down_every,
        );
        set(&mut swim.lateness_max, self.lateness_max);
        set(&mut swim.asleep_after, self.asleep_after);
        swim.indirect_probes = self.indirect_probes.unwrap_or(swim.indirect_probes);
        swim.local_health = self.local_health.unwrap_or(true);
        swim.ask_through_others = self.ask_through_others.unwrap_or(true);
        swim.confirm_suspicions = self.confirm_suspicions.unwrap_or(true);
        let times = [
            ("probe_period", swim.probe_period),
            ("probe_timeout", swim.probe_timeout),
            ("suspicion", swim.suspicion),
            ("ask_every", swim.ask_every),
            ("gossip_every", swim.gossip_every),
            ("announce_every", swim.announce_every),
            ("announce_to_down_every", swim.announce_to_down_every),
            ("lateness_max", swim.lateness_max),
            ("asleep_after", swim.asleep_after),
        ];
        if let Some((name, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            return Err(format!("protocol.{name}: may not be 0"));
        }
        if swim.probe_timeout >= swim.probe_period {
            return Err("protocol.probe_timeout: must be less than probe_period".to_owned());
        }
        if swim.asleep_after >= swim.suspicion {
            return Err("protocol.asleep_after: must be less than suspicion".to_owned());
        }
        let mut timing = shoal_scheduler::peer::Timing::of(profile);
        set(&mut timing.boot_grace, self.boot_grace);
        set(&mut timing.hold_down, self.hold_down);
        set(&mut timing.sync_delay, self.sync_delay);
        set(&mut timing.member_sync_interval, self.member_sync_interval);
        set(&mut timing.question_timeout, self.question_timeout);
        set(&mut timing.announce_delay, self.announce_delay);
        Ok(crate::Protocol {
            timing,
            swim: Some(swim),
            anti_entropy: self.anti_entropy.unwrap_or(true),
            load_caps: self.load_caps(),
        })
    }
}

//! What a peer is made of when it starts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use shoal_membership::{Addresses, ClusterId, NodeId, Profile, SecretKey};

use crate::{
    placement::LoadCaps, registry::SignedBytes, spec::ServiceSpec, task::TaskReport,
    view::NodeFacts,
};

/// Times that depend on the network. See the design's section 3 for where they come from.
#[derive(Clone, Debug)]
pub struct Timing {
    /// At start every member is presumed alive for this long. `lan` 5 s, `edge` 30 s.
    pub boot_grace: Duration,
    /// A node that said it will be back is waited for this long. 30 s.
    pub away_limit: Duration,
    /// A slot that another living node runs is taken over after this long, and twice as long each time
    /// anew within ten minutes. `lan` 10 s, `edge` 60 s. 0: at once, however often; the other still goes
    /// on running it until the new task runs.
    pub hold_down: Duration,
    /// A root that differs for this long starts a sync; jittered up to twice that.
    /// `lan` 150 ms, `edge` 1 s.
    pub sync_delay: Duration,
    /// Member lists are compared with a random peer this often. `lan` 5 s, `edge` 20 s.
    pub member_sync_interval: Duration,
    /// A question is given up after this long. `lan` 5 s, `edge` 20 s.
    pub question_timeout: Duration,
    /// A write waits this long for other holders. 5 s.
    pub write_timeout: Duration,
    /// A leaving node gives others this long to take its tasks over. `lan` 10 s, `edge` 30 s.
    pub leave_limit: Duration,
    /// First wait between two tries to reach a member; doubled up to 30 times it.
    pub announce_delay: Duration,
    /// A member that is not heard of for this long, of one node's uptime, is evicted. 30 d.
    pub forget_after: Duration,
    /// A tombstone is kept at least this long. 1 h.
    pub tombstone_age: Duration,
}

impl Timing {
    /// The times of a profile.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        let seconds = Duration::from_secs;
        let edge = profile == Profile::Edge;
        let either = |lan: Duration, slow: Duration| if edge { slow } else { lan };
        Self {
            boot_grace: either(seconds(5), seconds(30)),
            away_limit: seconds(30),
            hold_down: either(seconds(10), seconds(60)),
            sync_delay: either(Duration::from_millis(150), seconds(1)),
            member_sync_interval: either(seconds(5), seconds(20)),
            question_timeout: either(seconds(5), seconds(20)),
            write_timeout: seconds(5),
            leave_limit: either(seconds(10), seconds(30)),
            announce_delay: either(seconds(1), seconds(3)),
            forget_after: seconds(30 * 86_400),
            tombstone_age: seconds(3600),
        }
    }
}

/// Who this node is, and how it behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its key.
    pub secret: SecretKey,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Where others reach it.
    pub addresses: Addresses,
    /// What its machine is.
    pub facts: NodeFacts,
    /// Labels that it starts with, if nobody has written others.
    pub labels: BTreeMap<String, String>,
    /// How its network is.
    pub profile: Profile,
    /// Times that follow from that.
    pub timing: Timing,
    /// The failure detector, where it is not to be as the profile says.
    pub swim: Option<shoal_membership::Config>,
    /// Whether registries and reports are compared, and mended where they differ. Without it, rumours
    /// alone carry the news. Off only to measure what it buys.
    pub anti_entropy: bool,
    /// Whether placement caps the load of a node. Off only to measure what it buys: all nodes of a cluster
    /// must agree on it, and the agent never asks.
    pub load_caps: LoadCaps,
    /// Seed of all randomness.
    pub seed: u64,
    /// Set by the one node that founds the cluster: what the cluster's id was made of.
    pub founder_nonce: Option<[u8; 16]>,
}

/// What a peer remembers of its former lives.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Generation and last dot of its writes. A new store: a random generation, and 0.
    pub author: (u64, u64),
    /// Above all incarnations it used.
    pub incarnation: u64,
    /// All writes on its disk.
    pub writes: Vec<SignedBytes>,
    /// Members it knew, and where they were.
    pub members: Vec<(NodeId, Addresses)>,
    /// For how much of its uptime it has not heard of each silent member.
    pub silences: BTreeMap<NodeId, Duration>,
    /// Tasks that its runtimes have, running or ended.
    pub tasks: Vec<Adopted>,
}

/// A task that outlived the agent.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// What is known of it.
    pub report: TaskReport,
    /// What it is, as it was started.
    pub spec: Arc<ServiceSpec>,
}

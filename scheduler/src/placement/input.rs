//! Everything that placement looks at, and nothing else: it knows no clock and no past.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use imbl::OrdMap;
use shoal_membership::NodeId;

use super::weight::Weight;
use crate::{
    spec::{Availability, ServiceSpec},
    task::{ServiceId, Slot},
    view::NodeFacts,
};

/// The newest version of the placement function that this program has.
pub const PLACEMENT_VERSION: u32 = 1;

/// A version of the placement function that this program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32);

/// The cluster uses a version of the placement function that this program does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cluster places tasks by version {0} of the placement function; this program has 1 to \
     {PLACEMENT_VERSION}: upgrade Shoal on this node"
)]
pub struct UnknownVersion(pub u32);

impl Version {
    /// The version that a cluster uses: the lowest on its roster. 0 is a node that did not tell,
    /// and does not count; if none told, it is this program's own.
    ///
    /// # Errors
    /// If this program does not have that version.
    pub fn lowest(on_roster: impl IntoIterator<Item = u32>) -> Result<Self, UnknownVersion> {
        let told = on_roster.into_iter().filter(|version| *version > 0);
        match told.min().unwrap_or(PLACEMENT_VERSION) {
            version if version <= PLACEMENT_VERSION => Ok(Self(version)),
            version => Err(UnknownVersion(version)),
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl Default for Version {
    fn default() -> Self {
        Self(PLACEMENT_VERSION)
    }
}

/// Whether a node's load has a cap. For experiments, to see what the cap buys: all nodes of a cluster
/// must agree on it, or they make different plans. It is no part of the published function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadCaps {
    /// As published: the ladder of `rung.rs`. What every agent uses.
    #[default]
    On,
    /// None: the best-scoring node that has room and is below its share of the service gets the slot.
    Off,
}

/// What placement is a function of. Cheap to clone; equal inputs give equal plans on every machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// The version of the function, which all nodes must agree on.
    pub version: Version,
    /// Whether nodes have load caps. On, but in experiments.
    pub load_caps: LoadCaps,
    /// All services.
    pub services: BTreeMap<ServiceId, Arc<ServiceSpec>>,
    /// Nodes that are on the roster and alive, or not yet known to be anything else; whatever
    /// their availability.
    pub nodes: OrdMap<NodeId, Arc<Node>>,
    /// What nodes said they can't run, and why. Slots of replicated and of global services.
    pub refusals: BTreeMap<(ServiceId, Slot, NodeId), String>,
    /// Where slots of replicated services have their data.
    pub homes: BTreeMap<(ServiceId, Slot), Home>,
    /// Which nodes that are paused run which slots now. Others' entries are ignored.
    pub keeps: BTreeSet<(ServiceId, Slot, NodeId)>,
}

/// What placement knows of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name for people.
    pub hostname: String,
    /// Its addresses, for `node.ip`.
    pub addresses: Vec<IpAddr>,
    /// Labels that people gave it, for constraints, spreading and [`Weight`].
    pub labels: BTreeMap<String, String>,
    /// What its machine is.
    pub facts: NodeFacts,
    /// Whether it takes tasks.
    pub availability: Availability,
}

impl Node {
    /// The share of the load that it should carry.
    #[must_use]
    pub fn weight(&self) -> Weight {
        Weight::of(&self.labels)
    }
}

/// The node that holds the data of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// That node.
    pub node: NodeId,
    /// Its name for people, known even while it is off.
    pub hostname: String,
    /// The volume, by name.
    pub volume: String,
    /// Whether it is still on the roster. A node that was removed holds nothing any more.
    pub on_roster: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_version_on_the_roster_counts() {
        assert_eq!(Version::lowest([]), Ok(Version::default()));
        assert_eq!(Version::lowest([0, 7, 1]), Ok(Version(1)));
        assert_eq!(Version::lowest([9, 0, 7]), Err(UnknownVersion(7)));
    }
}

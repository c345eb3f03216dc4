//! Virtual addresses of IPv6, each added to its bridge: a machine tells its neighbours only of addresses that it has. Of
//! IPv4 a route to all of them is enough (`capture`), since who asks for one by ARP is answered by that route.
//!
//! They are marked as not to be used for what this machine sends of itself, and go with the bridge.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io,
    net::Ipv6Addr,
};

use super::commands::run;
use crate::runtime::docker::LocalNetwork;

/// A bridge, and which network of the engine made it: one that is made anew has the same name.
type Made = (String, String);

/// Those of each bridge.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<Made, BTreeSet<Ipv6Addr>>);

impl Claims {
    /// The bridges may be others by the same names.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Makes these the only virtual addresses of each network.
    ///
    /// # Errors
    /// If there is no `ip`, or no leave to use it.
    pub(super) async fn update<'a>(
        &mut self,
        wanted: impl Iterator<Item = (&'a LocalNetwork, BTreeSet<Ipv6Addr>)>,
    ) -> io::Result<()> {
        let mut claimed = BTreeMap::new();
        let mut all_went_well = Ok(());
        for (network, addresses) in wanted {
            let Some(six) = network.range6 else { continue };
            let bridge = &network.bridge;
            let made = (bridge.clone(), network.engine_id.clone());
            let known = match self.0.remove(&made) {
                Some(known) => known,
                None => {
                    // Of a former run of this agent. An error: there are none.
                    let range = six.virtuals().to_string();
                    let words = ["-6", "addr", "flush", "dev", bridge, "to", &range];
                    let _ = run("ip", &words, "").await;
                    BTreeSet::new()
                }
            };
            if known == addresses {
                claimed.insert(made, known);
                continue;
            }
            let lines = changes(bridge, &known, &addresses);
            match run("ip", &["-6", "-force", "-batch", "-"], &lines).await {
                Ok(()) => drop(claimed.insert(made, addresses)),
                // Next time it begins anew.
                Err(error) => all_went_well = Err(error),
            }
        }
        self.0 = claimed;
        all_went_well
    }
}

fn changes(bridge: &str, known: &BTreeSet<Ipv6Addr>, wanted: &BTreeSet<Ipv6Addr>) -> String {
    let mut lines = String::new();
    for gone in known.difference(wanted) {
        let _ = writeln!(lines, "addr del {gone}/128 dev {bridge}");
    }
    for new in wanted.difference(known) {
        let _ = writeln!(
            lines,
            "addr replace {new}/128 dev {bridge} nodad preferred_lft 0"
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_added_and_what_is_gone_taken_away() {
        let of = |all: [&str; 2]| all.map(|one| one.parse().unwrap()).into();
        let lines = changes(
            "sh0",
            &of(["fd00::1", "fd00::2"]),
            &of(["fd00::2", "fd00::3"]),
        );
        assert_eq!(
            lines,
            "addr del fd00::1/128 dev sh0\naddr replace fd00::3/128 dev sh0 nodad preferred_lft 0\n"
        );
    }
}

//! Places for connections that are not known to be members' yet: a few in all, fewer for one
//! source, so that a stranger on one address can't keep the others out.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The low half of an IPv6 address is its holder's to choose: whoever has one has 2^64.
const NETWORK_BITS: u128 = !0 << 64;

/// So many places, and who holds them.
#[derive(Debug)]
pub(crate) struct Places {
    total: usize,
    of_one_source: usize,
    /// Holders by their [`source`]; none with 0.
    taken: Mutex<BTreeMap<IpAddr, usize>>,
}

impl Places {
    /// `total` places, of which one source may hold `of_one_source`.
    pub(crate) fn new(total: usize, of_one_source: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            of_one_source,
            taken: Mutex::default(),
        })
    }

    /// Takes a place until the answer is dropped; none if all, or all of this source, are taken.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let source = source(address);
        let mut taken = self.taken();
        if taken.values().sum::<usize>() >= self.total {
            return None;
        }
        let held = taken.entry(source).or_default();
        if *held >= self.of_one_source {
            return None;
        }
        *held += 1;
        Some(Place {
            places: self.clone(),
            source,
        })
    }

    /// Whether half of all places, or half of what this source may hold, is taken. From then on a
    /// source should show that it can receive at its address, or a liar takes places in the names
    /// of others.
    pub(crate) fn are_scarce_for(&self, address: IpAddr) -> bool {
        let taken = self.taken();
        let held = taken.get(&source(address)).copied().unwrap_or(0);
        taken.values().sum::<usize>() >= self.total / 2 || held >= self.of_one_source / 2
    }

    /// Counts can't be left half changed: a panic elsewhere is no reason to stop counting.
    fn taken(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is held; given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    source: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(held) = taken.get_mut(&self.source) {
            *held -= 1;
            if *held == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

/// Who is taken for one: an IPv4 address, or an IPv6 network of 64 bits.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & NETWORK_BITS).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(host: u8) -> IpAddr {
        [127, 0, 0, host].into()
    }

    #[test]
    fn one_source_gets_its_share_and_no_more() {
        let places = Places::new(4, 2);
        let first = places.take(v4(1)).unwrap();
        let _second = places.take(v4(1)).unwrap();
        assert!(places.take(v4(1)).is_none());
        let _other = places.take(v4(2)).unwrap();
        drop(first);
        let _again = places.take(v4(1)).unwrap();
        let _last = places.take(v4(3)).unwrap();
        assert!(places.take(v4(4)).is_none());
    }

    #[test]
    fn a_place_given_back_leaves_nothing_behind() {
        let places = Places::new(4, 2);
        for host in 0..=255 {
            drop(places.take(v4(host)).unwrap());
        }
        assert!(places.taken().is_empty());
        // A source that was turned away is not remembered, either.
        let all: Vec<_> = (0..4).map(|host| places.take(v4(host))).collect();
        assert!(places.take(v4(9)).is_none());
        assert_eq!(places.taken().len(), all.len());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(source(v6("2001:db8::1")), source(v6("2001:db8::ffff:2")));
        assert_ne!(source(v6("2001:db8::1")), source(v6("2001:db8:0:1::1")));
        assert_eq!(source(v6("::ffff:127.0.0.1")), v4(1));
        assert_ne!(source(v4(1)), source(v4(2)));
    }

    #[test]
    fn places_are_scarce_when_half_are_gone() {
        let places = Places::new(4, 4);
        let _one = places.take(v4(1)).unwrap();
        assert!(!places.are_scarce_for(v4(1)));
        let _two = places.take(v4(1)).unwrap();
        assert!(places.are_scarce_for(v4(1)));
        assert!(places.are_scarce_for(v4(2)));
        let places = Places::new(8, 2);
        let _one = places.take(v4(1)).unwrap();
        assert!(places.are_scarce_for(v4(1)));
        assert!(!places.are_scarce_for(v4(2)));
    }
}

//! Where a node can be reached: a few socket addresses, best first.
//!
//! Kept small because it rides in every SWIM packet, and cheap to clone because foca clones an
//! identity for each message. IPv6 flow labels and scopes mean nothing on another machine: they are
//! dropped, so that equal addresses are equal on every node.

use std::{
    fmt,
    net::{SocketAddr, SocketAddrV6},
    sync::Arc,
};

use bincode::{
    Decode, Encode,
    de::{BorrowDecode, BorrowDecoder, Decoder},
    enc::Encoder,
    error::{DecodeError, EncodeError},
};
use serde::{Deserialize, Serialize};

/// The most addresses that a node may have.
pub const ADDRESSES_MAX: usize = 4;

/// At most four socket addresses, in the order in which they are to be tried. No wider than a
/// pointer: foca holds one for each member.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<SocketAddr>", into = "Vec<SocketAddr>")]
pub struct Addresses(Option<Arc<Vec<SocketAddr>>>);

/// More addresses than a node may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node has at most {ADDRESSES_MAX} addresses, not {0}: advertise fewer")]
pub struct TooManyAddresses(pub usize);

impl Addresses {
    /// These addresses in this order. No address at all is allowed: such a node can only dial.
    ///
    /// # Errors
    /// If there are more than four.
    pub fn new(addresses: &[SocketAddr]) -> Result<Self, TooManyAddresses> {
        match addresses.len() {
            0 => Ok(Self::default()),
            1..=ADDRESSES_MAX => {
                let addresses = addresses.iter().copied().map(plain).collect();
                Ok(Self(Some(Arc::new(addresses))))
            }
            more => Err(TooManyAddresses(more)),
        }
    }

    /// The addresses, best first.
    #[must_use]
    pub fn as_slice(&self) -> &[SocketAddr] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

/// The address without what only its own machine understands.
fn plain(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => SocketAddrV6::new(*v6.ip(), v6.port(), 0, 0).into(),
    }
}

impl From<SocketAddr> for Addresses {
    fn from(address: SocketAddr) -> Self {
        Self(Some(Arc::new(vec![plain(address)])))
    }
}

impl TryFrom<Vec<SocketAddr>> for Addresses {
    type Error = TooManyAddresses;

    fn try_from(addresses: Vec<SocketAddr>) -> Result<Self, TooManyAddresses> {
        Self::new(&addresses)
    }
}

impl From<Addresses> for Vec<SocketAddr> {
    fn from(addresses: Addresses) -> Self {
        addresses.as_slice().to_vec()
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl Encode for Addresses {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        // At most ADDRESSES_MAX, so the count fits a byte.
        (self.as_slice().len() as u8).encode(encoder)?;
        self.as_slice()
            .iter()
            .try_for_each(|address| address.encode(encoder))
    }
}

impl<Context> Decode<Context> for Addresses {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let count = usize::from(u8::decode(decoder)?);
        if count > ADDRESSES_MAX {
            return Err(DecodeError::Other("more addresses than a node may have"));
        }
        let mut addresses = [SocketAddr::from(([0, 0, 0, 0], 0)); ADDRESSES_MAX];
        for address in &mut addresses[..count] {
            *address = SocketAddr::decode(decoder)?;
        }
        let too_many = |_| DecodeError::Other("more addresses than a node may have");
        Self::new(&addresses[..count]).map_err(too_many)
    }
}

impl<'de, Context> BorrowDecode<'de, Context> for Addresses {
    fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn four_fit_and_five_do_not() {
        let four: Vec<_> = (1..=4).map(address).collect();
        let addresses = Addresses::new(&four).unwrap();
        assert_eq!(addresses.as_slice(), four);
        assert_eq!(decode::<Addresses>(&encode(&addresses)).unwrap(), addresses);

        let five: Vec<_> = (1..=5).map(address).collect();
        assert_eq!(Addresses::new(&five), Err(TooManyAddresses(5)));
        assert!(decode::<Addresses>(&[5]).is_err());
    }

    #[test]
    fn a_scope_does_not_travel() {
        let scoped = SocketAddrV6::new("fe80::1".parse().unwrap(), 7900, 3, 2);
        let addresses = Addresses::from(SocketAddr::from(scoped));
        assert_eq!(decode::<Addresses>(&encode(&addresses)).unwrap(), addresses);
    }

    #[test]
    fn one_ipv4_address_takes_at_most_nine_bytes() {
        assert!(encode(&Addresses::from(address(7900))).len() <= 9);
    }
}

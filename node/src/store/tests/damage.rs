//! Any bytes in place of the file: what was written, or an empty store of a new generation.

use std::{fs, sync::LazyLock};

use proptest::prelude::*;

use super::*;

/// Bytes at the start of the file in which redb keeps what it finds everything else by.
const HEADER_BYTES: usize = 320;

/// A file after a clean end, one after a kill, and everything that was ever written to either.
struct Written {
    clean: Vec<u8>,
    unclean: Vec<u8>,
    author: (u64, u64),
    writes: Vec<SignedBytes>,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| {
    let directory = Directory::new();
    let (mut store, opened) = directory.open();
    let mut author = opened.author;
    let mut writes = Vec::new();
    for dot in 1..=60 {
        author.1 = dot;
        let write = signed(&(dot % 40).to_string(), dot, (dot * 37) as usize);
        store.persist(&batch(author, &write)).unwrap();
        writes.push(write.to_bytes());
    }
    let unclean = fs::read(directory.registry()).unwrap();
    store.close().unwrap();
    Written {
        clean: fs::read(directory.registry()).unwrap(),
        unclean,
        author,
        writes,
    }
});

#[derive(Clone, Debug)]
enum Damage {
    Flip(Vec<(prop::sample::Index, u8)>),
    FlipHeader(Vec<(usize, u8)>),
    Truncate(prop::sample::Index),
    Zeros(prop::sample::Index, usize),
    Bytes(Vec<u8>),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip(flips) => {
                for (index, bit) in flips {
                    let place = index.index(bytes.len());
                    bytes[place] ^= 1 << bit;
                }
            }
            Self::FlipHeader(flips) => {
                for (place, bit) in flips {
                    bytes[*place] ^= 1 << bit;
                }
            }
            Self::Truncate(index) => bytes.truncate(index.index(bytes.len())),
            Self::Zeros(index, length) => {
                let start = index.index(bytes.len());
                let end = (start + length).min(bytes.len());
                bytes[start..end].fill(0);
            }
            Self::Bytes(other) => bytes.clone_from(other),
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        prop::collection::vec((index(), 0..8_u8), 1..200).prop_map(Damage::Flip),
        prop::collection::vec((0..HEADER_BYTES, 0..8_u8), 1..4).prop_map(Damage::FlipHeader),
        index().prop_map(Damage::Truncate),
        (index(), 1..10_000_usize).prop_map(|(at, length)| Damage::Zeros(at, length)),
        prop::collection::vec(any::<u8>(), 0..9_000).prop_map(Damage::Bytes),
    ]
}

/// Opens a store of these bytes and checks what it says. Whether it was set aside.
fn check(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let directory = Directory::new();
    fs::write(directory.registry(), bytes).unwrap();
    let opened = Store::open(&directory.registry(), CLUSTER);
    let (mut store, opened) = opened.map_err(|error| TestCaseError::fail(error.to_string()))?;
    let written = &*WRITTEN;
    if let Some(aside) = &opened.was_damaged {
        prop_assert!(opened.writes.is_empty());
        prop_assert_ne!(opened.author.0, written.author.0);
        prop_assert!(aside.exists());
    } else {
        prop_assert_eq!(opened.author.0, written.author.0);
        prop_assert!(
            opened.author.1 >= written.author.1,
            "a dot would be used again"
        );
        prop_assert!(opened.writes.len() >= 39);
        for write in &opened.writes {
            prop_assert!(written.writes.contains(write));
        }
    }
    // Whatever it was, the store works now.
    let dot = opened.author.1 + 1;
    let after = signed("after", dot, 100);
    store
        .persist(&batch((opened.author.0, dot), &after))
        .unwrap();
    store.close().unwrap();
    let (_, again) = directory.open();
    prop_assert!(again.was_damaged.is_none());
    prop_assert!(again.writes.contains(&after.to_bytes()));
    Ok(opened.was_damaged.is_some())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_damage_is_served(was_clean: bool, damage in damage()) {
        let written = &*WRITTEN;
        let mut bytes = if was_clean { written.clean.clone() } else { written.unclean.clone() };
        damage.apply(&mut bytes);
        check(&bytes)?;
    }
}

#[test]
fn undamaged_files_are_served_and_damaged_content_is_not() {
    let written = &*WRITTEN;
    for bytes in [&written.clean, &written.unclean] {
        assert!(!check(bytes).unwrap());
        // In the payload of a write that no later commit changed, wherever there is a copy of it.
        let payload = [30_u8; 30 * 37];
        let mut flipped = bytes.clone();
        let places = bytes.windows(payload.len()).enumerate();
        for (place, _) in places.filter(|(_, window)| *window == payload) {
            flipped[place + 1_000] ^= 1;
        }
        assert!(check(&flipped).unwrap());
    }
    assert!(check(&[]).unwrap());
    assert!(check(b"not a database").unwrap());
    assert!(check(&vec![0; 100_000]).unwrap());
}

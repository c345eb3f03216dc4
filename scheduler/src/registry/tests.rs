//! Properties of the registry: merging is order-free and idempotent, removal holds, revocation
//! counts, and nobody can write in another's name.

use proptest::prelude::*;

use super::*;

fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn cluster() -> ClusterId {
    ClusterId::founded_by(&secret(1).public(), &[9; 16])
}

fn json(value: &impl serde::Serialize) -> Option<Vec<u8>> {
    Some(serde_json::to_vec(value).unwrap())
}

fn admission(number: u8) -> (Key, Option<Vec<u8>>) {
    let key = secret(number).public();
    let founder_nonce = (number == 1).then_some([9; 16]);
    let name = key.node_id().to_string();
    (
        Key::system(kind::MEMBER, name),
        json(&Admission { key, founder_nonce }),
    )
}

/// Registries of `count` members, the first of which founded the cluster and admitted the others.
fn registries(count: u8) -> Vec<Registry> {
    let mut all: Vec<Registry> = (1..=count)
        .map(|number| Registry::new(cluster(), secret(number), 1, 0))
        .collect();
    for number in 1..=count {
        let (key, payload) = admission(number);
        let signed = all[0].prepare(key, payload, Duration::from_secs(1));
        all[0].apply(signed);
    }
    let everything = dump(&all[0]);
    for registry in &mut all[1..] {
        registry.receive(everything.clone());
    }
    all
}

fn dump(registry: &Registry) -> Vec<SignedBytes> {
    registry
        .entries()
        .flat_map(|(_, entry)| entry.siblings())
        .map(|signed| signed.to_bytes())
        .collect()
}

fn write(registry: &mut Registry, name: &str, payload: Option<&str>) -> SignedBytes {
    let payload = payload.map(|text| text.as_bytes().to_vec());
    let signed = registry.prepare(Key::of("thing", name), payload, Duration::from_secs(5));
    registry.apply(signed.clone());
    signed.to_bytes()
}

fn payload(registry: &Registry, name: &str) -> Option<Vec<u8>> {
    registry
        .read(&Key::of("thing", name))?
        .write
        .payload
        .clone()
}

#[test]
fn concurrent_writes_are_kept_and_the_next_write_settles_them() {
    let mut all = registries(2);
    let from_first = write(&mut all[0], "a", Some("one"));
    let from_second = write(&mut all[1], "a", Some("two"));
    all[0].receive(vec![from_second]);
    all[1].receive(vec![from_first]);
    let key = Key::of("thing", "a");
    assert_eq!(all[0].entry(&key).unwrap().siblings().len(), 2);
    assert_eq!(payload(&all[0], "a"), payload(&all[1], "a"));
    assert_eq!(all[0].digests().root(), all[1].digests().root());
    let settled = write(&mut all[1], "a", Some("three"));
    all[0].receive(vec![settled]);
    assert_eq!(all[0].entry(&key).unwrap().siblings().len(), 1);
    assert_eq!(payload(&all[0], "a").unwrap(), b"three");
}

#[test]
fn an_update_beats_a_concurrent_removal() {
    let mut all = registries(2);
    let before = write(&mut all[0], "a", Some("one"));
    all[1].receive(vec![before]);
    let update = write(&mut all[0], "a", Some("two"));
    let removal = write(&mut all[1], "a", None);
    all[0].receive(vec![removal]);
    all[1].receive(vec![update]);
    assert_eq!(payload(&all[0], "a").unwrap(), b"two");
    assert_eq!(payload(&all[1], "a").unwrap(), b"two");
}

#[test]
fn strangers_and_forgers_write_nothing() {
    let mut all = registries(2);
    let root = all[0].digests().root();
    let mut stranger = Registry::new(cluster(), secret(7), 1, 0);
    let from_stranger = write(&mut stranger, "a", Some("mine"));
    let (key, payload) = admission(7);
    let own_admission = stranger
        .prepare(key, payload, Duration::from_secs(1))
        .to_bytes();
    let received = all[0].receive(vec![from_stranger, own_admission]);
    assert_eq!(received.rejected, 2);

    let mut forged = all[1]
        .prepare(Key::of("thing", "a"), None, Duration::ZERO)
        .write
        .clone();
    forged.author.node = all[0].author().node;
    forged.clock.insert(forged.author, 99);
    let forged = Signed::sign(forged, &secret(2)).to_bytes();
    assert_eq!(all[0].receive(vec![forged]).rejected, 1);

    let mut other = Registry::new(ClusterId::from_bytes([3; 16]), secret(2), 1, 0);
    let of_other_cluster = write(&mut other, "a", Some("theirs"));
    assert_eq!(all[0].receive(vec![of_other_cluster]).rejected, 1);
    assert_eq!(all[0].digests().root(), root);
}

#[test]
fn writes_after_a_revocation_count_nowhere_and_those_before_do() {
    let mut all = registries(3);
    let early = write(&mut all[2], "early", Some("kept"));
    all[0].receive(vec![early.clone()]);
    let late = write(&mut all[2], "early", Some("too late"));
    all[1].receive(vec![early, late.clone()]);
    assert_eq!(payload(&all[1], "early").unwrap(), b"too late");

    let author = all[2].author();
    let line = Revocation {
        last_dots: vec![(author.generation, all[2].counter() - 1)],
    };
    let name = format!("{}.{}", author.node, all[0].author().node);
    let key = Key::system(kind::REVOCATION, name);
    let signed = all[0].prepare(key, json(&line), Duration::from_secs(9));
    all[0].apply(signed.clone());
    assert_eq!(all[0].receive(vec![late]).rejected, 1);

    all[1].receive(vec![signed.to_bytes()]);
    let from_first = dump(&all[0]);
    all[1].receive(from_first);
    assert_eq!(payload(&all[1], "early").unwrap(), b"kept");
    assert_eq!(all[0].digests().root(), all[1].digests().root());
    assert!(all[1].trust().is_revoked(&author.node));
}

#[test]
fn a_revocation_that_is_on_its_way_to_the_disk_lets_nothing_be_overwritten() {
    let mut all = registries(3);
    let kept = write(&mut all[1], "a", Some("kept"));
    let everything = dump(&all[1]);
    all[0].receive(everything.clone());
    all[2].receive(everything);
    let author = all[2].author();
    let line = Revocation {
        last_dots: vec![(author.generation, all[2].counter())],
    };
    let name = format!("{}.{}", author.node, all[0].author().node);
    let key = Key::system(kind::REVOCATION, name);
    let revocation = all[0].prepare(key, json(&line), Duration::from_secs(9));
    let late = write(&mut all[2], "a", Some("too late"));
    assert_eq!(all[0].receive(vec![late.clone()]).rejected, 1);
    // One who took it in has lost what it replaced, and gets that back from the first.
    all[1].receive(vec![late.clone()]);
    let mut failed = all[0].clone();
    all[0].apply(revocation.clone());
    all[1].receive(vec![revocation.to_bytes(), kept]);
    for registry in &all[..2] {
        assert_eq!(payload(registry, "a").unwrap(), b"kept");
    }
    failed.abandon(&revocation.write);
    assert_eq!(failed.receive(vec![late]).rejected, 0);
}

#[test]
fn a_restored_image_notices_and_does_not_reuse_its_dots() {
    let mut all = registries(2);
    let mut image = all[1].clone();
    let lost = write(&mut all[1], "a", Some("lost"));
    all[0].receive(vec![lost.clone()]);
    let everything = dump(&all[0]);
    image.receive(everything);
    assert!(image.heard_newer_self());
    image.start_generation(77);
    let again = write(&mut image, "b", Some("new"));
    assert_eq!(all[0].receive(vec![again]).new.len(), 1);
}

#[test]
fn a_purged_tombstone_is_refused_and_nothing_else_goes() {
    let mut all = registries(2);
    write(&mut all[0], "a", Some("one"));
    let removal = write(&mut all[0], "a", None);
    write(&mut all[0], "b", Some("stays"));
    let hash = removal.clone().open().unwrap().hash;
    let live = all[0].read(&Key::of("thing", "b")).unwrap().hash;
    let changed = all[0].purge([hash, live].into());
    assert_eq!(changed.len(), 1);
    assert!(all[0].entry(&Key::of("thing", "a")).is_none());
    assert!(all[0].read(&Key::of("thing", "b")).is_some());
    assert_eq!(all[0].receive(vec![removal]).rejected, 1);
}

#[derive(Clone, Debug)]
enum Step {
    Write {
        node: usize,
        name: u8,
        value: Option<u8>,
    },
    Deliver {
        from: usize,
        to: usize,
        which: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (0..3_usize, 0..3_u8, proptest::option::of(any::<u8>()))
        .prop_map(|(node, name, value)| Step::Write { node, name, value });
    let deliver = (0..3_usize, 0..3_usize, any::<usize>())
        .prop_map(|(from, to, which)| Step::Deliver { from, to, which });
    proptest::collection::vec(prop_oneof![write, deliver], 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_was_lost_repeated_or_reordered_exchanging_everything_converges(steps in steps()) {
        let mut all = registries(3);
        let mut sent: Vec<Vec<SignedBytes>> = vec![Vec::new(); 3];
        for step in steps {
            match step {
                Step::Write { node, name, value } => {
                    let text = value.map(|value| value.to_string());
                    sent[node].push(write(&mut all[node], &name.to_string(), text.as_deref()));
                }
                Step::Deliver { from, to, which } if !sent[from].is_empty() => {
                    let one = sent[from][which % sent[from].len()].clone();
                    all[to].receive(vec![one]);
                }
                Step::Deliver { .. } => {}
            }
        }
        for (from, to) in [(0, 1), (1, 2), (2, 0), (0, 1), (0, 2), (1, 0)] {
            let everything = dump(&all[from]);
            all[to].receive(everything);
        }
        prop_assert_eq!(all[0].digests().root(), all[1].digests().root());
        prop_assert_eq!(all[1].digests().root(), all[2].digests().root());
        for name in 0..3_u8 {
            let name = name.to_string();
            prop_assert_eq!(payload(&all[0], &name), payload(&all[2], &name));
        }
    }

    #[test]
    fn no_bytes_make_a_registry_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(signed) = shoal_membership::codec::decode::<SignedBytes>(&bytes) {
            registries(1)[0].receive(vec![signed]);
        }
    }
}

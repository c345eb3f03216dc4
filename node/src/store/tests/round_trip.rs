//! What is written comes back; what can't be read by this version is left alone.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::*;
use crate::store::file;

#[test]
fn everything_comes_back_and_a_clean_end_skips_no_dot() {
    let directory = Directory::new();
    let (mut store, opened) = directory.open();
    let (generation, counter) = opened.author;
    assert_eq!((counter, opened.incarnation), (0, 0));
    assert!(opened.writes.is_empty() && opened.was_damaged.is_none());

    let (a, b) = (signed("a", 1, 10), signed("b", 2, 100_000));
    store.persist(&batch((generation, 1), &a)).unwrap();
    store.persist(&batch((generation, 2), &b)).unwrap();
    let siblings = vec![signed("a", 3, 5), a.clone()];
    let mut both = batch((generation, 3), &a);
    both.entries[0].1 = siblings;
    store.persist(&both).unwrap();
    store.close().unwrap();

    let (mut store, opened) = directory.open();
    assert_eq!(opened.author, (generation, 3));
    assert_eq!(opened.incarnation, 1_000);
    let expected = [("a".into(), 1), ("a".into(), 3), ("b".into(), 2)];
    assert_eq!(names(&opened.writes), expected);
    assert!(opened.writes.contains(&b.to_bytes()));

    both.entries[0].1.clear();
    store.persist(&both).unwrap();
    drop(store);
    let (_store, opened) = directory.open();
    assert_eq!(names(&opened.writes), [("b".into(), 2)]);
    assert!(opened.author.1 > 3, "dots are skipped after an unclean end");
}

#[test]
fn a_batch_that_changes_nothing_writes_nothing() {
    let directory = Directory::new();
    let (mut store, opened) = directory.open();
    let once = batch((opened.author.0, 1), &signed("a", 1, 10));
    store.persist(&once).unwrap();
    let before = fs::read(directory.registry()).unwrap();
    let touched = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.mtime(), metadata.mtime_nsec())
    };
    let time = touched(&directory.registry());
    store.persist(&once).unwrap();
    assert_eq!(touched(&directory.registry()), time);
    assert!(fs::read(directory.registry()).unwrap() == before);
    let later = batch((opened.author.0, 2), &signed("a", 1, 10));
    store.persist(&later).unwrap();
    assert!(fs::read(directory.registry()).unwrap() != before);
}

#[test]
fn an_entry_larger_than_the_codec_takes_comes_back() {
    let directory = Directory::new();
    let (mut store, opened) = directory.open();
    let siblings: Vec<_> = (1..=17).map(|dot| signed("a", dot, 1_000_000)).collect();
    let mut large = batch((opened.author.0, 17), &siblings[0]);
    large.entries[0].1 = siblings;
    store.persist(&large).unwrap();
    store.close().unwrap();
    assert_eq!(directory.open().1.writes.len(), 17);
}

#[test]
fn a_store_of_another_cluster_is_left_as_it_is() {
    let directory = Directory::new();
    directory.open().0.close().unwrap();
    let before = fs::read(directory.registry()).unwrap();
    let other = ClusterId::from_bytes([8; 16]);
    let error = Store::open(&directory.registry(), other).unwrap_err();
    assert!(matches!(error, StoreError::OtherCluster { .. }), "{error}");
    assert!(fs::read(directory.registry()).unwrap() == before);
    let known = Store::cluster_of(&directory.registry()).unwrap();
    assert_eq!(known, Some(CLUSTER));
    assert!(fs::read(directory.registry()).unwrap() == before);
}

#[test]
fn a_store_of_a_newer_format_is_left_as_it_is() {
    let directory = Directory::new();
    let path = directory.registry();
    directory.open().0.close().unwrap();
    file::tests::set_format(&path, file::FORMAT + 1);
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path, CLUSTER).unwrap_err().to_string();
    assert!(error.contains("newer version of Shoal"), "{error}");
    assert!(
        error.contains("format 2") && error.contains("up to 1"),
        "{error}"
    );
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_store_that_is_open_is_not_opened_twice() {
    let directory = Directory::new();
    let (_store, _) = directory.open();
    let error = Store::open(&directory.registry(), CLUSTER).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[test]
fn what_can_not_be_opened_is_named_with_advice() {
    let directory = Directory::new();
    fs::create_dir(directory.registry()).unwrap();
    let error = Store::open(&directory.registry(), CLUSTER).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StoreError::Disk(_)), "{text}");
    assert!(
        text.contains(REGISTRY_FILE) && text.contains("move away"),
        "{text}"
    );
    assert!(directory.registry().is_dir());

    let gone = directory.0.path().join("gone").join(REGISTRY_FILE);
    let error = Store::open(&gone, CLUSTER).unwrap_err().to_string();
    assert!(error.contains("gone"), "{error}");
}

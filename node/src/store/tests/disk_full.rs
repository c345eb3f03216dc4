//! A full or read-only disk is an error that says so; the store goes on when there is space again.

use std::{fs, io, path::Path, process::Command};

use super::*;

/// A file system of a few MiB, gone at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None if this user may not mount.
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "shoal-test"])
            .arg(directory.path())
            .output();
        mounted.ok()?.status.success().then_some(Self(directory))
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let mut mount = Command::new("mount");
        let status = mount.args(["-o", &options]).arg(self.0.path()).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn fill(path: &Path) {
    let error = fs::write(path, vec![1; 8 << 20]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_full_disk_loses_nothing_and_the_store_goes_on_when_there_is_space() {
    let Some(disk) = SmallDisk::new() else {
        println!("skipped: this user may not mount a tmpfs");
        return;
    };
    let path = disk.0.path().join(REGISTRY_FILE);
    let (mut store, opened) = Store::open(&path, CLUSTER).unwrap();
    let generation = opened.author.0;
    let ballast = disk.0.path().join("ballast");
    let mut held = Vec::new();
    let mut dot = 0;
    for _ in 0..3 {
        fill(&ballast);
        let error = loop {
            dot += 1;
            let name = dot.to_string();
            match store.persist(&batch((generation, dot), &signed(&name, dot, 50_000))) {
                Ok(()) => held.push((name, dot)),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("free some space"), "{error}");
        let again = store.persist(&batch((generation, dot), &signed("again", dot, 50_000)));
        assert!(again.is_err());
        fs::remove_file(&ballast).unwrap();
        // The dot of the failed write is free, and its entry must not come back.
        let name = format!("after {dot}");
        store
            .persist(&batch((generation, dot), &signed(&name, dot, 10)))
            .unwrap();
        held.push((name, dot));
    }
    store.close().unwrap();
    let (_store, opened) = Store::open(&path, CLUSTER).unwrap();
    held.sort();
    assert_eq!(names(&opened.writes), held);
    assert_eq!(opened.was_damaged, None);
}

#[test]
fn a_store_on_a_full_disk_is_not_taken_for_a_damaged_one() {
    let Some(disk) = SmallDisk::new() else {
        println!("skipped: this user may not mount a tmpfs");
        return;
    };
    let path = disk.0.path().join(REGISTRY_FILE);
    let (mut store, opened) = Store::open(&path, CLUSTER).unwrap();
    let write = signed("a", 1, 100_000);
    store.persist(&batch((opened.author.0, 1), &write)).unwrap();
    drop(store);
    let ballast = disk.0.path().join("ballast");
    fill(&ballast);
    match Store::open(&path, CLUSTER) {
        Ok((_store, opened)) => assert_eq!(opened.was_damaged, None),
        Err(error) => assert!(error.to_string().contains("free some space"), "{error}"),
    }
    fs::remove_file(&ballast).unwrap();
    let (_store, opened) = Store::open(&path, CLUSTER).unwrap();
    assert_eq!(names(&opened.writes), [("a".into(), 1)]);
    assert_eq!(opened.was_damaged, None);
}

#[test]
fn a_read_only_disk_is_named_with_advice_and_nothing_is_set_aside() {
    let Some(disk) = SmallDisk::new() else {
        println!("skipped: this user may not mount a tmpfs");
        return;
    };
    let path = disk.0.path().join(REGISTRY_FILE);
    Store::open(&path, CLUSTER).unwrap().0.close().unwrap();
    disk.remount("ro");
    let error = Store::open(&path, CLUSTER).unwrap_err().to_string();
    disk.remount("rw");
    assert!(
        error.contains("remount") && error.contains(REGISTRY_FILE),
        "{error}"
    );
    assert_eq!(Store::open(&path, CLUSTER).unwrap().1.was_damaged, None);
}

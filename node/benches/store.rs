//! What the store costs: bytes to the disk for each small batch, time to open, memory.
//!
//! `cargo bench -p shoal --bench store`. It prints what it measures and judges nothing.
#![allow(clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use shoal::store::{REGISTRY_FILE, Store};
use shoal_membership::{ClusterId, SecretKey};
use shoal_scheduler::{
    peer::Batch,
    registry::{Actor, FORMAT, Key, Signed, Stamp, Write},
};

const CLUSTER: ClusterId = ClusterId::from_bytes([7; 16]);
const ENTRIES: u64 = 10_000;
const PAYLOAD_BYTES: usize = 1024;
const SMALL_BATCHES: u64 = 200;

/// Set for the child that measures memory: the path of the store.
const CHILD: &str = "SHOAL_BENCH_STORE";

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(path) = env::var_os(CHILD) {
        return memory(Path::new(&path));
    }
    let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR"))?;
    let path = directory.path().join(REGISTRY_FILE);
    small_batches(&path, "an empty store")?;
    memory_in_a_child(&path)?;
    fill(&path)?;
    open(&path)?;
    memory_in_a_child(&path)?;
    small_batches(&path, "10,000 entries of 1 KiB")
}

fn small_batches(path: &Path, of: &str) -> Result<(), Box<dyn Error>> {
    let (mut store, opened) = Store::open(path, CLUSTER)?;
    drop(opened.writes);
    let bytes_before = bytes_written()?;
    let started = Instant::now();
    for number in 1..=SMALL_BATCHES {
        let dot = opened.author.1 + number;
        let entries = vec![entry("small", dot)];
        store.persist(&batch((opened.author.0, dot), entries))?;
    }
    let took = started.elapsed() / u32::try_from(SMALL_BATCHES)?;
    let bytes = (bytes_written()? - bytes_before) / SMALL_BATCHES;
    println!("{of}: {bytes} bytes written and {took:?} for a batch of one entry of 1 KiB");

    let last = opened.author.1 + SMALL_BATCHES;
    let same = batch((opened.author.0, last), vec![entry("small", last)]);
    let bytes_before = bytes_written()?;
    store.persist(&same)?;
    let bytes = bytes_written()? - bytes_before;
    println!("{of}: {bytes} bytes written for a batch that changes nothing");
    Ok(store.close()?)
}

fn fill(path: &Path) -> Result<(), Box<dyn Error>> {
    let (mut store, opened) = Store::open(path, CLUSTER)?;
    let (generation, counter) = opened.author;
    let entries = (0..ENTRIES)
        .map(|number| entry(&format!("entry-{number}"), counter + number + 1))
        .collect();
    let full = batch((generation, counter + ENTRIES), entries);
    let started = Instant::now();
    store.persist(&full)?;
    println!("10,000 entries in one batch: {:?}", started.elapsed());
    drop(full);
    store.close()?;
    println!("file: {} KiB", fs::metadata(path)?.len() / 1024);
    Ok(())
}

fn open(path: &Path) -> Result<(), Box<dyn Error>> {
    let time = |path: &Path| -> Result<(Store, Duration), Box<dyn Error>> {
        let started = Instant::now();
        let (store, opened) = Store::open(path, CLUSTER)?;
        let took = started.elapsed();
        println!("{} writes read", opened.writes.len());
        Ok((store, took))
    };
    let (store, took) = time(path)?;
    println!("open after a clean end: {took:?}");
    drop(store);
    let (store, took) = time(path)?;
    println!("open after an end without close: {took:?}");
    Ok(store.close()?)
}

/// In a process that did nothing before: memory that was used and freed counts as resident too.
fn memory_in_a_child(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut child = Command::new(env::current_exe()?);
    child.env(CHILD, path).status()?;
    Ok(())
}

fn memory(path: &Path) -> Result<(), Box<dyn Error>> {
    let before = resident_kib()?;
    let (store, opened) = Store::open(path, CLUSTER)?;
    let with_writes = resident_kib()? - before;
    let writes = opened.writes.len();
    drop(opened);
    let without = resident_kib()?.saturating_sub(before);
    println!("resident: {with_writes} KiB more with {writes} writes read, {without} without them");
    Ok(store.close()?)
}

fn entry(name: &str, dot: u64) -> (Key, Vec<Arc<Signed>>) {
    let secret = SecretKey::from_seed(&[3; 32]);
    let author = Actor {
        node: secret.node_id(),
        generation: 5,
    };
    let key = Key::of("thing", name);
    let write = Write {
        format: FORMAT,
        cluster: CLUSTER,
        key: key.clone(),
        author,
        clock: BTreeMap::from([(author, dot)]),
        stamp: Stamp {
            millis: dot,
            count: 0,
        },
        payload: Some(vec![7; PAYLOAD_BYTES]),
    };
    (key, vec![Arc::new(Signed::sign(write, &secret))])
}

fn batch(author: (u64, u64), entries: Vec<(Key, Vec<Arc<Signed>>)>) -> Batch {
    Batch {
        entries,
        author,
        incarnation: 1_000,
    }
}

/// Bytes that this process has handed to `write` (Linux; page cache or not).
fn bytes_written() -> Result<u64, Box<dyn Error>> {
    field("/proc/self/io", "wchar:")
}

fn resident_kib() -> Result<u64, Box<dyn Error>> {
    field("/proc/self/status", "VmRSS:")
}

fn field(path: &str, name: &str) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("not there")?.parse()?)
}

//! Prints what it costs to find and settle one difference between two large registries: bytes on
//! the wire, and time.
//!
//!     cargo bench -p shoal-scheduler --bench registry

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench measures time and prints it"
)]

use std::time::{Duration, Instant};

use shoal_membership::{ClusterId, SecretKey, codec::encode};
use shoal_scheduler::{
    gossip::{Answer, Question, Trade, answer_trade, compare_with, find_differences, seal_message},
    observed::Observed,
    registry::{Admission, Key, Registry, kind},
};

const ENTRIES: usize = 10_000;
const ENTRY_BYTES: usize = 1_024;

fn main() {
    let secret = SecretKey::from_seed(&[1; 32]);
    let nonce = [2; 16];
    let cluster = ClusterId::founded_by(&secret.public(), &nonce);
    let mut one = Registry::new(cluster, secret.clone(), 1, 0);
    let wall = Duration::from_secs(1_000);
    let admission = Admission {
        key: secret.public(),
        founder_nonce: Some(nonce),
    };
    let name = secret.node_id().to_string();
    let payload = serde_json::to_vec(&admission).unwrap_or_default();
    let signed = one.prepare(Key::system(kind::MEMBER, name), Some(payload), wall);
    one.apply(signed);
    for number in 0..ENTRIES {
        let key = Key::of("thing", format!("entry-{number}"));
        let signed = one.prepare(key, Some(vec![7; ENTRY_BYTES]), wall);
        one.apply(signed);
    }
    let mut other = one.clone();
    let signed = one.prepare(
        Key::of("thing", "entry-77"),
        Some(vec![8; ENTRY_BYTES]),
        wall,
    );
    one.apply(signed);
    sync(&one, &mut other);
}

fn sync(one: &Registry, other: &mut Registry) {
    let observed = Observed::default();
    let start = Instant::now();
    let question = compare_with(other, &observed, 0);
    let mut bytes = seal_message(&question).len();
    let Question::Compare {
        desired,
        observed: records,
        ..
    } = question
    else {
        return;
    };
    let differences = find_differences(one, &observed, &desired, &records);
    bytes += seal_message(&Answer::Differences(differences.clone())).len();
    let trade = Trade::of(other, &observed, &differences);
    let sent: usize = trade.writes.iter().map(|write| encode(write).len()).sum();
    bytes += sent + 8 * trade.want_writes.len();
    let answer = answer_trade(one, &observed, &trade.want_writes, &trade.want_records);
    bytes += seal_message(&answer).len();
    let Answer::Traded { writes, .. } = answer else {
        return;
    };
    let merging = Instant::now();
    let received = other.receive(writes);
    let merged = merging.elapsed();
    let is_settled = one.digests().root() == other.digests().root();
    println!("{ENTRIES} entries of {ENTRY_BYTES} bytes, one differs:");
    println!("  bytes on the wire, both ways: {bytes}");
    println!("  taking in {} write(s): {merged:?}", received.new.len());
    println!(
        "  the whole exchange without the network: {:?}",
        start.elapsed()
    );
    println!("  roots are equal afterwards: {is_settled}");
}

//! A member sends a peer whatever it likes: datagrams with SWIM packets, rumours, questions, answers.
//! The peer may ignore all of it, but must not panic, and must go on taking input.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use shoal_membership::{Addresses, ClusterId, NodeId, Now, Profile, SecretKey};
use shoal_scheduler::{
    peer::{Config, Effect, Input, Memory, Peer, Ticket, Timing},
    placement::LoadCaps,
    view::NodeFacts,
};

const NONCE: [u8; 16] = [7; 16];

fuzz_target!(|bytes: &[u8]| {
    let secret = SecretKey::from_seed(&[1; 32]);
    let sender = SecretKey::from_seed(&[2; 32]).node_id();
    let config = Config {
        cluster: ClusterId::founded_by(&secret.public(), &NONCE),
        secret,
        addresses: Addresses::default(),
        facts: NodeFacts::default(),
        labels: Default::default(),
        profile: Profile::Lan,
        timing: Timing::of(Profile::Lan),
        seed: 3,
        swim: None,
        anti_entropy: true,
        load_caps: LoadCaps::On,
        founder_nonce: Some(NONCE),
    };
    let mut time = 0;
    let mut peer = Peer::new(config, Memory::default(), at(time));
    let mut calls = drain(&mut peer, time);
    // Each message: a byte for its kind, two for its length, its bytes.
    let mut rest = bytes;
    while let Some((&[kind, low, high], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(after.len());
        let (message, after) = after.split_at(length);
        rest = after;
        time += u64::from(kind >> 2) * 50;
        let input = input_of(kind, sender, message.to_vec(), &mut calls);
        peer.handle(input, at(time));
        calls.extend(drain(&mut peer, time));
    }
});

fn at(millis: u64) -> Now {
    let time = Duration::from_millis(millis);
    Now {
        monotonic: time,
        wall: Duration::from_secs(1_700_000_000) + time,
    }
}

fn input_of(kind: u8, from: NodeId, bytes: Vec<u8>, calls: &mut Vec<Ticket>) -> Input {
    match (kind % 4, calls.pop()) {
        (0, _) => Input::Datagram { from, bytes },
        (1, _) => Input::Rumour { from, bytes },
        (2, Some(call)) => Input::Answer {
            call,
            bytes: Some(bytes),
        },
        _ => Input::Question {
            from,
            ticket: Ticket(9),
            bytes,
        },
    }
}

/// The disk takes everything; what is asked of others waits for an answer.
fn drain(peer: &mut Peer, time: u64) -> Vec<Ticket> {
    let mut calls = Vec::new();
    while let Some(effect) = peer.poll() {
        match effect {
            Effect::Question { call, .. } => calls.push(call),
            Effect::Persist { ticket, .. } => {
                let result = Ok(());
                peer.handle(Input::Persisted { ticket, result }, at(time));
            }
            _ => {}
        }
    }
    calls
}

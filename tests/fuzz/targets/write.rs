//! Bytes as a write of the registry: what opens must be written back to the same bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_membership::codec::{decode, encode};
use shoal_scheduler::registry::SignedBytes;

fuzz_target!(|bytes: &[u8]| {
    let Ok(signed) = decode::<SignedBytes>(bytes) else {
        return;
    };
    if let Ok(write) = signed.open() {
        assert_eq!(encode(&write.to_bytes()), bytes);
    }
});

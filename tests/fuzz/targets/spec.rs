//! JSON as a service's spec, as the API takes it: parsed, judged, and read in every way that
//! placement reads it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal_scheduler::spec::{NodeSpec, ServiceSpec};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(spec) = serde_json::from_slice::<ServiceSpec>(bytes) {
        // Whether it is acceptable is not the question; that it can be said is.
        let _ = spec.validate();
        let _ = (spec.priority(), spec.data_policy(), spec.stack());
        let _ = (spec.mode.slots(), spec.ports().len());
    }
    let _ = serde_json::from_slice::<NodeSpec>(bytes);
});

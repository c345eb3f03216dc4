//! A Compose file: read, checked, merged, made into specs, and written back as YAML.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shoal::compose::{Environment, Source, load, read, render_config};

fuzz_target!(|bytes: &[u8]| {
    let environment = Environment {
        variables: [("NAME".to_owned(), "value".to_owned())].into(),
        // Nothing is there: `env_file` and the like must fail, not read.
        base_dir: "/nonexistent".into(),
    };
    let files = [Source {
        name: "fuzz.yml".into(),
        bytes: bytes.to_vec(),
    }];
    if let Ok(merged) = read(&files, &environment) {
        std::hint::black_box(render_config(&merged));
    }
    let _ = load(&files, &environment, "stack");
});

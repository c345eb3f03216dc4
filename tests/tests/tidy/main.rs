//! The house style as a test (after TigerBeetle's `tidy.zig`): what a reviewer would otherwise have
//! to look for in each change. It reads the source tree and runs nothing.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't read the tree has failed"
)]

mod arrows;
mod cycles;
mod files;
mod imports;
mod lengths;
mod names;
mod papers;
mod tree;

/// Fails with everything that was found, each with its place and what to do.
#[track_caller]
fn nothing_of(findings: &[String]) {
    assert!(
        findings.is_empty(),
        "{} to put right:\n  {}",
        findings.len(),
        findings.join("\n  ")
    );
}

//! Docker's words for processors.

/// The processor for which this program was built.
#[must_use]
pub(crate) fn of_this_program() -> &'static str {
    word_of(std::env::consts::ARCH)
}

/// Docker's word for a processor, from the kernel's or from Rust's.
#[must_use]
pub(crate) fn word_of(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" | "armv6l" | "armhf" => "arm",
        "i686" | "i386" | "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

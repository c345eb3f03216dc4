//! Docker's words for processors: `amd64`, `arm64`, and with its generation `arm/v7`.

/// The processor for which this program was built. Of 32-bit ARM the machine's own generation counts.
#[must_use]
pub(crate) fn of_this_program() -> String {
    let kernel = nix::sys::utsname::uname().ok();
    let kernel = kernel.as_ref().and_then(|names| names.machine().to_str());
    built_for(
        std::env::consts::ARCH,
        cfg!(target_endian = "little"),
        kernel.unwrap_or_default(),
    )
}

/// The same, from Rust's word, the order of bytes and the kernel's word.
fn built_for(rust: &str, is_little_endian: bool, kernel: &str) -> String {
    match rust {
        "arm" => match word_of(kernel) {
            word if word.starts_with("arm/") => word.to_owned(),
            // 32 bits on a kernel of 64.
            "arm64" => "arm/v7".to_owned(),
            _ => "arm".to_owned(),
        },
        "powerpc64" if is_little_endian => "ppc64le".to_owned(),
        "powerpc64" => "ppc64".to_owned(),
        other => word_of(other).to_owned(),
    }
}

/// Docker's word for a processor, from the kernel's, an engine's or Rust's.
#[must_use]
pub(crate) fn word_of(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7" | "armv7l" | "armv7hl" | "armhf" | "armv8l" => "arm/v7",
        "armv6" | "armv6l" | "armv6hl" => "arm/v6",
        "armv5" | "armv5l" | "armv5tel" | "armv5tejl" | "armel" => "arm/v5",
        "i686" | "i586" | "i386" | "x86" => "386",
        "powerpc64le" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}

/// A processor without its generation, as Go calls it: `arm` for `arm/v7`.
#[must_use]
pub(crate) fn family(word: &str) -> &str {
    word.split('/').next().unwrap_or(word)
}

/// The kernel's word for it, which is what Docker shows of machines: `armv7l` for `arm/v7`.
#[must_use]
pub(crate) fn kernel_word(word: &str) -> &str {
    match word {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "i686",
        "arm" | "arm/v7" => "armv7l",
        "arm/v6" => "armv6l",
        "arm/v5" => "armv5tel",
        "loong64" => "loongarch64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_of_32_bit_arm_is_kept() {
        assert_eq!(built_for("arm", true, "armv6l"), "arm/v6");
        assert_eq!(built_for("arm", true, "armv7l"), "arm/v7");
        assert_eq!(built_for("arm", true, "aarch64"), "arm/v7");
        assert_eq!(built_for("arm", true, ""), "arm");
        assert_eq!(built_for("aarch64", true, "aarch64"), "arm64");
        for word in ["armv6l", "armv7l", "x86_64", "aarch64", "s390x", "ppc64le"] {
            assert_eq!(kernel_word(word_of(word)), word);
        }
        assert_eq!(family("arm/v6"), "arm");
        assert_eq!(family("amd64"), "amd64");
    }

    #[test]
    fn the_order_of_bytes_tells_two_processors_apart() {
        assert_eq!(built_for("powerpc64", true, "ppc64le"), "ppc64le");
        assert_eq!(built_for("powerpc64", false, "ppc64"), "ppc64");
    }
}

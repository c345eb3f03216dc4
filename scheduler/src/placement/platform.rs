//! Whether an image runs on a machine: names of processors and systems, in all their spellings.

use crate::{spec::Platform, view::NodeFacts};

/// A processor family in Docker's word, and for 32-bit ARM its generation (0: not said).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Architecture {
    family: String,
    generation: u8,
}

impl Architecture {
    /// Reads Docker's word (`amd64`, `arm/v7`), uname's (`x86_64`, `armv7l`) or Debian's (`armhf`).
    pub(super) fn parse(text: &str) -> Self {
        let lower = text.trim().to_ascii_lowercase();
        let (family, generation) = match lower.as_str() {
            "x86_64" | "x86-64" | "x64" => ("amd64", 0),
            "aarch64" | "arm64/v8" | "armv8" | "armv8l" | "armv8b" => ("arm64", 0),
            "armv7" | "armv7l" | "armv7hl" | "arm/v7" | "armhf" => ("arm", 7),
            "armv6" | "armv6l" | "armv6hl" | "arm/v6" => ("arm", 6),
            "armv5" | "armv5l" | "armv5tel" | "arm/v5" | "armel" => ("arm", 5),
            "i386" | "i486" | "i586" | "i686" | "x86" => ("386", 0),
            "powerpc64le" => ("ppc64le", 0),
            "mips64el" => ("mips64le", 0),
            "loongarch64" => ("loong64", 0),
            other => (other, 0),
        };
        Self {
            family: family.to_owned(),
            generation,
        }
    }

    /// Whether this is what somebody means by `asked`, who may leave the generation open.
    pub(super) fn is(&self, asked: &Self) -> bool {
        let is_that = asked.generation == 0 || self.generation == asked.generation;
        self.family == asked.family && is_that
    }

    /// Whether a machine of this architecture runs programs made for `image`. A newer 32-bit ARM
    /// runs what was made for an older one.
    fn runs(&self, image: &Self) -> bool {
        let is_new_enough = self.generation == 0 || self.generation >= image.generation;
        self.family == image.family && is_new_enough
    }
}

/// Whether a machine runs programs made for another processor, both in any spelling: a newer 32-bit
/// ARM runs what was made for an older one.
#[must_use]
pub fn runs_programs_for(machine: &str, image: &str) -> bool {
    Architecture::parse(machine).runs(&Architecture::parse(image))
}

/// Whether a machine of these facts runs an image for any of these platforms. No platforms: any.
/// A platform's empty field means any; a machine that did not tell is no match for a named one.
pub(super) fn is_supported(platforms: &[Platform], facts: &NodeFacts) -> bool {
    platforms.is_empty()
        || platforms.iter().any(|platform| {
            let os = &platform.os;
            let architecture = &platform.architecture;
            (os.is_empty() || os.eq_ignore_ascii_case(&facts.os))
                && (architecture.is_empty()
                    || Architecture::parse(&facts.architecture)
                        .runs(&Architecture::parse(architecture)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported(image: (&str, &str), machine: (&str, &str)) -> bool {
        let platform = Platform {
            architecture: image.0.into(),
            os: image.1.into(),
        };
        let facts = NodeFacts {
            architecture: machine.0.into(),
            os: machine.1.into(),
            ..NodeFacts::default()
        };
        is_supported(&[platform], &facts)
    }

    #[test]
    fn spellings_of_one_processor_match() {
        assert!(supported(("amd64", "linux"), ("x86_64", "linux")));
        assert!(supported(("aarch64", ""), ("arm64", "Linux")));
        assert!(supported(("arm/v7", "linux"), ("armv7l", "linux")));
        assert!(supported(("arm", "linux"), ("armv6l", "linux")));
        assert!(supported(("", ""), ("", "")));
    }

    #[test]
    fn other_processors_and_systems_do_not() {
        assert!(!supported(("amd64", "linux"), ("arm64", "linux")));
        assert!(!supported(("amd64", "windows"), ("amd64", "linux")));
        assert!(!supported(("arm/v7", "linux"), ("armv6l", "linux")));
        assert!(!supported(("arm/v7", "linux"), ("arm64", "linux")));
        assert!(!supported(("amd64", "linux"), ("", "")));
    }

    #[test]
    fn no_platform_means_any_and_one_of_several_is_enough() {
        let facts = NodeFacts {
            architecture: "arm64".into(),
            os: "linux".into(),
            ..NodeFacts::default()
        };
        assert!(is_supported(&[], &facts));
        let platforms = ["amd64", "arm64"].map(|architecture| Platform {
            architecture: architecture.into(),
            os: "linux".into(),
        });
        assert!(is_supported(&platforms, &facts));
        assert!(!is_supported(&platforms[..1], &facts));
    }
}

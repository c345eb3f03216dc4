//! What is limited, in words and in the files of both versions.

use std::fmt;

use shoal_scheduler::spec::ResourceLimits;

/// Time over which use of processors is counted, in microseconds: Docker's, and the kernel's own.
const CPU_PERIOD_US: u64 = 100_000;
/// The least quota that the kernel takes, in microseconds for each period.
const CPU_QUOTA_US_MIN: u64 = 1_000;

/// What the kernel can limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Controller {
    Memory,
    Cpu,
    Pids,
}

impl Controller {
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::Cpu, Self::Pids];

    /// The kernel's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }

    /// What to add where it is missing: Raspberry Pi OS leaves memory off.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Memory => {
                " (on a Raspberry Pi, cgroup_enable=memory in the kernel's command line brings it)"
            }
            Self::Cpu | Self::Pids => "",
        }
    }

    /// Those in a list of names.
    pub(super) fn among(names: &[&str]) -> Vec<Self> {
        let named = |controller: &Self| names.contains(&controller.name());
        Self::ALL.into_iter().filter(named).collect()
    }
}

/// Version of a hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A limit, above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) controller: Controller,
    /// Bytes, billionths of a processor, or processes and threads.
    amount: u64,
}

/// A value for a file of a cgroup.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) file: &'static str,
    pub(super) value: String,
    /// The limit holds without it, on a machine that has no such file.
    pub(super) may_fail: bool,
}

impl Limit {
    /// The limits of a spec that are set.
    pub(super) fn all(limits: &ResourceLimits) -> Vec<Self> {
        let amounts = [
            (Controller::Memory, limits.memory_bytes),
            (Controller::Cpu, limits.nano_cpus),
            (Controller::Pids, limits.pids),
        ];
        let limit = |(controller, amount)| {
            let amount = u64::try_from(amount).ok().filter(|amount| *amount > 0)?;
            Some(Self { controller, amount })
        };
        amounts.into_iter().filter_map(limit).collect()
    }

    /// What to write, in this order. Swap may take as much as memory, as with Docker.
    pub(super) fn settings(&self, version: Version) -> Vec<Setting> {
        let amount = self.amount;
        let quota = (u128::from(amount) * u128::from(CPU_PERIOD_US) / 1_000_000_000)
            .max(u128::from(CPU_QUOTA_US_MIN));
        match (self.controller, version) {
            (Controller::Memory, Version::One) => vec![
                must("memory.limit_in_bytes", amount),
                may("memory.memsw.limit_in_bytes", amount.saturating_mul(2)),
            ],
            (Controller::Memory, Version::Two) => {
                vec![must("memory.max", amount), may("memory.swap.max", amount)]
            }
            (Controller::Cpu, Version::One) => vec![
                must("cpu.cfs_period_us", CPU_PERIOD_US),
                must("cpu.cfs_quota_us", quota),
            ],
            (Controller::Cpu, Version::Two) => {
                vec![must("cpu.max", format_args!("{quota} {CPU_PERIOD_US}"))]
            }
            (Controller::Pids, _) => vec![must("pids.max", amount)],
        }
    }
}

fn must(file: &'static str, value: impl fmt::Display) -> Setting {
    Setting {
        file,
        value: value.to_string(),
        may_fail: false,
    }
}

fn may(file: &'static str, value: impl fmt::Display) -> Setting {
    Setting {
        may_fail: true,
        ..must(file, value)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.controller {
            Controller::Memory => write!(f, "memory limit of {}", Bytes(self.amount)),
            Controller::Cpu => write!(f, "CPU limit of {}", self.amount as f64 / 1e9),
            Controller::Pids => write!(f, "limit of {} processes", self.amount),
        }
    }
}

/// An amount of memory in the largest unit that it is a whole number of.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let whole = |(_, bits): &(&str, u32)| bytes > 0 && bytes.trailing_zeros() >= *bits;
        match units.into_iter().find(whole) {
            Some((unit, bits)) => write!(f, "{}{unit}", bytes >> bits),
            None => write!(f, "{bytes}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(memory_bytes: i64, nano_cpus: i64, pids: i64) -> Vec<Limit> {
        Limit::all(&ResourceLimits {
            generic_resources: Vec::new(),
            memory_bytes,
            nano_cpus,
            pids,
        })
    }

    fn written(limits: &[Limit], version: Version) -> Vec<String> {
        let settings = limits.iter().flat_map(|limit| limit.settings(version));
        settings
            .map(|setting| format!("{} {}", setting.file, setting.value))
            .collect()
    }

    #[test]
    fn each_version_has_its_files() {
        let limits = limits(64 << 20, 1_500_000_000, 10);
        assert_eq!(
            written(&limits, Version::One),
            [
                "memory.limit_in_bytes 67108864",
                "memory.memsw.limit_in_bytes 134217728",
                "cpu.cfs_period_us 100000",
                "cpu.cfs_quota_us 150000",
                "pids.max 10"
            ]
        );
        assert_eq!(
            written(&limits, Version::Two),
            [
                "memory.max 67108864",
                "memory.swap.max 67108864",
                "cpu.max 150000 100000",
                "pids.max 10"
            ]
        );
    }

    #[test]
    fn nothing_and_nonsense_are_no_limits_and_extremes_do_not_overflow() {
        assert_eq!(limits(0, 0, 0), []);
        assert_eq!(limits(-1, i64::MIN, -7), []);
        let cpu = |nano_cpus| written(&limits(0, nano_cpus, 0), Version::Two);
        assert_eq!(cpu(1), ["cpu.max 1000 100000"]);
        assert_eq!(cpu(i64::MAX), ["cpu.max 922337203685477 100000"]);
        assert_eq!(limits(i64::MAX, 0, 0).len(), 1);
    }

    #[test]
    fn limits_are_said_in_words() {
        let words: Vec<String> = limits(3 << 29, 250_000_000, 10)
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "memory limit of 1536MiB",
            "CPU limit of 0.25",
            "limit of 10 processes",
        ];
        assert_eq!(words, expected);
        assert_eq!(Bytes(1_000).to_string(), "1000B");
    }
}

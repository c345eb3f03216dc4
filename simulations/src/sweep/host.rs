//! The machine that a sweep runs on, as its manifest names it.

use crate::results::Host;

/// This one.
pub(super) fn host() -> Host {
    Host {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: std::fs::read_to_string("/proc/meminfo")
            .ok()
            .as_deref()
            .and_then(total),
    }
}

/// From Linux's `/proc/meminfo`; other systems have no such file.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       16316412 kB\nMemFree: 1 kB\n";
        assert_eq!(total(text), Some(16_316_412 * 1_024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }
}

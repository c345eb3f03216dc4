//! Whether the kernel killed a process of a cgroup because there was no memory.

use std::path::Path;

use super::{
    file::{named_number, number},
    limit::Bytes,
};

/// The reason in words, if it did. Whoever reached no limit of its own fell to the machine's lack.
pub(super) fn reason(folder: &Path) -> Option<String> {
    let events = folder.join("memory.events");
    let control = folder.join("memory.oom_control");
    let count = |path, name| named_number(path, name).unwrap_or(0);
    let (kills, reached, limit) = match events.exists() {
        true => (
            count(&events, "oom_kill"),
            count(&events, "oom"),
            number(&folder.join("memory.max")),
        ),
        false => (
            count(&control, "oom_kill"),
            number(&folder.join("memory.failcnt")).unwrap_or(0),
            number(&folder.join("memory.limit_in_bytes")),
        ),
    };
    if kills == 0 {
        return None;
    }
    Some(match limit.filter(|_| reached > 0) {
        Some(limit) => format!("out of memory (limit {})", Bytes(limit)),
        None => "out of memory (the machine's, not its limit)".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn reason_of(files: &[(&str, &str)]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        reason(folder.path())
    }

    #[test]
    fn both_versions_tell_the_limit() {
        let words = Some("out of memory (limit 64MiB)".to_owned());
        let events = "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n";
        let two = [("memory.events", events), ("memory.max", "67108864\n")];
        assert_eq!(reason_of(&two), words);
        let control = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n";
        let one = [
            ("memory.oom_control", control),
            ("memory.failcnt", "12\n"),
            ("memory.limit_in_bytes", "67108864\n"),
        ];
        assert_eq!(reason_of(&one), words);
    }

    #[test]
    fn a_machine_without_memory_is_told_apart() {
        let events = "max 0\noom 0\noom_kill 1\n";
        let two = [("memory.events", events), ("memory.max", "67108864\n")];
        let words = "out of memory (the machine's, not its limit)".to_owned();
        assert_eq!(reason_of(&two), Some(words));
    }

    #[test]
    fn without_a_kill_there_is_nothing_to_say() {
        assert_eq!(reason_of(&[]), None);
        assert_eq!(reason_of(&[("memory.events", "oom 1\noom_kill 0\n")]), None);
        assert_eq!(
            reason_of(&[("memory.events", "oom_kill x\noom_kill")]),
            None
        );
    }
}

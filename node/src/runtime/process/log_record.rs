//! How a line of a task's log is written: the text format of Kubernetes' container runtimes (CRI),
//! `2026-01-02T03:04:05.000000000Z stdout F the line`. `P` instead of `F`: the line goes on.

use std::time::Duration;

use jiff::Timestamp;

use crate::runtime::{LogLine, Output};

/// Longest line; the rest becomes further, partial, lines. As Docker's, in bytes.
pub(super) const LINE_SIZE_MAX: usize = 16 << 10;
/// A line of the file with its prefix is not longer than this, in bytes.
pub(super) const RECORD_SIZE_MAX: usize = LINE_SIZE_MAX + 64;

/// What stands before each line that was read at this moment.
pub(super) struct Prefix {
    whole: Vec<u8>,
    partial: Vec<u8>,
}

impl Prefix {
    /// A time too far from 1970 to be written is written as 1970.
    pub(super) fn new(at: Duration, output: Output) -> Self {
        let nanoseconds = i128::try_from(at.as_nanos()).unwrap_or(0);
        let at = Timestamp::from_nanosecond(nanoseconds).unwrap_or_default();
        let name = match output {
            Output::Stdout => "stdout",
            Output::Stderr => "stderr",
        };
        Self {
            whole: format!("{at:.9} {name} F ").into_bytes(),
            partial: format!("{at:.9} {name} P ").into_bytes(),
        }
    }

    /// Appends one line, which has no line end in it.
    pub(super) fn write(&self, line: &[u8], is_partial: bool, records: &mut Vec<u8>) {
        records.extend_from_slice(if is_partial {
            &self.partial
        } else {
            &self.whole
        });
        records.extend_from_slice(line);
        records.push(b'\n');
    }
}

/// Reads one line of the file, without its line end. Nothing if it is damaged.
pub(super) fn parse(record: &[u8]) -> Option<LogLine> {
    let mut parts = record.splitn(4, |byte| *byte == b' ');
    let at: Timestamp = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let output = match parts.next()? {
        b"stdout" => Output::Stdout,
        b"stderr" => Output::Stderr,
        _ => return None,
    };
    let is_partial = match parts.next()? {
        b"F" => false,
        b"P" => true,
        _ => return None,
    };
    let line = parts.next()?;
    if line.len() > LINE_SIZE_MAX {
        return None;
    }
    Some(LogLine {
        at: Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).ok()?,
        output,
        line: line.to_vec(),
        is_partial,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_format_is_kubernetes() {
        let mut records = Vec::new();
        let at = Duration::new(1_767_323_045, 6);
        Prefix::new(at, Output::Stderr).write(b"a b", false, &mut records);
        assert_eq!(
            String::from_utf8(records).unwrap(),
            "2026-01-02T03:04:05.000000006Z stderr F a b\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            nanoseconds in 0_u64..9_000_000_000_000_000_000,
            line in "[^\n]{0,40}",
            is_partial: bool,
        ) {
            let at = Duration::from_nanos(nanoseconds);
            let mut record = Vec::new();
            Prefix::new(at, Output::Stdout).write(line.as_bytes(), is_partial, &mut record);
            prop_assert_eq!(record.pop(), Some(b'\n'));
            let line = line.into_bytes();
            let expected = LogLine { at, output: Output::Stdout, line, is_partial };
            prop_assert_eq!(parse(&record), Some(expected));
        }

        #[test]
        fn damage_is_no_panic(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}

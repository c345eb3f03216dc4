//! `[churn]` of a plan: a trace of machines that go and come, as recorded from real ones.

use std::time::Duration;

use serde::Deserialize;

use super::units::Time;

/// Most lines of a trace.
pub(super) const LINES_MAX: usize = 1_000_000;

/// `[churn]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnPlan {
    /// A file with the trace, from the plan's folder. `shoal-sim` puts its text into `trace`.
    pub file: Option<String>,
    /// Lines `SECONDS, MACHINE, down` or `up`; machines from 1, times since the end of the warm-up,
    /// ascending. Empty lines and those that begin with `#` are left out.
    #[serde(default)]
    pub trace: Trace,
}

/// A machine that loses power, or gets it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: Duration,
    /// Which, from 0.
    pub machine: usize,
    /// Whether it comes back.
    pub is_up: bool,
}

/// A trace, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace(pub Vec<Turn>);

impl std::str::FromStr for Trace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut turns: Vec<Turn> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if turns.len() >= LINES_MAX {
                return Err(format!("the trace has more than {LINES_MAX} lines"));
            }
            let wrong = |what: &str| format!("line {} of the trace ({line:?}): {what}", number + 1);
            let turn = turn(line).map_err(|what| wrong(&what))?;
            if turns.last().is_some_and(|last| last.at > turn.at) {
                return Err(wrong("its time is before that of the line above"));
            }
            turns.push(turn);
        }
        Ok(Self(turns))
    }
}

fn turn(line: &str) -> Result<Turn, String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [seconds, machine, what] = fields[..] else {
        return Err("it is not SECONDS, MACHINE, up or down".to_owned());
    };
    let Time(at) = format!("{seconds} s").parse()?;
    let machine: usize = machine
        .parse()
        .map_err(|_| format!("{machine:?} is no machine"))?;
    let machine = machine.checked_sub(1).ok_or("machines begin with 1")?;
    let is_up = match what {
        "up" => true,
        "down" => false,
        other => return Err(format!("{other:?} is neither up nor down")),
    };
    Ok(Turn { at, machine, is_up })
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl ChurnPlan {
    /// Whether it fits so many machines.
    ///
    /// # Errors
    /// What does not.
    pub(super) fn check(&self, machines: usize) -> Result<(), String> {
        let strange = self.trace.0.iter().find(|turn| turn.machine >= machines);
        match strange {
            Some(turn) => Err(format!(
                "churn: the trace names machine {} of {machines}",
                turn.machine + 1
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_and_a_damaged_one_is_named_by_line_and_reason() {
        let trace: Trace = "# t, machine, what\n1.5, 2, down\n\n30, 2, up\n"
            .parse()
            .unwrap();
        let back = Turn {
            at: Duration::from_secs(30),
            machine: 1,
            is_up: true,
        };
        assert_eq!(trace.0.len(), 2);
        assert_eq!(trace.0[1], back);
        let wrong = |text: &str| text.parse::<Trace>().unwrap_err();
        assert!(wrong("1, 2, down\n0.5, 2, up").contains("line 2"));
        assert!(wrong("1, 0, down").contains("begin with 1"));
        assert!(wrong("1, 2, sideways").contains("neither up nor down"));
        assert!(wrong("1; 2; down").contains("SECONDS"));
        assert!(wrong("x, 2, down").contains("line 1"));
    }
}

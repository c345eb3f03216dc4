//! What of a seed's trouble takes place: all of it, or what a minimiser has left.
//!
//! Trouble comes in steps: a fault may strike, something may be mended, an order is given, time
//! passes. Each of these draws from a stream of its own (seed, step, kind), so leaving one out leaves
//! the others what they were.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// The kinds of act, in the order in which they take place in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A fault strikes.
    Strike,
    /// Some of what is broken is mended.
    Mend,
    /// Somebody gives an order.
    Order,
    /// Up to 20 s pass.
    Pause,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Strike, Self::Mend, Self::Order, Self::Pause];

    const fn letter(self) -> char {
        match self {
            Self::Strike => 's',
            Self::Mend => 'm',
            Self::Order => 'o',
            Self::Pause => 'p',
        }
    }
}

/// Something that takes place in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Act {
    /// Which step, from 0.
    pub step: u32,
    /// What.
    pub kind: Kind,
}

/// Most steps of a script.
pub(super) const STEPS_MAX: u32 = 100_000;

/// What takes place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Script {
    /// Everything, until the trouble has lasted.
    #[default]
    Whole,
    /// These acts and no others.
    Only(BTreeSet<Act>),
}

impl Script {
    /// Whether this takes place.
    #[must_use]
    pub fn has(&self, act: Act) -> bool {
        match self {
            Self::Whole => true,
            Self::Only(acts) => acts.contains(&act),
        }
    }

    /// Steps, if they are counted.
    #[must_use]
    pub fn steps(&self) -> Option<u32> {
        match self {
            Self::Whole => None,
            Self::Only(acts) => Some(acts.last().map_or(0, |act| act.step + 1)),
        }
    }
}

/// `s0,o3,p3`: the first letter of the kind, and the step.
impl fmt::Display for Script {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Only(acts) = self else {
            return out.write_str("whole");
        };
        for (place, act) in acts.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(out, "{comma}{}{}", act.kind.letter(), act.step)?;
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "whole" {
            return Ok(Self::Whole);
        }
        let acts = text.split(',').filter(|part| !part.is_empty()).map(|part| {
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| part.starts_with(kind.letter()));
            let step = part.get(1..).and_then(|step| step.parse().ok());
            match (kind, step.filter(|step| *step < STEPS_MAX)) {
                (Some(kind), Some(step)) => Ok(Act { step, kind }),
                _ => Err(format!(
                    "{part:?} is no act: write s, m, o or p and the step, such as s12 \
                     (strike, mend, order, pause)"
                )),
            }
        });
        acts.collect::<Result<_, _>>().map(Self::Only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_written_and_read() {
        let acts = [(0, Kind::Strike), (3, Kind::Order), (3, Kind::Pause)];
        let acts = acts.map(|(step, kind)| Act { step, kind });
        let script = Script::Only(acts.into());
        assert_eq!(script.to_string(), "s0,o3,p3");
        assert_eq!("s0,o3,p3".parse(), Ok(script.clone()));
        assert_eq!("p3,s0,o3".parse(), Ok(script.clone()));
        assert_eq!(script.steps(), Some(4));
        assert!(
            script.has(acts[1])
                && !script.has(Act {
                    step: 3,
                    kind: Kind::Mend
                })
        );
        assert_eq!("whole".parse(), Ok(Script::Whole));
        assert_eq!("".parse::<Script>().unwrap().steps(), Some(0));
    }

    #[test]
    fn what_is_no_act_is_refused_with_what_one_is() {
        for text in ["x3", "s", "s-1", "s1;o2", "3", "s4294967295", "ö3"] {
            let error = text.parse::<Script>().unwrap_err();
            assert!(error.contains("such as s12"), "{text}: {error}");
        }
    }
}

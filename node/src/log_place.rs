//! How far a log was passed on, so that another reading of it can go on there.

use std::time::Duration;

/// The last time of a line that was passed on, and how many lines there were of that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogPlace {
    last: Option<Duration>,
    lines: u64,
}

impl LogPlace {
    /// A line of that time was passed on.
    pub(crate) fn passed(&mut self, at: Duration) {
        match self.last {
            Some(last) if at < last => {}
            Some(last) if at == last => self.lines += 1,
            _ => (self.last, self.lines) = (Some(at), 1),
        }
    }

    /// From when on to read again. None: nothing was passed on.
    pub(crate) fn since(&self) -> Option<Duration> {
        self.last
    }

    /// What to leave out when it is read again from then on.
    pub(crate) fn again(&self) -> Known {
        Known(*self)
    }
}

/// The lines that were passed on already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known(LogPlace);

impl Known {
    /// Whether a line of that time, the next of the log, is one of them.
    pub(crate) fn has(&mut self, at: Duration) -> bool {
        let Some(last) = self.0.last else {
            return false;
        };
        if at == last && self.0.lines > 0 {
            self.0.lines -= 1;
            return true;
        }
        at < last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_reading_goes_on_behind_the_first() {
        let second = Duration::from_secs;
        let log = [1, 2, 2, 2, 3, 4].map(second);
        for read in 0..=log.len() {
            let mut place = LogPlace::default();
            log[..read].iter().for_each(|at| place.passed(*at));
            let mut known = place.again();
            let from = log.iter().filter(|at| Some(**at) >= place.since());
            let rest: Vec<_> = from.filter(|at| !known.has(**at)).collect();
            assert_eq!(rest, log[read..].iter().collect::<Vec<_>>());
        }
    }
}

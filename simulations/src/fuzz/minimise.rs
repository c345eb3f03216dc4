//! A failing seed made short: as few acts, on as few machines, as still break the same rule.
//!
//! Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002):
//! ever smaller parts are left out for as long as the rest still fails. What is left is 1-minimal if the
//! runs sufficed: without any one of its acts, the rule holds. A run in which another rule breaks first
//! counts as one that passes: it is another bug, perhaps.

use super::{Act, Case, MACHINES_MIN, Report, Script, run_case};

/// How far a minimiser has come.
#[derive(Clone, Debug)]
pub struct Shortened {
    /// The shortest case that fails.
    pub case: Case,
    /// What became of it.
    pub report: Report,
    /// Acts of the whole run that was given.
    pub acts_before: usize,
    /// Runs that it took.
    pub runs: u32,
    /// Whether nothing more can be left out. Else the runs were used up.
    pub is_minimal: bool,
}

/// Shortens a case that fails, in so many runs at most. `progress` is told of each run: acts that are
/// tried, and runs made. None: it does not fail.
pub fn minimise(
    case: &Case,
    runs_max: u32,
    progress: &mut dyn FnMut(usize, u32),
) -> Option<Shortened> {
    let whole = run_case(case);
    let mut search = Search {
        rule: whole.violation.as_ref()?.rule,
        best: (case.clone(), whole.clone()),
        runs: 0,
        runs_max,
        progress,
    };
    // A smaller cluster is worth more than fewer acts.
    for machines in MACHINES_MIN..whole.machines {
        let smaller = Case {
            machines: Some(machines),
            ..case.clone()
        };
        if search.fails(smaller, whole.acts.len()) {
            break;
        }
    }
    let (start, report) = search.best.clone();
    let is_minimal = shrink(acts_of(&report), &mut |acts| {
        if search.runs >= search.runs_max {
            return Tried::NoMore;
        }
        let shorter = Case {
            script: Script::Only(acts.iter().copied().collect()),
            ..start.clone()
        };
        match search.fails(shorter, acts.len()) {
            // What had no effect any more goes with it.
            true => Tried::Fails(acts_of(&search.best.1)),
            false => Tried::Passes,
        }
    });
    let (mut case, report) = search.best;
    case.script = Script::Only(acts_of(&report).into_iter().collect());
    Some(Shortened {
        case,
        report,
        acts_before: whole.acts.len(),
        runs: search.runs,
        is_minimal,
    })
}

fn acts_of(report: &Report) -> Vec<Act> {
    report.acts.iter().map(|done| done.act).collect()
}

struct Search<'a> {
    rule: &'static str,
    /// The shortest case so far that fails.
    best: (Case, Report),
    runs: u32,
    runs_max: u32,
    progress: &'a mut dyn FnMut(usize, u32),
}

impl Search<'_> {
    /// Whether a case breaks the same rule. It is the best one then.
    fn fails(&mut self, case: Case, acts: usize) -> bool {
        if self.runs >= self.runs_max {
            return false;
        }
        self.runs += 1;
        (self.progress)(acts, self.runs);
        let report = run_case(&case);
        let broken = report.violation.as_ref().map(|one| one.rule);
        let is_same = broken == Some(self.rule);
        if is_same {
            self.best = (case, report);
        }
        is_same
    }
}

/// What became of a try.
enum Tried<T> {
    /// It still fails, and this is what counts of it: all of it, or less.
    Fails(Vec<T>),
    /// It does not.
    Passes,
    /// There are no more tries.
    NoMore,
}

/// Zeller's `ddmin`, by complements. Whether it came to its end: without any one item that is left, it
/// does not fail.
fn shrink<T: Copy>(mut items: Vec<T>, test: &mut dyn FnMut(&[T]) -> Tried<T>) -> bool {
    let mut parts = 2;
    while !items.is_empty() {
        let size = items.len().div_ceil(parts);
        let mut shorter = None;
        for from in (0..items.len()).step_by(size) {
            let to = (from + size).min(items.len());
            match test(&[&items[..from], &items[to..]].concat()) {
                Tried::NoMore => return false,
                Tried::Passes => {}
                Tried::Fails(rest) => {
                    shorter = Some(rest);
                    break;
                }
            }
        }
        match shorter {
            Some(rest) => {
                items = rest;
                parts = (parts - 1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(items.len()),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shrinks 0..100 with this test, in so many tries.
    fn shrunk(fails: impl Fn(&[u32]) -> bool, tries: u32) -> (Vec<u32>, bool, u32) {
        let (mut best, mut tried) = ((0..100).collect::<Vec<u32>>(), 0);
        let is_minimal = shrink(best.clone(), &mut |items| {
            if tried == tries {
                return Tried::NoMore;
            }
            tried += 1;
            match fails(items) {
                true => {
                    best = items.to_vec();
                    Tried::Fails(best.clone())
                }
                false => Tried::Passes,
            }
        });
        (best, is_minimal, tried)
    }

    #[test]
    fn what_matters_is_left_and_nothing_else() {
        let both = |items: &[u32]| items.contains(&17) && items.contains(&83);
        let (best, is_minimal, tries) = shrunk(both, 1_000);
        assert_eq!((best, is_minimal), (vec![17, 83], true));
        assert!(tries < 100, "{tries}");
        let many = |items: &[u32]| items.iter().filter(|one| *one % 10 == 3).count() >= 5;
        let (best, is_minimal, _) = shrunk(many, 1_000);
        assert!(is_minimal && best.len() == 5 && best.iter().all(|one| one % 10 == 3));
        assert_eq!(shrunk(|_| true, 1_000).0, Vec::<u32>::new());
    }

    #[test]
    fn it_stops_where_its_tries_end_and_says_so() {
        let both = |items: &[u32]| items.contains(&17) && items.contains(&83);
        let (best, is_minimal, tries) = shrunk(both, 5);
        assert!(!is_minimal && tries == 5 && both(&best) && best.len() > 2);
    }
}

//! What real agents and processes wrote down themselves, with the time. Nobody has to ask them then,
//! and asking costs them nothing: agents' logs, and a line that each task's process appends to a file
//! when it begins to run. All on one machine, so on one clock.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use shoal_tests::Node;

/// Seconds since 1970.
pub(crate) type Moment = f64;

/// Now.
pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// When lines of an agent's log with all of these words were written, none of them before `since`.
pub(crate) fn logged(node: &Node, words: &[&str], since: Moment) -> Vec<(Moment, String)> {
    let log = node.log();
    let lines = log
        .lines()
        .filter(|line| words.iter().all(|word| line.contains(word)));
    lines
        .filter_map(|line| {
            let time: jiff::Timestamp = line.split_whitespace().next()?.parse().ok()?;
            let at = time.as_nanosecond() as f64 / 1e9;
            (at >= since).then(|| (at, line.to_owned()))
        })
        .collect()
}

/// A line of a task's process.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    pub(crate) at: Moment,
    pub(crate) task: String,
    pub(crate) node: String,
    pub(crate) slot: String,
}

/// The file in which the processes of one service say when they began.
#[derive(Debug)]
pub(crate) struct Stamps(PathBuf);

impl Stamps {
    pub(crate) fn new(folder: &Path, service: &str) -> Self {
        Self(folder.join(format!("{service}.stamps")))
    }

    /// What each process runs: it says so, and sleeps.
    pub(crate) fn command(&self) -> [String; 3] {
        let file = self.0.display();
        let script = format!(
            "echo $(date +%s.%N) $SHOAL_TASK_ID $SHOAL_NODE_ID $SHOAL_SLOT >> '{file}'; exec sleep 100000"
        );
        ["sh".to_owned(), "-c".to_owned(), script]
    }

    /// All that began since then, by time.
    pub(crate) fn since(&self, since: Moment) -> Vec<Stamp> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let stamp = |line: &str| {
            let mut words = line.split_whitespace();
            let mut next = || words.next().map(str::to_owned);
            Some(Stamp {
                at: next()?.parse().ok()?,
                task: next()?,
                node: next()?,
                slot: next()?,
            })
        };
        let mut all: Vec<Stamp> = text.lines().filter_map(stamp).collect();
        all.retain(|stamp| stamp.at >= since);
        all.sort_by(|one, other| one.at.total_cmp(&other.at));
        all
    }

    /// On which node each slot began last.
    pub(crate) fn places(&self) -> BTreeMap<String, String> {
        let all = self.since(0.0).into_iter();
        all.map(|stamp| (stamp.slot, stamp.node)).collect()
    }
}

/// Looks every few milliseconds until there is something, or the limit has passed.
pub(crate) fn look<T>(limit: Duration, mut find: impl FnMut() -> Option<T>) -> Option<T> {
    let start = std::time::Instant::now();
    while start.elapsed() < limit {
        if let Some(found) = find() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(4));
    }
    None
}

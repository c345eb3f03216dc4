//! `docker service logs -f` of tasks that count their lines.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use shoal_tests::{Lab, within};

const SEEN: Duration = Duration::from_secs(60);

/// By task, as the client names it: the number of its last line, and what was wrong with its lines.
type Seen = BTreeMap<String, (u64, Option<String>)>;

/// A client that follows, and what it has shown.
pub(super) struct Follower {
    client: Child,
    seen: Arc<Mutex<Seen>>,
}

impl Follower {
    /// Follows a service whose tasks say `line 1`, `line 2` and so on, on that machine's agent.
    pub(super) fn of(lab: &Lab, machine: usize, service: &str) -> Self {
        let asked = ["service", "logs", "-f", "--no-trunc", service];
        let mut client = lab.docker_command(machine, &asked);
        let mut client = client
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker can be run");
        let output = BufReader::new(client.stdout.take().expect("it is piped"));
        let seen = Arc::new(Mutex::new(Seen::new()));
        let shared = seen.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                take(
                    &mut shared.lock().unwrap_or_else(PoisonError::into_inner),
                    &line,
                );
            }
        });
        Self { client, seen }
    }

    fn seen(&self) -> Seen {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// Waits until lines of so many tasks were shown.
    pub(super) fn has_lines_of(&mut self, tasks: usize) {
        within(SEEN, &format!("lines of {tasks} tasks"), || {
            let seen = self.seen();
            match seen.len() >= tasks {
                true => Ok(()),
                false => Err(format!("{seen:?}")),
            }
        });
    }

    /// Waits until each of these containers has said more than was shown of it before.
    pub(super) fn has_lines_of_all(&mut self, containers: &[(usize, String)]) {
        let last = |seen: &Seen, container: &str| {
            let task = container.rsplit('.').next().unwrap_or_default();
            let found = seen.iter().find(|(name, _)| name.contains(task));
            found.map_or(0, |(_, (last, _))| *last)
        };
        let before = self.seen();
        within(SEEN, &format!("more lines of {containers:?}"), || {
            let seen = self.seen();
            let mut names = containers.iter().map(|(_, name)| name);
            match names.all(|name| last(&seen, name) > last(&before, name)) {
                true => Ok(()),
                false => Err(format!("{seen:?}, before {before:?}")),
            }
        });
    }

    /// Ends it.
    ///
    /// # Panics
    /// If a line of a task was missing, or came twice.
    pub(super) fn end(mut self) {
        self.client.kill().expect("it still follows");
        let wrong: Vec<_> = self
            .seen()
            .into_iter()
            .filter_map(|(task, (_, wrong))| Some((task, wrong?)))
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Ended already, unless the test failed.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

fn take(seen: &mut Seen, line: &str) {
    let Some((from, text)) = line.split_once('|') else {
        return;
    };
    let number = text.trim().strip_prefix("line ");
    let number = number.and_then(|number| number.parse::<u64>().ok());
    let (last, wrong) = seen.entry(from.trim().to_owned()).or_default();
    match number {
        Some(number) if number == *last + 1 => *last = number,
        _ => {
            wrong.get_or_insert_with(|| format!("{text:?} after line {last}"));
            *last = number.unwrap_or(*last);
        }
    }
}

//! A few agents that are one cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    ops::{Index, IndexMut},
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

use crate::{Links, Node, Running, observe::running_on, process, room::Room, within};

/// Agents listen from this port on; their relays from [`FIRST_RELAY_PORT`] on.
pub(crate) const FIRST_PORT: u16 = 7_901;
const FIRST_RELAY_PORT: u16 = 7_801;
/// Everybody knows everybody within this after joins and returns. Two announcements to the dead.
const TOGETHER: Duration = Duration::from_secs(30);
/// Lines of each log that a failed test shows.
const LOG_LINES: usize = 60;

/// Agents on one loopback address, in one folder. Node `i` is `cluster[i]`, from 0 on.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    links: Option<Links>,
    /// Ids of all nodes that were ever seen, to find what they started.
    ids: BTreeSet<String>,
    folder: TempDir,
    room: Room,
}

impl Cluster {
    /// No nodes yet.
    ///
    /// # Panics
    /// If there can be no temporary folder.
    #[must_use]
    pub fn empty() -> Self {
        let room = Room::take();
        // Short: the path of a socket may have 107 bytes.
        let folder = tempfile::Builder::new().prefix("shoal-").tempdir();
        Self {
            nodes: Vec::new(),
            links: None,
            ids: BTreeSet::new(),
            folder: folder.expect("a temporary folder"),
            room,
        }
    }

    /// A cluster of so many nodes, all of which see each other ready.
    #[must_use]
    pub fn of(count: usize) -> Self {
        Self::empty().grown_to(count)
    }

    /// The same, with a relay before each node: see [`Cluster::links`].
    #[must_use]
    pub fn with_links(count: usize) -> Self {
        let mut cluster = Self::empty();
        cluster.links = Some(Links::default());
        cluster.grown_to(count)
    }

    fn grown_to(mut self, count: usize) -> Self {
        for _ in 0..count {
            let at = self.place();
            self.enter(at);
        }
        self.all_ready();
        self
    }

    /// The folder of everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The links between the nodes.
    ///
    /// # Panics
    /// If the cluster was made without.
    #[must_use]
    pub fn links(&self) -> &Links {
        self.links.as_ref().expect("Cluster::with_links")
    }

    /// A node that is not started yet; its number.
    pub fn place(&mut self) -> usize {
        let at = self.nodes.len();
        let number = u16::try_from(at).expect("a few nodes");
        let listen = SocketAddr::from((self.room.ip(number), FIRST_PORT + number));
        let mut node = Node::new(&format!("n{}", at + 1), self.folder.path(), listen);
        if let Some(links) = &mut self.links {
            let front = SocketAddr::from((self.room.ip(number), FIRST_RELAY_PORT + number));
            links.add(front, listen);
            node.advertise = Some(front);
        }
        self.nodes.push(node);
        at
    }

    /// Starts a node that was placed: it founds the cluster if it is the first, else it joins it.
    pub fn enter(&mut self, at: usize) {
        match at {
            0 => self.nodes[0].start(&[]),
            _ => {
                let token = self.token(&[]);
                self.nodes[at].start(&["--join", &token]);
            }
        }
        // A node answers a moment before it is a member of its own cluster.
        let node = &self.nodes[at];
        within(TOGETHER, "a node that knows itself", || {
            node.sees(&node.hostname).map(drop)
        });
        self.learn_ids();
    }

    /// A join token of the first node that runs.
    ///
    /// # Panics
    /// If none runs, or none makes one.
    #[track_caller]
    pub fn token(&mut self, more: &[&str]) -> String {
        let at = self.live().first().copied().expect("a node that runs");
        let arguments = [&["token", "create"], more].concat();
        self.nodes[at].shoal(&arguments).ok().to_owned()
    }

    /// How many nodes there are, running or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Numbers of the nodes whose agent runs.
    pub fn live(&mut self) -> Vec<usize> {
        let nodes = self.nodes.iter_mut().enumerate();
        nodes
            .filter_map(|(at, node)| node.is_running().then_some(at))
            .collect()
    }

    /// Waits until all running nodes see exactly each other ready.
    pub fn all_ready(&mut self) {
        let live = self.live();
        self.ready(&live);
    }

    /// Waits until these nodes see exactly each other ready.
    pub fn ready(&mut self, group: &[usize]) {
        let names: BTreeSet<String> = group.iter().map(|at| self[*at].hostname.clone()).collect();
        within(TOGETHER, &format!("{names:?} see each other"), || {
            group.iter().try_for_each(|at| {
                let roster = self[*at].roster()?;
                let ready = roster.iter().filter(|(_, status)| *status == "ready");
                let ready: BTreeSet<String> = ready.map(|((name, _), _)| name.clone()).collect();
                match ready == names {
                    true => Ok(()),
                    false => Err(format!("{} sees {roster:?}", self[*at].name)),
                }
            })
        });
        self.learn_ids();
    }

    /// Waits until all running nodes hold the same registry.
    pub fn agree(&mut self, limit: Duration) {
        let live = self.live();
        within(limit, "all registries are equal", || {
            let roots: Result<BTreeMap<_, _>, _> = live
                .iter()
                .map(|at| Ok((&self[*at].name, self[*at].desired_root()?)))
                .collect();
            let roots: BTreeMap<&String, String> = roots.map_err(|error: String| error)?;
            match roots.values().collect::<BTreeSet<_>>().len() {
                1 => Ok(()),
                _ => Err(format!("{roots:?}")),
            }
        });
    }

    fn learn_ids(&mut self) {
        for at in self.live() {
            if let Ok(roster) = self.nodes[at].roster() {
                self.ids.extend(roster.into_keys().map(|(_, id)| id));
            }
        }
    }

    /// All task processes of all nodes, by service and slot.
    #[must_use]
    pub fn processes(&self) -> Vec<Running> {
        running_on(&self.ids.iter().cloned().collect::<Vec<_>>())
    }

    /// The task processes of one service.
    #[must_use]
    pub fn processes_of(&self, service: &str) -> Vec<Running> {
        let mut all = self.processes();
        all.retain(|one| one.service == service);
        all
    }

    /// Waits until a service has just these slots running, once each, and gives them.
    pub fn settles(&self, service: &str, replicas: usize, limit: Duration) -> Vec<Running> {
        within(limit, &format!("{service} runs once a slot"), || {
            self.runs_once(service, replicas)
        })
    }

    /// That a service has just these slots running, once each.
    ///
    /// # Errors
    /// What runs instead.
    pub fn runs_once(&self, service: &str, replicas: usize) -> Result<Vec<Running>, String> {
        let running = self.processes_of(service);
        let slots: Vec<String> = running.iter().map(|one| one.slot.clone()).collect();
        let mut wanted: Vec<String> = (1..=replicas).map(|slot| slot.to_string()).collect();
        wanted.sort();
        match slots == wanted {
            true => Ok(running),
            false => Err(format!("{service}: {running:#?}")),
        }
    }
}

impl Index<usize> for Cluster {
    type Output = Node;

    fn index(&self, at: usize) -> &Node {
        &self.nodes[at]
    }
}

impl IndexMut<usize> for Cluster {
    fn index_mut(&mut self, at: usize) -> &mut Node {
        &mut self.nodes[at]
    }
}

impl Drop for Cluster {
    #[expect(
        clippy::print_stderr,
        reason = "what a failed test says is captured with it"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("everything is kept in {}", self.folder.path().display());
            for node in &self.nodes {
                let log = node.log();
                let lines: Vec<&str> = log.lines().collect();
                let tail = &lines[lines.len().saturating_sub(LOG_LINES)..];
                eprintln!("--- the end of {}'s log\n{}", node.name, tail.join("\n"));
            }
        }
        for node in &mut self.nodes {
            node.kill_agent();
        }
        process::end_all_below(self.folder.path());
    }
}

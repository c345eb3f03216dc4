//! The nodes of the demo: started together, looked after, and ended together.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use super::{
    STACK, agent_process::AgentProcess, command, error::DemoError, folder::Folder, patience::until,
    processes,
};

/// Time for all agents to stop their tasks and leave. A leaving node waits up to 10 s for others to
/// take its tasks over.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);
/// Time for the stack to be removed before the agents stop.
const REMOVAL_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for killed processes to go.
const KILL_TIME_MAX: Duration = Duration::from_secs(5);
/// Times that leftovers are looked for without a pause, when there is no time for pauses.
const SWEEPS: usize = 3;
/// Ports that are looked at for one that is free everywhere.
const PORTS_TRIED: usize = 32;

/// All nodes, and their folder.
pub(super) struct Fleet {
    folder: Folder,
    nodes: Vec<AgentProcess>,
    /// A TCP port that is free at each node's address. None: the nodes share one address.
    port: Option<u16>,
    is_ours: bool,
}

impl Fleet {
    /// This many nodes, none of them started. Whether the demo's own service is deployed decides
    /// whether a port is published.
    ///
    /// # Errors
    /// A sentence; the folder is removed then.
    pub(super) fn new(folder: Folder, count: u16, publishes: bool) -> Result<Self, String> {
        let nodes = (1..=count).map(|number| AgentProcess::new(number, &folder));
        match nodes.collect::<Result<Vec<_>, _>>() {
            Ok(nodes) => Ok(Self {
                folder,
                port: publishes.then(|| free_port(&nodes)).flatten(),
                nodes,
                is_ours: true,
            }),
            Err(error) => {
                // There is an error to report already.
                let _ = folder.remove();
                Err(error)
            }
        }
    }

    /// The port that the demo publishes.
    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Where the published port of each node that runs is.
    pub(super) fn doors(&self) -> Vec<SocketAddr> {
        let running = self.nodes.iter().filter(|node| node.is_started());
        let doors = running.filter_map(|node| Some((node.listen().ip(), self.port?).into()));
        doors.collect()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Another folder, with the sockets, if there is one.
    pub(super) fn second_folder(&self) -> Option<&Path> {
        self.folder.second()
    }

    pub(super) fn nodes(&self) -> &[AgentProcess] {
        &self.nodes
    }

    pub(super) fn nodes_mut(&mut self) -> &mut [AgentProcess] {
        &mut self.nodes
    }

    /// The node of this name.
    pub(super) fn node_mut(&mut self, name: &str) -> Option<&mut AgentProcess> {
        self.nodes.iter_mut().find(|node| node.name() == name)
    }

    /// A node that runs, to ask for the cluster's state.
    ///
    /// # Errors
    /// If none runs.
    pub(super) fn witness(&self) -> Result<&AgentProcess, DemoError> {
        self.nodes
            .iter()
            .find(|node| node.is_started())
            .ok_or_else(|| DemoError::failed("no agent runs"))
    }

    /// Whether every agent that was started still runs.
    ///
    /// # Errors
    /// How one ended.
    pub(super) fn check(&mut self) -> Result<(), DemoError> {
        match self.nodes.iter_mut().find_map(AgentProcess::has_ended) {
            Some(sentence) => Err(DemoError::Failed(sentence)),
            None => Ok(()),
        }
    }

    /// Stops the tasks and the agents in good order, and kills what is left of them.
    pub(super) async fn stop(&mut self) {
        let mut nodes = self.nodes.iter_mut();
        let socket = nodes.find_map(|node| (!node.is_gone()).then(|| node.socket().clone()));
        if let Some(socket) = socket {
            let removal = command::shoal(&socket, &["stack", "rm", STACK]);
            // Agents that stop take their tasks with them in any case; this is only faster.
            let _ = tokio::time::timeout(REMOVAL_TIME_MAX, removal).await;
            until(REMOVAL_TIME_MAX, async || {
                let nodes = self.nodes.iter();
                let mut tasks = nodes.map(|node| processes::of_tasks(node.data_dir()));
                tasks.all(|tasks| tasks.is_empty()).then_some(())
            })
            .await;
        }
        self.nodes.iter().for_each(AgentProcess::interrupt);
        until(STOP_TIME_MAX, async || {
            let mut nodes = self.nodes.iter_mut();
            nodes.all(AgentProcess::is_gone).then_some(())
        })
        .await;
        until(KILL_TIME_MAX, async || (self.sweep() == 0).then_some(())).await;
        self.is_ours = false;
    }

    /// Kills everything at once.
    pub(super) fn kill(&mut self) {
        for _ in 0..SWEEPS {
            if self.sweep() == 0 {
                break;
            }
        }
        self.is_ours = false;
    }

    /// Kills whatever is there of agents and tasks, and says how much that was.
    fn sweep(&mut self) -> usize {
        let agents = processes::agents_below(self.folder.path());
        processes::cut_down(&agents);
        let tasks = self.nodes.iter_mut().map(AgentProcess::cut_power);
        tasks.sum::<usize>() + agents.len()
    }

    /// Leaves the agents running.
    pub(super) fn let_go(&mut self) {
        self.nodes.iter_mut().for_each(AgentProcess::let_go);
        self.is_ours = false;
    }

    /// Removes all but the logs and the data.
    pub(super) fn remove_sockets(&self) {
        // They are worth nothing, and there is an error to report already.
        let _ = self.folder.remove_second();
    }

    /// Removes all files.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn remove_folder(&self) -> Result<(), String> {
        self.folder.remove()
    }
}

/// A TCP port that is free at each of these addresses.
fn free_port(nodes: &[AgentProcess]) -> Option<u16> {
    let addresses: BTreeSet<_> = nodes.iter().map(|node| node.listen().ip()).collect();
    if addresses.len() < nodes.len() {
        return None;
    }
    (0..PORTS_TRIED).find_map(|_| {
        let first = TcpListener::bind((*addresses.first()?, 0)).ok()?;
        let port = first.local_addr().ok()?.port();
        let mut others = addresses.iter().skip(1);
        let is_free = others.all(|address| TcpListener::bind((*address, port)).is_ok());
        is_free.then_some(port)
    })
}

impl Drop for Fleet {
    /// However the demo ends, nothing of it goes on unseen.
    fn drop(&mut self) {
        if self.is_ours {
            self.kill();
        }
    }
}

//! The third act: a node dies without a word, and its replicas run elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use super::{
    act_stack::{ask_one, first_of},
    clients::Clients,
    drawing,
    error::DemoError,
    fleet::Fleet,
    patience::TICK,
    sight::{Services, Sight, TaskSight, nodes_of},
    stage::{Stage, Tone, seconds},
};
use crate::cli::Client;

/// Time for the healing, far beyond its budget.
const HEAL_TIME_MAX: Duration = Duration::from_secs(60);
/// Survivors that are watched for when they take the node for dead: more would load the machine.
const WATCHED_MAX: usize = 8;
/// Time for killed processes to go.
const END_TIME_MAX: Duration = Duration::from_secs(5);

/// What the act leaves behind.
pub(super) struct Cut {
    /// The node that died.
    pub(super) victim: String,
    /// Where every slot ran before.
    pub(super) before: BTreeMap<String, String>,
    /// The tasks that died. At its return the node is still listed with them for a moment.
    pub(super) dead: BTreeSet<String>,
}

/// Kills the node with the most replicas, and shows the healing.
pub(super) async fn play(
    stage: &mut Stage,
    fleet: &mut Fleet,
    services: &Services,
) -> Result<Cut, DemoError> {
    let sight = Sight::take(&fleet.witness()?.client(), services).await?;
    let before = sight.places();
    let victim = busiest(&sight).ok_or_else(|| DemoError::failed("no node runs anything"))?;
    let lost: Vec<TaskSight> = sight.running_on(&victim).cloned().collect();
    let names: Vec<&str> = lost.iter().map(|task| task.slot.as_str()).collect();
    let title = format!("Power cut: {victim} dies, and {} with it", names.join(", "));
    stage.heading(&title)?;
    let clients = Clients::begin(fleet, &victim);
    let start = cut(stage, fleet, &victim, lost.len()).await?;
    let mut healing = Healing::watch(fleet, victim.clone(), start, services, &lost)?;
    let sight = healing.go(stage, fleet).await?;
    drawing::draw(stage, &sight, &before)?;
    match clients {
        Some(clients) => clients.end(stage).await?,
        None => ask_one(stage, &sight, names.first().copied()).await?,
    }
    let dead = lost.into_iter().map(|task| task.id).collect();
    Ok(Cut {
        victim,
        before,
        dead,
    })
}

/// The node with the most replicas; of several the last.
fn busiest(sight: &Sight) -> Option<String> {
    let nodes = sight.nodes.iter().map(|node| node.name.as_str());
    let node = nodes.max_by_key(|name| sight.running_on(name).count())?;
    (sight.running_on(node).count() > 0).then(|| node.to_owned())
}

/// Kills everything of a node in one moment, and says when that was.
async fn cut(
    stage: &mut Stage,
    fleet: &mut Fleet,
    victim: &str,
    tasks: usize,
) -> Result<Instant, DemoError> {
    let node = fleet.node_mut(victim);
    let node = node.ok_or_else(|| DemoError::failed(format!("there is no node {victim}")))?;
    let start = Instant::now();
    let count = node.cut_power();
    let ended =
        super::patience::until(END_TIME_MAX, async || (node.cut_power() == 0).then_some(()));
    if ended.await.is_none() {
        return Err(DemoError::failed(format!(
            "the processes of {victim} can't be killed"
        )));
    }
    let what = stage.tone(Tone::Bad, "kill -9");
    stage.after(
        Duration::ZERO,
        &format!(
            "{what} for its agent and the {count} processes of its {tasks} tasks, in one moment"
        ),
    )?;
    Ok(start)
}

/// The watch over a healing.
struct Healing<'a> {
    victim: String,
    start: Instant,
    services: &'a Services,
    client: Client,
    /// Slots that did not come back yet.
    lost: Vec<String>,
    /// Survivors, as they take the node for dead.
    notices: mpsc::Receiver<(String, Duration)>,
    watched: usize,
    noticed: usize,
    _watchers: JoinSet<()>,
}

impl<'a> Healing<'a> {
    fn watch(
        fleet: &Fleet,
        victim: String,
        start: Instant,
        services: &'a Services,
        lost: &[TaskSight],
    ) -> Result<Self, DemoError> {
        let (sender, notices) = mpsc::channel(WATCHED_MAX);
        let mut watchers = JoinSet::new();
        let survivors = fleet.nodes().iter().filter(|node| node.is_started());
        for node in survivors.take(WATCHED_MAX) {
            let (name, victim) = (node.name().to_owned(), victim.clone());
            watchers.spawn(notice(node.client(), name, victim, start, sender.clone()));
        }
        // A global service has nothing to do elsewhere.
        let own = format!(".{victim}");
        let lost = lost.iter().map(|task| task.slot.clone());
        Ok(Self {
            lost: lost.filter(|slot| !slot.ends_with(&own)).collect(),
            victim,
            start,
            services,
            client: fleet.witness()?.client(),
            notices,
            watched: watchers.len(),
            noticed: 0,
            _watchers: watchers,
        })
    }

    /// Shows every step until all is well and known; gives what is then.
    async fn go(&mut self, stage: &mut Stage, fleet: &mut Fleet) -> Result<Sight, DemoError> {
        let mut is_healed = false;
        loop {
            fleet.check()?;
            while let Ok((node, time)) = self.notices.try_recv() {
                self.noticed += 1;
                self.show_notice(stage, &node, time)?;
            }
            let sight = Sight::take(&self.client, self.services).await?;
            let time = self.start.elapsed();
            self.show_healed(stage, &sight, time)?;
            if self.lost.is_empty() && !is_healed {
                is_healed = true;
                let all = format!("all {} replicas run again", sight.running().len());
                let all = stage.tone(Tone::Good, all);
                let budget = "(budget: 2.5 s in the median, 4 s at p99)";
                stage.after(time, &format!("{all} {budget}"))?;
            }
            if is_healed && self.noticed == self.watched {
                return Ok(sight);
            }
            if time > HEAL_TIME_MAX {
                return Err(self.too_late(&sight));
            }
            sleep(TICK).await;
        }
    }

    fn show_notice(&self, stage: &mut Stage, node: &str, time: Duration) -> Result<(), DemoError> {
        let victim = &self.victim;
        match self.noticed {
            1 => stage.after(
                time,
                &format!("{node} is the first to take {victim} for dead"),
            ),
            all if all == self.watched => stage.after(
                time,
                &format!("{node} knows it, too: the last of {all} survivors asked"),
            ),
            _ => Ok(()),
        }
    }

    fn show_healed(
        &mut self,
        stage: &mut Stage,
        sight: &Sight,
        time: Duration,
    ) -> Result<(), DemoError> {
        let running = sight.running();
        let mut still = Vec::new();
        for slot in std::mem::take(&mut self.lost) {
            match running
                .get(slot.as_str())
                .filter(|task| task.node != self.victim)
            {
                Some(task) => stage.after(time, &format!("{slot} runs on {}", task.node))?,
                None => still.push(slot),
            }
        }
        self.lost = still;
        Ok(())
    }

    fn too_late(&self, sight: &Sight) -> DemoError {
        let time = seconds(HEAL_TIME_MAX);
        match self.lost.is_empty() {
            true => DemoError::failed(format!(
                "{time} after the power cut only {} of {} survivors know of it",
                self.noticed, self.watched
            )),
            false => DemoError::failed(format!(
                "{time} after the power cut these don't run: {} ({})",
                self.lost.join(", "),
                first_of(&sight.troubles())
            )),
        }
    }
}

/// Asks a survivor until it says that the node is not there any more.
async fn notice(
    client: Client,
    name: String,
    victim: String,
    start: Instant,
    notices: mpsc::Sender<(String, Duration)>,
) {
    loop {
        if let Ok(nodes) = client.get::<Vec<_>>("/nodes").await {
            let nodes = nodes_of(&nodes);
            let is_seen = nodes
                .iter()
                .any(|node| node.name == victim && node.is_ready());
            if !is_seen {
                // Nobody waits for it any more.
                let _ = notices.send((name, start.elapsed())).await;
                return;
            }
        }
        sleep(TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sight::tests::cluster;

    #[test]
    fn the_busiest_node_is_cut() {
        assert_eq!(busiest(&cluster()).as_deref(), Some("n1"));
        assert_eq!(busiest(&Sight::default()), None);
    }
}

//! The fourth act: the node comes back, takes back what is its own, and nothing is lost meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    act_power_cut::Cut,
    drawing,
    error::DemoError,
    fleet::Fleet,
    patience::{TICK, until},
    sight::{Services, Sight},
    stage::{Stage, Tone, seconds},
};
use crate::cli::Client;

/// Time for the node to be a member again.
const RETURN_TIME_MAX: Duration = Duration::from_secs(60);
/// Time for tasks to move back.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(30);

/// Starts the node again and watches until all is settled.
pub(super) async fn play(
    stage: &mut Stage,
    fleet: &mut Fleet,
    services: &Services,
    cut: &Cut,
) -> Result<(), DemoError> {
    let victim = &cut.victim;
    stage.heading(&format!("{victim} comes back"))?;
    let client = fleet.witness()?.client();
    let healed = Sight::take(&client, services).await?;
    let node = fleet.node_mut(victim);
    let node = node.ok_or_else(|| DemoError::failed(format!("there is no node {victim}")))?;
    node.start(None)?;
    let start = Instant::now();
    stage.after(
        Duration::ZERO,
        "its agent starts, with the data that it had",
    )?;
    let back = until(RETURN_TIME_MAX, async || {
        if let Err(error) = fleet.check() {
            return Some(Err(error));
        }
        let sight = Sight::take(&client, services).await.ok()?;
        let is_ready = sight.node(victim).is_some_and(|node| node.is_ready());
        is_ready.then_some(Ok(()))
    });
    match back.await {
        Some(result) => result?,
        None => {
            let limit = seconds(RETURN_TIME_MAX);
            return Err(DemoError::failed(format!(
                "{victim} did not come back within {limit}"
            )));
        }
    }
    let ready =
        format!("{victim} is ready again; what is its own moves back after a hold-down of 10 s,");
    stage.after(start.elapsed(), &ready)?;
    stage.detail("and each replica runs there before it stops where it is now")?;
    let mut settling = Settling::new(&healed, cut, start);
    let sight = settling.watch(stage, fleet, &client, services).await?;
    drawing::draw(stage, &sight, &healed.places())?;
    settling.sum_up(stage, &sight)
}

/// The watch over the moves.
struct Settling<'a> {
    cut: &'a Cut,
    /// Tasks that run, and where.
    known: BTreeMap<String, (String, String)>,
    /// Tasks by slot as the node came back.
    tasks_at_return: BTreeMap<String, (String, String)>,
    start: Instant,
    running_at_return: usize,
    least_running: usize,
    looks: usize,
    is_settled: bool,
}

impl<'a> Settling<'a> {
    fn new(healed: &Sight, cut: &'a Cut, start: Instant) -> Self {
        let running = healed.running().into_iter();
        Self {
            cut,
            known: tasks(healed),
            tasks_at_return: running
                .map(|(slot, task)| (slot.to_owned(), (task.id.clone(), task.node.clone())))
                .collect(),
            start,
            running_at_return: healed.running().len(),
            least_running: healed.running().len(),
            looks: 0,
            is_settled: false,
        }
    }

    async fn watch(
        &mut self,
        stage: &mut Stage,
        fleet: &mut Fleet,
        client: &Client,
        services: &Services,
    ) -> Result<Sight, DemoError> {
        loop {
            fleet.check()?;
            let mut sight = Sight::take(client, services).await?;
            let time = self.start.elapsed();
            sight.tasks.retain(|task| !self.cut.dead.contains(&task.id));
            self.look(stage, &sight, time)?;
            // Placement has no history: with the same nodes everything has its old place.
            self.is_settled = sight.places() == self.cut.before && sight.duplicates().is_empty();
            if self.is_settled || time > SETTLE_TIME_MAX {
                return Ok(sight);
            }
            sleep(TICK).await;
        }
    }

    /// Shows what is not as it was at the last look.
    fn look(&mut self, stage: &mut Stage, sight: &Sight, time: Duration) -> Result<(), DemoError> {
        self.looks += 1;
        self.least_running = self.least_running.min(sight.running().len());
        let now = tasks(sight);
        for (id, (slot, node)) in &now {
            if !self.known.contains_key(id) {
                let mut others = self.known.values();
                let other = others.find(|(other, place)| other == slot && place != node);
                let still = other.map_or(String::new(), |(_, place)| {
                    format!(", and still on {place}")
                });
                stage.after(time, &format!("{slot} runs on {node}{still}"))?;
            }
        }
        for (id, (slot, node)) in &self.known {
            if !now.contains_key(id) {
                stage.after(time, &format!("{slot} is not on {node} any more"))?;
            }
        }
        self.known = now;
        Ok(())
    }

    fn sum_up(&self, stage: &mut Stage, sight: &Sight) -> Result<(), DemoError> {
        let (moved, restarted) = self.changes(sight);
        let duplicates = sight.duplicates();
        if !self.is_settled {
            let limit = SETTLE_TIME_MAX.as_secs();
            stage.step(&format!(
                "not all is where it was before the cut after {limit} s"
            ))?;
        }
        let count = |number: usize| match number {
            0 => "none".to_owned(),
            some => some.to_string(),
        };
        let tone = |is_good| if is_good { Tone::Good } else { Tone::Bad };
        let least = format!("{} in {} looks", self.least_running, self.looks);
        let is_whole = self.least_running >= self.running_at_return;
        let lines = [
            ("moved back", count(moved), Tone::Good),
            (
                "restarted without need",
                count(restarted),
                tone(restarted == 0),
            ),
            ("fewest running at a time", least, tone(is_whole)),
            (
                "running twice now",
                count(duplicates.len()),
                tone(duplicates.is_empty()),
            ),
        ];
        for (name, value, tone) in lines {
            let value = stage.tone(tone, value);
            stage.detail(&format!("{:<26}{value}", format!("{name}:")))?;
        }
        Ok(())
    }

    /// How many slots run on another node than at the return, and how many on the same one but
    /// anew.
    fn changes(&self, sight: &Sight) -> (usize, usize) {
        let (mut moved, mut restarted) = (BTreeSet::new(), BTreeSet::new());
        for (slot, task) in sight.running() {
            match self.tasks_at_return.get(slot) {
                Some((_, node)) if *node != task.node => moved.insert(slot),
                Some((id, _)) if *id != task.id => restarted.insert(slot),
                _ => false,
            };
        }
        (moved.len(), restarted.len())
    }
}

/// The tasks that run, with slot and node.
fn tasks(sight: &Sight) -> BTreeMap<String, (String, String)> {
    let running = sight.tasks.iter().filter(|task| task.is_running());
    running
        .map(|task| (task.id.clone(), (task.slot.clone(), task.node.clone())))
        .collect()
}

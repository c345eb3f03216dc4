//! The placement, drawn: a row for each node with a block for each of its tasks.

use std::collections::BTreeMap;

use super::{
    error::DemoError,
    sight::{Sight, TaskSight},
    stage::{Stage, Tone},
};

/// Colours of blocks, by slot: eight that white text can be read on.
const COLOURS: [u8; 8] = [25, 29, 92, 130, 61, 95, 30, 125];
/// Blocks in a row; more are counted.
const BLOCKS_MAX: usize = 6;

/// Draws the placement. Tasks that are not where they were before are marked.
pub(super) fn draw(
    stage: &mut Stage,
    sight: &Sight,
    before: &BTreeMap<String, String>,
) -> Result<(), DemoError> {
    let names = sight.nodes.iter().map(|node| node.name.chars().count());
    let states = sight.nodes.iter().map(|node| node.state.chars().count());
    let (names, states) = (names.max().unwrap_or(0), states.max().unwrap_or(0));
    let mut running = sight.tasks.iter().filter(|task| task.is_running());
    let has_moved = running.any(|task| is_new(task, before));
    stage.line("")?;
    for node in &sight.nodes {
        let tone = match node.is_ready() {
            true => Tone::Good,
            false => Tone::Bad,
        };
        let name = stage.tone(Tone::Strong, format!("{:names$}", node.name));
        let state = stage.tone(tone, format!("{:states$}", node.state));
        let row = format!(
            "{name}  {state}  {}",
            blocks(stage, sight, &node.name, before)
        );
        stage.detail(row.trim_end())?;
    }
    if has_moved {
        stage.detail(&stage.tone(Tone::Faint, "* moved"))?;
    }
    stage.line("")
}

/// The tasks of a node.
fn blocks(stage: &Stage, sight: &Sight, node: &str, before: &BTreeMap<String, String>) -> String {
    let tasks = sight.running_on(node).take(BLOCKS_MAX);
    let blocks: Vec<String> = tasks
        .map(|task| block(stage, &task.slot, is_new(task, before)))
        .collect();
    let blocks = blocks.join(" ");
    match sight.running_on(node).count().saturating_sub(BLOCKS_MAX) {
        0 => blocks,
        more => format!("{blocks} and {more} more"),
    }
}

fn is_new(task: &TaskSight, before: &BTreeMap<String, String>) -> bool {
    let place = before.get(&task.slot);
    place.is_some_and(|place| *place != task.node)
}

fn block(stage: &Stage, slot: &str, is_new: bool) -> String {
    let mark = if is_new { "*" } else { "" };
    match stage.has_colours() {
        true => {
            let (_, number) = super::sight::order(slot);
            let index = usize::try_from(number).unwrap_or_default() % COLOURS.len();
            stage.tone(Tone::Block(COLOURS[index]), format!(" {slot}{mark} "))
        }
        false => format!("[{slot}{mark}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{sight::tests::cluster, stage::tests::Paper};

    #[test]
    fn every_node_has_its_row_and_moved_tasks_a_mark() {
        let paper = Paper::default();
        let mut stage = Stage::on(Box::new(paper.clone()), false);
        let before = [("web.1", "n1"), ("web.10", "n4")];
        let before = before.map(|(slot, node)| (slot.to_owned(), node.to_owned()));
        draw(&mut stage, &cluster(), &before.into()).unwrap();
        let text = paper.text();
        let rows: Vec<&str> = text.lines().map(str::trim).collect();
        let expected = [
            "",
            "n1   ready  [web.1] [web.10*]",
            "n2   ready  [web.1*]",
            "n3   ready",
            "n4   down",
            "n10  ready",
            "* moved",
            "",
        ];
        assert_eq!(rows, expected);
    }
}

//! The placement, drawn: a row for each node with a block for each of its tasks.

use std::collections::BTreeMap;

use super::{
    error::DemoError,
    sight::Sight,
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
    let width = sight
        .nodes
        .iter()
        .map(|node| node.name.chars().count())
        .max();
    let width = width.unwrap_or_default();
    let states = sight
        .nodes
        .iter()
        .map(|node| node.state.chars().count())
        .max();
    let states = states.unwrap_or_default();
    stage.line("")?;
    for node in &sight.nodes {
        let tone = if node.is_ready() {
            Tone::Good
        } else {
            Tone::Bad
        };
        let name = stage.tone(Tone::Strong, format!("{:width$}", node.name));
        let state = stage.tone(tone, format!("{:states$}", node.state));
        let blocks: Vec<String> = sight
            .running_on(&node.name)
            .enumerate()
            .map(|(at, task)| {
                let is_new = before
                    .get(&task.slot)
                    .is_some_and(|place| *place != node.name);
                match at < BLOCKS_MAX {
                    true => block(stage, &task.slot, is_new),
                    false => String::new(),
                }
            })
            .collect();
        let rest = match blocks.len().saturating_sub(BLOCKS_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown = blocks[..blocks.len().min(BLOCKS_MAX)].join(" ");
        let row = format!("{name}  {state}  {shown}{rest}");
        stage.detail(row.trim_end())?;
    }
    stage.line("")
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
            "",
        ];
        assert_eq!(rows, expected);
    }
}

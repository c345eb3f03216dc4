//! How the waiting looks: a table that is redrawn on a terminal, a line per change in a log.

use std::collections::BTreeMap;

use super::picture::{Picture, ServicePicture};
use crate::cli::{
    error::CliError,
    format::{table::align, words::cut},
    output::Output,
};

/// How many slots of a service a line names.
const SLOTS_SHOWN: usize = 3;
/// How much of a reason a line shows, in characters.
const REASON_LENGTH: usize = 60;
/// How many services the redrawn table shows: more would scroll.
const SERVICES_SHOWN: usize = 20;

/// What is on the screen.
pub(super) struct Screen {
    quiet: bool,
    lines_drawn: usize,
    last: BTreeMap<String, String>,
    last_text: String,
}

impl Screen {
    /// An empty one.
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            lines_drawn: 0,
            last: BTreeMap::new(),
            last_text: String::new(),
        }
    }

    /// Shows this picture.
    pub(super) fn show(&mut self, out: &mut Output, picture: &Picture) -> Result<(), CliError> {
        if self.quiet {
            return Ok(());
        }
        if out.redraws {
            return self.redraw(out, picture);
        }
        for service in &picture.services {
            let line = format!("{}: {}", service.name, progress(service));
            if self.last.get(&service.name) != Some(&line) {
                out.note(&line)?;
                self.last.insert(service.name.clone(), line);
            }
        }
        Ok(())
    }

    /// Says that all is well.
    pub(super) fn finish(&mut self, out: &mut Output, picture: &Picture) -> Result<(), CliError> {
        if self.quiet {
            return Ok(());
        }
        match picture.services.as_slice() {
            [] => Ok(()),
            [one] => out.note(&format!("service {} converged", one.name)),
            all => out.note(&format!("all {} services converged", all.len())),
        }
    }

    fn redraw(&mut self, out: &mut Output, picture: &Picture) -> Result<(), CliError> {
        let mut rows = vec!["SERVICE\tREPLICAS\tSTATE".to_owned()];
        let shown = picture.services.iter().take(SERVICES_SHOWN);
        rows.extend(shown.map(|service| {
            format!(
                "{}\t{}/{}\t{}",
                service.name,
                service.running,
                service.wanted,
                state(service)
            )
        }));
        let rest = picture.services.len().saturating_sub(SERVICES_SHOWN);
        if rest > 0 {
            rows.push(format!("and {rest} more"));
        }
        let text = align(&rows);
        if text == self.last_text {
            return Ok(());
        }
        // Up over what was drawn, then clear to the end of the screen.
        let up = match self.lines_drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        };
        out.raw_note(format!("{up}{text}"))?;
        self.lines_drawn = rows.len();
        self.last_text = text;
        Ok(())
    }
}

fn progress(service: &ServicePicture) -> String {
    let count = format!("{}/{}", service.running, service.wanted);
    match state(service).as_str() {
        "" => count,
        state => format!("{count} {state}"),
    }
}

fn state(service: &ServicePicture) -> String {
    let mut parts = Vec::new();
    if !service.update.is_empty() {
        parts.push(service.update.replace('_', " "));
    }
    for slot in service.waiting.iter().take(SLOTS_SHOWN) {
        parts.push(match slot.reason.as_str() {
            "" => format!("{} {}", slot.name, slot.state),
            reason => format!(
                "{} {}: {}",
                slot.name,
                slot.state,
                cut(reason, REASON_LENGTH)
            ),
        });
    }
    let rest = service.waiting.len().saturating_sub(SLOTS_SHOWN);
    if rest > 0 {
        parts.push(format!("{rest} more"));
    }
    if parts.is_empty() && service.running >= service.wanted {
        parts.push("running".into());
    }
    parts.join(", ")
}

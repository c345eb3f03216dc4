//! `--plan`: what would start, stop and move, before anything does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    error::CliError,
    format::{table::align, words::harmless},
    lookup::Lookup,
    session::Session,
};

/// A service as it would be: its id (none: a new one), and its spec (none: removed).
pub(super) fn thought(id: Option<&str>, spec: Option<&Value>) -> Value {
    json!({ "ID": id, "Spec": spec })
}

/// Asks what would follow, and prints it. Nothing is written.
pub(super) async fn show(session: &mut Session, thoughts: Vec<Value>) -> Result<(), CliError> {
    let answer = session
        .client
        .post("/shoal/v1/plan", Some(&Value::Array(thoughts)))
        .await?;
    let plan = answer.body;
    let list = |field: &str| plan.get(field).and_then(Value::as_array).cloned();
    let steps = list("Steps").unwrap_or_default();
    let pending = list("Pending").unwrap_or_default();
    if !steps.is_empty() {
        let mut lines = vec!["SERVICE\tSLOT\tWHAT\tFROM\tTO".to_owned()];
        lines.extend(steps.iter().map(line));
        session.out.data(align(&lines))?;
    }
    for slot in &pending {
        let (service, number) = (slot.text("/Service"), slot.text("/Slot"));
        let reason = harmless(slot.text("/Reason"));
        session
            .out
            .line(&format!("{service}.{number} would wait: {reason}"))?;
    }
    session.out.note(&summary(&steps, pending.len()))?;
    if plan.get("IsGuess") == Some(&Value::Bool(true)) {
        session.out.note(
            "The nodes of a new service are chosen when it is made: these are as likely as others.",
        )?;
    }
    Ok(())
}

fn line(step: &Value) -> String {
    let text = |pointer: &str| harmless(step.text(pointer));
    let columns = ["/Service", "/Slot", "/Action", "/From", "/To"].map(text);
    columns.join("\t")
}

fn summary(steps: &[Value], pending: usize) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for step in steps {
        *counts.entry(step.text("/Action")).or_default() += 1;
    }
    let mut words: Vec<String> = counts
        .iter()
        .map(|(action, count)| format!("{count} to {action}"))
        .collect();
    if pending > 0 {
        words.push(format!("{pending} would wait for a place"));
    }
    match words.is_empty() {
        true => "No task would start, stop or move. Nothing was changed.".to_owned(),
        false => format!("{}. Nothing was changed.", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let step = |action: &str| json!({ "Action": action });
        let steps = [step("start"), step("start"), step("move")];
        assert_eq!(
            summary(&steps, 1),
            "1 to move, 2 to start, 1 would wait for a place. Nothing was changed."
        );
        assert!(summary(&[], 0).starts_with("No task would"));
    }
}

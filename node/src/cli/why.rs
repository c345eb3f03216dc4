//! `shoal why SERVICE[.SLOT]`: who owns a slot, who is next, and why the others are not.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    error::CliError,
    format::{json::indent, table::align, words::harmless},
    lookup::Lookup,
    query::Target,
    session::Session,
};

/// Options of `why`.
#[derive(Args, Debug)]
pub(crate) struct WhyArgs {
    /// A service, or one of its slots: web, web.3
    #[arg(value_name = "SERVICE[.SLOT]")]
    subject: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = WhyFormat::Text)]
    format: WhyFormat,
}

/// How `why` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WhyFormat {
    /// For people
    Text,
    /// As the agent says it
    Json,
}

/// Does it.
pub(crate) async fn run(session: &mut Session, args: WhyArgs) -> Result<(), CliError> {
    let path = Target::new("/shoal/v1/why");
    let target = match split_slot(&args.subject) {
        Some((service, slot)) => path.segment(service).segment(slot),
        None => path.segment(&args.subject),
    };
    let body = session.client.get_bytes(target.as_str()).await?;
    let answer: Value = serde_json::from_slice(&body)
        .map_err(|error| CliError::failed(format!("the agent's answer is no JSON: {error}")))?;
    if args.format == WhyFormat::Json {
        return session.out.line(&indent(&String::from_utf8_lossy(&body)));
    }
    let slots = match &answer {
        Value::Array(slots) => slots.as_slice(),
        one => std::slice::from_ref(one),
    };
    for (at, slot) in slots.iter().enumerate() {
        if at > 0 {
            session.out.line("")?;
        }
        session.out.data(render(slot))?;
    }
    Ok(())
}

/// Splits `web.3`, or `agent.pi.local` where a service has no slots but nodes. Names of services
/// have no dots.
fn split_slot(subject: &str) -> Option<(&str, &str)> {
    let (service, slot) = subject.split_once('.')?;
    (!slot.is_empty() && !service.is_empty()).then_some((service, slot))
}

fn render(slot: &Value) -> String {
    let mut text = String::new();
    let title = match slot.get("Slot") {
        None | Some(Value::Null) => slot.text("/Service").to_owned(),
        Some(Value::String(number)) => format!("{}.{number}", slot.text("/Service")),
        Some(number) => format!("{}.{number}", slot.text("/Service")),
    };
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{name:<10}{}\n", harmless(&value)));
        }
    };
    line("Slot:", title);
    line(
        "Owner:",
        node(slot, "/Owner").unwrap_or_else(|| "none".into()),
    );
    line(
        "Next:",
        node(slot, "/Next").unwrap_or_else(|| "none".into()),
    );
    for summary in slot.texts("/Summary") {
        line("", summary.to_owned());
    }
    let nodes = slot.list("/Nodes");
    if !nodes.is_empty() {
        let mut lines = vec!["RANK\tNODE\tID\tSCORE\tVERDICT".to_owned()];
        lines.extend(nodes.iter().map(node_line));
        text.push('\n');
        text.push_str(&align(&lines));
    }
    text
}

fn node(slot: &Value, pointer: &str) -> Option<String> {
    let node = slot.pointer(pointer).filter(|node| !node.is_null())?;
    match (node.text("/Hostname"), node.text("/ID")) {
        ("", "") => None,
        ("", id) => Some(id.to_owned()),
        (name, "") => Some(name.to_owned()),
        (name, id) => Some(format!("{name} ({id})")),
    }
}

fn node_line(node: &Value) -> String {
    let plain = |name: &str| match node.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => harmless(text),
        Some(other) => other.to_string(),
    };
    ["Rank", "Hostname", "ID", "Score", "Verdict"]
        .map(plain)
        .join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_what_follows_the_first_dot() {
        assert_eq!(split_slot("web.3"), Some(("web", "3")));
        assert_eq!(split_slot("web"), None);
        assert_eq!(split_slot("web."), None);
        assert_eq!(split_slot(".3"), None);
        let node = split_slot("agent.pi-1.local");
        assert_eq!(node, Some(("agent", "pi-1.local")));
    }
}

//! `shoal events`: what happens in the cluster, as the agent's node hears of it.

use bytes::BytesMut;
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    error::CliError,
    format::{
        moment,
        template::{Missing, Template},
    },
    lookup::Lookup,
    query::{Filters, Target},
    session::Session,
    streamed,
};

/// The longest event, in bytes.
const LINE_MAX: usize = 1 << 20;

/// Options of `events`.
#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    /// Also what happened from then on: 2026-11-22T10:00:00Z, or 42m for 42 minutes ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only until then; 0s for now
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only these: type=service, event=update, service=NAME, node=NAME, network=NAME
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    /// json, or a template such as '{{.Type}} {{.Action}}'
    #[arg(long)]
    format: Option<String>,
}

/// How each is printed.
enum Style {
    Line,
    Json,
    Template(Template),
}

/// Prints them until there are no more, or nobody listens.
pub(crate) async fn run(session: &mut Session, args: EventsArgs) -> Result<(), CliError> {
    let style = match args.format.as_deref() {
        None => Style::Line,
        Some("json" | "{{json .}}") => Style::Json,
        Some(text) => Style::Template(Template::parse(text).map_err(CliError::Usage)?),
    };
    let now = (session.now)();
    let moment = |text: &Option<String>| match text {
        Some(text) => moment::since_1970(text, now)
            .map(Some)
            .map_err(CliError::Usage),
        None => Ok(None),
    };
    let target = Target::new("/events")
        .maybe("since", moment(&args.since)?)
        .maybe("until", moment(&args.until)?)
        .filtered(&Filters::parse(&args.filter)?);
    let mut body = session.client.stream(target.as_str()).await?;
    let mut buffer = BytesMut::new();
    while let Some(data) = streamed::next(&mut body, "the list of events").await? {
        buffer.extend_from_slice(&data);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line = buffer.split_to(end + 1);
            print(session, &style, &line)?;
        }
        if buffer.len() > LINE_MAX {
            return Err(CliError::failed("the agent sends an event without an end"));
        }
        session.out.flush()?;
    }
    Ok(())
}

fn print(session: &mut Session, style: &Style, line: &[u8]) -> Result<(), CliError> {
    let bad = |error| CliError::failed(format!("the agent sends an event that is none: {error}"));
    let event: Value = serde_json::from_slice(line).map_err(bad)?;
    let text = match style {
        Style::Line => as_docker(&event),
        Style::Json => event.to_string(),
        Style::Template(template) => {
            let filled = template.fill(&event, Missing::IsShown);
            filled.map_err(CliError::failed)?
        }
    };
    session.out.line(&text)
}

fn as_docker(event: &Value) -> String {
    let nanoseconds = i128::from(event.number("/timeNano"));
    let at = Timestamp::from_nanosecond(nanoseconds).unwrap_or_default();
    let (kind, action, id) = (
        event.text("/Type"),
        event.text("/Action"),
        event.text("/Actor/ID"),
    );
    let attributes = event
        .pointer("/Actor/Attributes")
        .and_then(Value::as_object);
    let attributes: Vec<String> = attributes
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    match attributes.is_empty() {
        true => format!("{at:.9} {kind} {action} {id}"),
        false => format!("{at:.9} {kind} {action} {id} ({})", attributes.join(", ")),
    }
}

//! `shoal token`: what lets a machine join.

use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    error::{CliError, each},
    format::{
        duration, human,
        rows::{Layout, ListArgs, Row},
    },
    lookup::Lookup,
    query::Target,
    session::Session,
    values::WriteArgs,
};

const PATH: &str = "/shoal/v1/tokens";

const LAYOUT: Layout = Layout {
    table: "{{.ID}}\t{{.CreatedAt}}\t{{.Expires}}\t{{.Used}}\t{{.Uses}}",
    headers: &[
        ("ID", "ID"),
        ("CreatedAt", "CREATED"),
        ("Expires", "EXPIRES"),
        ("Used", "USED"),
        ("Uses", "USES"),
    ],
    quiet: "ID",
};

/// Join tokens.
#[derive(Subcommand, Debug)]
pub(crate) enum TokenCommand {
    /// Make a token and print it
    Create(CreateArgs),
    /// List tokens
    #[command(visible_alias = "list")]
    Ls(ListArgs),
    /// Remove tokens: nobody joins with them any more; who has joined stays
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
}

/// Options of `token create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// How long it is good for; 'never' means that it does not expire
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = ttl)]
    ttl: Ttl,
    /// How many nodes may use it [default: any number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Options of `token rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// Ids of tokens
    #[arg(required = true, value_name = "TOKEN")]
    tokens: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Age at which a token is no good any more. None: never.
#[derive(Clone, Copy, Debug)]
struct Ttl(Option<Duration>);

fn ttl(text: &str) -> Result<Ttl, String> {
    if text == "never" {
        return Ok(Ttl(None));
    }
    let span = duration::parse(text)?;
    if span < Duration::from_secs(1) {
        return Err("a token is good for a second at least; 'never' lets it not expire".into());
    }
    Ok(Ttl(Some(span)))
}

/// Does it.
pub(crate) async fn run(session: &mut Session, command: TokenCommand) -> Result<(), CliError> {
    match command {
        TokenCommand::Create(args) => create(session, args).await,
        TokenCommand::Ls(args) => ls(session, args).await,
        TokenCommand::Rm(args) => rm(session, args).await,
    }
}

async fn create(session: &mut Session, args: CreateArgs) -> Result<(), CliError> {
    // 0 is the API's word for a token that does not expire.
    let target = Target::new(PATH)
        .with("ttl", args.ttl.0.map_or(0, |span| span.as_secs()))
        .maybe("uses", args.uses)
        .maybe("write-concern", args.write.word());
    let answer = session.client.post(target.as_str(), None).await?;
    let token = answer.body.text("/Token");
    if token.is_empty() {
        return Err(CliError::failed(
            "the agent made a token but did not say which; list it with `shoal token ls`",
        ));
    }
    session.out.line(token)?;
    session.warn(&answer)
}

async fn ls(session: &mut Session, args: ListArgs) -> Result<(), CliError> {
    let tokens: Vec<Value> = session.client.get(PATH).await?;
    let now = (session.now)();
    let rows = tokens.iter().map(|token| {
        let mut row = Row::new();
        let uses = match token.number("/Uses") {
            0 => "any".to_owned(),
            uses => uses.to_string(),
        };
        row.insert("ID".into(), token.text("/ID").into());
        row.insert(
            "CreatedAt".into(),
            human::ago(token.text("/CreatedAt"), now).into(),
        );
        row.insert("Expires".into(), expiry(token, now).into());
        row.insert("Uses".into(), uses.into());
        row.insert("Used".into(), token.number("/Used").into());
        row
    });
    args.print(&mut session.out, &LAYOUT, rows.collect())
}

/// When a token is no good any more, in words.
fn expiry(token: &Value, now: Timestamp) -> String {
    let stated = token.text("/ExpiresAt").parse::<Timestamp>().ok();
    let end = stated.or_else(|| {
        let created = token.text("/CreatedAt").parse::<Timestamp>().ok()?;
        let ttl = i64::try_from(token.number("/TTL")).ok()?;
        let ttl = (ttl > 0).then(|| jiff::SignedDuration::from_secs(ttl))?;
        Some(created.saturating_add(ttl).unwrap_or(Timestamp::MAX))
    });
    match end {
        None => "never".into(),
        Some(end) if end <= now => "expired".into(),
        Some(end) => {
            let left = (end.as_second() - now.as_second()).max(1);
            format!("in {}", human::span(left).to_lowercase())
        }
    }
}

async fn rm(session: &mut Session, args: RmArgs) -> Result<(), CliError> {
    each(&args.tokens, async |token: &String| {
        let target = Target::new(PATH)
            .segment(token)
            .maybe("write-concern", args.write.word());
        let written = session.client.delete(target.as_str()).await?;
        session.out.line(token)?;
        session.warn(&written)
    })
    .await
}

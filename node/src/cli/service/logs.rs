//! `shoal service logs`: frames of Docker's log stream, with a name before each line.

use bytes::{Buf, Bytes, BytesMut};
use clap::Args;
use serde_json::Value;

use super::service_target;
use crate::cli::{
    error::CliError,
    format::{moment, words::short_id},
    lookup::Lookup,
    query::Target,
    session::Session,
    streamed,
    tasks::Names,
};

/// The longest frame that is taken, in bytes. Docker's own are at most 16 KiB and their details.
const FRAME_BYTES_MAX: usize = 4 << 20;
const HEADER_BYTES: usize = 8;

/// Options of `service logs`.
#[derive(Args, Debug)]
pub(crate) struct LogsArgs {
    /// Name or id of a service, or id of a task
    #[arg(value_name = "SERVICE|TASK")]
    subject: String,
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// Number of lines from the end, or 'all'
    #[arg(short = 'n', long, default_value = "all")]
    tail: String,
    /// Only from then on: 2026-11-22T10:00:00Z, or 42m for 42 minutes ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show the time of each line
    #[arg(short, long)]
    timestamps: bool,
    /// Show ids in full length
    #[arg(long)]
    no_trunc: bool,
    /// Do not show ids of tasks
    #[arg(long)]
    no_task_ids: bool,
    /// Show ids of services and nodes, not their names
    #[arg(long)]
    no_resolve: bool,
    /// Show the lines alone
    #[arg(long)]
    raw: bool,
    /// Show the details that the log driver keeps
    #[arg(long)]
    details: bool,
}

/// Does it.
pub(super) async fn run(session: &mut Session, args: LogsArgs) -> Result<(), CliError> {
    if args.tail != "all" && args.tail.parse::<u64>().is_err() {
        let tail = &args.tail;
        return Err(CliError::usage(format!(
            "--tail {tail}: no number, and not 'all'"
        )));
    }
    let (target, object) = subject(session, &args.subject).await?;
    let has_terminal = ["/Spec/TaskTemplate", "/Spec"]
        .iter()
        .any(|spec| object.pointer(&format!("{spec}/ContainerSpec/TTY")) == Some(&true.into()));
    let since = match &args.since {
        Some(text) => Some(moment::since_1970(text, (session.now)()).map_err(CliError::Usage)?),
        None => None,
    };
    let target = target
        .then("/logs")
        .with("stdout", 1)
        .with("stderr", 1)
        .maybe("details", (!args.raw).then_some(1))
        .maybe("follow", args.follow.then_some(1))
        .maybe("timestamps", args.timestamps.then_some(1))
        .maybe("since", since)
        .with("tail", &args.tail);
    let width = object
        .number("/Spec/Mode/Replicated/Replicas")
        .max(1)
        .ilog10() as usize
        + 1;
    let mut writer = Writer {
        width,
        names: Names::default(),
        tasks: Default::default(),
        args,
    };
    let mut body = session.client.stream(target.as_str()).await?;
    let mut buffer = BytesMut::new();
    while let Some(data) = streamed::next(&mut body, "the log").await? {
        if has_terminal {
            session.out.data(&data)?;
        } else {
            buffer.extend_from_slice(&data);
            while let Some((stream, line)) = next_frame(&mut buffer)? {
                writer.line(session, stream, &line).await?;
            }
        }
        session.out.flush()?;
    }
    match buffer.is_empty() {
        true => Ok(()),
        false => Err(CliError::failed("the log broke off within a line")),
    }
}

/// The service or task of this name: its path and itself.
async fn subject(session: &Session, name: &str) -> Result<(Target, Value), CliError> {
    let target = service_target(name);
    if let Some(service) = session.client.find(target.as_str()).await? {
        return Ok((target, service));
    }
    let target = Target::new("/tasks").segment(name);
    match session.client.find(target.as_str()).await? {
        Some(task) => Ok((target, task)),
        None => Err(CliError::failed(format!("no such task or service: {name}"))),
    }
}

/// Takes the next frame off: its stream (1 stdout, 2 stderr) and its line.
fn next_frame(buffer: &mut BytesMut) -> Result<Option<(u8, Bytes)>, CliError> {
    if buffer.len() < HEADER_BYTES {
        return Ok(None);
    }
    let mut header = &buffer[..HEADER_BYTES];
    let stream = header.get_u8();
    header.advance(3);
    let length = header.get_u32() as usize;
    if !matches!(stream, 0..=2) || length > FRAME_BYTES_MAX {
        return Err(CliError::failed(
            "the agent sends a log that is not in Docker's frames; is it of another version?",
        ));
    }
    if buffer.len() < HEADER_BYTES + length {
        return Ok(None);
    }
    buffer.advance(HEADER_BYTES);
    Ok(Some((stream, buffer.split_to(length).freeze())))
}

/// Writes lines with the names of their tasks.
struct Writer {
    args: LogsArgs,
    /// Digits of the largest slot.
    width: usize,
    names: Names,
    tasks: std::collections::BTreeMap<String, String>,
}

impl Writer {
    async fn line(
        &mut self,
        session: &mut Session,
        stream: u8,
        line: &[u8],
    ) -> Result<(), CliError> {
        let mut out = Vec::with_capacity(line.len() + 64);
        if self.args.raw {
            out.extend_from_slice(line);
        } else {
            let parts = if self.args.timestamps { 3 } else { 2 };
            let mut parts: Vec<&[u8]> = line.splitn(parts, |byte| *byte == b' ').collect();
            let message = parts.pop().unwrap_or_default();
            let Some(details) = parts.pop() else {
                return Err(CliError::failed(
                    "the agent sends a log without its details",
                ));
            };
            if let Some(stamp) = parts.pop() {
                out.extend_from_slice(stamp);
                out.push(b' ');
            }
            let details = String::from_utf8_lossy(details).into_owned();
            let name = self.name(session, &details).await?;
            out.extend_from_slice(format!("{name}    | ").as_bytes());
            if self.args.details {
                out.extend_from_slice(own_details(&details).as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(message);
        }
        match stream {
            2 => session.out.raw_note(out),
            _ => session.out.data(out),
        }
    }

    /// `web.3.m8w7o1bfv5yn@node`
    async fn name(&mut self, session: &Session, details: &str) -> Result<String, CliError> {
        let field = |name: &str| detail(details, name).unwrap_or_default();
        let task = field("com.docker.swarm.task.id");
        if let Some(name) = self.tasks.get(&task) {
            return Ok(name.clone());
        }
        if !self.args.no_resolve {
            self.names = Names::fetch(session).await?;
        }
        let path = Target::new("/tasks").segment(&task);
        let object: Option<Value> = session.client.find(path.as_str()).await?;
        let slot = object.map_or(0, |object| object.number("/Slot"));
        let (service, node) = (
            field("com.docker.swarm.service.id"),
            field("com.docker.swarm.node.id"),
        );
        let mut name = format!("{}.{slot}", self.names.service(&service));
        if !self.args.no_task_ids {
            name.push('.');
            name.push_str(&short_id(&task, self.args.no_trunc));
        }
        name.push('@');
        name.push_str(self.names.node(&node));
        let digits = slot.max(1).ilog10() as usize + 1;
        name.extend(std::iter::repeat_n(' ', self.width.saturating_sub(digits)));
        self.tasks.insert(task, name.clone());
        Ok(name)
    }
}

/// A value of `a=b,c=d`, unescaped.
fn detail(details: &str, name: &str) -> Option<String> {
    let pairs = details.split(',').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name);
    values.next().map(|(_, value)| unescape(value))
}

/// The details that are not Swarm's own.
fn own_details(details: &str) -> String {
    let own = details
        .split(',')
        .filter(|pair| !pair.starts_with("com.docker.swarm."));
    own.collect::<Vec<_>>().join(",")
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'%', [a, b, ..]) => std::str::from_utf8(&[*a, *b])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_in_any_pieces() {
        let wire = b"\x01\0\0\0\0\0\0\x03abc\x02\0\0\0\0\0\0\x01x";
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for byte in wire {
            buffer.extend_from_slice(&[*byte]);
            seen.extend(next_frame(&mut buffer).unwrap());
        }
        assert_eq!(seen, [(1, Bytes::from("abc")), (2, Bytes::from("x"))]);
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let mut text = BytesMut::from("this is a plain log");
        assert!(next_frame(&mut text).is_err());
        let mut long = BytesMut::from(&b"\x01\0\0\0\xff\xff\xff\xff"[..]);
        assert!(next_frame(&mut long).is_err());
    }

    #[test]
    fn details_are_unescaped() {
        let details = "a=1%2C2,com.docker.swarm.task.id=t1,b=%zz";
        assert_eq!(detail(details, "a").as_deref(), Some("1,2"));
        assert_eq!(detail(details, "b").as_deref(), Some("%zz"));
        assert_eq!(own_details(details), "a=1%2C2,b=%zz");
    }
}

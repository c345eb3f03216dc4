//! What a container wrote, from its engine.

use std::{sync::Arc, time::Duration};

use bollard::{
    Docker,
    container::LogOutput,
    query_parameters::{LogsOptions, LogsOptionsBuilder},
};
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::engine::Engine;
use crate::runtime::{LogLine, LogOptions, LogStream, Output};

/// Lines that wait for a slow reader; then the engine waits.
const LINES_AHEAD: usize = 64;
/// Longest piece of a line: an engine splits at this length, too.
const PIECE_MAX: usize = 16 * 1024;

/// Reads the log of a container. Empty when the engine is not there.
pub(super) fn stream(engine: &Arc<Engine>, container: String, options: LogOptions) -> LogStream {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    if let Some(docker) = engine.now() {
        tokio::spawn(async move {
            tokio::select! {
                () = read(docker, &container, &options, &sender) => {}
                () = sender.closed() => {}
            }
        });
    }
    LogStream::new(receiver)
}

/// An engine counts whole seconds; what is between is sorted out here.
fn question(options: &LogOptions) -> LogsOptions {
    let seconds = |at: Duration| i32::try_from(at.as_secs()).unwrap_or(i32::MAX);
    let builder = LogsOptionsBuilder::default()
        .follow(options.follow)
        .stdout(options.stdout)
        .stderr(options.stderr)
        .timestamps(true)
        .since(options.since.map_or(0, seconds));
    // One second more: lines of the second itself may be wanted.
    let builder = match options.until {
        Some(until) => builder.until(seconds(until).saturating_add(1)),
        None => builder,
    };
    match options.tail {
        Some(tail) => builder.tail(&tail.to_string()).build(),
        None => builder.build(),
    }
}

async fn read(
    docker: Docker,
    container: &str,
    options: &LogOptions,
    lines: &mpsc::Sender<LogLine>,
) {
    let mut output = std::pin::pin!(docker.logs(container, Some(question(options))));
    while let Some(piece) = output.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                tracing::debug!(%container, %error, "a container's log ends early");
                return;
            }
        };
        let Some(line) = line(piece) else { continue };
        for piece in split(line) {
            if options.wants(&piece) && lines.send(piece).await.is_err() {
                return;
            }
        }
    }
}

/// A line with the engine's timestamp before it.
fn line(piece: LogOutput) -> Option<LogLine> {
    let (output, message) = match piece {
        LogOutput::StdErr { message } => (Output::Stderr, message),
        LogOutput::StdOut { message } | LogOutput::Console { message } => (Output::Stdout, message),
        LogOutput::StdIn { .. } => return None,
    };
    let end = message.iter().position(|byte| *byte == b' ')?;
    let stamp = std::str::from_utf8(&message[..end]).ok()?;
    let at = stamp.parse::<Timestamp>().ok()?.as_duration();
    let text = &message[end + 1..];
    let (text, is_partial) = match text.strip_suffix(b"\n") {
        Some(text) => (text.strip_suffix(b"\r").unwrap_or(text), false),
        None => (text, true),
    };
    Some(LogLine {
        at: Duration::try_from(at).unwrap_or_default(),
        output,
        line: text.to_vec(),
        is_partial,
    })
}

/// Pieces that are no longer than they may be.
fn split(line: LogLine) -> Vec<LogLine> {
    if line.line.len() <= PIECE_MAX {
        return vec![line];
    }
    let mut pieces: Vec<LogLine> = line
        .line
        .chunks(PIECE_MAX)
        .map(|piece| LogLine {
            line: piece.to_vec(),
            is_partial: true,
            ..line
        })
        .collect();
    if let Some(last) = pieces.last_mut() {
        last.is_partial = line.is_partial;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(message: &[u8]) -> Option<LogLine> {
        line(LogOutput::StdOut {
            message: message.to_vec().into(),
        })
    }

    #[test]
    fn a_line_has_its_time_and_knows_whether_it_goes_on() {
        let line = out(b"1970-01-01T00:00:01.5Z hello world\n").unwrap();
        assert_eq!(line.at, Duration::from_millis(1_500));
        assert_eq!(
            (line.line.as_slice(), line.is_partial),
            (&b"hello world"[..], false)
        );
        assert!(out(b"1970-01-01T00:00:01.5Z part").unwrap().is_partial);
        let empty = out(b"1970-01-01T00:00:01Z \n").unwrap();
        assert!(empty.line.is_empty());
        assert_eq!(out(b"no stamp\n"), None);
        assert_eq!(out(b"\xff\xfe"), None);
        let tty = out(b"1970-01-01T00:00:01Z hi\r\n").unwrap();
        assert_eq!(tty.line, b"hi");
    }

    #[test]
    fn no_piece_is_too_long() {
        let mut long = b"1970-01-01T00:00:01Z ".to_vec();
        long.extend(vec![b'x'; PIECE_MAX * 2 + 1]);
        long.push(b'\n');
        let pieces = split(out(&long).unwrap());
        let kinds: Vec<_> = pieces
            .iter()
            .map(|one| (one.line.len(), one.is_partial))
            .collect();
        assert_eq!(kinds, [(PIECE_MAX, true), (PIECE_MAX, true), (1, false)]);
    }
}

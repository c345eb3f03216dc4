//! What a container wrote, from its engine.

use std::{sync::Arc, time::Duration};

use bollard::{
    Docker,
    container::LogOutput,
    query_parameters::{InspectContainerOptions, LogsOptions, LogsOptionsBuilder},
};
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::{sync::mpsc, time::sleep};

use super::{engine::Engine, error::Trouble};
use crate::{
    log_place::LogPlace,
    runtime::{LogLine, LogOptions, LogStream, NoLog, Output},
};

/// Lines that wait for a slow reader; then the engine waits.
const LINES_AHEAD: usize = 64;
/// Between two readings of a followed log.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest piece of a line: an engine splits at this length, too.
const PIECE_MAX: usize = 16 * 1024;

/// Reads the log of a container. A follower stays through an engine's restart, if its container does.
pub(super) fn stream(engine: &Arc<Engine>, container: String, options: LogOptions) -> LogStream {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    let reader = Reader {
        engine: engine.clone(),
        container,
        options,
        place: LogPlace::default(),
        lines: sender.clone(),
    };
    tokio::spawn(async move {
        tokio::select! {
            () = reader.read() => {}
            () = sender.closed() => {}
        }
    });
    LogStream::new(receiver)
}

struct Reader {
    engine: Arc<Engine>,
    container: String,
    options: LogOptions,
    place: LogPlace,
    lines: mpsc::Sender<Result<LogLine, NoLog>>,
}

/// How a reading ended.
enum End {
    /// The engine said that this was all.
    Said,
    /// Nobody reads any more.
    NoReader,
    /// With an error.
    Trouble(Trouble),
}

impl Reader {
    async fn read(mut self) {
        loop {
            let docker = match self.engine.now() {
                Some(docker) => docker,
                None if self.options.follow => self.engine.up().await,
                None => return self.fail("its engine is not there").await,
            };
            match self.read_once(&docker).await {
                End::NoReader => return,
                End::Said if !self.options.follow || self.has_ended(&docker).await => return,
                // Its log went with it.
                End::Trouble(Trouble::NotFound(_)) => return,
                End::Said => {}
                End::Trouble(Trouble::Unreachable) if self.options.follow => {}
                End::Trouble(trouble) => return self.fail(trouble.words()).await,
            }
            sleep(PAUSE).await;
        }
    }

    async fn fail(&self, words: &str) {
        let what = format!(
            "the log of container {:.12} can't be read: {words}",
            self.container
        );
        // The reader may have gone: then nobody needs the reason.
        let _ = self.lines.send(Err(NoLog(what))).await;
    }

    async fn read_once(&mut self, docker: &Docker) -> End {
        let mut options = self.options.clone();
        if let Some(since) = self.place.since() {
            (options.since, options.tail) = (Some(since), None);
        }
        let mut known = self.place.again();
        let asked = Some(question(&options));
        let mut output = std::pin::pin!(docker.logs(&self.container, asked));
        while let Some(piece) = output.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return End::Trouble(Trouble::of(&error)),
            };
            let Some(line) = line(piece) else { continue };
            for piece in split(line) {
                if !options.wants(&piece) || known.has(piece.at) {
                    continue;
                }
                self.place.passed(piece.at);
                if self.lines.send(Ok(piece)).await.is_err() {
                    return End::NoReader;
                }
            }
        }
        End::Said
    }

    /// Whether the container writes no more. An engine that ends says that a log ends, too.
    async fn has_ended(&self, docker: &Docker) -> bool {
        let options = None::<InspectContainerOptions>;
        match docker.inspect_container(&self.container, options).await {
            Ok(found) => found.state.and_then(|state| state.running) != Some(true),
            Err(error) => !matches!(Trouble::of(&error), Trouble::Unreachable),
        }
    }
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

//! Reading a task's log, while it is written or afterwards.
//!
//! It polls while somebody follows, and only then; each step reads a limited amount off the async
//! threads.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    time::{Duration, SystemTime},
};

use tokio::sync::mpsc;

use super::{folder::TaskFolder, log_pieces, log_record};
use crate::runtime::{LogLine, LogOptions, LogStream, NoLog};

/// Lines that wait for a slow reader.
const LINES_AHEAD: usize = 64;
/// Records read in one step.
const STEP_RECORDS: usize = 256;
/// Buffer of a reader, in bytes.
const BUFFER_SIZE: usize = 16 << 10;
/// Pause before a follower looks again.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Streams what is wanted of a task's log.
pub(super) fn stream(task: TaskFolder, options: LogOptions) -> LogStream {
    let (lines, receiver) = mpsc::channel(LINES_AHEAD);
    tokio::spawn(pass_on(task, options, lines));
    LogStream::new(receiver)
}

async fn pass_on(
    task: TaskFolder,
    options: LogOptions,
    lines: mpsc::Sender<Result<LogLine, NoLog>>,
) {
    let mut reader = LogReader::new(task, options.clone());
    loop {
        // First this, then the reading: so nothing written before the end is missed.
        let has_ended = reader.task.has_ended();
        let step = tokio::task::spawn_blocking(move || {
            let step = reader.step();
            (reader, step)
        });
        let Ok((returned, step)) = step.await else {
            return;
        };
        reader = returned;
        let step = match step {
            Ok(step) => step,
            // Its log went with it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let path = reader.task.path().display();
                let what = format!("the log in {path} can't be read: {error}");
                // The reader may have gone: then nobody needs the reason.
                let _ = lines.send(Err(NoLog(what))).await;
                return;
            }
        };
        for line in step.lines {
            if lines.send(Ok(line)).await.is_err() {
                return;
            }
        }
        if !step.is_at_end {
            continue;
        }
        if !options.follow || has_ended || is_past(options.until) {
            return;
        }
        tokio::select! {
            () = lines.closed() => return,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }
}

fn is_past(until: Option<Duration>) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    until.is_some_and(|until| now.unwrap_or_default() >= until)
}

struct LogReader {
    task: TaskFolder,
    options: LogOptions,
    /// The piece being read, and its number.
    piece: Option<Piece>,
    /// The beginning of a record whose end was not there yet.
    record: Vec<u8>,
    /// Whole lines still to be skipped for `tail`. None: not counted yet.
    skip: Option<u64>,
}

/// A piece of the log and its number.
type Piece = (u64, BufReader<File>);

struct Step {
    lines: Vec<LogLine>,
    is_at_end: bool,
}

impl LogReader {
    fn new(task: TaskFolder, options: LogOptions) -> Self {
        let skip = options.tail.is_none().then_some(0);
        Self {
            task,
            options,
            piece: None,
            record: Vec::new(),
            skip,
        }
    }

    fn step(&mut self) -> io::Result<Step> {
        if self.skip.is_none() {
            let tail = self.options.tail.unwrap_or(u64::MAX);
            self.skip = Some(self.count()?.saturating_sub(tail));
        }
        let mut step = Step {
            lines: Vec::new(),
            is_at_end: false,
        };
        for _ in 0..STEP_RECORDS {
            let Some(line) = self.next_record()? else {
                step.is_at_end = true;
                break;
            };
            let Some(line) = log_record::parse(&line).filter(|line| self.options.wants(line))
            else {
                continue;
            };
            match &mut self.skip {
                Some(skip) if *skip > 0 => *skip -= u64::from(!line.is_partial),
                _ => step.lines.push(line),
            }
        }
        Ok(step)
    }

    /// Whole lines that are wanted and there now.
    fn count(&self) -> io::Result<u64> {
        let mut all = Self::new(
            self.task.clone(),
            LogOptions {
                tail: None,
                ..self.options.clone()
            },
        );
        let mut count = 0;
        while let Some(record) = all.next_record()? {
            let line = log_record::parse(&record);
            let is_wanted = line.is_some_and(|line| !line.is_partial && self.options.wants(&line));
            count += u64::from(is_wanted);
        }
        Ok(count)
    }

    /// The next whole record, or nothing at the present end of the log.
    fn next_record(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some((_, piece)) = &mut self.piece
                && read_record(piece, &mut self.record)?
            {
                return Ok(Some(std::mem::take(&mut self.record)));
            }
            let Some(next) = self.open_next()? else {
                return Ok(None);
            };
            // Now that there is a next piece this one is complete: what came since we read?
            if let Some((_, piece)) = &mut self.piece
                && read_record(piece, &mut self.record)?
            {
                return Ok(Some(std::mem::take(&mut self.record)));
            }
            self.record.clear();
            self.piece = Some(next);
        }
    }

    /// The piece after the present one, or the first.
    fn open_next(&self) -> io::Result<Option<Piece>> {
        let present = self.piece.as_ref().map(|(number, _)| *number);
        let numbers = match log_pieces::list(self.task.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            numbers => numbers?,
        };
        let later = numbers.into_iter().filter(|number| Some(*number) > present);
        // The oldest may be removed at this moment: then the one after it.
        Ok(later.into_iter().find_map(|number| {
            let file = File::open(log_pieces::path(self.task.path(), number)).ok()?;
            Some((number, BufReader::with_capacity(BUFFER_SIZE, file)))
        }))
    }
}

/// Reads up to a line end; without one, what is there is kept in `record` for the next time.
fn read_record(piece: &mut impl BufRead, record: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let buffer = piece.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.unwrap_or(buffer.len());
        // One that is longer is none of ours, and will not parse.
        let room = log_record::RECORD_SIZE_MAX.saturating_sub(record.len());
        record.extend_from_slice(&buffer[..length.min(room)]);
        piece.consume(length + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;
    use crate::runtime::Output;

    fn write(folder: &std::path::Path, piece: u64, lines: &[(u64, &str, bool)]) {
        let mut records = Vec::new();
        for (at, line, is_partial) in lines {
            let prefix = log_record::Prefix::new(Duration::from_secs(*at), Output::Stdout);
            prefix.write(line.as_bytes(), *is_partial, &mut records);
        }
        let mut options = File::options();
        let file = options.append(true).create(true);
        let mut file = file.open(log_pieces::path(folder, piece)).unwrap();
        file.write_all(&records).unwrap();
    }

    fn read(reader: &mut LogReader) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let step = reader.step().unwrap();
            let texts = step.lines.into_iter().map(|line| line.line);
            lines.extend(texts.map(|text| String::from_utf8(text).unwrap()));
            if step.is_at_end {
                return lines;
            }
        }
    }

    #[test]
    fn tail_counts_whole_lines_across_pieces() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 3, &[(1, "a", false), (2, "b", false)]);
        write(
            folder.path(),
            4,
            &[(3, "c", true), (3, "d", false), (4, "e", false)],
        );
        let tail = |tail| {
            let options = LogOptions {
                tail: Some(tail),
                ..LogOptions::default()
            };
            read(&mut LogReader::new(TaskFolder::at(folder.path()), options))
        };
        assert_eq!(tail(0), Vec::<String>::new());
        assert_eq!(tail(1), ["e"]);
        assert_eq!(tail(2), ["c", "d", "e"]);
        assert_eq!(tail(9), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn since_and_until_choose_by_time() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            0,
            &[(1, "a", false), (2, "b", false), (3, "c", false)],
        );
        let options = LogOptions {
            since: Some(Duration::from_secs(2)),
            until: Some(Duration::from_secs(3)),
            ..LogOptions::default()
        };
        let mut reader = LogReader::new(TaskFolder::at(folder.path()), options);
        assert_eq!(read(&mut reader), ["b"]);
    }

    #[test]
    fn a_reader_follows_through_new_pieces_and_half_records() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = LogReader::new(TaskFolder::at(folder.path()), LogOptions::default());
        assert!(read(&mut reader).is_empty());
        write(folder.path(), 0, &[(1, "a", false)]);
        assert_eq!(read(&mut reader), ["a"]);
        write(folder.path(), 0, &[(1, "b", false)]);
        write(folder.path(), 1, &[(1, "c", false)]);
        assert_eq!(read(&mut reader), ["b", "c"]);

        let path = log_pieces::path(folder.path(), 1);
        let whole = fs::read(&path).unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&whole[..10]).unwrap();
        assert!(read(&mut reader).is_empty());
        file.write_all(&whole[10..]).unwrap();
        assert_eq!(read(&mut reader), ["c"]);
    }

    #[test]
    fn damage_costs_only_the_damaged_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = log_pieces::path(folder.path(), 0);
        let mut damage = vec![0; 100_000];
        damage.push(b'\n');
        fs::write(&path, damage).unwrap();
        write(folder.path(), 0, &[(1, "a", false)]);
        let mut reader = LogReader::new(TaskFolder::at(folder.path()), LogOptions::default());
        assert_eq!(read(&mut reader), ["a"]);
    }
}

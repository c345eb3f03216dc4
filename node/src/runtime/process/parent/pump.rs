//! From an output of the program to the log, line by line. The program never waits for a disk that
//! is full or broken: then lines are dropped.

use std::{
    io::{self, Read},
    process::{ChildStderr, ChildStdout},
    sync::{Arc, Mutex, PoisonError, mpsc::Sender},
    time::SystemTime,
};

use super::{
    life::{self, Event},
    log_writer::LogWriter,
};
use crate::runtime::{
    Output,
    process::{
        folder::TaskFolder,
        log_record::{LINE_SIZE_MAX, Prefix},
    },
};

/// Standard output and standard error.
pub(super) const OUTPUTS: usize = 2;
/// Read at once, in bytes.
const CHUNK_SIZE: usize = 32 << 10;
/// Records are handed to the log in pieces of about this size, in bytes.
const PIECE_SIZE: usize = 64 << 10;

/// Starts a thread for each output. Each reports the end of its output.
pub(super) fn start(
    task: &TaskFolder,
    stdout: ChildStdout,
    stderr: ChildStderr,
    events: &Sender<Event>,
) -> io::Result<()> {
    let log = Arc::new(Mutex::new(LogWriter::create(task.path())?));
    let (other_log, ends, other_ends) = (log.clone(), events.clone(), events.clone());
    life::thread("stdout", move || {
        Pump::new(Output::Stdout, log).run(stdout, &ends);
    })?;
    life::thread("stderr", move || {
        Pump::new(Output::Stderr, other_log).run(stderr, &other_ends);
    })
}

struct Pump {
    output: Output,
    log: Arc<Mutex<LogWriter>>,
    /// The beginning of a line whose end was not read yet. Shorter than `LINE_SIZE_MAX`.
    line: Vec<u8>,
    records: Vec<u8>,
}

impl Pump {
    fn new(output: Output, log: Arc<Mutex<LogWriter>>) -> Self {
        Self {
            output,
            log,
            line: Vec::new(),
            records: Vec::new(),
        }
    }

    fn run(mut self, mut source: impl Read, events: &Sender<Event>) {
        let mut chunk = vec![0; CHUNK_SIZE];
        loop {
            match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => self.take(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.prefix().write(&line, false, &mut self.records);
        }
        self.flush();
        // When nobody listens any more, the parent is ending.
        let _ = events.send(Event::OutputEnded);
    }

    fn prefix(&self) -> Prefix {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Prefix::new(now.unwrap_or_default(), self.output)
    }

    fn take(&mut self, mut chunk: &[u8]) {
        let prefix = self.prefix();
        while !chunk.is_empty() {
            let room = LINE_SIZE_MAX - self.line.len();
            let window = &chunk[..room.min(chunk.len())];
            let end = window.iter().position(|byte| *byte == b'\n');
            let length = end.unwrap_or(window.len());
            let is_partial = end.is_none() && length == room;
            chunk = &chunk[length + usize::from(end.is_some())..];
            self.line.extend_from_slice(&window[..length]);
            if end.is_some() || is_partial {
                prefix.write(&self.line, is_partial, &mut self.records);
                self.line.clear();
            }
            if self.records.len() >= PIECE_SIZE {
                self.flush();
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.append(&self.records);
        self.records.clear();
    }
}

//! How the parent is asked to do something: one word a connection on a Unix socket in the task's
//! folder, or a signal that asks processes to end.
//!
//! `watch`: answered with one byte; the connection then stays open and silent until the parent
//! ends, after `exit.json` was written. `stop`, `unhealthy`: the task is stopped, for that reason.

use std::{
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::mpsc::Sender,
    thread,
    time::Duration,
};

use nix::sys::signal::{SigSet, Signal};

use super::life::Event;
use crate::runtime::process::folder::Cause;

/// Agents that watch one task at a time; the oldest goes when another comes.
const WATCHERS_MAX: usize = 8;
/// Time for one connection to say its word.
const PATIENCE: Duration = Duration::from_secs(1);

/// Signals that end a process politely.
pub(super) fn termination_signals() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]
        .into_iter()
        .collect()
}

/// Listens at this path, in place of whoever listened there before.
pub(super) fn bind(path: &str) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => UnixListener::bind(path),
    }
}

/// Serves connections and signals on two threads, until the process ends.
pub(super) fn serve(listener: UnixListener, events: Sender<Event>) -> io::Result<()> {
    let stops = events.clone();
    super::life::thread("signals", move || {
        while termination_signals().wait().is_ok() {
            if stops.send(Event::Stop(Cause::Stopped)).is_err() {
                return;
            }
        }
    })?;
    super::life::thread("control", move || {
        let mut watchers = Vec::new();
        loop {
            match listener.accept() {
                // A client that goes away or says nothing sensible is its own problem.
                Ok((client, _)) => drop(answer(client, &events, &mut watchers)),
                Err(_) => thread::sleep(PATIENCE),
            }
        }
    })
}

fn answer(
    mut client: UnixStream,
    events: &Sender<Event>,
    watchers: &mut Vec<UnixStream>,
) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut word = [0; 16];
    let length = read_word(&mut client, &mut word)?;
    let cause = match &word[..length] {
        b"watch" => {
            client.write_all(b"\n")?;
            if watchers.len() == WATCHERS_MAX {
                watchers.remove(0);
            }
            watchers.push(client);
            return Ok(());
        }
        b"stop" => Cause::Stopped,
        b"unhealthy" => Cause::Unhealthy,
        _ => return Ok(()),
    };
    if events.send(Event::Stop(cause)).is_ok() {
        client.write_all(b"\n")?;
    }
    Ok(())
}

/// Reads up to a line end, and returns the length of what stands before it.
fn read_word(client: &mut UnixStream, word: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < word.len() {
        match client.read(&mut word[filled..])? {
            0 => return Ok(filled),
            count => filled += count,
        }
        if let Some(end) = word[..filled].iter().position(|byte| *byte == b'\n') {
            return Ok(end);
        }
    }
    Ok(filled)
}

//! The agent's end of a parent's socket.

use std::{fs::File, io, os::fd::AsRawFd, time::Duration};

use shoal_scheduler::task::TaskId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{
    folder::{ExitRecord, RunningRecord, TaskFolder},
    lost,
};

/// Pause before another attempt to reach a parent that lives.
const PAUSE: Duration = Duration::from_millis(20);
/// Time for a parent to take a request.
const PATIENCE: Duration = Duration::from_secs(5);

/// A task with a parent, or how it ended.
#[derive(Debug)]
pub(super) enum Contact {
    /// It runs; the connection breaks when the parent has written how it ended.
    Running(UnixStream, RunningRecord),
    /// It ended.
    Ended(ExitRecord),
}

/// Finds out how a task is. Waits as long as there is a parent that does not answer.
///
/// # Errors
/// If the task's folder can't be read or written.
pub(super) async fn contact(folder: &TaskFolder, task: TaskId) -> io::Result<Contact> {
    loop {
        if let Ok((connection, record)) = reach(folder).await {
            return Ok(Contact::Running(connection, record));
        }
        let folder = folder.clone();
        let ended = spawn_blocking(move || ended(&folder, task)).await;
        if let Some(record) = ended.map_err(io::Error::other)?? {
            return Ok(Contact::Ended(record));
        }
        sleep(PAUSE).await;
    }
}

/// How a task ended. Nothing as long as it has a parent.
fn ended(folder: &TaskFolder, task: TaskId) -> io::Result<Option<ExitRecord>> {
    let Some(claim) = folder.claim()? else {
        return Ok(None);
    };
    // The parent writes it before it lets go.
    match folder.exit() {
        Ok(record) => Ok(Some(record)),
        Err(_) => lost::give_up(folder, task, &claim).map(Some),
    }
}

async fn reach(folder: &TaskFolder) -> io::Result<(UnixStream, RunningRecord)> {
    let mut connection = request(folder, "watch").await?;
    connection.read_u8().await?;
    Ok((connection, folder.running()?))
}

/// Asks the parent to stop the task: `stop` or `unhealthy`.
///
/// # Errors
/// If it can't be told in time.
pub(super) async fn ask_to_stop(folder: &TaskFolder, word: &str) -> io::Result<()> {
    let answer = async { request(folder, word).await?.read_u8().await };
    timeout(PATIENCE, answer).await?.map(drop)
}

async fn request(folder: &TaskFolder, word: &str) -> io::Result<UnixStream> {
    // A socket's path has at most 107 bytes, a folder's path has more at times.
    let handle = File::open(folder.path())?;
    let path = format!(
        "/proc/self/fd/{}/{}",
        handle.as_raw_fd(),
        TaskFolder::CONTROL
    );
    let mut connection = UnixStream::connect(path).await?;
    connection.write_all(format!("{word}\n").as_bytes()).await?;
    Ok(connection)
}

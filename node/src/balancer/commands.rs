//! Programs that change this machine's network: `nft` and `ip`.

use std::{io, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// Time for one of them.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Runs one of them with this input. Cancelled, it is killed.
///
/// # Errors
/// If it is not there, or fails: the first line of what it says; or if it takes too long.
pub(super) async fn run(program: &str, words: &[&str], input: &str) -> io::Result<()> {
    let said = |what: &str| io::Error::other(format!("{program}: {what}"));
    let mut command = Command::new(program);
    command.args(words).kill_on_drop(true);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| said(&error.to_string()))?;
    let stdin = child.stdin.take();
    let telling = async move {
        match stdin {
            Some(mut stdin) => stdin.write_all(input.as_bytes()).await,
            None => Ok(()),
        }
    };
    // Both at a time: it may have much to say before it has read all.
    let both = async { tokio::join!(telling, child.wait_with_output()) };
    let slow = |_| said(&format!("it takes more than {} s", TIME_MAX.as_secs()));
    let (told, output) = timeout(TIME_MAX, both).await.map_err(slow)?;
    let output = output?;
    match output.status.success() {
        true => told,
        false => Err(said(
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .next()
                .unwrap_or("it failed and does not say why"),
        )),
    }
}

//! Programs that change this machine's network: `nft` and `ip`.

use std::{io, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

/// Runs one of them with this input.
///
/// # Errors
/// If it is not there, or fails: the first line of what it says.
pub(super) async fn run(program: &str, words: &[&str], input: &str) -> io::Result<()> {
    let said = |what: &str| io::Error::other(format!("{program}: {what}"));
    let mut command = Command::new(program);
    command.args(words).kill_on_drop(true);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| said(&error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    match output.status.success() {
        true => Ok(()),
        false => Err(said(
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .next()
                .unwrap_or("it failed and does not say why"),
        )),
    }
}

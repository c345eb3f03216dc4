//! A tiny client of the API: one request a connection.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;

/// An agent that takes longer to answer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks and gives the status and the body, null if there is none.
pub(crate) fn ask(
    socket: &Path,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<(u16, Value), String> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let (status, text) = ask_text(socket, method, path, &body)?;
    let body = match text.is_empty() {
        true => Value::Null,
        false => serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?,
    };
    Ok((status, body))
}

/// Asks with any body and gives the status and the body, whatever it is.
pub(crate) fn ask_text(
    socket: &Path,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, String), String> {
    let text = exchange(socket, method, path, body).map_err(|error| error.to_string())?;
    let (head, rest) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("no answer but {text:?}"))?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| format!("no status in {head:?}"))?;
    Ok((status, rest.to_owned()))
}

fn exchange(socket: &Path, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = body.len();
    // Whoever refuses a request may not read it to its end.
    let written = write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: shoal\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        written?;
        read?;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

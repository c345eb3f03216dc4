//! `shoal __web`: the web service that the demo deploys. It answers `/` with one line that says who
//! answers, and `/health`.
//!
//! A few threads and no async runtime: it is started six times. Whoever is slow or talks too much is
//! cut off.

use std::{
    env,
    ffi::OsString,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

/// The hidden subcommand.
pub(super) const SUBCOMMAND: &str = "__web";
/// Port when the environment has none.
const PORT_DEFAULT: u16 = 8080;
/// Connections that are served at the same time; others wait in the kernel.
const THREADS: usize = 4;
/// Time for a client to send its request, and to take the answer.
const TIME_MAX: Duration = Duration::from_secs(2);
/// Longest head of a request, in bytes.
const HEAD_MAX: usize = 8 << 10;
/// Pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// Becomes the web service, if that is what this process was started for. To be called early in
/// `main`, before any thread is started.
#[must_use]
pub fn dispatch(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let is_web = arguments.into_iter().nth(1)? == SUBCOMMAND;
    is_web.then(|| match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    })
}

/// Serves until the process is told to end.
fn serve() -> io::Result<()> {
    let port = env::var("PORT").ok().and_then(|text| text.parse().ok());
    let port = port.unwrap_or(PORT_DEFAULT);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let greeting = greeting();
    say(&format!("{greeting}: listening on 127.0.0.1:{port}"));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| accept(&listener, &greeting));
        }
    });
    Ok(())
}

fn greeting() -> String {
    let variable = |name| env::var(name).unwrap_or_else(|_| "?".into());
    format!(
        "{}, replica {}, on node {}",
        variable("SHOAL_SERVICE_NAME"),
        variable("SHOAL_SLOT"),
        variable("HOSTNAME")
    )
}

fn accept(listener: &TcpListener, greeting: &str) {
    loop {
        match listener.accept() {
            // A client that goes away is its own affair.
            Ok((stream, _)) => drop(answer(stream, greeting)),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn answer(mut stream: TcpStream, greeting: &str) -> io::Result<()> {
    stream.set_write_timeout(Some(TIME_MAX))?;
    let head = read_head(&mut stream)?;
    let line = head.lines().next().unwrap_or_default();
    let (status, body) = route(line, greeting);
    say(&format!("{} -> {status}", line.escape_debug()));
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Reads until the empty line after the headers.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let deadline = Instant::now() + TIME_MAX;
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() > HEAD_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => break,
            length => head.extend_from_slice(&piece[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The status and the body for a request line.
fn route(line: &str, greeting: &str) -> (&'static str, String) {
    let mut words = line.split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    match (method, path) {
        (Some("GET"), "/") => ("200 OK", format!("{greeting}\n")),
        (Some("GET"), "/health") => ("200 OK", "ok\n".into()),
        (Some("GET"), _) => ("404 Not Found", "there are / and /health\n".into()),
        _ => ("405 Method Not Allowed", "GET only\n".into()),
    }
}

/// A line in the task's log, as long as somebody keeps one.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_line_has_an_answer() {
        let status = |line| route(line, "web").0.split(' ').next().unwrap().to_owned();
        assert_eq!(route("GET / HTTP/1.1", "web").1, "web\n");
        assert_eq!(route("GET /health?x HTTP/1.1", "web").1, "ok\n");
        assert_eq!(status("GET /../etc HTTP/1.1"), "404");
        assert_eq!(status("GET"), "404");
        assert_eq!(status("POST / HTTP/1.1"), "405");
        assert_eq!(status(""), "405");
        assert_eq!(status("\u{0}\r\n"), "405");
    }

    #[test]
    fn a_silent_client_and_an_endless_head_are_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            let filler = [b'a'; 1024];
            while stream.write_all(&filler).is_ok() {}
        });
        let (stream, _) = listener.accept().unwrap();
        assert!(answer(stream, "web").is_err());
        client.join().unwrap();

        let silent = TcpStream::connect(address).unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert!(answer(stream, "web").is_err());
        drop(silent);
    }
}

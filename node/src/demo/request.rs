//! One HTTP request to a replica, as curl would send it.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Time for the whole answer.
const TIME_MAX: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 16 << 10;

/// Asks for `/` there: the status and the first line of the body. Nothing if
/// nobody answers in HTTP.
pub(super) async fn get(address: SocketAddr) -> Option<(u16, String)> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream
            .take(ANSWER_MAX)
            .read_to_end(&mut answer)
            .await
            .ok()?;
        parse(&String::from_utf8_lossy(&answer))
    };
    timeout(TIME_MAX, exchange).await.ok().flatten()
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    let line = body.lines().next().unwrap_or_default();
    Some((status.parse().ok()?, line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_an_answer() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\n";
        assert_eq!(parse(answer), Some((200, "hello".into())));
        assert_eq!(parse("HTTP/1.0 404 x\r\n\r\n"), Some((404, String::new())));
        for text in [
            "",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}

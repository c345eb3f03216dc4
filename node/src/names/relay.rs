//! Questions that are not ours, passed on as they are, and their answers.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// Time for one server to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// Longest answer in a packet.
const PACKET_MAX: usize = 4_096;

/// How a question came, and so how it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Packets,
    Stream,
}

/// The answer of the first of these servers that has one.
pub(super) async fn pass_on(question: &[u8], servers: &[SocketAddr], by: By) -> Option<Vec<u8>> {
    for server in servers {
        let asked = async {
            match by {
                By::Packets => by_packets(question, *server).await,
                By::Stream => by_stream(question, *server).await,
            }
        };
        match timeout(ANSWER_TIME_MAX, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "a server of names can't be asked"),
            Err(_) => tracing::debug!(%server, "a server of names does not answer"),
        }
    }
    None
}

async fn by_packets(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // A port of its own, and packets of that server alone.
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; PACKET_MAX];
    loop {
        let size = socket.recv(&mut answer).await?;
        if size >= 2 && answer[..2] == question[..2] {
            answer.truncate(size);
            return Ok(answer);
        }
    }
}

async fn by_stream(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write(&mut stream, question).await?;
    read(&mut stream).await
}

/// Reads a message with its length before it.
pub(super) async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let size = stream.read_u16().await?;
    let mut message = vec![0; usize::from(size)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes a message with its length before it.
pub(super) async fn write(
    stream: &mut (impl AsyncWriteExt + Unpin),
    message: &[u8],
) -> io::Result<()> {
    let size = u16::try_from(message.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the message is too long"))?;
    stream.write_u16(size).await?;
    stream.write_all(message).await
}

//! Bytes from one connection to another, both ways, until both have ended.
//!
//! What ends in one direction goes on in the other. What is cut off on one side is cut off on the other,
//! also when this process ends in the middle: nobody takes half an answer for a whole one. A slow reader
//! slows its writer: nothing is kept but a buffer a direction.

use std::time::Duration;

use shoal_net::{RecvStream, SendStream};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::{front::Client, ledger::Count, reach::Way, wire::CUT_OFF};

/// A direction's buffer, in bytes: with all places of a node taken, 256 MiB.
const BUFFER: usize = 32 << 10;
/// Who is silent for so long is asked whether it is still there, and six more times.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_AGAIN: Duration = Duration::from_secs(10);

/// A TCP connection. Whoever is at its other end sees a reset, unless it has come to its end.
pub(super) struct Near(TcpStream);

impl Near {
    pub(super) fn new(stream: TcpStream) -> Self {
        let keep_alive = TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE_AGAIN);
        // Where these can't be had, connections are slower, live longer, and end more softly.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
        let _ = stream.set_zero_linger();
        Self(stream)
    }

    fn ended(&self) {
        // It sees a reset then, after all that it was sent.
        let _ = SockRef::from(&self.0).set_linger(None);
    }
}

/// A stream between nodes. The other node sees a reset, unless it has come to its end.
pub(super) struct Far {
    send: SendStream,
    recv: RecvStream,
    has_ended: bool,
}

impl Far {
    pub(super) fn new(send: SendStream, recv: RecvStream) -> Self {
        Self {
            send,
            recv,
            has_ended: false,
        }
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        if !self.has_ended {
            // An error: that direction has ended.
            let _ = self.send.reset(CUT_OFF.into());
            let _ = self.recv.stop(CUT_OFF.into());
        }
    }
}

/// Carries a client's connection to a task. Whether it came to its end.
pub(super) async fn to_task(client: Client, way: Way) -> bool {
    let Client {
        near: mut client,
        first,
        account,
    } = client;
    let counts = (&account.bytes_to_tasks, &account.bytes_from_tasks);
    let has_ended = match way {
        Way::Near(mut task) => {
            let (client_read, client_write) = client.0.split();
            let (task_read, task_write) = task.0.split();
            let client = (first.as_slice().chain(client_read), client_write);
            let has_ended = both(client, (task_read, task_write), counts).await;
            if has_ended {
                task.ended();
            }
            has_ended
        }
        Way::Far(mut task) => {
            let (client_read, client_write) = client.0.split();
            let Far { send, recv, .. } = &mut task;
            let client = (first.as_slice().chain(client_read), client_write);
            task.has_ended = both(client, (recv, send), counts).await;
            task.has_ended
        }
    };
    if has_ended {
        client.ended();
    }
    has_ended
}

/// Carries a connection that another node brings to a task of this one. Whether it came to its end.
pub(super) async fn from_node(mut client: Far, mut task: Near) -> bool {
    let (task_read, task_write) = task.0.split();
    let Far { send, recv, .. } = &mut client;
    let uncounted = (&Count::default(), &Count::default());
    client.has_ended = both((recv, send), (task_read, task_write), uncounted).await;
    if client.has_ended {
        task.ended();
    }
    client.has_ended
}

/// Carries a connection from one node to another. Whether it came to its end.
pub(super) async fn between(mut client: Far, mut task: Far) -> bool {
    let asking = (&mut client.recv, &mut client.send);
    let answering = (&mut task.recv, &mut task.send);
    let has_ended = both(asking, answering, (&Count::default(), &Count::default())).await;
    (client.has_ended, task.has_ended) = (has_ended, has_ended);
    has_ended
}

/// How a direction ended.
enum End {
    /// With its last byte, and the other side was told.
    Whole,
    /// Its source was cut off.
    SourceCut,
    /// Nobody takes its bytes any more.
    Unwanted,
}

/// Whether both directions came to their ends. A task may answer without having heard all; then its
/// answer is carried all the same.
async fn both(
    client: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    task: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    (to_task, from_task): (&Count, &Count),
) -> bool {
    let request = one_way(client.0, task.1, to_task);
    let answer = one_way(task.0, client.1, from_task);
    tokio::pin!(request, answer);
    let (mut is_asked, mut is_answered) = (false, false);
    while !(is_asked && is_answered) {
        tokio::select! {
            end = &mut request, if !is_asked => match end {
                End::Whole | End::Unwanted => is_asked = true,
                End::SourceCut => return false,
            },
            end = &mut answer, if !is_answered => match end {
                End::Whole => is_answered = true,
                End::SourceCut | End::Unwanted => return false,
            },
        }
    }
    true
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: &Count,
) -> End {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) => break,
            Ok(read) => read,
            Err(_) => return End::SourceCut,
        };
        if to.write_all(&buffer[..read]).await.is_err() {
            return End::Unwanted;
        }
        count.many(read);
    }
    match to.shutdown().await {
        Ok(()) => End::Whole,
        Err(_) => End::Unwanted,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex, split};

    use super::*;

    /// A client and a task, joined: their own ends, and whether the connection came to its end.
    fn joined() -> (DuplexStream, DuplexStream, tokio::task::JoinHandle<bool>) {
        let (client, client_side) = duplex(64);
        let (task, task_side) = duplex(64);
        let carried = tokio::spawn(async move {
            let counts = (&Count::default(), &Count::default());
            both(split(client_side), split(task_side), counts).await
        });
        (client, task, carried)
    }

    #[tokio::test]
    async fn one_half_ends_and_the_other_goes_on() {
        let (mut client, mut task, carried) = joined();
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        task.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        task.write_all(b"answer").await.unwrap();
        drop(task);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        assert!(carried.await.unwrap());
    }

    #[tokio::test]
    async fn an_answer_before_the_question_was_heard_is_carried() {
        let (mut client, mut task, carried) = joined();
        task.write_all(b"no").await.unwrap();
        drop(task);
        // More than anybody keeps: nobody reads it.
        let asking = client.write_all(&[0; 1_000]);
        assert!(
            tokio::time::timeout(Duration::from_secs(5), asking)
                .await
                .is_ok()
        );
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "no");
        drop(client);
        assert!(carried.await.unwrap());
    }

    #[tokio::test]
    async fn a_client_that_is_gone_ends_it() {
        let (client, mut task, carried) = joined();
        drop(client);
        // The task goes on talking to nobody.
        while task.write_all(&[0; 64]).await.is_ok() {}
        assert!(!carried.await.unwrap());
    }
}

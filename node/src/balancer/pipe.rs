//! Bytes from one connection to another, both ways, until both have ended.
//!
//! What ends in one direction goes on in the other. What is cut off on one side is cut off on the other,
//! also when this process ends in the middle: nobody takes half an answer for a whole one. A slow reader
//! slows its writer.

use std::{sync::atomic::AtomicBool, time::Duration};

use shoal_net::{RecvStream, SendStream};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::{
    front::Client,
    halves::{Delay, End, Sink, Source, carry},
    ledger::Count,
    reach::Way,
    wire::CUT_OFF,
};

/// Who is silent for so long is asked whether it is still there, and six more times.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_AGAIN: Duration = Duration::from_secs(10);

/// A TCP connection. Whoever is at its other end sees a reset, unless it has come to its end.
pub(super) struct Near(TcpStream, Delay);

/// Has the connections of a listener get what [`Near::accepted`] needs: on Linux they inherit it.
pub(super) fn prepare(listener: &TcpListener) {
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE_AGAIN);
    let socket = SockRef::from(listener);
    // Where these can't be had, connections are slower, live longer, and end more softly.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keep_alive);
    let _ = socket.set_linger(Some(Duration::ZERO));
}

impl Near {
    /// One of a listener that was prepared.
    pub(super) fn accepted(stream: TcpStream) -> Self {
        Self(stream, Delay::Never)
    }

    /// One with a task of this node. Nobody asks whether it is still there: the kernel knows.
    pub(super) fn dialled(stream: TcpStream) -> Self {
        let _ = stream.set_zero_linger();
        Self(stream, Delay::AtMostLater)
    }

    fn halves(&mut self) -> (Source<'_>, Sink<'_>) {
        let (read, write) = self.0.split();
        (Source::Near(read), Sink::Near(write, self.1))
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

impl Far {
    fn halves(&mut self) -> (Source<'_>, Sink<'_>) {
        (Source::Far(&mut self.recv), Sink::Far(&mut self.send))
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
        ..
    } = client;
    let counts = (&account.bytes_to_tasks, &account.bytes_from_tasks);
    let has_ended = match way {
        Way::Near(mut task) => {
            let has_ended = both(client.halves(), task.halves(), &first, counts).await;
            if has_ended {
                task.ended();
            }
            has_ended
        }
        Way::Far(mut task) => {
            task.has_ended = both(client.halves(), task.halves(), &first, counts).await;
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
    let uncounted = (&Count::default(), &Count::default());
    client.has_ended = both(client.halves(), task.halves(), &[], uncounted).await;
    if client.has_ended {
        task.ended();
    }
    client.has_ended
}

/// Carries a connection from one node to another. Whether it came to its end.
pub(super) async fn between(mut client: Far, mut task: Far) -> bool {
    let uncounted = (&Count::default(), &Count::default());
    let has_ended = both(client.halves(), task.halves(), &[], uncounted).await;
    (client.has_ended, task.has_ended) = (has_ended, has_ended);
    has_ended
}

/// Whether both directions came to their ends: from the client, who sends these bytes first, and from the task.
/// A task may answer without having heard all; then its answer is carried all the same.
async fn both(
    client: (Source<'_>, Sink<'_>),
    task: (Source<'_>, Sink<'_>),
    first: &[u8],
    (to_task, from_task): (&Count, &Count),
) -> bool {
    let is_last = AtomicBool::new(false);
    let request = carry(client.0, task.1, first, to_task, &is_last);
    let answer = carry(task.0, client.1, &[], from_task, &is_last);
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Two ends of a connection.
    async fn pair() -> (TcpStream, Near) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        prepare(&listener);
        let one = TcpStream::connect(listener.local_addr().unwrap()).await;
        let other = listener.accept().await.unwrap().0;
        let has = SockRef::from(&other);
        assert!(has.tcp_nodelay().unwrap() && has.keepalive().unwrap());
        assert_eq!(has.linger().unwrap(), Some(Duration::ZERO));
        (one.unwrap(), Near::accepted(other))
    }

    /// A client and a task, joined: their own ends, and whether the connection came to its end.
    async fn joined() -> (TcpStream, TcpStream, tokio::task::JoinHandle<bool>) {
        let (client, mut client_side) = pair().await;
        let (task, mut task_side) = pair().await;
        let carried = tokio::spawn(async move {
            let counts = (&Count::default(), &Count::default());
            let has_ended = both(client_side.halves(), task_side.halves(), b"first ", counts).await;
            if has_ended {
                client_side.ended();
                task_side.ended();
            }
            has_ended
        });
        (client, task, carried)
    }

    #[tokio::test]
    async fn one_half_ends_and_the_other_goes_on() {
        let (mut client, mut task, carried) = joined().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        task.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "first question");
        task.write_all(b"answer").await.unwrap();
        drop(task);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        assert!(carried.await.unwrap());
    }

    #[tokio::test]
    async fn an_answer_before_the_question_was_heard_is_carried() {
        let (mut client, mut task, carried) = joined().await;
        task.write_all(b"no").await.unwrap();
        drop(task);
        // More than anybody keeps: nobody reads it.
        let unheard = vec![0; 32 << 20];
        let asking = client.write_all(&unheard);
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
        let (client, mut task, carried) = joined().await;
        drop(client);
        // The task goes on talking to nobody.
        while task.write_all(&[0; 64]).await.is_ok() {}
        assert!(!carried.await.unwrap());
    }
}

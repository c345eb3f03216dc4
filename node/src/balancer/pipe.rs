//! Bytes from one connection to another, both ways, until both have ended.
//!
//! What ends in one direction goes on in the other; what is cut off on one side is cut off on the other,
//! so that nobody takes half an answer for a whole one. A slow reader slows the writer: nothing is kept
//! but a buffer a direction.

use std::io;

use shoal_net::{RecvStream, SendStream};
use tokio::{io::copy_bidirectional_with_sizes, net::TcpStream};

use super::{reach::Way, wire::CUT_OFF};

/// A direction's buffer, in bytes: with all places of a node taken, 256 MiB.
const BUFFER: usize = 32 << 10;

/// Carries a client's connection to a task.
pub(super) async fn carry(client: TcpStream, way: Way) -> io::Result<()> {
    match way {
        Way::Near(task) => near(client, task).await,
        Way::Far(send, recv) => far(client, send, recv).await,
    }
}

async fn near(mut one: TcpStream, mut two: TcpStream) -> io::Result<()> {
    let carried = copy_bidirectional_with_sizes(&mut one, &mut two, BUFFER, BUFFER).await;
    if carried.is_err() {
        cut_off(&one);
        cut_off(&two);
    }
    carried.map(drop)
}

/// Carries a connection over a stream between nodes.
pub(super) async fn far(mut near: TcpStream, send: SendStream, recv: RecvStream) -> io::Result<()> {
    let mut stream = tokio::io::join(recv, send);
    let carried = copy_bidirectional_with_sizes(&mut near, &mut stream, BUFFER, BUFFER).await;
    if carried.is_err() {
        cut_off(&near);
        let (mut recv, mut send) = stream.into_inner();
        // An error: it has ended already.
        let _ = send.reset(CUT_OFF.into());
        let _ = recv.stop(CUT_OFF.into());
    }
    carried.map(drop)
}

/// Has the other end see a reset instead of an end.
pub(super) fn cut_off(stream: &TcpStream) {
    // Where that can't be had, it sees an end.
    let _ = stream.set_zero_linger();
}

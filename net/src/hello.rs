//! The first message each way on a connection between members: which run of a key this is.
//!
//! The dialler opens the only stream it may, and sends its hello; the acceptor answers with its own
//! once it has decided to keep the connection. So an answered hello is also the acceptance.

use std::time::Duration;

use bincode::{Decode, Encode};
use shoal_membership::codec;

use crate::refusal::Refusal;

/// A hello is at most this long.
const MAX_HELLO: usize = 64;

/// Which run of a node this is, and which of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Hello {
    /// Random, new at each start.
    pub(crate) run: u64,
    /// How often the node has started.
    pub(crate) incarnation: u64,
    /// One more than that of the connection which this one is to replace. The same on both sides,
    /// so both choose the same connection of several.
    pub(crate) epoch: u32,
}

/// Why no hello came.
#[derive(Debug)]
pub(crate) enum NoHello {
    /// The connection is gone.
    Lost(quinn::ConnectionError),
    /// What came was no hello, or too late.
    Bad,
}

impl From<quinn::ConnectionError> for NoHello {
    fn from(error: quinn::ConnectionError) -> Self {
        Self::Lost(error)
    }
}

impl NoHello {
    fn of_write(error: &quinn::WriteError) -> Self {
        match error {
            quinn::WriteError::ConnectionLost(error) => Self::Lost(error.clone()),
            _ => Self::Bad,
        }
    }
}

/// The dialler's side: says hello and waits for the answer.
pub(crate) async fn say(
    connection: &quinn::Connection,
    hello: &Hello,
    timeout: Duration,
) -> Result<Hello, NoHello> {
    let exchange = async {
        let (mut send, mut recv) = connection.open_bi().await?;
        let bytes = codec::encode(hello);
        send.write_all(&bytes)
            .await
            .map_err(|error| NoHello::of_write(&error))?;
        send.finish().map_err(|_| NoHello::Bad)?;
        read(&mut recv).await
    };
    within(timeout, exchange).await
}

/// The acceptor's side: waits for a hello. The stream that is returned takes the answer.
pub(crate) async fn hear(
    connection: &quinn::Connection,
    timeout: Duration,
) -> Result<(Hello, quinn::SendStream), NoHello> {
    let exchange = async {
        let (send, mut recv) = connection.accept_bi().await?;
        Ok((read(&mut recv).await?, send))
    };
    within(timeout, exchange).await
}

/// The acceptor's answer: the connection is kept.
pub(crate) async fn answer(mut send: quinn::SendStream, hello: &Hello) -> Result<(), Refusal> {
    let bytes = codec::encode(hello);
    send.write_all(&bytes)
        .await
        .map_err(|_| Refusal::BadHello)?;
    send.finish().map_err(|_| Refusal::BadHello)
}

async fn read(recv: &mut quinn::RecvStream) -> Result<Hello, NoHello> {
    match recv.read_to_end(MAX_HELLO).await {
        Ok(bytes) => codec::decode(&bytes).map_err(|_| NoHello::Bad),
        Err(quinn::ReadToEndError::Read(quinn::ReadError::ConnectionLost(error))) => {
            Err(NoHello::Lost(error))
        }
        Err(_) => Err(NoHello::Bad),
    }
}

async fn within<T>(
    timeout: Duration,
    exchange: impl Future<Output = Result<T, NoHello>>,
) -> Result<T, NoHello> {
    tokio::time::timeout(timeout, exchange)
        .await
        .unwrap_or(Err(NoHello::Bad))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_hello_fits_its_limit(run: u64, incarnation: u64, epoch: u32) {
            let hello = Hello { run, incarnation, epoch };
            let bytes = codec::encode(&hello);
            prop_assert!(bytes.len() <= MAX_HELLO);
            prop_assert_eq!(codec::decode::<Hello>(&bytes).unwrap(), hello);
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = codec::decode::<Hello>(&bytes);
        }
    }
}

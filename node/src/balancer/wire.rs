//! What one node says to another to have a connection carried: a question in the stream's header, one byte
//! as the answer, then the connection's own bytes. Whoever can't reach a task's node asks a third one to pass
//! the question on; that one asks the node itself, so there is never a fourth.

use std::net::Ipv4Addr;

use bincode::{Decode, Encode};
use shoal_membership::{
    NodeId,
    codec::{decode, encode},
};
use shoal_scheduler::task::{NetworkId, TaskId};

/// First byte of the header of such a stream.
const CONNECTION: u8 = 3;
/// The same of one that is to be passed on.
const PASSED_ON: u8 = 6;
/// The task was reached: what follows is its own.
pub(super) const REACHED: u8 = 0;
/// It was not.
pub(super) const NOT_REACHED: u8 = 1;
/// Its node was not.
pub(super) const NO_NODE: u8 = 2;
/// The code with which a stream is cut off whose other end was.
pub(super) const CUT_OFF: u32 = 1;

/// Which task, and which of its ports. Where that is on its node, its node knows: nobody else may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Ask {
    pub(super) task: TaskId,
    /// The port on which it listens in its own network.
    pub(super) target: u16,
    /// The network by which it is reached. None: what is published is meant.
    pub(super) network: Option<NetworkId>,
    /// Whose address the task is to see, if it can.
    pub(super) client: Option<Ipv4Addr>,
}

impl Ask {
    pub(super) fn to_header(self) -> Vec<u8> {
        let mut header = vec![CONNECTION];
        header.extend(encode(&self));
        header
    }

    pub(super) fn of_header(header: &[u8]) -> Option<Self> {
        let (kind, rest) = header.split_first()?;
        (*kind == CONNECTION).then(|| decode(rest).ok()).flatten()
    }
}

/// A question that another node is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct PassOn {
    pub(super) to: NodeId,
    pub(super) ask: Ask,
}

impl PassOn {
    pub(super) fn to_header(self) -> Vec<u8> {
        let mut header = vec![PASSED_ON];
        header.extend(encode(&self));
        header
    }

    pub(super) fn of_header(header: &[u8]) -> Option<Self> {
        let (kind, rest) = header.split_first()?;
        (*kind == PASSED_ON).then(|| decode(rest).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_comes_back_and_other_streams_are_left_alone() {
        let ask = Ask {
            task: TaskId(7),
            target: 80,
            network: Some(NetworkId(9)),
            client: Some(Ipv4Addr::new(192, 0, 2, 7)),
        };
        let header = ask.to_header();
        assert_eq!(Ask::of_header(&header), Some(ask));
        for kind in [0, 1, 2, 4, 255] {
            let mut other = header.clone();
            other[0] = kind;
            assert_eq!(Ask::of_header(&other), None);
        }
        for length in 0..header.len() {
            assert_eq!(Ask::of_header(&header[..length]), None, "{length} bytes");
        }
        assert_eq!(Ask::of_header(&[&header[..], &[0]].concat()), None);
        let passed = PassOn {
            to: NodeId::from_bytes([5; 16]),
            ask,
        };
        let onward = passed.to_header();
        assert_eq!(PassOn::of_header(&onward), Some(passed));
        assert_eq!(
            (Ask::of_header(&onward), PassOn::of_header(&header)),
            (None, None)
        );
        assert_eq!(PassOn::of_header(&onward[..onward.len() - 1]), None);
    }
}

//! How a log line travels: Docker's multiplexed frames (`stdcopy`): a header of eight bytes (the
//! stream, three zeros, the length in big-endian order) and the line.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    date::rfc3339,
    log_source::{LogStream, TaskLogLine},
};

/// The third stream, on which Docker reports errors of its own. Clients show it and stop.
const SYSTEM: u8 = 3;

/// How lines are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Begin with the time.
    pub(super) timestamps: bool,
    /// Say which node, service and task it is of, as `service logs` needs.
    pub(super) details: bool,
    /// A terminal has one stream only, which has no frames.
    pub(super) raw: bool,
}

impl Style {
    /// A line as it is sent.
    pub(super) fn line(self, line: &TaskLogLine) -> Bytes {
        let mut head = String::new();
        if self.timestamps {
            head.push_str(&rfc3339(line.at));
            head.push(' ');
        }
        if self.details {
            // Ids need no URL encoding.
            head.push_str(&format!(
                "com.docker.swarm.node.id={},com.docker.swarm.service.id={},\
                 com.docker.swarm.task.id={} ",
                line.node, line.service, line.task
            ));
        }
        let text = line.line.strip_suffix(b"\n").unwrap_or(&line.line);
        let stream = match line.stream {
            LogStream::Stdout => 1,
            LogStream::Stderr => 2,
        };
        self.frame(stream, head.as_bytes(), text)
    }

    /// What could not be read.
    pub(super) fn failure(self, reason: &str) -> Bytes {
        self.frame(SYSTEM, b"Error grabbing logs: ", reason.as_bytes())
    }

    fn frame(self, stream: u8, head: &[u8], text: &[u8]) -> Bytes {
        let room = u32::MAX as usize - head.len() - 1;
        let text = text.get(..room).unwrap_or(text);
        let length = head.len() + text.len() + 1;
        let mut frame = BytesMut::with_capacity(length + 8);
        if !self.raw {
            frame.put_slice(&[stream, 0, 0, 0]);
            frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        }
        frame.put_slice(head);
        frame.put_slice(text);
        frame.put_u8(b'\n');
        frame.freeze()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shoal_membership::NodeId;
    use shoal_scheduler::task::{ServiceId, TaskId};

    use super::*;

    fn line(text: &'static str) -> TaskLogLine {
        TaskLogLine {
            node: NodeId::from_bytes([0; 16]),
            task: TaskId(2),
            service: ServiceId(1),
            at: Duration::new(1_795_341_908, 88_310_550),
            stream: LogStream::Stderr,
            line: Bytes::from_static(text.as_bytes()),
        }
    }

    #[test]
    fn a_frame_is_as_recorded() {
        let style = Style {
            timestamps: true,
            details: true,
            raw: false,
        };
        let frame = style.line(&line("err 160\n"));
        let zeros = "0".repeat(24);
        let text = format!(
            "2026-11-22T10:05:08.088310550Z com.docker.swarm.node.id={zeros}0,\
             com.docker.swarm.service.id={zeros}1,com.docker.swarm.task.id={zeros}2 err 160\n"
        );
        assert_eq!(frame[..7], [2, 0, 0, 0, 0, 0, 0]);
        assert_eq!(usize::from(frame[7]), text.len());
        assert_eq!(std::str::from_utf8(&frame[8..]).unwrap(), text);
        assert_eq!(text.len(), 0xc3, "as in the recording");
    }

    #[test]
    fn a_line_always_ends_in_one_line_feed() {
        let style = Style {
            timestamps: false,
            details: false,
            raw: true,
        };
        assert_eq!(&style.line(&line("x"))[..], b"x\n");
        assert_eq!(&style.line(&line("x\n"))[..], b"x\n");
        assert_eq!(&style.line(&line(""))[..], b"\n");
    }
}

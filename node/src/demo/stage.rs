//! What the person sees: headings, and lines with their time. Colours on a terminal only; a log gets
//! the same lines without them. Nothing is ever redrawn.

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use super::error::DemoError;
use crate::cli::harmless;

/// Width of the column of times, in characters.
const TIME_WIDTH: usize = 9;

/// A way of writing, in the words of ECMA-48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Strong,
    Faint,
    Good,
    Bad,
    Command,
    /// One of the colours for tasks.
    Block(u8),
}

/// Where the demo is shown.
pub(super) struct Stage {
    out: Box<dyn Write + Send>,
    has_colours: bool,
    started: Instant,
    headings: usize,
}

impl Stage {
    /// The standard output of this process. The clock starts.
    pub(super) fn process() -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let has_colours = io::stdout().is_terminal() && !is_dumb && !set("NO_COLOR");
        Self::on(Box::new(io::stdout()), has_colours)
    }

    /// Any other place.
    pub(super) fn on(out: Box<dyn Write + Send>, has_colours: bool) -> Self {
        Self {
            out,
            has_colours,
            started: Instant::now(),
            headings: 0,
        }
    }

    /// The text in this tone, where there are tones.
    pub(super) fn tone(&self, tone: Tone, text: impl Display) -> String {
        if !self.has_colours {
            return text.to_string();
        }
        let code = match tone {
            Tone::Strong => "1".to_owned(),
            Tone::Faint => "2".to_owned(),
            Tone::Good => "32".to_owned(),
            Tone::Bad => "1;31".to_owned(),
            Tone::Command => "36".to_owned(),
            Tone::Block(colour) => format!("1;97;48;5;{colour}"),
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Whether tones show.
    pub(super) fn has_colours(&self) -> bool {
        self.has_colours
    }

    /// The first line of all.
    pub(super) fn title(&mut self, text: &str) -> Result<(), DemoError> {
        let text = self.tone(Tone::Strong, text);
        self.line(&text)
    }

    /// Begins an act.
    pub(super) fn heading(&mut self, text: &str) -> Result<(), DemoError> {
        self.headings += 1;
        let text = self.tone(Tone::Strong, format!("{}. {text}", self.headings));
        self.line(&format!("\n{text}"))
    }

    /// Something that happened now. The time is since the demo's start.
    pub(super) fn step(&mut self, text: &str) -> Result<(), DemoError> {
        let time = seconds(self.started.elapsed());
        self.timed(&time, text)
    }

    /// Something that happened this long after the moment that the act is about.
    pub(super) fn after(&mut self, time: Duration, text: &str) -> Result<(), DemoError> {
        self.timed(&format!("+{}", seconds(time)), text)
    }

    /// A line that goes with the one before.
    pub(super) fn detail(&mut self, text: &str) -> Result<(), DemoError> {
        self.line(&format!("{:TIME_WIDTH$}  {text}", ""))
    }

    /// Text as it is.
    pub(super) fn line(&mut self, text: &str) -> Result<(), DemoError> {
        let written = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        written.map_err(|error| DemoError::of_output(&error))
    }

    /// A line of somebody else's text.
    pub(super) fn quote(&mut self, text: &str) -> Result<(), DemoError> {
        let text = self.tone(Tone::Faint, harmless(text));
        self.detail(&format!("  {text}"))
    }

    fn timed(&mut self, time: &str, text: &str) -> Result<(), DemoError> {
        let time = self.tone(Tone::Faint, format!("{time:>TIME_WIDTH$}"));
        self.line(&format!("{time}  {text}"))
    }
}

/// A time as people compare it: `1.83 s`.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    pub(in crate::demo) struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        pub(in crate::demo) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_has_no_escapes_and_a_terminal_resets_each() {
        for has_colours in [false, true] {
            let paper = Paper::default();
            let mut stage = Stage::on(Box::new(paper.clone()), has_colours);
            stage.heading("Act").unwrap();
            stage
                .after(Duration::from_millis(1834), "n2 runs it")
                .unwrap();
            stage.quote("a\x1b[2Jb").unwrap();
            let text = paper.text();
            assert_eq!(
                text.matches("\x1b[0m").count() * 2,
                text.matches('\x1b').count()
            );
            assert_eq!(text.contains('\x1b'), has_colours);
            if !has_colours {
                assert_eq!(
                    text,
                    "\n1. Act\n  +1.83 s  n2 runs it\n             a [2Jb\n"
                );
            }
        }
    }

    #[test]
    fn a_closed_pipe_is_told_from_a_failure() {
        let mut stage = Stage::on(Box::new(Closed), false);
        assert!(matches!(stage.step("x"), Err(DemoError::OutputClosed)));
    }
}

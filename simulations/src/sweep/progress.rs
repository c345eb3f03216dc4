//! How far a sweep is, on stderr: a bar on a terminal, else a line every few seconds.

use std::{
    io::{IsTerminal, Write},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR: &str = "{elapsed_precise} [{bar:30}] {pos}/{len} runs, {per_sec}, {eta} left{msg}";

/// What is told while a sweep runs. Called from all threads.
pub trait Progress: Sync {
    /// It begins: so many runs in all, of which so many were there already.
    fn begin(&self, _all: u64, _there: u64) {}
    /// One more is kept.
    fn kept(&self, _has_failed: bool) {}
    /// Called several times a second.
    fn tick(&self) {}
    /// No more runs.
    fn end(&self) {}
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {}

/// Tells whoever sees stderr.
#[derive(Debug)]
pub struct OnStderr {
    bar: ProgressBar,
    is_terminal: bool,
    started: Instant,
    all: AtomicU64,
    there: AtomicU64,
    new: AtomicU64,
    failed: AtomicU64,
    lines: AtomicU64,
    is_over: AtomicBool,
}

impl OnStderr {
    /// From now on.
    #[must_use]
    pub fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        // The template is a constant that parses; the default bar would do.
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self {
            bar,
            is_terminal,
            started: Instant::now(),
            all: AtomicU64::new(0),
            there: AtomicU64::new(0),
            new: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    fn line(&self) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (all, there, new) = (get(&self.all), get(&self.there), get(&self.new));
        let rate = new as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        let left = all.saturating_sub(there + new);
        let rest = match new {
            0 => String::new(),
            _ => format!(", {:.0} s left", left as f64 / rate),
        };
        let done = there + new;
        let failed = get(&self.failed);
        // Who reads it may be gone: then there is nobody to tell.
        let _ = writeln!(
            std::io::stderr(),
            "{done} of {all} runs; {rate:.1} a second{rest}; {failed} failed"
        );
    }
}

impl Default for OnStderr {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for OnStderr {
    fn begin(&self, all: u64, there: u64) {
        self.all.store(all, Ordering::Relaxed);
        self.there.store(there, Ordering::Relaxed);
        if self.is_terminal {
            self.bar.set_length(all);
            self.bar.set_position(there);
            self.bar.reset_eta();
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    fn kept(&self, has_failed: bool) {
        self.new.fetch_add(1, Ordering::Relaxed);
        if has_failed {
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.bar.set_message(format!("; {failed} failed"));
        }
        self.bar.inc(1);
    }

    fn tick(&self) {
        if self.is_terminal {
            self.bar.tick();
            return;
        }
        let due = self.started.elapsed().as_secs() / LINE_EVERY.as_secs();
        if self.lines.swap(due, Ordering::Relaxed) < due {
            self.line();
        }
    }

    fn end(&self) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.bar.finish_and_clear();
            self.line();
        }
    }
}

//! Whether to stop, asked between runs: by a signal, or by whoever holds a clone.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// A wish to stop that all clones share.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    is_wanted: Arc<AtomicBool>,
    /// 0 for none.
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// One that ^C (SIGINT) and SIGTERM wish for. The second of them ends the program at once.
    ///
    /// # Errors
    ///
    /// When the system does not allow to listen for them.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the wish unset, and sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.is_wanted))?;
            flag::register(signal, Arc::clone(&stop.is_wanted))?;
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&stop.signal), number)?;
        }
        Ok(stop)
    }

    /// Wishes it.
    pub fn stop(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// Whether somebody wishes it. Costs nothing.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    /// The signal that wished it, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        let number = u8::try_from(self.signal.load(Ordering::Relaxed)).ok()?;
        (number != 0).then_some(number)
    }
}

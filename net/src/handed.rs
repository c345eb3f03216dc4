//! The end of a queue that whoever comes first may have.

use std::sync::{Mutex, PoisonError};

/// Until somebody has it.
pub(crate) struct Handed<T>(Mutex<Option<T>>);

impl<T> Handed<T> {
    pub(crate) fn new(end: T) -> Self {
        Self(Mutex::new(Some(end)))
    }

    /// None: somebody has it already.
    pub(crate) fn take(&self) -> Option<T> {
        // Nothing under this lock can leave it half changed.
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        end.take()
    }
}

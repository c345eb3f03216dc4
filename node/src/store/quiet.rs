//! Panics of a library that reads damaged bytes, caught and kept from the user's eyes.
//!
//! redb trusts its pages and panics on some that it can't have written. A panic hook belongs to the
//! whole process, so it is wrapped once, and the wrapper is silent only on a thread that asked.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}
static HOOK: Once = Once::new();

/// Runs this; a panic in it becomes its message, and prints nothing. What it was working on must be
/// thrown away then.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                loud(info);
            }
        }));
    });
    let before = IS_QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_QUIET.set(before);
    result.map_err(|payload| message(payload.as_ref()))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unreadable")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_later_ones_are_loud_again() {
        assert_eq!(
            catch(|| panic!("bad {}", "page")),
            Err::<(), _>("bad page".into())
        );
        assert_eq!(catch(|| 7), Ok(7));
        assert!(!IS_QUIET.get());
    }
}

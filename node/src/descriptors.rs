//! Open files: the agent takes as many as the system lets it have, since each connection that it carries is
//! one. What it starts gets what it had itself, since old programs can't deal with more than they expect.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What POSIX programs may rely on, and what is assumed where the system does not say.
const FEW: usize = 1_024;
/// More than so many are of no use.
const MOST: u64 = 1 << 16;

/// The soft limit that this process began with, if it was raised.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// Takes as many as may be had.
pub(crate) fn raise() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    let wanted = hard.min(MOST);
    if wanted <= soft {
        return;
    }
    match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        // A second agent in this process found it raised.
        Ok(()) => drop(BEFORE.set(soft)),
        Err(error) => tracing::debug!(%error, "the limit of open files stays"),
    }
}

/// How many files this process may have open.
pub(crate) fn most() -> usize {
    let limits = getrlimit(Resource::RLIMIT_NOFILE);
    let soft = limits.map_or(FEW as u64, |(soft, _)| soft);
    usize::try_from(soft).unwrap_or(usize::MAX)
}

/// What a process that this one starts should lower its own limit to, if anything.
pub(crate) fn before() -> Option<u64> {
    BEFORE.get().copied()
}

/// Lowers this process's soft limit.
pub(crate) fn lower(soft: u64) {
    if let Ok((now, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < now
    {
        // Where it can't be had, a task may open more files than it expects.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
    }
}

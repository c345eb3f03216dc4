//! `ulimits` by their names in Docker.

use nix::sys::resource::Resource;
use shoal_scheduler::spec::Ulimit;

/// A limit that can't be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LimitError {
    #[error("unknown ulimit {0:?}: use a name of setrlimit(2), such as nofile")]
    Unknown(String),
    #[error("ulimit {0}: the soft limit is above the hard one")]
    SoftAboveHard(String),
}

/// Name, soft and hard limit, as a program carries them. -1 is no limit.
pub(super) fn resolve(limit: &Ulimit) -> Result<(String, u64, u64), LimitError> {
    if resource(&limit.name).is_none() {
        return Err(LimitError::Unknown(limit.name.clone()));
    }
    let amount = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    let (soft, hard) = (amount(limit.soft), amount(limit.hard));
    if soft > hard {
        return Err(LimitError::SoftAboveHard(limit.name.clone()));
    }
    Ok((limit.name.clone(), soft, hard))
}

/// The resource of this name.
pub(super) fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "as" => Resource::RLIMIT_AS,
        "core" => Resource::RLIMIT_CORE,
        "cpu" => Resource::RLIMIT_CPU,
        "data" => Resource::RLIMIT_DATA,
        "fsize" => Resource::RLIMIT_FSIZE,
        "locks" => Resource::RLIMIT_LOCKS,
        "memlock" => Resource::RLIMIT_MEMLOCK,
        "msgqueue" => Resource::RLIMIT_MSGQUEUE,
        "nice" => Resource::RLIMIT_NICE,
        "nofile" => Resource::RLIMIT_NOFILE,
        "nproc" => Resource::RLIMIT_NPROC,
        "rss" => Resource::RLIMIT_RSS,
        "rtprio" => Resource::RLIMIT_RTPRIO,
        "rttime" => Resource::RLIMIT_RTTIME,
        "sigpending" => Resource::RLIMIT_SIGPENDING,
        "stack" => Resource::RLIMIT_STACK,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(name: &str, soft: i64, hard: i64) -> Ulimit {
        Ulimit {
            name: name.into(),
            soft,
            hard,
        }
    }

    #[test]
    fn limits_resolve_by_name_and_minus_one_is_none() {
        assert_eq!(
            resolve(&limit("nofile", 64, -1)),
            Ok(("nofile".into(), 64, u64::MAX))
        );
        assert!(resolve(&limit("nofile", 65, 64)).is_err());
        assert!(resolve(&limit("RLIMIT_X", 1, 1)).is_err());
    }
}

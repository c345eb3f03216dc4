//! Whom a task runs as.

use std::{io, path::Path};

use nix::unistd::{Gid, Group, Uid, User};
use shoal_scheduler::spec::ContainerSpec;

use super::program::Credentials;

/// Group of a numeric user that the machine doesn't know, where none is named: nogroup.
const NO_GROUP: u32 = 65_534;

/// Why a task can't run as the user that its spec names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UserError {
    #[error("unknown user {0:?} on this node")]
    UnknownUser(String),
    #[error("unknown group {0:?} on this node")]
    UnknownGroup(String),
    #[error("the task wants to run as {0:?}, and the agent is not root and can't change users")]
    NotRoot(String),
    #[error("users of this node can't be read: {0}")]
    Database(nix::Error),
}

/// A user as the machine knows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// None: the agent's own user and groups.
    pub(super) credentials: Option<Credentials>,
    /// Its home, or `/`.
    pub(super) home: String,
}

/// Resolves `user`, `uid`, `user:group` or `uid:gid`, and additional groups. The user's further
/// groups are not taken over, as a container knows only its own.
pub(super) fn resolve(container: &ContainerSpec) -> Result<Account, UserError> {
    let current = Uid::effective();
    if container.user.is_empty() && container.groups.is_empty() {
        return Ok(Account {
            credentials: None,
            home: home_of(known(current)?),
        });
    }
    let (name, group) = match container.user.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (container.user.as_str(), None),
    };
    let (uid, user) = find_user(name, current)?;
    let gid = match (group, &user) {
        (Some(group), _) if !group.is_empty() => find_group(group)?,
        (_, Some(user)) => user.gid.as_raw(),
        (_, None) => NO_GROUP,
    };
    let groups = container.groups.iter().map(|group| find_group(group));
    let groups: Vec<u32> = groups.collect::<Result<_, _>>()?;
    let credentials = Credentials {
        uid: uid.as_raw(),
        gid,
        groups,
    };
    let is_same = uid == current && gid == Gid::effective().as_raw();
    let credentials = match current.is_root() {
        true => Some(credentials),
        false if is_same && credentials.groups.is_empty() => None,
        false => return Err(UserError::NotRoot(container.user.clone())),
    };
    let home = home_of(user);
    Ok(Account { credentials, home })
}

/// Lets the user of a task, and nobody else, look into a folder of the agent's.
pub(super) fn give(folder: &Path, user: Option<&Credentials>) -> io::Result<()> {
    match user {
        Some(user) => std::os::unix::fs::chown(folder, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}

fn home_of(user: Option<User>) -> String {
    user.and_then(|user| user.dir.into_os_string().into_string().ok())
        .unwrap_or_else(|| "/".into())
}

fn known(uid: Uid) -> Result<Option<User>, UserError> {
    User::from_uid(uid).map_err(UserError::Database)
}

fn find_user(name: &str, current: Uid) -> Result<(Uid, Option<User>), UserError> {
    if name.is_empty() {
        return Ok((current, known(current)?));
    }
    if let Some(user) = User::from_name(name).map_err(UserError::Database)? {
        return Ok((user.uid, Some(user)));
    }
    let uid: u32 = name
        .parse()
        .map_err(|_| UserError::UnknownUser(name.to_owned()))?;
    let uid = Uid::from_raw(uid);
    Ok((uid, known(uid)?))
}

fn find_group(name: &str) -> Result<u32, UserError> {
    match Group::from_name(name).map_err(UserError::Database)? {
        Some(group) => Ok(group.gid.as_raw()),
        None => name
            .parse()
            .map_err(|_| UserError::UnknownGroup(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str) -> Result<Account, UserError> {
        resolve(&ContainerSpec {
            user: user.into(),
            ..ContainerSpec::default()
        })
    }

    #[test]
    fn nobody_in_particular_is_the_agents_user() {
        assert_eq!(of("").unwrap().credentials, None);
    }

    #[test]
    fn unknown_names_are_told() {
        let unknown = UserError::UnknownUser("no-such-user".into());
        assert_eq!(of("no-such-user"), Err(unknown));
        let unknown = UserError::UnknownGroup("no-such-group".into());
        assert_eq!(of("0:no-such-group"), Err(unknown));
    }

    #[test]
    fn another_user_needs_root() {
        match of("12345:54321") {
            Ok(account) => {
                assert!(Uid::effective().is_root());
                let credentials = account.credentials.unwrap();
                assert_eq!((credentials.uid, credentials.gid), (12_345, 54_321));
                assert_eq!(account.home, "/");
            }
            Err(error) => {
                assert!(!Uid::effective().is_root());
                assert_eq!(error, UserError::NotRoot("12345:54321".into()));
            }
        }
    }
}

//! The hierarchies of this machine, and where this process is in each.

use std::path::{Path, PathBuf};

use super::{
    file,
    limit::{Controller, Version},
    mounts::{self, Mount},
};

/// A mounted hierarchy as this process sees it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    /// What version 1 is mounted for; with version 2 the folders tell.
    pub(super) controllers: Vec<Controller>,
    /// Folder of the topmost cgroup that is visible.
    pub(super) top: PathBuf,
    /// Folder of this process's cgroup: `top` or below it.
    pub(super) own: PathBuf,
}

/// Those of this machine. None where /proc can't be read.
pub(super) fn all() -> Vec<Hierarchy> {
    let read = |path| file::read_bytes(Path::new(path)).unwrap_or_default();
    parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
}

/// From the bytes of /proc/self/mountinfo and /proc/self/cgroup.
pub(super) fn parse(mountinfo: &[u8], memberships: &[u8]) -> Vec<Hierarchy> {
    let mounts = mounts::parse(mountinfo).into_iter();
    let hierarchy = |mount: Mount| {
        let own = own_path(memberships, &mount);
        let below = own
            .as_deref()
            .and_then(|own| own.strip_prefix(&mount.root).ok())
            // An empty path would only add a slash, which people would read.
            .filter(|below| !below.as_os_str().is_empty());
        Hierarchy {
            // A path elsewhere is of a cgroup that this mount does not show.
            own: below.map_or_else(|| mount.point.clone(), |below| mount.point.join(below)),
            version: mount.version,
            controllers: mount.controllers,
            top: mount.point,
        }
    };
    mounts.map(hierarchy).collect()
}

/// `ID:CONTROLLERS:PATH` on each line, cgroups(7); version 2 has no controllers there.
fn own_path(memberships: &[u8], mount: &Mount) -> Option<PathBuf> {
    let lines = memberships.split(|byte| *byte == b'\n');
    let mut paths = lines.filter_map(|line| {
        let mut fields = line.splitn(3, |byte| *byte == b':').skip(1);
        let names = std::str::from_utf8(fields.next()?).ok()?;
        let controllers = Controller::among(&names.split(',').collect::<Vec<_>>());
        let is_of_mount = match mount.version {
            Version::One => controllers == mount.controllers,
            Version::Two => names.is_empty(),
        };
        mounts::absolute(fields.next().filter(|_| is_of_mount)?.to_vec())
    });
    paths.next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOUNTS: &[u8] = b"32 31 0:29 / /c/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 /docker/x /c/memory rw - cgroup cgroup rw,memory\n\
        41 31 0:38 / /c/unified rw - cgroup2 cgroup2 rw\n";

    fn owns(memberships: &str) -> Vec<String> {
        let all = parse(MOUNTS, memberships.as_bytes()).into_iter();
        all.map(|one| one.own.display().to_string()).collect()
    }

    #[test]
    fn the_own_cgroup_is_found_in_each() {
        let found = owns("9:name=systemd:/s\n4:memory:/docker/x/y:z\n1:cpu,cpuacct:/a\n0::/b/c\n");
        assert_eq!(found, ["/c/cpu/a", "/c/memory/y:z", "/c/unified/b/c"]);
    }

    #[test]
    fn without_a_sensible_path_it_is_the_topmost() {
        let top = ["/c/cpu", "/c/memory", "/c/unified"];
        assert_eq!(owns(""), top);
        assert_eq!(owns("4:memory:/docker/x\n1:cpu:/\n0::/\n"), top);
        assert_eq!(
            owns("4:memory:/elsewhere\n1:cpu\n0::relative\n0::/../up"),
            top
        );
    }

    proptest! {
        #[test]
        fn own_is_never_outside_of_the_mount(memberships in "([0-9a-z:/.,]|memory|cpu|::|\n)*") {
            for one in parse(MOUNTS, memberships.as_bytes()) {
                prop_assert!(one.own.starts_with(&one.top), "{one:?}");
                prop_assert!(!one.own.display().to_string().contains("/../"));
            }
        }
    }
}

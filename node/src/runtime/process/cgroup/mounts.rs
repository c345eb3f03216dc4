//! Where cgroup hierarchies are mounted: /proc/self/mountinfo (proc_pid_mountinfo(5)). A line that
//! is not understood is none.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use super::limit::{Controller, Version};

/// A mounted hierarchy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) version: Version,
    /// Which limits it is for; with version 2 its files tell.
    pub(super) controllers: Vec<Controller>,
    /// The cgroup that is at the mount point.
    pub(super) root: PathBuf,
    pub(super) point: PathBuf,
}

/// The hierarchies that can limit something.
pub(super) fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines.filter_map(parse_line).collect()
}

/// `ID PARENT DEVICE ROOT POINT OPTIONS [FIELDS] - TYPE SOURCE OPTIONS`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    let options = std::str::from_utf8(fields.get(dash + 3)?).ok()?;
    let options: Vec<&str> = options.split(',').collect();
    let (version, controllers) = match *fields.get(dash + 1)? {
        b"cgroup" => (Version::One, Controller::among(&options)),
        b"cgroup2" => (Version::Two, Vec::new()),
        _ => return None,
    };
    if version == Version::One && controllers.is_empty() {
        return None;
    }
    let path = |index: usize| unescape(fields.get(index)?);
    Some(Mount {
        version,
        controllers,
        root: path(3)?,
        point: path(4)?,
    })
}

/// A path in which space, tab, newline and backslash are octal. Nothing, when it is not absolute
/// or goes up.
fn unescape(field: &[u8]) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, others)) = rest.split_first() {
        rest = match (first, others) {
            (
                b'\\',
                [
                    a @ b'0'..=b'3',
                    b @ b'0'..=b'7',
                    c @ b'0'..=b'7',
                    after @ ..,
                ],
            ) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            _ => {
                bytes.push(*first);
                others
            }
        };
    }
    absolute(bytes)
}

/// A path that is absolute and never goes up.
pub(super) fn absolute(bytes: Vec<u8>) -> Option<PathBuf> {
    let path = PathBuf::from(OsString::from_vec(bytes));
    let goes_up = |path: &Path| path.components().any(|part| part.as_os_str() == "..");
    (path.is_absolute() && !goes_up(&path)).then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_versions_are_found_among_others() {
        let mountinfo = b"22 27 0:21 / /proc rw,relatime - proc proc rw\n\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:7 master:1 - cgroup cgroup rw,cpu,cpuacct\n\
            35 31 0:32 /docker/a\\040b /sys/fs/c\\134g\\011 rw - cgroup cgroup rw,memory\n\
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let mount = |version, controllers: &[Controller], root: &str, point: &str| Mount {
            version,
            controllers: controllers.to_vec(),
            root: root.into(),
            point: point.into(),
        };
        let cpu = "/sys/fs/cgroup/cpu,cpuacct";
        let expected = [
            mount(Version::One, &[Controller::Cpu], "/", cpu),
            mount(
                Version::One,
                &[Controller::Memory],
                "/docker/a b",
                "/sys/fs/c\\g\t",
            ),
            mount(Version::Two, &[], "/", "/sys/fs/cgroup/unified"),
        ];
        assert_eq!(parse(mountinfo), expected);
    }

    #[test]
    fn hostile_lines_are_no_mounts() {
        for line in [
            "",
            "-",
            "1 2 3 / / rw -",
            "1 2 3 / / rw - cgroup2",
            "1 2 3 / / rw - cgroup cgroup",
            "1 2 3 / relative rw - cgroup2 cgroup2 rw",
            "1 2 3 / /a/../b rw - cgroup2 cgroup2 rw",
            "1 2 3 /.. /a rw - cgroup2 cgroup2 rw",
            "- - - - - - cgroup2 - cgroup2",
        ] {
            assert_eq!(parse(line.as_bytes()), [], "{line}");
        }
        // Half an escape is itself.
        let odd = parse(b"1 2 3 / /a\\04 rw - cgroup2 cgroup2 rw");
        assert_eq!(odd[0].point, Path::new("/a\\04"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "([0-9/a-z\\\\. -]|cgroup2?| - )*") {
            parse(&bytes);
            for mount in parse(text.as_bytes()) {
                prop_assert!(mount.point.is_absolute());
            }
        }
    }
}

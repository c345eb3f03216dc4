//! Files that a task finds: its secrets and configs, in memory of the machine and nowhere else.
//!
//! Each task has a folder on a tmpfs, `secrets/` and `configs/` in it, that only its own user can look into. It goes
//! when the task ends. A container has its files mounted where its spec says; a plain process finds them below the
//! folders that `SHOAL_SECRETS_DIR` and `SHOAL_CONFIGS_DIR` name.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Component, Path, PathBuf},
};

use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};
use shoal_scheduler::{
    spec::{FileKind, FileTarget},
    task::TaskId,
};
use zeroize::Zeroizing;

/// `RAMFS_MAGIC` of linux/magic.h.
const RAMFS_MAGIC: i64 = 0x8584_58f6;
/// Most bytes of all files of a task.
const TASK_BYTES_MAX: usize = 64 << 20;
/// Permissions of a file: no set-user-id and the like.
const MODE_MASK: u32 = 0o777;

/// A secret or config in the clear, on its way to its place.
pub struct OpenFile {
    /// Which kind.
    pub kind: FileKind,
    /// What it is called.
    pub name: String,
    /// Where the task finds it.
    pub target: FileTarget,
    /// What is in it.
    pub value: Zeroizing<Vec<u8>>,
}

/// A file in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFile {
    /// On this machine.
    pub source: PathBuf,
    /// In the container.
    pub target: String,
}

/// The files of a task, or why they could not be placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacedFiles {
    /// The task's folder, where there is one.
    pub folder: Option<PathBuf>,
    /// The files in it.
    pub files: Vec<PlacedFile>,
    /// Why the task can't have them; for people.
    pub trouble: Option<String>,
}

impl PlacedFiles {
    /// None, for this reason.
    #[must_use]
    pub fn none(trouble: String) -> Self {
        Self {
            trouble: Some(trouble),
            ..Self::default()
        }
    }
}

/// Where the files of this agent's tasks are.
#[derive(Clone, Debug)]
pub struct FileRoom {
    folder: PathBuf,
}

impl FileRoom {
    /// The room of the agent with this name, which no other agent of this machine has.
    #[must_use]
    pub fn of(agent: &str) -> Self {
        let user = nix::unistd::geteuid();
        let own = match (user.is_root(), std::env::var_os("XDG_RUNTIME_DIR")) {
            (true, _) => Some(PathBuf::from("/run")),
            (false, Some(runtime)) if !runtime.is_empty() => Some(PathBuf::from(runtime)),
            (false, _) => None,
        };
        // Everybody may write there.
        let shared = PathBuf::from("/dev/shm");
        let own = own.map(|base| (base.clone(), base.join("shoal")));
        let in_shared = shared.join(format!("shoal-{user}"));
        let mut places = own.into_iter().chain([(shared, in_shared)]);
        let found = places.find(|(base, _)| is_memory(base));
        // Where none is in memory, what is placed there says so.
        let folder = found.map_or_else(|| PathBuf::from("/run/shoal"), |(_, folder)| folder);
        Self {
            folder: folder.join(agent),
        }
    }

    /// Puts the files of a task in their places.
    #[must_use]
    pub fn place(&self, task: TaskId, files: Vec<OpenFile>) -> PlacedFiles {
        if files.is_empty() {
            return PlacedFiles::default();
        }
        match self.try_place(task, &files) {
            Ok(placed) => placed,
            Err(trouble) => {
                self.clear(task);
                PlacedFiles::none(trouble)
            }
        }
    }

    fn try_place(&self, task: TaskId, files: &[OpenFile]) -> Result<PlacedFiles, String> {
        let size: usize = files.iter().map(|file| file.value.len()).sum();
        if size > TASK_BYTES_MAX {
            return Err(format!(
                "its secrets and configs have {size} bytes together; at most {TASK_BYTES_MAX} are possible"
            ));
        }
        let folder = self.task_folder(task);
        let said = |error: io::Error| {
            let folder = folder.display();
            format!("secrets and configs can't be placed in {folder}: {error}")
        };
        // Others may look for what they know the name of: the folder of each task is its own.
        make(&self.folder, 0o711).map_err(said)?;
        self.check()?;
        make(&folder, 0o700).map_err(said)?;
        let mut placed = PlacedFiles {
            folder: Some(folder.clone()),
            ..PlacedFiles::default()
        };
        for file in files {
            let place = Place::of(file)?;
            let source = folder.join(place.within);
            write(&source, file).map_err(|error| {
                let (kind, name) = (file.kind, &file.name);
                format!(
                    "{kind} {name} can't be placed in {}: {error}",
                    source.display()
                )
            })?;
            placed.files.push(PlacedFile {
                source,
                target: place.target,
            });
        }
        Ok(placed)
    }

    /// Secrets are never written to a disk, nor where another user may look.
    fn check(&self) -> Result<(), String> {
        let folder = self.folder.display();
        if !is_memory(&self.folder) {
            return Err(format!(
                "{folder} is not in memory (tmpfs), so no secret can be placed there: mount a tmpfs at /run or at /dev/shm"
            ));
        }
        let owner = fs::metadata(&self.folder).map(|found| found.uid());
        match owner {
            Ok(owner) if owner == nix::unistd::geteuid().as_raw() => Ok(()),
            _ => Err(format!(
                "{folder} is another user's, so no secret can be placed there: remove it"
            )),
        }
    }

    fn task_folder(&self, task: TaskId) -> PathBuf {
        self.folder.join(task.to_string())
    }

    /// Removes the files of a task that has ended.
    pub fn clear(&self, task: TaskId) {
        match fs::remove_dir_all(self.task_folder(task)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%task, %error, "secrets of a task that has ended can't be removed");
            }
            _ => {}
        }
    }

    /// Removes the files of all tasks but these.
    pub fn keep_only(&self, tasks: &BTreeSet<TaskId>) {
        let Ok(found) = fs::read_dir(&self.folder) else {
            return;
        };
        for name in found.flatten().map(|entry| entry.file_name()) {
            let task = name.to_str().and_then(|name| name.parse::<TaskId>().ok());
            match task {
                Some(task) if !tasks.contains(&task) => self.clear(task),
                _ => {}
            }
        }
    }
}

/// Where a file goes.
struct Place {
    within: PathBuf,
    target: String,
}

impl Place {
    fn of(file: &OpenFile) -> Result<Self, String> {
        let name = file.target.name.as_str();
        let (folder, absolute) = match (file.kind, name.starts_with('/')) {
            (FileKind::Secret, false) => ("secrets", format!("/run/secrets/{name}")),
            (FileKind::Secret, true) => ("secrets", name.to_owned()),
            (FileKind::Config, false) => ("configs", format!("/{name}")),
            (FileKind::Config, true) => ("configs", name.to_owned()),
        };
        let parts: Vec<Component<'_>> = Path::new(name)
            .components()
            .filter(|part| !matches!(part, Component::RootDir | Component::CurDir))
            .collect();
        let is_fine = !parts.is_empty()
            && !name.ends_with('/')
            && !name.contains('\0')
            && parts
                .iter()
                .all(|part| matches!(part, Component::Normal(_)));
        if !is_fine {
            let (kind, object) = (file.kind, &file.name);
            return Err(format!(
                "{kind} {object}: {name:?} is no name of a file: an absolute path, or one without .."
            ));
        }
        Ok(Self {
            within: Path::new(folder).join(parts.iter().collect::<PathBuf>()),
            target: absolute,
        })
    }
}

fn is_memory(folder: &Path) -> bool {
    let found = statfs(folder).map(|found| found.filesystem_type());
    found.is_ok_and(|found| [TMPFS_MAGIC, FsType(RAMFS_MAGIC as _)].contains(&found))
}

fn make(folder: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(folder)?;
    // Whatever the umask is.
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
}

fn write(path: &Path, file: &OpenFile) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    let options = &mut OpenOptions::new();
    let mut out = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    out.write_all(&file.value)?;
    let number = |text: &str, what: &str| match text {
        "" => Ok(0),
        text => text
            .parse::<u32>()
            .map_err(|_| io::Error::other(format!("{what} {text:?} is no number"))),
    };
    let (user, group) = (
        number(&file.target.uid, "uid")?,
        number(&file.target.gid, "gid")?,
    );
    match chown(path, Some(user), Some(group)) {
        // An agent that is not root gives nothing away: its tasks run as its own user.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        changed => changed?,
    }
    let mode = match file.target.mode & MODE_MASK {
        0 if file.target.mode == 0 => 0o444,
        mode => mode,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: FileKind, name: &str, mode: u32) -> OpenFile {
        OpenFile {
            kind,
            name: "object".into(),
            target: FileTarget {
                name: name.into(),
                uid: nix::unistd::geteuid().to_string(),
                gid: nix::unistd::getegid().to_string(),
                mode,
            },
            value: Zeroizing::new(b"value".to_vec()),
        }
    }

    fn room() -> (tempfile::TempDir, FileRoom) {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let room = FileRoom {
            folder: folder.path().join("agent"),
        };
        (folder, room)
    }

    #[test]
    fn files_are_where_the_spec_says_and_go_with_the_task() {
        let (_folder, room) = room();
        let placed = room.place(
            TaskId(1),
            vec![
                file(FileKind::Secret, "db", 0o400),
                file(FileKind::Secret, "/etc/key", 0o104_444),
                file(FileKind::Config, "app/conf.d/a.ini", 0),
            ],
        );
        assert_eq!(placed.trouble, None);
        let targets = placed.files.iter().map(|file| file.target.as_str());
        let targets: Vec<_> = targets.collect();
        assert_eq!(
            targets,
            ["/run/secrets/db", "/etc/key", "/app/conf.d/a.ini"]
        );
        let mode = |at: usize| {
            fs::metadata(&placed.files[at].source)
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(
            [mode(0), mode(1), mode(2)].map(|mode| mode & 0o7777),
            [0o400, 0o444, 0o444]
        );
        let folder = placed.folder.unwrap();
        assert_eq!(
            placed.files[2].source,
            folder.join("configs/app/conf.d/a.ini")
        );
        assert_eq!(
            fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(fs::read(&placed.files[0].source).unwrap(), b"value");
        room.keep_only(&BTreeSet::from([TaskId(1)]));
        assert!(folder.exists());
        room.keep_only(&BTreeSet::new());
        assert!(!folder.exists());
        room.clear(TaskId(1));
    }

    #[test]
    fn nothing_is_written_outside_or_on_a_disk() {
        let (_folder, room) = room();
        for name in ["../x", "/a/../b", "", "/", "a/", "a\0b"] {
            let placed = room.place(TaskId(2), vec![file(FileKind::Secret, name, 0o444)]);
            let trouble = placed.trouble.unwrap_or_default();
            assert!(trouble.contains("no name of a file"), "{name:?}: {trouble}");
            assert!(!room.task_folder(TaskId(2)).exists());
        }
        let mut wrong = file(FileKind::Secret, "a", 0o444);
        wrong.target.uid = "root".into();
        let trouble = room.place(TaskId(2), vec![wrong]).trouble.unwrap();
        assert!(trouble.contains("uid \"root\" is no number"), "{trouble}");
        let disk = FileRoom {
            folder: PathBuf::from("/var/tmp").join(format!("shoal-{}", std::process::id())),
        };
        if statfs("/var/tmp").unwrap().filesystem_type() != TMPFS_MAGIC {
            let placed = disk.place(TaskId(3), vec![file(FileKind::Secret, "a", 0o444)]);
            assert!(placed.trouble.unwrap().contains("not in memory"));
            fs::remove_dir(&disk.folder).unwrap();
        }
    }
}

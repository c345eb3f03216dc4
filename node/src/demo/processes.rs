//! Finding the demo's processes in /proc: agents, the parents of tasks, and the tasks' programs.
//! They are told by what they were started with, never by a name alone.

use std::{fs, os::unix::ffi::OsStrExt, path::Path};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Every process of a task carries its task's id in this variable.
const TASK_ID: &str = "SHOAL_TASK_ID=";

/// The processes that an agent with this data directory started: parents of tasks first, then
/// their programs.
pub(super) fn of_tasks(data_dir: &Path) -> Vec<Pid> {
    let tasks = data_dir.join("tasks");
    let ids: Vec<String> = fs::read_dir(&tasks)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(|id| format!("{TASK_ID}{id}"))
        .collect();
    let (mut parents, mut programs) = (Vec::new(), Vec::new());
    for pid in all() {
        if is_started_with(pid, "__task", &tasks) {
            parents.push(pid);
        } else if carries_any(pid, &ids) {
            programs.push(pid);
        }
    }
    parents.extend(programs);
    parents
}

/// Agents with data directories in this folder.
pub(super) fn agents_below(folder: &Path) -> Vec<Pid> {
    all()
        .filter(|pid| is_started_with(*pid, "agent", folder))
        .collect()
}

/// Ends them without a warning. One that is gone already is none the worse for it.
pub(super) fn cut_down(pids: &[Pid]) {
    for pid in pids {
        let _ = kill(*pid, Signal::SIGKILL);
    }
}

/// All processes but this one.
fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(Pid::from_raw).filter(|pid| *pid != Pid::this())
}

/// Whether a process is `shoal SUBCOMMAND ...` with an argument below this folder. One that has
/// ended has no arguments any more.
fn is_started_with(pid: Pid, subcommand: &str, folder: &Path) -> bool {
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    let mut arguments = line.split(|byte| *byte == 0).skip(1);
    let folder = folder.as_os_str().as_bytes();
    arguments.next() == Some(subcommand.as_bytes())
        && arguments.any(|argument| {
            argument
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with(b"/"))
        })
}

fn carries_any(pid: Pid, variables: &[String]) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
        environment
            .split(|byte| *byte == 0)
            .filter(|variable| variable.starts_with(TASK_ID.as_bytes()))
            .any(|variable| variables.iter().any(|known| known.as_bytes() == variable))
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_processes_of_a_folder_are_found_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let [mine, other] = ["n1", "n10"].map(|node| folder.path().join(node));
        fs::create_dir_all(mine.join("tasks/t1")).unwrap();
        fs::create_dir_all(other.join("tasks/t10")).unwrap();
        let spawn = |task: &str| {
            let mut command = Command::new("sleep");
            command.arg("60").env("SHOAL_TASK_ID", task);
            command.spawn().unwrap()
        };
        let (mut one, mut ten) = (spawn("t1"), spawn("t10"));
        let pid = Pid::from_raw(i32::try_from(one.id()).unwrap());
        // A moment ago it was still this test.
        while of_tasks(&mine).is_empty() {
            std::thread::yield_now();
        }
        let found = of_tasks(&mine);
        cut_down(&found);
        one.wait().unwrap();
        ten.kill().unwrap();
        ten.wait().unwrap();
        assert_eq!(found, [pid]);
        assert!(of_tasks(&mine).is_empty());
        assert!(agents_below(folder.path()).is_empty());
    }
}

//! Limits of the spec, enforced by the kernel. What this machine can't enforce is skipped aloud.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::{Signal, kill};
use shoal::runtime::{Change, LogOptions};
use shoal_scheduler::{
    spec::{Healthcheck, ResourceLimits, ServiceSpec},
    task::TaskId,
};

use crate::machine::{Machine, exit_of, read_all, shell, text, until};

const MEMORY: ResourceLimits = ResourceLimits {
    generic_resources: Vec::new(),
    memory_bytes: 64 << 20,
    nano_cpus: 0,
    pids: 0,
};

/// Why this machine can't limit this, found out without the code that is tested.
fn lack(controller: &str) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mut reason = format!("no cgroup hierarchy has {controller}");
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let point = Path::new(fields[1]);
        let has_it = match fields[2] {
            "cgroup" => fields[3].split(',').any(|option| option == controller),
            "cgroup2" => fs::read_to_string(point.join("cgroup.subtree_control"))
                .is_ok_and(|names| names.split_whitespace().any(|name| name == controller)),
            _ => false,
        };
        if !has_it {
            continue;
        }
        let probe = point.join(format!("shoal-test-{}-{controller}", std::process::id()));
        match fs::create_dir(&probe) {
            Ok(()) => return fs::remove_dir(&probe).err().map(|error| error.to_string()),
            Err(error) => reason = format!("{}: {error}", probe.display()),
        }
    }
    Some(reason)
}

/// Whether a test has to be left out, which is said.
fn is_skipped(test: &str, controllers: &[&str]) -> bool {
    let lack = controllers.iter().find_map(|one| lack(one));
    if let Some(reason) = &lack {
        // Unlike `eprintln`, this is not kept back when a test passes.
        let words = format!("skipped: {test} ({reason})\n");
        std::io::stderr().write_all(words.as_bytes()).unwrap();
    }
    lack.is_some()
}

fn limited(line: &str, limits: ResourceLimits) -> ServiceSpec {
    let mut spec = shell(line);
    spec.task_template.resources.limits = limits;
    spec
}

/// The folders of a task's cgroups, as they are written down beside it.
fn cgroups(machine: &Machine, task: TaskId) -> Vec<PathBuf> {
    let main = fs::read(machine.folder_of(task).join("main.json")).unwrap();
    let main: serde_json::Value = serde_json::from_slice(&main).unwrap();
    let paths = main["cgroups"].as_array().unwrap().iter();
    paths.map(|path| path.as_str().unwrap().into()).collect()
}

async fn are_gone(folders: &[PathBuf]) {
    assert!(!folders.is_empty());
    until("the cgroups are gone", || {
        !folders.iter().any(|folder| folder.exists())
    })
    .await;
}

#[tokio::test]
async fn who_takes_too_much_memory_is_killed_and_told_why() {
    if is_skipped("a memory limit kills", &["memory"]) {
        return;
    }
    let mut machine = Machine::new();
    let error = "task: non-zero exit (137): out of memory (limit 64MiB)".to_owned();
    // One whose program is killed, and one whose shell reports it.
    for line in ["exec tail /dev/zero", "tail /dev/zero; exit $?"] {
        let task = machine.start(limited(line, MEMORY));
        let live = machine.running(task).await;
        assert_eq!(live.warnings, Vec::<String>::new());
        assert_eq!(machine.exit(task).await, (137, error.clone(), false));
        are_gone(&cgroups(&machine, task)).await;
    }
}

#[tokio::test]
async fn a_kill_from_outside_is_not_taken_for_a_lack_of_memory() {
    if is_skipped("a kill under a memory limit", &["memory"]) {
        return;
    }
    let mut machine = Machine::new();
    let task = machine.start(limited("kill -KILL $$", MEMORY));
    let error = "task: non-zero exit (137)".to_owned();
    assert_eq!(machine.exit(task).await, (137, error, false));
}

#[tokio::test]
async fn who_forks_without_end_can_not() {
    if is_skipped("a limit of processes holds", &["pids"]) {
        return;
    }
    let mut machine = Machine::new();
    let line = "n=0; while [ $n -lt 50 ]; do sleep 1000 & n=$((n+1)); done; echo all";
    let limits = ResourceLimits {
        pids: 10,
        ..ResourceLimits::default()
    };
    let task = machine.start(limited(line, limits));
    let (code, ..) = machine.exit(task).await;
    let log = text(&read_all(machine.runtime().logs(task, LogOptions::default())).await);
    assert_ne!(code, 0, "{log}");
    assert!(log.to_lowercase().contains("fork"), "{log}");
    assert!(!log.contains("all"), "{log}");
    are_gone(&cgroups(&machine, task)).await;
}

#[tokio::test]
async fn a_part_of_a_processor_is_a_quota() {
    if is_skipped("a CPU limit is a quota", &["cpu"]) {
        return;
    }
    let mut machine = Machine::new();
    let limits = ResourceLimits {
        nano_cpus: 250_000_000,
        ..ResourceLimits::default()
    };
    let task = machine.start(limited("sleep 1000", limits));
    let live = machine.running(task).await;
    let [folder] = &cgroups(&machine, task)[..] else {
        panic!("not one cgroup");
    };
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let quota = read("cpu.max").or_else(|_| {
        let quota = read("cpu.cfs_quota_us")?.trim().to_owned();
        Ok::<_, std::io::Error>(format!("{quota} {}", read("cpu.cfs_period_us")?))
    });
    assert_eq!(quota.unwrap().trim(), "25000 100000");
    let members = read("cgroup.procs").unwrap();
    assert!(members.lines().any(|pid| pid == live.pid.to_string()));
    // The parent is not the task's to pay for.
    let parent = machine.parent_of(&live).to_string();
    assert!(!members.lines().any(|pid| pid == parent), "{members}");
    machine.runtime().stop(task);
    machine.exit(task).await;
    are_gone(std::slice::from_ref(folder)).await;
}

#[tokio::test]
async fn a_task_and_its_checks_begin_in_their_cgroups() {
    if is_skipped("checks are in the cgroup", &["memory", "pids"]) {
        return;
    }
    let mut machine = Machine::new();
    let is_inside = "grep -q shoal/$SHOAL_TASK_ID /proc/self/cgroup";
    let limits = ResourceLimits { pids: 50, ..MEMORY };
    let mut spec = limited(&format!("{is_inside} && sleep 1000"), limits);
    let container = &mut spec.task_template.container_spec;
    container.user = "12345".into();
    container.healthcheck = Some(Healthcheck {
        test: ["CMD-SHELL", is_inside].map(String::from).to_vec(),
        interval: Some(Duration::from_millis(50)),
        timeout: Some(Duration::from_secs(20)),
        retries: 100,
        ..Healthcheck::default()
    });
    let task = machine.start(spec);
    assert!(matches!(machine.next(task).await, Change::Starting(_)));
    assert!(matches!(machine.next(task).await, Change::Running(_)));
    let folders = cgroups(&machine, task);
    machine.runtime().remove(task);
    assert!(machine.exit(task).await.2);
    are_gone(&folders).await;
}

#[tokio::test]
async fn a_cgroup_is_removed_though_the_agent_and_the_parent_were_killed() {
    if is_skipped("cgroups are removed after kills", &["memory", "pids"]) {
        return;
    }
    let mut machine = Machine::new();
    // One that can be found by its cgroup alone.
    let line = "env -i setsid sleep 1000 & sleep 1001";
    let limits = ResourceLimits { pids: 50, ..MEMORY };
    let task = machine.start(limited(line, limits));
    let live = machine.running(task).await;
    let folders = cgroups(&machine, task);
    let members = || fs::read_to_string(folders[0].join("cgroup.procs")).unwrap();
    until("all three run", || members().lines().count() == 3).await;
    machine.stop_agent();
    kill(machine.parent_of(&live), Signal::SIGKILL).unwrap();
    let adopted = machine.start_agent().await;
    let (_, error, _) = exit_of(adopted[0].change.clone());
    assert!(error.contains("lost its parent"), "{error}");
    are_gone(&folders).await;
}

#[tokio::test]
async fn a_parent_alone_removes_the_cgroup() {
    if is_skipped("a parent removes the cgroup", &["memory"]) {
        return;
    }
    let mut machine = Machine::new();
    let flag = machine.folder.path().join("flag");
    let line = format!("until [ -e {} ]; do sleep 0.02; done", flag.display());
    let task = machine.start(limited(&line, MEMORY));
    machine.running(task).await;
    let folders = cgroups(&machine, task);
    machine.stop_agent();
    assert!(folders.iter().all(|folder| folder.exists()));
    fs::write(&flag, "").unwrap();
    are_gone(&folders).await;
}

#[tokio::test]
async fn what_was_not_made_by_us_is_not_removed() {
    if is_skipped("others' cgroups stay", &["pids"]) {
        return;
    }
    let mut machine = Machine::new();
    let limits = ResourceLimits {
        pids: 50,
        ..ResourceLimits::default()
    };
    let task = machine.start(limited("sleep 1000", limits));
    let live = machine.running(task).await;
    let folders = cgroups(&machine, task);
    let foreign = folders[0].parent().unwrap().join(format!("not-{task}"));
    fs::create_dir(&foreign).unwrap();
    machine.stop_agent();
    kill(machine.parent_of(&live), Signal::SIGKILL).unwrap();
    // Whoever could write this could do anything; a damaged disk could, too.
    let main = machine.folder_of(task).join("main.json");
    let text = fs::read_to_string(&main).unwrap();
    let own = folders[0].to_str().unwrap();
    fs::write(&main, text.replace(own, foreign.to_str().unwrap())).unwrap();
    machine.start_agent().await;
    machine.runtime().remove(task);
    while machine.next(task).await != Change::Removed {}
    assert!(foreign.exists());
    fs::remove_dir(&foreign).unwrap();
    fs::remove_dir(&folders[0]).unwrap();
}

//! Addresses in use, disks that are full or damaged, files that may not be read: each gets one clear
//! message and the right exit status, and nothing is lost.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;
use shoal_tests::{Cluster, Said, shoal_binary, within};

const SOON: Duration = Duration::from_secs(30);
/// `nobody`, who may do nothing.
const NOBODY: u32 = 65_534;

#[expect(clippy::print_stdout, reason = "says what was skipped, and why")]
fn is_root(test: &str) -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        println!("skipped: {test} needs root");
    }
    is_root
}

#[test]
fn an_address_in_use_is_named_with_the_option_that_changes_it() {
    let mut cluster = Cluster::of(1);
    let at = cluster.place();
    cluster[at].listen = cluster[0].listen;
    let said = cluster[at].run_to_end(SOON, &[]);
    let address = cluster[0].listen.to_string();
    said.refused(&[&address, "in use", "--listen"]);
    cluster[0].create("web", 1);
}

#[test]
fn a_socket_of_another_agent_or_no_socket_at_all_is_left_alone() {
    let mut cluster = Cluster::of(1);
    let at = cluster.place();
    let own = cluster[at].socket.clone();
    cluster[at].socket = cluster[0].socket.clone();
    let said = cluster[at].run_to_end(SOON, &[]);
    said.refused(&["another agent is listening on", "--api"]);
    cluster[0].create("web", 1);
    fs::write(&own, "precious").unwrap();
    cluster[at].socket = own.clone();
    let said = cluster[at].run_to_end(SOON, &[]);
    said.refused(&["is not a socket", "--api"]);
    assert_eq!(fs::read_to_string(own).unwrap(), "precious");
}

#[test]
fn without_an_agent_or_without_permission_a_command_says_what_to_do() {
    let mut cluster = Cluster::of(1);
    let at = cluster.place();
    let said = cluster[at].shoal(&["node", "ls"]);
    let path = cluster[at].socket.display().to_string();
    said.refused(&[&path, "shoal agent"]);
    if !is_root("a socket without permission") {
        return;
    }
    open_to_all(cluster.folder());
    let host = format!("unix:{}", cluster[0].socket.display());
    let output = Command::new(copy_of_binary(&cluster))
        .args(["--host", &host, "node", "ls"])
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::null())
        .output();
    let said = Said::from(output.unwrap());
    said.refused(&["permission", &cluster[0].socket.display().to_string()]);
}

#[test]
fn an_agent_that_may_not_make_its_socket_or_folder_says_which_and_what_to_do() {
    if !is_root("files without permission") {
        return;
    }
    let mut cluster = Cluster::empty();
    open_to_all(cluster.folder());
    let binary = copy_of_binary(&cluster);
    let at = cluster.place();
    let as_nobody = |data: &std::path::Path, socket: &std::path::Path| {
        let output = Command::new(&binary)
            .arg("agent")
            .arg("--data-dir")
            .arg(data)
            .args(["--listen", &cluster[at].listen.to_string()])
            .args(["--api", &format!("unix:{}", socket.display())])
            .uid(NOBODY)
            .gid(NOBODY)
            .stdin(Stdio::null())
            .output();
        Said::from(output.unwrap())
    };
    let said = as_nobody(&cluster[at].data, &cluster[at].socket);
    said.refused(&[&cluster[at].data.display().to_string(), "ermission"]);
    let own = cluster.folder().join("own");
    fs::create_dir(&own).unwrap();
    std::os::unix::fs::chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
    let said = as_nobody(&own.join("data"), &cluster[at].socket);
    let path = cluster[at].socket.display().to_string();
    said.refused(&["no permission for the socket", &path, "--api"]);
}

fn open_to_all(folder: &std::path::Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .expect("the test can go on only with it");
}

/// The folder of the build may be closed to others.
fn copy_of_binary(cluster: &Cluster) -> std::path::PathBuf {
    let copy = cluster.folder().join("shoal");
    fs::copy(shoal_binary(), &copy).expect("the test can go on only with it");
    copy
}

#[test]
fn a_damaged_store_is_set_aside_and_refilled_from_the_others() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 3);
    cluster[1].create("api", 2);
    let id = cluster[2].id();
    cluster[2].kill_agent();
    let store = cluster[2].data.join("registry.redb");
    let length = fs::metadata(&store).unwrap().len();
    let mut file = fs::OpenOptions::new().write(true).open(&store).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&vec![0xA5; usize::try_from(length).unwrap()])
        .unwrap();
    drop(file);
    cluster[2].start(&[]);
    cluster.all_ready();
    cluster.agree(SOON);
    assert_eq!(cluster[2].id(), id);
    assert_eq!(cluster[2].services().unwrap().len(), 2);
    assert!(cluster[2].log().contains("the store was damaged"));
    let entries = fs::read_dir(&cluster[2].data).unwrap().flatten();
    let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
    assert!(names.any(|name| name.starts_with("registry.redb.damaged-")));
    // It writes as before, and what it writes reaches the others.
    cluster[2].create("after", 1);
    cluster.agree(SOON);
    cluster.settles("web", 3, SOON);
}

#[test]
fn a_store_that_breaks_under_a_lone_agent_is_written_anew_from_its_memory() {
    let mut cluster = Cluster::of(1);
    cluster[0].create("web", 2);
    // More than the agent keeps of its file in memory, so that it must read it again.
    for number in 0..40 {
        let spec = json!({
            "Name": format!("large{number}"),
            "Labels": {"padding": "x".repeat(100_000)},
            "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["sleep", "1"]}},
            "Mode": {"Replicated": {"Replicas": 0}},
        });
        let answer = cluster[0].request("POST", "/services/create", Some(&spec));
        assert!(matches!(answer, Ok((201, _))), "{answer:?}");
    }
    let before = cluster.processes();
    let registry = cluster[0].data.join("registry.redb");
    let size = fs::metadata(&registry).unwrap().len();
    // In place, as a dying card does it: the agent has the file open.
    let mut file = fs::OpenOptions::new().write(true).open(&registry).unwrap();
    file.write_all(&vec![0xff; usize::try_from(size).unwrap()])
        .unwrap();
    drop(file);
    let removed: Vec<String> = (0..40).map(|number| format!("large{number}")).collect();
    let refused = removed.iter().find_map(|name| {
        let said = cluster[0].shoal(&["service", "rm", name]);
        (said.status != 0).then_some(said)
    });
    let refused = refused.expect("the damage was never found");
    refused.refused(&["is damaged", "set aside and written anew", "try again"]);
    assert!(cluster[0].data.join("registry.redb.damaged-1").exists());
    cluster[0].create("after", 1);
    let held = cluster[0].services().unwrap();
    assert!(held.contains_key("web") && held.contains_key("large39"));
    cluster[0].kill_agent();
    cluster[0].start(&[]);
    cluster.all_ready();
    assert_eq!(cluster[0].services().unwrap(), held);
    let still = cluster.processes_of("web");
    assert!(before.iter().all(|task| still.contains(task)));
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let mut cluster = Cluster::of(1);
    cluster[0].create("web", 1);
    cluster[0].kill_agent();
    let path = cluster[0].data.join("cluster.json");
    let text = fs::read_to_string(&path).unwrap();
    let (_, content) = text.trim_end().split_once("\"Content\":").unwrap();
    let content = content.strip_suffix('}').unwrap();
    // The format is under the checksum, so that a flipped bit is not taken for a newer version.
    let mut checksum = blake3::Hasher::new();
    checksum
        .update(&2_u32.to_le_bytes())
        .update(content.as_bytes());
    let checksum = checksum.finalize();
    let newer = format!("{{\"Format\":2,\"Checksum\":\"{checksum}\",\"Content\":{content}}}\n");
    fs::write(&path, &newer).unwrap();
    let said = cluster[0].run_to_end(SOON, &[]);
    said.refused(&[
        "newer version of Shoal",
        "upgrade this node",
        "cluster.json",
    ]);
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    fs::write(&path, text).unwrap();
    cluster[0].start(&[]);
    assert!(cluster[0].services().unwrap().contains_key("web"));
}

#[test]
fn a_damaged_key_or_one_that_others_can_read_is_refused() {
    let mut cluster = Cluster::of(1);
    cluster[0].kill_agent();
    let key = cluster[0].data.join("node.key");
    let text = fs::read_to_string(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = cluster[0].run_to_end(SOON, &[]);
    said.refused(&["can be read by other users", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "half a k").unwrap();
    let said = cluster[0].run_to_end(SOON, &[]);
    said.refused(&["node.key", "restore it from a backup", "join anew"]);
    fs::write(&key, text).unwrap();
    cluster[0].start(&[]);
}

/// A small file system of its own, gone when the test is over.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: &std::path::Path) -> Option<Self> {
        fs::create_dir(path).expect("the test can go on only with it");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(path)
            .status();
        mount
            .is_ok_and(|status| status.success())
            .then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: an agent of a test that failed may still have files open there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_orders_with_the_reason_and_loses_nothing() {
    if !is_root("a full disk") {
        return;
    }
    let mut cluster = Cluster::empty();
    let at = cluster.place();
    let Some(_disk) = SmallDisk::mount(&cluster[at].data) else {
        println!("skipped: a full disk needs leave to mount a tmpfs");
        return;
    };
    fs::set_permissions(&cluster[at].data, fs::Permissions::from_mode(0o700)).unwrap();
    cluster.enter(at);
    cluster[at].create("web", 1);
    cluster.settles("web", 1, SOON);
    let filler = cluster[at].data.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let create = |cluster: &Cluster, number: usize| {
        let name = format!("s{number}");
        let label = format!("filler={}", "x".repeat(100_000));
        cluster[at].shoal(&[
            "service",
            "create",
            "-d",
            "--replicas",
            "0",
            "--label",
            &label,
            "--name",
            &name,
            "scratch",
            "true",
        ])
    };
    let mut acknowledged = vec!["web".to_owned()];
    let refused = (0..200).find_map(|number| match create(&cluster, number) {
        said if said.status == 0 => {
            acknowledged.push(format!("s{number}"));
            None
        }
        said => Some(said),
    });
    refused
        .expect("the disk is full some time")
        .refused(&["disk", "No space left"]);
    // It still answers, and what ran runs.
    assert_eq!(cluster.processes_of("web").len(), 1);
    cluster[at].shoal(&["service", "ls"]).ok();
    fs::remove_file(&filler).unwrap();
    within(SOON, "orders are taken again", || {
        cluster[at]
            .shoal(&["service", "scale", "-d", "web=2"])
            .checked()
            .map(drop)
    });
    cluster[at].kill_agent();
    cluster[at].start(&[]);
    let there = cluster[at].services().unwrap();
    assert!(
        acknowledged.iter().all(|name| there.contains_key(name)),
        "{there:?}"
    );
    cluster.settles("web", 2, SOON);
}

#[test]
fn a_clock_that_is_a_year_ahead_is_tried_in_the_simulator() {
    println!("skipped: one machine has one clock; simulations/tests/cluster.rs sets them apart");
}

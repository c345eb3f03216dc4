//! Podman's socket in place of Docker's, in a cluster with a node that has no engine: each service runs
//! where it can.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use shoal_tests::{Cluster, Said, always_for, within};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(30);
const IMAGE: &str = "localhost/shoal-test:1";
/// Its own defaults are more than a machine may allow.
const SETTINGS: &str = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n\
                        [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
                        lock_type = \"file\"\n";

/// A Podman of its own, in a network of its own.
struct Podman {
    folder: TempDir,
    service: Option<Child>,
}

impl Podman {
    /// None: there can be none here.
    #[expect(clippy::print_stdout, reason = "says what was skipped, and why")]
    fn start() -> Option<Self> {
        let found = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !found("podman") || !found("busybox") || !nix::unistd::geteuid().is_root() {
            println!(
                "skipped: Podman (needs root, podman and busybox: apt-get install podman busybox-static)"
            );
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("pod-")
            .tempdir()
            .expect("a temporary folder");
        std::fs::write(folder.path().join("containers.conf"), SETTINGS).expect("its settings");
        let mut podman = Self {
            folder,
            service: None,
        };
        podman.make_image();
        podman.serve();
        Some(podman)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("podman.sock")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new("unshare");
        command
            .args(["--net", "podman", "--root"])
            .arg(folder.join("root"))
            .arg("--runroot")
            .arg(folder.join("run"))
            .args(arguments)
            .env("CONTAINERS_CONF", folder.join("containers.conf"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.command(arguments)
            .output()
            .expect("podman can be run")
            .into()
    }

    fn make_image(&self) {
        let tree = self.folder.path().join("tree/bin");
        std::fs::create_dir_all(&tree).expect("the image's folder");
        let busybox = Said::from(
            Command::new("which")
                .arg("busybox")
                .output()
                .expect("which"),
        );
        std::fs::copy(busybox.ok(), tree.join("busybox")).expect("busybox");
        for name in ["sh", "sleep", "echo"] {
            std::os::unix::fs::symlink("busybox", tree.join(name)).expect("a link");
        }
        let tar = self.folder.path().join("image.tar");
        let mut pack = Command::new("tar");
        pack.arg("-C").arg(self.folder.path().join("tree"));
        pack.arg("-cf").arg(&tar).arg(".");
        Said::from(pack.output().expect("tar")).ok();
        self.run(&["import", &tar.display().to_string(), IMAGE])
            .ok();
    }

    fn serve(&mut self) {
        let address = format!("unix://{}", self.socket().display());
        let mut service = self.command(&["system", "service", "--time=0", &address]);
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        self.service = Some(
            service
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("podman starts"),
        );
        within(
            SOON,
            "Podman listens",
            || match std::os::unix::net::UnixStream::connect(self.socket()) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
        );
    }

    fn stop(&mut self) {
        if let Some(mut service) = self.service.take() {
            // It may have ended by itself, which the test saw then.
            let _ = service.kill();
            let _ = service.wait();
        }
    }

    /// Names of its containers that run, with their ids.
    fn containers(&self) -> Result<Vec<(String, String)>, String> {
        let said = self.run(&["ps", "--format", "{{.Names}} {{.ID}}"]);
        let lines = said.checked()?.lines().map(|line| {
            let (name, id) = line.split_once(' ').unwrap_or((line, ""));
            (name.to_owned(), id.to_owned())
        });
        let mut found: Vec<_> = lines.collect();
        found.sort();
        Ok(found)
    }

    fn runs(&self, service: &str, slots: usize) -> Result<Vec<(String, String)>, String> {
        let mut found = self.containers()?;
        found.retain(|(name, _)| name.split('.').next() == Some(service));
        match found.len() == slots {
            true => Ok(found),
            false => Err(format!("{found:?}")),
        }
    }
}

impl Drop for Podman {
    #[expect(
        clippy::print_stdout,
        reason = "says what happened to a test that failed"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            println!("--- Podman's log\n{}", log.unwrap_or_default());
        }
        self.stop();
        // What is mounted in its folder goes, then the folder. `podman system reset` would touch others, too.
        let _ = self.run(&["rm", "--all", "--force", "--time", "0"]);
        let overlay = self.folder.path().join("root/overlay");
        let _ = Command::new("umount")
            .arg("--recursive")
            .arg(overlay)
            .output();
    }
}

/// Two nodes, the first with this engine.
fn cluster(podman: &Podman) -> Cluster {
    let mut cluster = Cluster::empty();
    for engine in [Some(podman.socket()), None] {
        let at = cluster.place();
        cluster[at].engine = engine;
        cluster.enter(at);
    }
    cluster.all_ready();
    cluster
}

#[test]
fn containers_run_by_podman_and_nowhere_else() {
    let Some(mut podman) = Podman::start() else {
        return;
    };
    let mut cluster = cluster(&podman);
    let script = "echo out; echo err >&2; while true; do sleep 1; done";
    let create = ["service", "create", "--detach", "--replicas", "2"];
    let limits = ["--limit-memory", "64m", "--cap-drop", "ALL"];
    let more = [
        "--mount",
        "type=volume,source=data,target=/data",
        "--stop-grace-period",
        "1s",
        "--restart-delay",
        "1s",
    ];
    let web = ["--name", "web", IMAGE, "sh", "-c", script];
    cluster[1]
        .shoal(&[&create[..], &limits, &more, &web].concat())
        .ok();
    let plain = ["--name", "plain", "scratch", "sleep", "100000"];
    cluster[0].shoal(&[&create[..], &plain].concat()).ok();
    let before = within(SOON, "two containers", || podman.runs("web", 2));

    // Processes run where there is no engine, whatever is free elsewhere.
    let places = |cluster: &Cluster, service: &str| -> Vec<String> {
        let said = cluster[0].shoal(&[
            "service",
            "ps",
            "-f",
            "desired-state=running",
            "--format",
            "{{.Node}}",
            service,
        ]);
        said.ok().lines().map(str::to_owned).collect()
    };
    within(SOON, "all run", || {
        let tasks = cluster[0].tasks()?;
        let running = tasks.iter().filter(|task| task.state == "running");
        match running.count() {
            4 => Ok(()),
            _ => Err(format!("{tasks:#?}")),
        }
    });
    assert_eq!(places(&cluster, "web"), ["n1", "n1"]);
    assert_eq!(places(&cluster, "plain"), ["n2", "n2"]);
    let why = cluster[1].shoal(&["why", "web.1"]);
    assert!(why.ok().contains("it has no docker runtime"), "{}", why.out);

    within(SOON, "all that the tasks said", || {
        let logs = cluster[1].shoal(&["service", "logs", "--raw", "web"]);
        match (
            logs.out.matches("out").count(),
            logs.err.matches("err").count(),
        ) {
            (2, 2) => Ok(()),
            _ => Err(format!("{logs:?}")),
        }
    });

    // A container that ends is replaced, by one.
    podman.run(&["kill", &before[0].1]).ok();
    let after = within(SOON, "another in its place", || {
        let found = podman.runs("web", 2)?;
        match found.contains(&before[0]) {
            false => Ok(found),
            true => Err(format!("{found:?}")),
        }
    });
    assert!(after.contains(&before[1]), "{before:?} became {after:?}");

    // Neither the agent's restart nor the engine's makes others.
    cluster[0].kill_agent();
    cluster[0].start(&[]);
    podman.stop();
    podman.serve();
    let name = cluster[1].name.clone();
    cluster.agree(SOON);
    within(SOON, "both are ready", || {
        match cluster[1].sees("n1")?.as_str() {
            "ready" => Ok(()),
            other => Err(format!("{name} sees it {other}")),
        }
    });
    always_for(Duration::from_secs(5), "the same containers", || {
        let found = podman.runs("web", 2)?;
        match found == after {
            true => Ok(()),
            false => Err(format!("{after:?} became {found:?}")),
        }
    });

    is_told_of_a_missing_image(&cluster);
    cluster[1]
        .shoal(&["service", "rm", "web", "plain", "bad"])
        .ok();
    within(SOON, "nothing left", || {
        let said = podman.run(&["ps", "--all", "--format", "{{.Names}}"]);
        match said.checked()? {
            "" => Ok(()),
            left => Err(left.to_owned()),
        }
    });
}

/// An image that is nowhere is said in Podman's words.
fn is_told_of_a_missing_image(cluster: &Cluster) {
    let create = [
        "service",
        "create",
        "-d",
        "--name",
        "bad",
        "nosuch.invalid/x:1",
    ];
    cluster[1].shoal(&create).ok();
    within(SOON, "a refusal", || {
        let tasks = cluster[1].get("/tasks")?;
        let said = |task: &Value| {
            task["Status"]["Err"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let words: Vec<String> = tasks.as_array().into_iter().flatten().map(said).collect();
        match words
            .iter()
            .any(|words| words.contains("No such image: nosuch.invalid/x:1"))
        {
            true => Ok(()),
            false => Err(format!("{words:?}")),
        }
    });
}

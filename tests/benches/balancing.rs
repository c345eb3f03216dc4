//! Prints what a connection costs that is brought to a task: straight to it, through HAProxy and nginx on
//! this machine, through a published port of the task's own node, and of another node.
//!
//!     cargo build --release && cargo bench -p shoal-tests --bench balancing -- [--seconds N]
//!
//! Needs haproxy, nginx with its stream module, iperf3 and wrk (Debian: haproxy nginx-light
//! libnginx-mod-stream iperf3 wrk). Everything runs on this machine, clients and servers, too, so that all
//! share its processors: look at the ratios of one run. The two nodes talk over loopback.

#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "a bench measures time and prints it"
)]

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use shoal_tests::{Cluster, get, within};

const SOON: Duration = Duration::from_secs(30);
/// Connections at a time, in the second half of each measurement.
const MANY: usize = 64;
const BULK: u16 = 5_301;
const WEB: u16 = 5_302;
const HAPROXY: [u16; 2] = [5_311, 5_312];
const NGINX: [u16; 2] = [5_321, 5_322];

/// A program of Debian's, ended with this.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        // A negative number: its workers, too.
        let group = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// A way to the servers.
struct Way {
    name: &'static str,
    bulk: SocketAddr,
    web: SocketAddr,
    /// Processes whose work is the way's cost.
    workers: Vec<i32>,
}

fn main() {
    let seconds = option("--seconds").unwrap_or(5);
    for program in ["haproxy", "nginx", "iperf3", "wrk"] {
        let is_there = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .stdout(Stdio::null())
            .status();
        if !is_there.is_ok_and(|status| status.success()) {
            println!("skipped: there is no {program} here");
            return;
        }
    }
    let cluster = Cluster::of(2);
    let (bulk, web) = (deploy_bulk(&cluster), deploy_web(&cluster));
    let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let haproxy = haproxy(cluster.folder(), bulk, web);
    let nginx = nginx(cluster.folder(), bulk, web);
    let agents: Vec<i32> = (0..2).filter_map(|at| cluster[at].pid()).collect();
    let of = |at: usize, port: u16| SocketAddr::new(cluster[at].listen.ip(), port);
    let ways = [
        Way {
            name: "straight to the task",
            bulk: local(bulk),
            web: local(web),
            workers: Vec::new(),
        },
        Way {
            name: "HAProxy",
            bulk: local(HAPROXY[0]),
            web: local(HAPROXY[1]),
            workers: with_children(haproxy.0.id()),
        },
        Way {
            name: "nginx, stream",
            bulk: local(NGINX[0]),
            web: local(NGINX[1]),
            workers: with_children(nginx.0.id()),
        },
        Way {
            name: "Shoal, on the task's node",
            bulk: of(0, BULK),
            web: of(0, WEB),
            workers: agents.clone(),
        },
        Way {
            name: "Shoal, from another node",
            bulk: of(1, BULK),
            web: of(1, WEB),
            workers: agents,
        },
    ];
    println!(
        "| way | Gbit/s, 1 connection | {MANY} connections | processor s per Gbit | connections/s | p50, p99 of requests at {MANY} connections |"
    );
    println!("|---|---|---|---|---|---|");
    for way in &ways {
        within(SOON, way.name, || get(way.web));
        println!("{}", row(way, seconds));
    }
}

fn row(way: &Way, seconds: u64) -> String {
    let before = worked(&way.workers);
    let (one, gigabits) = bulk(way.bulk, 1, seconds);
    let cost = (worked(&way.workers) - before) / gigabits;
    let (many, _) = bulk(way.bulk, MANY, seconds);
    let short = wrk(way.web, seconds, &["-H", "Connection: close"]);
    let long = wrk(way.web, seconds, &["--latency"]);
    let after = |text: &str, word: &str| {
        let line = text.lines().find(|line| line.trim().starts_with(word));
        let value = line.and_then(|line| line.split_whitespace().last());
        value.unwrap_or("?").to_owned()
    };
    format!(
        "| {} | {one:.2} | {many:.2} | {cost:.3} | {} | {}, {} |",
        way.name,
        after(&short, "Requests/sec:"),
        after(&long, "50%"),
        after(&long, "99%"),
    )
}

/// Gigabits a second, and in all.
fn bulk(to: SocketAddr, connections: usize, seconds: u64) -> (f64, f64) {
    let output = Command::new("iperf3")
        .args(["-c", &to.ip().to_string(), "-p", &to.port().to_string()])
        .args(["-P", &connections.to_string(), "-t", &seconds.to_string()])
        .arg("-J")
        .output()
        .expect("iperf3 can be run");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let received = &said["end"]["sum_received"];
    let number = |name: &str| received[name].as_f64().unwrap_or(f64::NAN);
    // Its server takes one client at a time, and needs a moment for the next.
    std::thread::sleep(Duration::from_millis(300));
    (number("bits_per_second") / 1e9, number("bytes") * 8.0 / 1e9)
}

fn wrk(to: SocketAddr, seconds: u64, more: &[&str]) -> String {
    let output = Command::new("wrk")
        .args(["-t", "2", "-c", &MANY.to_string()])
        .args(["-d", &format!("{seconds}s")])
        .args(more)
        .arg(format!("http://{to}/"))
        .output()
        .expect("wrk can be run");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Seconds of processor time that these have used so far.
fn worked(processes: &[i32]) -> f64 {
    let ticks = processes.iter().filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some(number(11)? + number(12)?)
    });
    // The kernel's clock tick, wherever Linux runs nowadays.
    ticks.sum::<f64>() / 100.0
}

fn with_children(parent: u32) -> Vec<i32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    let children = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    std::iter::once(parent.cast_signed())
        .chain(children)
        .collect()
}

/// Deploys a service of one task on the first node, behind a published port, and gives the port on which
/// the task listens itself.
fn deploy(cluster: &Cluster, name: &str, published: u16, command: &str) -> u16 {
    let path = cluster.folder().join(format!("{name}.port"));
    let command = format!("echo $PORT > {}; {command}", path.display());
    let spec = json!({
        "Name": name,
        "TaskTemplate": {
            "ContainerSpec": {"Image": "scratch", "Command": ["sh", "-c", command]},
            "Placement": {"Constraints": [format!("node.hostname=={}", cluster[0].hostname)]},
        },
        "EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": published}]},
    });
    let answer = cluster[0].request("POST", "/services/create", Some(&spec));
    assert!(matches!(answer, Ok((201, _))), "not taken: {answer:?}");
    within(SOON, name, || {
        let port = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        port.trim()
            .parse::<u16>()
            .map_err(|error| error.to_string())
    })
}

fn deploy_bulk(cluster: &Cluster) -> u16 {
    deploy(cluster, "bulk", BULK, "exec iperf3 -s -p $PORT")
}

/// A web server whose answer is two bytes.
fn deploy_web(cluster: &Cluster) -> u16 {
    let conf = cluster.folder().join("web.conf");
    let text = "daemon off; worker_processes 1; pid PID; error_log /dev/null;\n\
        events { worker_connections 4096; }\n\
        http { access_log off; keepalive_requests 1000000;\n\
        server { listen 127.0.0.1:PORT backlog=4096; location / { return 200 \"ok\"; } } }\n";
    fs::write(&conf, text).expect("a file");
    let conf = conf.display();
    let command = format!(
        "sed -e \"s/PORT/$PORT/; s,PID,{conf}.pid,\" {conf} > {conf}.made; exec nginx -c {conf}.made"
    );
    deploy(cluster, "web", WEB, &command)
}

fn spawn(program: &str, arguments: &[&str]) -> Beside {
    use std::os::unix::process::CommandExt;
    let child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let child = child.expect("it can be run");
    // Its workers come a moment later.
    std::thread::sleep(Duration::from_secs(1));
    Beside(child)
}

fn haproxy(folder: &Path, bulk: u16, web: u16) -> Beside {
    let [to_bulk, to_web] = HAPROXY;
    let text = format!(
        "global\n  maxconn 8192\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  \
         timeout server 60s\n\
         listen bulk\n  bind 127.0.0.1:{to_bulk}\n  server s 127.0.0.1:{bulk}\n\
         listen web\n  bind 127.0.0.1:{to_web}\n  server s 127.0.0.1:{web}\n"
    );
    let path = folder.join("haproxy.cfg");
    fs::write(&path, text).expect("a file");
    spawn("haproxy", &["-db", "-f", &path.to_string_lossy()])
}

fn nginx(folder: &Path, bulk: u16, web: u16) -> Beside {
    let [to_bulk, to_web] = NGINX;
    let pid = folder.join("nginx.pid");
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
         daemon off; worker_processes auto; pid {}; error_log /dev/null;\n\
         events {{ worker_connections 8192; }}\n\
         stream {{ access_log off;\n\
         server {{ listen 127.0.0.1:{to_bulk}; proxy_pass 127.0.0.1:{bulk}; }}\n\
         server {{ listen 127.0.0.1:{to_web}; proxy_pass 127.0.0.1:{web}; }} }}\n",
        pid.display()
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, text).expect("a file");
    spawn("nginx", &["-c", &path.to_string_lossy()])
}

/// The number after an option; `cargo bench` adds options of its own, which are ignored.
fn option(name: &str) -> Option<u64> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}

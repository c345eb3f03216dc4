//! Tasks that ask for it are told who their client is, on every node.

use std::{
    env,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(20);
const PORT: u16 = 8080;
const SERVER: &str = "says_what_it_was_told";

/// What a task runs: it sends back all that it got.
#[test]
#[ignore = "a task, started by the other tests"]
fn says_what_it_was_told() {
    let Ok(port) = env::var("PORT") else { return };
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    for client in listener.incoming() {
        let mut client = client.unwrap();
        let mut told = Vec::new();
        // Who asked may be gone.
        let _ = client.read_to_end(&mut told);
        let _ = client.write_all(&told);
    }
}

fn deploy(cluster: &Cluster, version: &str) {
    let file = cluster.folder().join("app.yml");
    let binary = env::current_exe().expect("this test has a path");
    let text = format!(
        "services:\n  web:\n    image: scratch\n    \
         command: [{binary:?}, {SERVER}, --exact, --ignored, --nocapture]\n    ports: [\"{PORT}:80\"]\n    \
         x-shoal: {{proxy-protocol: {version}}}\n    deploy: {{placement: {{constraints: [node.hostname==n2]}}}}\n"
    );
    std::fs::write(&file, text).expect("a Compose file");
    let file = file.to_string_lossy().into_owned();
    let deploy = ["stack", "deploy", "-c", &file, "--wait", "app"];
    cluster[0].shoal(&deploy).ok();
}

/// What the task got, and from where it was asked.
fn asked(address: SocketAddr) -> Result<(Vec<u8>, SocketAddr), String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut client = TcpStream::connect(address).map_err(failed)?;
    client.set_read_timeout(Some(SOON)).map_err(failed)?;
    client.write_all(b"hello").map_err(failed)?;
    client.shutdown(Shutdown::Write).map_err(failed)?;
    let mut told = Vec::new();
    client.read_to_end(&mut told).map_err(failed)?;
    let own = client.local_addr().map_err(failed)?;
    match told.is_empty() {
        true => Err("no answer".to_owned()),
        false => Ok((told, own)),
    }
}

#[test]
fn a_task_is_told_who_its_client_is_by_any_node() {
    let cluster = Cluster::of(2);
    deploy(&cluster, "v1");
    for node in 0..2 {
        let address = SocketAddr::new(cluster[node].listen.ip(), PORT);
        let (told, own) = within(SOON, "an answer", || asked(address));
        let (from, to) = (own.ip(), address.ip());
        let expected = format!("PROXY TCP4 {from} {to} {} {PORT}\r\nhello", own.port());
        assert_eq!(String::from_utf8_lossy(&told), expected);
    }
    deploy(&cluster, "v2");
    let address = SocketAddr::new(cluster[0].listen.ip(), PORT);
    within(SOON, "the other version", || {
        let (told, _) = asked(address)?;
        let is_second = told.starts_with(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c") && told.len() == 33;
        is_second.then_some(()).ok_or_else(|| format!("{told:?}"))
    });
    let label = [
        "service",
        "update",
        "--label-add",
        "shoal.proxy-protocol=v3",
        "app_web",
    ];
    let refused = cluster[1].shoal(&label);
    assert!(refused.err.contains("it can be v1 or v2"), "{refused:?}");
    // What was carried is told, by the node that did.
    let traffic = cluster[0].shoal(&["service", "traffic"]);
    let line = traffic.ok().lines().nth(1).expect("a service").to_owned();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(
        (words[0], words[1], words[2]),
        ("app_web", "0", "of"),
        "{line}"
    );
    assert!(
        words[3].parse::<u64>().is_ok_and(|ever| ever >= 2),
        "{line}"
    );
}

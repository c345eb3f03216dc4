//! Clients that mean harm: one service has no more than its share of a node, and the others go on.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use nix::sys::resource::{Resource, setrlimit};
use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(20);
const SERVER: &str = "serves_everybody";
/// Open files of an agent: it has some hundred places for connections then.
const FILES: u64 = 1_024;
/// What `serves_everybody` sends to who asks for much, in bytes.
const MUCH: usize = 32 << 20;
const ATTACKED: u16 = 8_080;
const OTHER: u16 = 8_081;
/// Another port of the service of `ATTACKED`, for packets alone.
const ATTACKED_TOO: u16 = 8_082;

/// What a task runs: it answers each line by TCP, and each packet.
#[test]
#[ignore = "a task, started by the other tests"]
fn serves_everybody() {
    let Ok(port) = env::var("PORT") else { return };
    let port: u16 = port.parse().unwrap();
    let packets = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 2_048];
        loop {
            let (size, from) = packets.recv_from(&mut packet).unwrap();
            // Who asked may be gone.
            let _ = packets.send_to(&packet[..size], from);
        }
    });
    for client in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming() {
        std::thread::spawn(|| {
            let mut client = client.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(client.try_clone().unwrap());
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                let answer = match line.as_str() {
                    "much\n" => vec![b'x'; MUCH],
                    other => other.as_bytes().to_vec(),
                };
                if client.write_all(&answer).is_err() {
                    return;
                }
                line.clear();
            }
        });
    }
}

fn deploy(cluster: &Cluster) {
    let file = cluster.folder().join("app.yml");
    let binary = env::current_exe().expect("this test has a path");
    let service = |name: &str, port: u16, more: &str| {
        format!(
            "  {name}:\n    image: scratch\n    \
             command: [{binary:?}, {SERVER}, --exact, --ignored, --nocapture]\n    \
             ports: [\"{port}:80\", \"{port}:80/udp\"{more}]\n"
        )
    };
    let more = format!(", \"{ATTACKED_TOO}:80/udp\"");
    let text = format!(
        "services:\n{}{}",
        service("attacked", ATTACKED, &more),
        service("other", OTHER, "")
    );
    std::fs::write(&file, text).expect("a Compose file");
    let file = file.to_string_lossy().into_owned();
    let deploy = ["stack", "deploy", "-c", &file, "--wait", "app"];
    cluster[0].shoal(&deploy).ok();
}

/// A connection that was answered, and is kept open.
fn answered(to: SocketAddr) -> Result<TcpStream, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut client = TcpStream::connect(to).map_err(failed)?;
    client.set_read_timeout(Some(SOON)).map_err(failed)?;
    client.write_all(b"hello\n").map_err(failed)?;
    let mut answer = [0; 6];
    client.read_exact(&mut answer).map_err(failed)?;
    Ok(client)
}

fn packet_answered(to: SocketAddr) -> Result<UdpSocket, String> {
    let failed = |error: std::io::Error| error.to_string();
    let client = UdpSocket::bind((to.ip(), 0)).map_err(failed)?;
    let limit = Duration::from_millis(500);
    client.set_read_timeout(Some(limit)).map_err(failed)?;
    client.send_to(b"hello", to).map_err(failed)?;
    client.recv(&mut [0; 16]).map_err(failed)?;
    Ok(client)
}

fn lines_with(cluster: &Cluster, words: &str) -> usize {
    let log = cluster[0].log();
    log.lines().filter(|line| line.contains(words)).count()
}

#[test]
fn one_service_has_its_share_of_a_node_and_the_others_go_on() {
    // Of what this process starts, too.
    setrlimit(Resource::RLIMIT_NOFILE, FILES, FILES).unwrap();
    let cluster = Cluster::of(1);
    deploy(&cluster);
    let at = |port: u16| SocketAddr::new(cluster[0].listen.ip(), port);
    within(SOON, "an answer", || answered(at(ATTACKED)).map(drop));

    // Connections that are made and kept: the last ones are cut off at once.
    let tried: Vec<_> = (0..150).map(|_| answered(at(ATTACKED))).collect();
    let kept: Vec<TcpStream> = tried.into_iter().flatten().collect();
    assert!((20..100).contains(&kept.len()), "{}", kept.len());
    for _ in 0..5 {
        answered(at(OTHER)).expect("another service");
    }
    let traffic = cluster[0].shoal(&["service", "traffic", "--format", "{{.Name}} {{.Refused}}"]);
    let refused = 150 - kept.len();
    assert!(
        traffic.ok().contains(&format!("app_attacked {refused}\n")),
        "{traffic:?}"
    );
    assert!(traffic.out.contains("app_other 0\n"), "{traffic:?}");
    let said = lines_with(&cluster, "too many connections at once");
    assert!(
        (1..10).contains(&said),
        "{said} lines for {refused} clients"
    );
    drop(kept);
    within(SOON, "its clients again", || {
        answered(at(ATTACKED)).map(drop)
    });

    // Clients that ask for much and read nothing.
    let slow: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut client = answered(at(ATTACKED)).expect("a place");
            client.write_all(b"much\n").unwrap();
            client
        })
        .collect();
    let mut quick = answered(at(ATTACKED)).expect("a place beside them");
    quick.write_all(b"much\n").unwrap();
    quick.shutdown(Shutdown::Write).unwrap();
    let mut all = Vec::new();
    quick.read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), MUCH);
    drop(slow);

    // More flows than there are places, by two ports of one service: who was silent for a second goes for who comes.
    within(SOON, "an answer to a packet", || {
        packet_answered(at(ATTACKED)).map(drop)
    });
    let flood: Vec<UdpSocket> = (0..300)
        .map(|_| {
            let client = UdpSocket::bind((at(ATTACKED).ip(), 0)).unwrap();
            for port in [ATTACKED, ATTACKED_TOO] {
                client.send_to(b"hello", at(port)).unwrap();
            }
            client
        })
        .collect();
    let traffic = cluster[0].get("/shoal/v1/traffic").unwrap();
    let traffic = traffic.as_array().unwrap().iter();
    let of_attacked = traffic.clone().find(|one| one["Name"] == "app_attacked");
    let number = |key: &str| of_attacked.unwrap()[key].as_u64().unwrap();
    let (flows, most) = (number("Flows"), number("FlowsMax"));
    assert!((20..=most).contains(&flows), "{flows} of {most} flows");
    packet_answered(at(OTHER)).expect("another service");
    within(SOON, "a new client", || {
        packet_answered(at(ATTACKED)).map(drop)
    });
    let said = lines_with(&cluster, "packets of users' traffic are dropped");
    assert!((1..15).contains(&said), "{said} lines for some 500 packets");
    let traffic = cluster[0].shoal(&["service", "traffic", "--format", "{{.Name}} {{.Dropped}}"]);
    assert!(!traffic.ok().contains("app_attacked 0\n"), "{traffic:?}");
    assert!(traffic.out.contains("app_other 0\n"), "{traffic:?}");
    drop(flood);
}

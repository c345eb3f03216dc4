//! A node that listens on every address of its machine takes clients by IPv4 and by IPv6.

use std::{
    env,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(20);
const SERVER: &str = "answers_both_ways";
/// Of no other test: those listen on addresses of their own.
const PORT: u16 = 8_099;
const LISTEN: u16 = 17_946;
const QUESTION: &[u8] = b"which way?";

/// What a task runs: it sends back what it gets.
#[test]
#[ignore = "a task, started by the other test"]
fn answers_both_ways() {
    let Ok(port) = env::var("PORT") else { return };
    let here = ("127.0.0.1", port.parse().unwrap());
    let packets = UdpSocket::bind(here).unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 2_048];
        loop {
            let (size, from) = packets.recv_from(&mut packet).unwrap();
            packets.send_to(&packet[..size], from).unwrap();
        }
    });
    for client in TcpListener::bind(here).unwrap().incoming() {
        let (mut client, mut heard) = (client.unwrap(), Vec::new());
        client.read_to_end(&mut heard).unwrap();
        client.write_all(&heard).unwrap();
    }
}

fn by_stream(to: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut client = TcpStream::connect(to)?;
    client.write_all(QUESTION)?;
    client.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    Ok(answer)
}

fn by_packet(to: SocketAddr) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((to.ip(), 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    socket.connect(to)?;
    socket.send(QUESTION)?;
    let mut answer = vec![0; 2_048];
    let size = socket.recv(&mut answer)?;
    answer.truncate(size);
    Ok(answer)
}

#[expect(clippy::print_stdout, reason = "says what was skipped, and why")]
fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        println!("skipped: clients by IPv6: this machine has no ::1");
    }
    has
}

#[test]
fn clients_come_by_either_family_to_a_node_on_every_address() {
    let is_both = has_ipv6();
    let any: IpAddr = match is_both {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    let mut cluster = Cluster::empty();
    let at = cluster.place();
    cluster[at].listen = SocketAddr::new(any, LISTEN);
    cluster.enter(at);
    let file = cluster.folder().join("app.yml");
    let binary = env::current_exe().expect("this test has a path");
    let text = format!(
        "services:\n  both:\n    image: scratch\n    \
         command: [{binary:?}, {SERVER}, --exact, --ignored, --nocapture]\n    \
         ports: [\"{PORT}:80\", \"{PORT}:80/udp\"]\n"
    );
    std::fs::write(&file, text).expect("a Compose file");
    let file = file.to_string_lossy().into_owned();
    let deploy = ["stack", "deploy", "-c", &file, "--wait", "app"];
    cluster[0].shoal(&deploy).ok();

    let four: IpAddr = Ipv4Addr::LOCALHOST.into();
    let six = is_both.then_some(IpAddr::from(Ipv6Addr::LOCALHOST));
    for ip in [Some(four), six].into_iter().flatten() {
        let to = SocketAddr::new(ip, PORT);
        for (way, asked) in [
            ("TCP", by_stream as fn(SocketAddr) -> _),
            ("UDP", by_packet),
        ] {
            within(
                SOON,
                &format!("an answer by {way} from {to}"),
                || match asked(to) {
                    Ok(answer) if answer == QUESTION => Ok(()),
                    other => Err(format!("{other:?}")),
                },
            );
        }
    }
}

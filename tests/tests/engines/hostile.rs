//! A container that means harm to the balancer of its machine, and its neighbours that go on.

use std::{fs::File, net::Ipv4Addr, time::Duration};

use nix::sched::{CloneFlags, setns};
use shoal_tests::{LAB_IMAGE, Lab, within};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{Turn, network::Asker};

const ANSWERED: Duration = Duration::from_secs(20);
/// More than a listener keeps waiting.
const SYNS: u16 = 30_000;
const SCANNED: u16 = 400;

fn stack() -> String {
    let service = |name: &str| {
        format!(
            r#"
  {name}:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "echo {name} > /www/index.html; httpd -f -p 80 -h /www"]
    stop_grace_period: 1s
    deploy: {{placement: {{constraints: ["node.hostname==m1"]}}}}"#
        )
    };
    format!("services:{}{}\n", service("web"), service("harm"))
}

/// A segment that asks for a connection.
fn syn(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<u8> {
    let mut segment = Vec::with_capacity(40);
    // IPv4: 20 bytes of header, 40 in all; the kernel fills in the checksum.
    segment.extend([0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    segment.extend(from.0.octets());
    segment.extend(to.0.octets());
    // TCP: 20 bytes of header, SYN, a window of 64 KB.
    segment.extend(from.1.to_be_bytes());
    segment.extend(to.1.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    let pseudo = [0, 6, 0, 20];
    let summed = segment[12..].iter().chain(&pseudo).copied();
    let words: Vec<u8> = summed.collect();
    let mut sum: u32 = words
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !u16::try_from(sum).expect("it was folded");
    segment[36..38].copy_from_slice(&checksum.to_be_bytes());
    segment
}

/// Asks for connections in the names of neighbours that are not there, so that nobody takes them back.
/// Returns how many the kernel sent.
fn flood(pid: &str, network: Ipv4Addr, to: Ipv4Addr) -> usize {
    let namespace = File::open(format!("/proc/{pid}/ns/net")).expect("the container's network");
    let thread = std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("into the container's network");
        let socket =
            Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).expect("a raw socket");
        socket.set_header_included_v4(true).expect("own headers");
        let [a, b, c, _] = network.octets();
        let target = SockAddr::from(std::net::SocketAddr::from((to, 80)));
        let sends = |number: &u16| {
            let neighbour = Ipv4Addr::new(a, b, c, 100 + (number % 100) as u8);
            let segment = syn((neighbour, 1_024 + number), (to, 80));
            socket.send_to(&segment, &target).is_ok()
        };
        (0..SYNS).filter(sends).count()
    });
    thread.join().expect("a flood")
}

/// The first address of a container.
fn own_address(lab: &Lab, container: &str) -> Ipv4Addr {
    let said = lab.engine(1, &["exec", container, "hostname", "-i"]);
    let address = said.out.split_whitespace().next().map(str::parse);
    address.expect("an address").expect("of IPv4")
}

#[test]
fn a_port_scan_and_a_flood_of_half_open_connections_leave_the_others_what_they_have() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    lab.deploy(1, "hostile", &stack());
    let harm = Asker::of(lab, "hostile_harm");
    let address = harm.reaches("web", 80, "web");
    let lines_before = lab.agent_log(1).lines().count();

    let scan = format!(
        "n=0; for p in $(busybox seq 1 {SCANNED}); do nc -w 1 {address} $p < /dev/null > /dev/null 2>&1 && n=$((n+1)); done; echo $n"
    );
    harm.run(&scan).expect("a scan");
    harm.reaches("web", 80, "web");
    let lines = lab.agent_log(1).lines().count() - lines_before;
    assert!(lines < 40, "{lines} lines of a scan: {}", lab.agent_log(1));

    let container = harm.container();
    let pid = lab.engine(1, &["inspect", "-f", "{{.State.Pid}}", container]);
    let sent = flood(pid.ok().trim(), own_address(lab, container), address);
    assert!(sent > usize::from(SYNS) / 2, "{sent} were sent");
    let web = Asker::of(lab, "hostile_web");
    within(ANSWERED, "an answer beside the flood", || {
        match web.get(address, 80)? {
            body if body == "web" => Ok(()),
            body => Err(body),
        }
    });
    harm.reaches("web", 80, "web");
    lab.docker(1, &["stack", "rm", "hostile"]).ok();
}

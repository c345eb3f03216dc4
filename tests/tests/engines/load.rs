//! Services at work: what people see of deaths and of changes while they ask.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use shoal_tests::{LAB_IMAGE, Lab, Load, get, within};

use super::{ALL, Turn};

const DEPLOYED: Duration = Duration::from_secs(60);
const PORT: u16 = 8090;
const CLIENTS: usize = 8;
const A_SECOND: usize = 200;

fn published(lab: &Lab, machine: usize) -> SocketAddr {
    format!("{}:{PORT}", lab.address(machine))
        .parse()
        .expect("an address")
}

/// A web service on all machines, in front of which each machine listens.
fn deploy(lab: &Lab) {
    lab.deploy(
        1,
        "load",
        &format!(
            r#"
services:
  web:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "echo here > /www/index.html; exec httpd -f -p 80 -h /www"]
    stop_grace_period: 2s
    ports: ["{PORT}:80"]
    deploy: {{replicas: 3}}
"#
        ),
    );
    lab.runs_once("load_web", 3, &ALL, DEPLOYED);
    for machine in ALL {
        within(DEPLOYED, "an answer", || get(published(lab, machine)));
    }
}

#[test]
fn a_death_under_load_costs_what_was_under_way_and_scaling_costs_nothing() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    deploy(lab);
    let both = [published(lab, 1), published(lab, 2)];
    let load = Load::start(&both, CLIENTS, A_SECOND);
    load.makes(A_SECOND);
    for replicas in ["6", "2", "4"] {
        let scale = format!("load_web={replicas}");
        lab.docker(2, &["service", "scale", "--detach", &scale])
            .ok();
        let slots = replicas.parse().unwrap();
        lab.runs_once("load_web", slots, &ALL, DEPLOYED);
        load.makes(A_SECOND);
    }
    let failures = load.failures();
    assert!(failures.is_empty(), "while it was scaled: {failures:#?}");

    lab.run(&["kill", "3"]).ok();
    let killed = Instant::now();
    load.makes(5 * A_SECOND);
    let failures = load.failures();
    // That it takes a moment to be noticed is why each was tried elsewhere meanwhile.
    let late: Vec<_> = failures
        .iter()
        .filter(|failure| failure.at > killed + Duration::from_secs(1))
        .collect();
    assert!(late.is_empty(), "{late:#?}");
    assert!(failures.len() <= CLIENTS, "{failures:#?}");
    println!("{} requests, {} failed", load.made(), failures.len());
    drop(load);
    lab.run(&["boot", "3"]).ok();
    lab.run(&["mend", "3"]).ok();
    lab.docker(1, &["stack", "rm", "load"]).ok();
}

/// Bytes that are different each time and the same in each run.
struct Noise(u64);

impl Noise {
    fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            // xorshift64 (Marsaglia 2003).
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            piece.copy_from_slice(&self.0.to_le_bytes()[..piece.len()]);
        }
    }
}

#[test]
fn a_gigabyte_passes_between_machines_and_comes_back_as_it_was() {
    const SIZE: usize = 1 << 30;
    const PIECE: usize = 64 << 10;
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let create = [
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        "echo",
        "--constraint",
        "node.hostname==m3",
        "--publish",
        "8091:80",
        "--stop-grace-period",
        "1s",
        LAB_IMAGE,
        "busybox",
        "nc",
        "-ll",
        "-p",
        "80",
        "-e",
        "cat",
    ];
    lab.docker(1, &create).ok();
    lab.runs_once("echo", 1, &ALL, DEPLOYED);
    let address: SocketAddr = format!("{}:8091", lab.address(1)).parse().unwrap();
    let mut client = within(DEPLOYED, "a connection", || {
        let said = |error: std::io::Error| error.to_string();
        let mut client = TcpStream::connect(address).map_err(said)?;
        client.set_read_timeout(Some(DEPLOYED)).map_err(said)?;
        client.write_all(b"x").map_err(said)?;
        client.read_exact(&mut [0]).map_err(said)?;
        Ok(client)
    });
    let mut out = client.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        let (mut noise, mut piece) = (Noise(7), vec![0; PIECE]);
        for _ in 0..SIZE / PIECE {
            noise.fill(&mut piece);
            out.write_all(&piece).unwrap();
        }
        out.shutdown(Shutdown::Write).unwrap();
    });
    let (mut noise, mut piece, mut expected) = (Noise(7), vec![0; PIECE], vec![0; PIECE]);
    for number in 0..SIZE / PIECE {
        client.read_exact(&mut piece).unwrap();
        noise.fill(&mut expected);
        assert!(piece == expected, "piece {number} is another");
    }
    assert_eq!(client.read(&mut piece).unwrap(), 0, "it ends as it ended");
    writer.join().unwrap();
    lab.docker(1, &["service", "rm", "echo"]).ok();
}

//! Published ports: each node listens, and brings who connects to a task that runs.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use shoal_tests::{Cluster, get, within};

const SOON: Duration = Duration::from_secs(20);
const PORT: u16 = 8080;

/// A service that says in each answer which node it ran on, and its slot.
fn deploy(cluster: &Cluster, replicas: usize) {
    let file = cluster.folder().join("app.yml");
    let binary = shoal_tests::shoal_binary();
    let text = format!(
        "services:\n  web:\n    image: scratch\n    command: [{binary:?}, __web]\n    \
         environment: [\"NODE={{{{.Node.Hostname}}}}\"]\n    ports: [\"{PORT}:80\"]\n    \
         deploy:\n      replicas: {replicas}\n"
    );
    std::fs::write(&file, text).expect("a Compose file");
    let file = file.to_string_lossy().into_owned();
    let deploy = ["stack", "deploy", "-c", &file, "--wait", "app"];
    let said = cluster[0].shoal(&deploy);
    said.ok();
    assert!(!said.err.contains("nothing listens"), "{}", said.err);
}

fn published(cluster: &Cluster, node: usize) -> SocketAddr {
    SocketAddr::new(cluster[node].listen.ip(), PORT)
}

#[test]
fn every_node_brings_clients_to_every_task() {
    let mut cluster = Cluster::of(3);
    deploy(&cluster, 2);
    // Each node uses both tasks, wherever they are.
    for node in 0..3 {
        let address = published(&cluster, node);
        within(SOON, "both tasks answer", || {
            let mut answers = Vec::new();
            for _ in 0..8 {
                answers.push(get(address)?);
            }
            answers.sort();
            answers.dedup();
            match answers.len() {
                2 => Ok(()),
                _ => Err(format!("{answers:?}")),
            }
        });
    }
    let nobody_listens = || {
        for node in 0..3 {
            let address = published(&cluster, node);
            within(SOON, "nobody listens", || {
                match TcpStream::connect(address) {
                    Err(_) => Ok(()),
                    Ok(_) => Err("somebody does".to_owned()),
                }
            });
        }
    };
    // Without a task, whoever waits for one is refused.
    cluster[1]
        .shoal(&["service", "scale", "--detach", "app_web=0"])
        .ok();
    nobody_listens();
    cluster[1].shoal(&["service", "scale", "app_web=1"]).ok();
    within(SOON, "an answer again", || get(published(&cluster, 2)));
    cluster[1].shoal(&["stack", "rm", "app"]).ok();
    nobody_listens();
    cluster.agree(SOON);
}

/// Requests go on while a machine loses its power; those on it may fail, later ones may not.
#[test]
fn a_dead_machine_costs_no_request_but_those_it_had() {
    let mut cluster = Cluster::of(3);
    deploy(&cluster, 3);
    let address = published(&cluster, 0);
    within(SOON, "an answer", || get(address).map(drop));
    let stop = Arc::new(AtomicBool::new(false));
    let is_cut = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, is_cut, asked) = (stop.clone(), is_cut.clone(), asked.clone());
            std::thread::spawn(move || {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let begun_after = is_cut.load(Ordering::SeqCst);
                    if let Err(error) = get(address) {
                        failed.push((begun_after, error));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                failed
            })
        })
        .collect();
    let many = |count: usize| {
        let begun = asked.load(Ordering::Relaxed);
        within(SOON, "more requests", || {
            match asked.load(Ordering::Relaxed) - begun {
                made if made >= count => Ok(()),
                made => Err(format!("{made}")),
            }
        });
    };
    many(100);
    cluster[2].power_cut();
    is_cut.store(true, Ordering::SeqCst);
    many(400);
    stop.store(true, Ordering::Relaxed);
    let failed = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap());
    // At most what was under way, one of each client, and nothing that began later.
    let (later, under_way): (Vec<_>, Vec<_>) = failed.partition(|(begun_after, _)| *begun_after);
    assert_eq!(later, []);
    assert!(under_way.len() <= 4, "{under_way:?}");
}

/// A service that leaves its published port open is given one, which it keeps.
#[test]
fn a_port_that_is_left_open_is_the_same_on_all_nodes() {
    let mut cluster = Cluster::of(2);
    let binary = shoal_tests::shoal_binary();
    let binary = binary.to_string_lossy().into_owned();
    let create = |name: &str, port: &str| {
        let all = [
            "service",
            "create",
            "--name",
            name,
            "--publish",
            port,
            "--env",
            "NODE=x",
            "scratch",
            &binary,
            "__web",
        ];
        cluster[0].shoal(&all)
    };
    create("web", "80").ok();
    let shown = |node: usize| {
        let format = "{{range .Endpoint.Ports}}{{.PublishedPort}} {{.TargetPort}}{{end}} \
                      {{range .Spec.EndpointSpec.Ports}}{{.PublishedPort}}{{end}}";
        let said = cluster[node].shoal(&["service", "inspect", "web", "--format", format]);
        said.ok().to_owned()
    };
    let first = shown(0);
    let port: u16 = first.split(' ').next().unwrap().parse().expect(&first);
    assert!((30_000..32_768).contains(&port), "{first}");
    let listed = cluster[1].shoal(&["service", "ls"]);
    assert!(
        listed.ok().contains(&format!("*:{port}->80/tcp")),
        "{listed:?}"
    );
    let taken = create("other", &format!("{port}:80"));
    assert!(
        taken.err.contains("is already in use by service 'web'"),
        "{taken:?}"
    );
    cluster[1]
        .shoal(&["service", "update", "--env-add", "A=b", "web"])
        .ok();
    for node in 0..2 {
        assert_eq!(shown(node), first);
        let address = SocketAddr::new(cluster[node].listen.ip(), port);
        within(SOON, "an answer", || get(address).map(drop));
    }
    cluster.agree(SOON);
}

/// Processes know one another by their environment: the address is their own node's.
#[test]
fn a_process_finds_other_services_by_its_environment() {
    let cluster = Cluster::of(2);
    deploy(&cluster, 1);
    let file = cluster.folder().join("asker.yml");
    let text = "services:\n  asker:\n    image: scratch\n    command: [\"sh\", \"-c\", \"echo told $$SHOAL_SERVICE_WEB; sleep 1000\"]\n    \
                deploy: {mode: global}\n";
    std::fs::write(&file, text).expect("a Compose file");
    let deploy_more = [
        "stack",
        "deploy",
        "-c",
        &file.to_string_lossy(),
        "--wait",
        "app",
    ];
    cluster[0].shoal(&deploy_more).ok();
    let said = cluster[0].shoal(&["service", "logs", "app_asker"]);
    for node in 0..2 {
        let address = published(&cluster, node);
        assert!(said.ok().contains(&format!("told {address}")), "{said:?}");
        within(SOON, "an answer there", || get(address).map(drop));
    }
}

/// A port of one node that another program has is that node's alone to miss, and taken when it is free.
#[test]
fn a_taken_port_stops_nobody_else() {
    let cluster = Cluster::of(2);
    let taken = TcpListener::bind(published(&cluster, 1)).unwrap();
    deploy(&cluster, 2);
    within(SOON, "an answer", || get(published(&cluster, 0)).map(drop));
    within(SOON, "a word on it", || {
        match cluster[1]
            .log()
            .contains("can't listen on a published port")
        {
            true => Ok(()),
            false => Err(cluster[1].log()),
        }
    });
    // People of another node see it where they look, and its task goes on.
    let ps = ["service", "ps", "--no-trunc", "app_web"];
    let inspect = ["node", "inspect", "n2"];
    let words = "port 8080/tcp is closed here: Address already in use";
    let seen = || {
        let ask = |command: &[&str]| cluster[0].shoal(command).ok().to_owned();
        let (tasks, node, why) = (ask(&ps), ask(&inspect), ask(&["why", "app_web"]));
        let of_nodes = |name: &str| {
            tasks
                .lines()
                .filter(|line| line.contains(name))
                .collect::<Vec<_>>()
        };
        let (one, two) = (of_nodes("n1 "), of_nodes("n2 "));
        let is_said = !two.is_empty() && two.iter().all(|line| line.contains(words));
        assert!(one.iter().all(|line| !line.contains(words)), "{tasks}");
        let all = [
            is_said,
            node.contains("\"PublishedPort\": 8080"),
            why.contains(&format!("node n2: {words}")),
        ];
        (all, format!("{tasks}{node}{why}"))
    };
    within(SOON, "its people are told", || match seen() {
        ([true, true, true], _) => Ok(()),
        (_, said) => Err(said),
    });
    let events = [
        "events",
        "--since",
        "10m",
        "--until",
        "0s",
        "--filter",
        "event=port-taken",
    ];
    let told = cluster[0].shoal(&events).ok().to_owned();
    assert!(told.contains("name=n2, port=8080/tcp"), "{told}");
    drop(taken);
    within(SOON, "an answer there, too", || {
        get(published(&cluster, 1)).map(drop)
    });
    within(SOON, "nobody is told any more", || match seen() {
        ([false, false, false], _) => Ok(()),
        (_, said) => Err(said),
    });
}

/// A connection carries what is sent, all of it and in its order, and ends as it ended.
#[test]
fn a_megabyte_and_half_an_end_pass_between_nodes() {
    let cluster = Cluster::of(2);
    // It sends back all it is sent, once that has ended.
    let script = "import os,socket,sys\ns=socket.create_server((\"127.0.0.1\",int(os.environ[\"PORT\"])))\n\
                  while True:\n  c,_=s.accept(); b=b\"\"\n  while True:\n    d=c.recv(65536)\n    if not d: break\n    b+=d\n  c.sendall(b); c.close()\n";
    let file = cluster.folder().join("echo.py");
    std::fs::write(&file, script).unwrap();
    let file = file.to_string_lossy().into_owned();
    let create = [
        "service",
        "create",
        "-q",
        "--name",
        "echo",
        "--publish",
        "9090:90",
        "--constraint",
        "node.hostname==n2",
        "scratch",
        "python3",
        &file,
    ];
    cluster[0].shoal(&create).ok();
    let address = SocketAddr::new(cluster[0].listen.ip(), 9090);
    let sent: Vec<u8> = (0..1_048_576_u32).map(|at| (at % 251) as u8).collect();
    let back = within(SOON, "all of it, back", || {
        let said = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(address).map_err(said)?;
        stream.write_all(&sent).map_err(said)?;
        stream.shutdown(Shutdown::Write).map_err(said)?;
        let mut back = Vec::new();
        stream.read_to_end(&mut back).map_err(said)?;
        match back.is_empty() {
            true => Err("nothing".to_owned()),
            false => Ok(back),
        }
    });
    assert_eq!(back.len(), sent.len());
    assert!(back == sent, "other bytes");
}

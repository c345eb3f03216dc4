//! `docker stack deploy` and `shoal stack deploy` make the same thing of the same file.

use std::process::Command;

use serde_json::Value;
use shoal_tests::{Cluster, Node, Said};

/// A dozen files, each with forms of its own.
const FILES: [&str; 13] = [
    "services: {a: {image: b}}",
    r#"
services:
  web:
    image: nginx:1.27
    command: nginx -g "daemon off;"
    entrypoint: ["/entry", "--x"]
    environment: {A: "1", B: two words, C: ~}
    hostname: h
    user: "1000:1000"
    working_dir: /srv
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    init: true
    tty: true
    stdin_open: true
    read_only: true
"#,
    r#"
services:
  web:
    image: nginx
    ports: ["8080:80", "9000-9002:9000-9002/udp", {target: 443, published: 8443, mode: host, protocol: tcp}]
    expose: ["99"]
"#,
    r#"
services:
  db:
    image: postgres:16
    volumes:
      - data:/var/lib/postgresql/data
      - /etc/localtime:/etc/localtime:ro
      - {type: tmpfs, target: /tmp, tmpfs: {size: 10000000}}
      - {type: volume, source: other, target: /o, read_only: true, volume: {nocopy: true}}
volumes:
  data: {driver: local, driver_opts: {type: nfs, o: "addr=10.0.0.1", device: ":/x"}, labels: {l: "1"}}
  other: {name: another}
"#,
    r#"
services:
  a:
    image: b
    deploy:
      mode: global
      labels: {x: y}
      placement: {constraints: ["node.role == worker", "node.labels.a != b"], preferences: [{spread: node.labels.zone}]}
"#,
    r#"
services:
  a:
    image: b
    deploy:
      replicas: 7
      placement: {max_replicas_per_node: 2}
      endpoint_mode: dnsrr
      resources:
        limits: {cpus: "1.5", memory: 256M, pids: 50}
        reservations: {cpus: "0.25", memory: 64M}
"#,
    r#"
services:
  a:
    image: b
    deploy:
      restart_policy: {condition: on-failure, delay: 3s, max_attempts: 4, window: 2m}
      update_config: {parallelism: 2, delay: 10s, failure_action: rollback, monitor: 20s, max_failure_ratio: 0.3, order: start-first}
      rollback_config: {parallelism: 0, order: stop-first}
"#,
    r#"
services:
  a:
    image: b
    healthcheck: {test: curl -f http://localhost, interval: 1m, timeout: 10s, retries: 3, start_period: 40s}
  c:
    image: b
    healthcheck: {disable: true}
  d:
    image: b
    healthcheck: {test: ["CMD", "true"]}
"#,
    r#"
services:
  front:
    image: b
    networks: {outside: {aliases: [www]}, inside: ~}
  back:
    image: b
    networks: [inside]
networks:
  outside: {driver: overlay, attachable: true, driver_opts: {encrypted: ""}, labels: {a: b}}
  inside: {internal: true, ipam: {config: [{subnet: 10.70.0.0/24}]}}
"#,
    r#"
services:
  a:
    image: b
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    sysctls: {net.core.somaxconn: "1024"}
    ulimits: {nproc: 65535, nofile: {soft: 20000, hard: 40000}}
    dns: [9.9.9.9, 1.1.1.1]
    dns_search: lan
    extra_hosts: ["one:10.0.0.1", "two:10.0.0.2"]
    labels: {c: "3"}
"#,
    r#"
services:
  a:
    image: b
    logging: {driver: syslog, options: {tag: x, syslog-address: "udp://10.0.0.9:514"}}
    isolation: default
"#,
    r#"
x-common: &common
  image: b
  environment: &env {A: "1"}
services:
  one: {<<: *common, command: ["x"]}
  two:
    <<: *common
    environment: {<<: *env, B: "2"}
"#,
    r#"
services:
  a:
    image: registry.example.org:5000/team/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    networks: [host]
networks: {host: {external: true, name: host}}
"#,
];

fn docker(node: &Node, arguments: &[&str]) -> Said {
    let mut command = Command::new("docker");
    command
        .args(arguments)
        .env("DOCKER_HOST", node.docker_host());
    command.output().expect("docker can be run").into()
}

/// The specs of all services and networks, by their names: what does not depend on when they were made.
fn specs(node: &Node) -> Vec<(String, Value)> {
    let list = |path| match node.get(path) {
        Ok(Value::Array(list)) => list,
        other => panic!("{path}: {other:?}"),
    };
    let mut specs = Vec::new();
    for service in list("/services") {
        let mut spec = service["Spec"].clone();
        // Lists that the docker client makes of maps, in no order.
        let ports = spec.pointer_mut("/EndpointSpec/Ports");
        if let Some(ports) = ports.and_then(Value::as_array_mut) {
            ports.sort_by_key(ToString::to_string);
        }
        specs.push((spec["Name"].to_string(), spec));
    }
    for network in list("/networks") {
        let mut spec = network.clone();
        for unlike in ["Id", "Created"] {
            spec[unlike] = Value::Null;
        }
        specs.push((spec["Name"].to_string(), spec));
    }
    specs.sort_by(|a, b| a.0.cmp(&b.0));
    specs
}

#[test]
fn both_clients_make_the_same_of_the_same_file() {
    if Command::new("docker").arg("--version").output().is_err() {
        println!("skipped: there is no docker command here to compare with");
        return;
    }
    let cluster = Cluster::of(1);
    let node = &cluster[0];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compose.yml");
    let file = path.to_str().unwrap();
    for text in FILES {
        std::fs::write(&path, format!("version: \"3.9\"\n{}\n", text.trim())).unwrap();
        let deploy = [
            "stack",
            "deploy",
            "--detach",
            "--resolve-image",
            "never",
            "-c",
            file,
            "app",
        ];
        docker(node, &deploy).ok();
        let dockers = specs(node);
        docker(node, &["stack", "rm", "app"]).ok();
        assert_eq!(specs(node), [], "{text}");
        node.shoal(&["stack", "deploy", "-c", file, "app"]).ok();
        let ours = specs(node);
        assert!(!ours.is_empty(), "{text}");
        for (mine, theirs) in ours.iter().zip(&dockers) {
            assert_eq!(mine, theirs, "{text}");
        }
        assert_eq!(ours.len(), dockers.len(), "{text}");
        node.shoal(&["stack", "rm", "app"]).ok();
        assert_eq!(specs(node), [], "{text}");
    }
}

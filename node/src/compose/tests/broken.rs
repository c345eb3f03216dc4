//! What is said of files that are wrong.

use super::findings;

#[test]
fn everything_that_is_wrong_is_found_in_one_pass() {
    insta::assert_snapshot!(findings(
        r#"version: "3.9"
servces: {}
services:
  web:
    build: .
    imagee: nginx
    image: ""
    imag: x
    ports: ["a:b", "127.0.0.1:80:80", {published: 80}]
    volumes: ["gone:/data", "x:y", {type: tmpfs, source: a, target: /b}]
    network_mode: host
    privileged: true
    healthcheck: {interval: 3q, test: [curl, x]}
    stop_grace_period: 10
    command: echo "open
    environment: {A: true, B: [1]}
    extra_hosts: [nowhere]
    networks: [front, undeclared]
    secrets: [s]
    deploy:
      mode: everywhere
      replicas: -1
      update_config: {delay: 3, max_failure_ratio: 2}
      resources: {limits: {cpus: many, memory: 5x}}
      placement: {constraint: [a==b]}
    x-shoal: {priority: high, colour: red, data: away}
    devices: []
    container_name: c
    depends_on: [db]
    restart: sometimes
  bad/name: {image: x}
  empty:
networks: {front: {driver_opt: {}}}
volumes: {e: {external: true, driver: nfs}}
secrets: {s: {}}
x-shoal: {}
x-mine: {anything: goes}
"#
    ));
}

#[test]
fn what_only_the_whole_shows_is_found_when_each_part_is_right() {
    insta::assert_snapshot!(findings(
        r#"services:
  web:
    image: x
    ports: [{published: 80}]
    volumes: ["gone:/data", "e:y", {type: tmpfs, source: a, target: /b}, {type: bind, target: /c}]
    networks: [undeclared]
    secrets: [s]
    configs: [s]
    restart: sometimes
    tmpfs: [run, "/run:noexec"]
    healthcheck: {disable: true, test: x}
    deploy: {mode: global, replicas: 2}
  job: {image: x, deploy: {mode: replicated-job}}
  bad/name: {image: x}
volumes: {e: {external: true, driver: nfs}}
secrets: {s: {}}
"#
    ));
}

#[test]
fn warnings_do_not_stop_a_deployment() {
    insta::assert_snapshot!(findings(
        r#"name: mine
services:
  web:
    image: "x:${NONE}-${NONE}"
    build: .
    container_name: c
    depends_on: {db: {condition: service_healthy}}
    expose: [80]
    links: [db]
    restart: always
    privileged: false
    devices: []
    x-other: {a: 1}
"#
    ));
}

#[test]
fn one_mistake_each() {
    for (text, finding) in [
        (
            "",
            "docker-compose.yml: the file is empty: it needs `services:`",
        ),
        (
            "- a",
            "docker-compose.yml:1: the top level must be a map with `services:`, not a list",
        ),
        (
            "services: {}",
            "docker-compose.yml: services: there is no service: nothing to deploy",
        ),
        (
            "services: []",
            "docker-compose.yml:1: services: must be a map, not a list",
        ),
        (
            "a: b: c",
            "docker-compose.yml:1: not valid YAML: mapping values are not allowed in this context",
        ),
        (
            "services:\n  a: {image: x}\n  a: {image: y}",
            "docker-compose.yml:3: services.a: this key is already set in line 2",
        ),
        (
            "services: {a: {image: x}}\n---\nb: c",
            "docker-compose.yml:2: a second document begins here: a Compose file has one",
        ),
        (
            "services: {a: {image: x, deploy: !reset {}}}",
            "docker-compose.yml:1: the tag !reset is not supported",
        ),
        (
            "services: {? [a] : b}",
            "docker-compose.yml:1: a key must be text, not a list or a map",
        ),
        (
            "services: {a: {<<: 5, image: x}}",
            "docker-compose.yml:1: `<<` takes a map or a list of maps, not a number",
        ),
        (
            "services: {a: {image: \"${REQUIRED:?set it}\"}}",
            "docker-compose.yml:1: services.a.image: required variable REQUIRED is missing a value: set it",
        ),
        (
            "services: {a: {image: x, env_file: none.env}}",
            "docker-compose.yml:1: services.a.env_file[0]: cannot read \"none.env\": there is no such file",
        ),
        (
            "services: {a: {image: x, ports: [\"70000:80\"]}}",
            "docker-compose.yml:1: services.a.ports[0]: \"70000:80\" is not a port: write [published:]target, each from 1 to 65535",
        ),
        (
            "services: {a: {image: x, stop_grace_period: 10}}",
            "docker-compose.yml:1: services.a.stop_grace_period: must be a duration such as 10s or 1m30s, not 10",
        ),
        (
            "services: {a: {build: .}}",
            "docker-compose.yml:1: services.a.build: not supported: build the image first and name it with image:",
        ),
        (
            "services: {a: {image: 1.5}}",
            "docker-compose.yml:1: services.a.image: must be text, not a number: put it in quotes",
        ),
        (
            "services: {a: {image: x, environment: {A: true}}}",
            "docker-compose.yml:1: services.a.environment.A: must be text, not a boolean: put it in quotes",
        ),
    ] {
        assert_eq!(findings(text), format!("{finding}\n"), "{text}");
    }
}

#[test]
fn at_most_fifty_errors_are_shown() {
    let text: String = (0..70).map(|number| format!("bad{number}: 1\n")).collect();
    let errors = super::merged(&text).unwrap_err().to_string();
    assert_eq!(errors.lines().count(), 51);
    assert!(errors.ends_with("\nand 20 more"));
}

#[test]
fn a_bad_stack_name_is_refused() {
    let files = [super::source("services: {a: {image: x}}")];
    let errors = super::load(&files, &super::environment(), "a/b").unwrap_err();
    assert!(
        errors
            .to_string()
            .contains("the stack cannot be called \"a/b\""),
        "{errors}"
    );
}

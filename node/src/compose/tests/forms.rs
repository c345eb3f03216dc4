//! Short and long forms, each against the part of the spec that it becomes.
//! It is over 400 lines because it is one table, with a row for each form.

use serde_json::{Value as Json, json};

use super::{findings, project};

/// The spec of a service with these lines, or what is wrong.
fn spec(lines: &str) -> Json {
    let text = format!(
        "services:\n  web:\n    image: x\n    {}\nnetworks: {{n: {{}}, out: {{external: true, name: real}}}}\nvolumes: {{v: {{}}, e: {{external: true}}, nfs: {{driver: nfs, driver_opts: {{o: 1}}, labels: [a=b]}}}}\n",
        lines.replace('\n', "\n    ")
    );
    match project(&text) {
        Ok(project) => project.services[0].spec.clone(),
        Err(errors) => panic!("{lines}: {errors}"),
    }
}

fn check(rows: &[(&str, &str, Json)]) {
    for (lines, pointer, wanted) in rows {
        let spec = spec(lines);
        let found = spec.pointer(pointer).unwrap_or(&Json::Null);
        assert_eq!(found, wanted, "{lines}\n{pointer}");
    }
}

const CONTAINER: &str = "/TaskTemplate/ContainerSpec";

fn check_container(rows: &[(&str, &str, Json)]) {
    let paths: Vec<String> = rows
        .iter()
        .map(|(_, key, _)| format!("{CONTAINER}/{key}"))
        .collect();
    for ((lines, _, wanted), path) in rows.iter().zip(&paths) {
        check(&[(lines, path, wanted.clone())]);
    }
}

#[test]
fn what_is_run() {
    check_container(&[
        (
            "command: echo $$HOME \"a b\"",
            "Args",
            json!(["echo", "$HOME", "a b"]),
        ),
        ("command: [a, b c]", "Args", json!(["a", "b c"])),
        ("command: null", "Args", Json::Null),
        (
            "entrypoint: sh -c 'x y'",
            "Command",
            json!(["sh", "-c", "x y"]),
        ),
        ("user: \"${TAG}\"", "User", json!("1.2")),
        ("user: \"1:1\"", "User", json!("1:1")),
        ("working_dir: /w", "Dir", json!("/w")),
        (
            "hostname: \"{{.Task.Slot}}\"",
            "Hostname",
            json!("{{.Task.Slot}}"),
        ),
        ("init: true", "Init", json!(true)),
        ("init: false", "Init", json!(false)),
        ("tty: true", "TTY", json!(true)),
        ("stdin_open: true", "OpenStdin", json!(true)),
        ("read_only: true", "ReadOnly", json!(true)),
        ("stop_signal: SIGINT", "StopSignal", json!("SIGINT")),
        (
            "stop_grace_period: 1m30s",
            "StopGracePeriod",
            json!(90_000_000_000_i64),
        ),
        ("group_add: [\"1\"]", "Groups", json!(["1"])),
    ]);
}

#[test]
fn variables_and_labels() {
    let variables = json!(["A=1", "B=1.5", "C", "D=", "HOME=/root", "O=288"]);
    check_container(&[
        (
            "environment: {D: \"\", A: 1, B: 1.50, C: null, HOME: , O: 0440}",
            "Env",
            variables,
        ),
        (
            "environment: [D=, A=1, C, HOME, 'E=a=b']",
            "Env",
            json!(["A=1", "C", "D=", "E=a=b", "HOME=/root"]),
        ),
        ("environment: [A=1, A=2]", "Env", json!(["A=2"])),
        (
            "labels: {a: b, c: }",
            "Labels",
            json!({"a": "b", "c": "", "com.docker.stack.namespace": "app"}),
        ),
        (
            "labels: [a=b, c]",
            "Labels",
            json!({"a": "b", "c": "", "com.docker.stack.namespace": "app"}),
        ),
        ("sysctls: [a.b=1]", "Sysctls", json!({"a.b": "1"})),
        ("sysctls: {a.b: 1}", "Sysctls", json!({"a.b": "1"})),
    ]);
}

#[test]
fn surroundings_of_the_container() {
    let dns = json!({"Nameservers": ["1.1.1.1"], "Search": ["a", "b"]});
    check_container(&[
        ("dns: 1.1.1.1\ndns_search: [a, b]", "DNSConfig", dns),
        (
            "extra_hosts: [\"h:1.2.3.4\", \"g=::1\"]",
            "Hosts",
            json!(["1.2.3.4 h", "::1 g"]),
        ),
        ("extra_hosts: {h: 1.2.3.4}", "Hosts", json!(["1.2.3.4 h"])),
        (
            "cap_add: [net_admin, CAP_KILL]\ncap_drop: [ALL]",
            "CapabilityAdd",
            json!(["CAP_KILL", "CAP_NET_ADMIN"]),
        ),
        (
            "cap_add: [kill]\ncap_drop: [kill, chown]",
            "CapabilityDrop",
            json!(["CAP_CHOWN"]),
        ),
        ("cap_add: [ALL, kill]", "CapabilityAdd", json!(["ALL"])),
        (
            "ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}",
            "Ulimits",
            json!([
            {"Name": "nofile", "Hard": 2, "Soft": 1}, {"Name": "nproc", "Hard": 5, "Soft": 5}]),
        ),
    ]);
}

#[test]
fn health_checks() {
    check_container(&[
        (
            "healthcheck: {test: curl x, start_interval: 1s}",
            "Healthcheck",
            json!({"Test": ["CMD-SHELL", "curl x"], "StartInterval": 1_000_000_000}),
        ),
        (
            "healthcheck: {test: [CMD, a]}",
            "Healthcheck/Test",
            json!(["CMD", "a"]),
        ),
        (
            "healthcheck: {disable: true}",
            "Healthcheck",
            json!({"Test": ["NONE"]}),
        ),
        (
            "healthcheck: {test: [NONE]}",
            "Healthcheck",
            json!({"Test": ["NONE"]}),
        ),
    ]);
}

#[test]
fn mounts() {
    let own = json!({"com.docker.stack.namespace": "app"});
    let of = |lines: &str, wanted: Json| check_container(&[(lines, "Mounts/0", wanted)]);
    of(
        "volumes: [\"v:/a:ro\"]",
        json!({"Type": "volume", "Source": "app_v", "Target": "/a", "ReadOnly": true, "VolumeOptions": {"Labels": own}}),
    );
    of("volumes: [/a]", json!({"Type": "volume", "Target": "/a"}));
    of(
        "volumes: [\"e:/a\"]",
        json!({"Type": "volume", "Source": "e", "Target": "/a", "VolumeOptions": {}}),
    );
    of(
        "volumes: [\"nfs:/a:nocopy\"]",
        json!({"Type": "volume", "Source": "app_nfs", "Target": "/a", "VolumeOptions": {
        "NoCopy": true, "Labels": {"a": "b", "com.docker.stack.namespace": "app"}, "DriverConfig": {"Name": "nfs", "Options": {"o": "1"}}}}),
    );
    of(
        "volumes: [\"./x/../y:/a:rshared\"]",
        json!({"Type": "bind", "Source": "/base/y", "Target": "/a", "BindOptions": {"Propagation": "rshared"}}),
    );
    of(
        "volumes: [\"~/f:/a\"]",
        json!({"Type": "bind", "Source": "/root/f", "Target": "/a"}),
    );
    of(
        "volumes: [{type: bind, source: ./r, target: /a, bind: {create_host_path: true}}]",
        json!({"Type": "bind", "Source": "/base/r", "Target": "/a", "BindOptions": {"CreateMountpoint": true}}),
    );
    of(
        "volumes: [{type: tmpfs, target: /a, tmpfs: {size: 1m, mode: 01777}}]",
        json!({"Type": "tmpfs", "Target": "/a", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o1777}}),
    );
    of(
        "tmpfs: /run:size=64m,mode=755",
        json!({"Type": "tmpfs", "Target": "/run", "TmpfsOptions": {"SizeBytes": 64 << 20, "Mode": 0o755}}),
    );
    of("tmpfs: [/run]", json!({"Type": "tmpfs", "Target": "/run"}));
}

#[test]
fn ports_are_sorted_by_the_port_outside() {
    check(&[
        (
            "ports: [\"9000:90\", \"80\", \"53:53/udp\"]",
            "/EndpointSpec/Ports",
            json!([
            {"Protocol": "tcp", "TargetPort": 80, "PublishMode": "ingress"},
            {"Protocol": "udp", "TargetPort": 53, "PublishedPort": 53, "PublishMode": "ingress"},
            {"Protocol": "tcp", "TargetPort": 90, "PublishedPort": 9000, "PublishMode": "ingress"}]),
        ),
        (
            "ports: [{target: 80, published: \"81\", mode: host}]",
            "/EndpointSpec/Ports",
            json!([{"TargetPort": 80, "PublishedPort": 81, "PublishMode": "host"}]),
        ),
        (
            "ports: [8080]",
            "/EndpointSpec/Ports/0/TargetPort",
            json!(8080),
        ),
        (
            "deploy: {endpoint_mode: dnsrr}",
            "/EndpointSpec",
            json!({"Mode": "dnsrr"}),
        ),
    ]);
}

#[test]
fn networks() {
    check(&[
        (
            "networks: [out, n]",
            "/TaskTemplate/Networks",
            json!([
            {"Target": "app_n", "Aliases": ["web"]}, {"Target": "real", "Aliases": ["web"]}]),
        ),
        (
            "networks: {n: {aliases: [g], driver_opts: {a: b}}}",
            "/TaskTemplate/Networks/0",
            json!({"Target": "app_n", "Aliases": ["g", "web"], "DriverOpts": {"a": "b"}}),
        ),
    ]);
}

#[test]
fn deployment() {
    let on_failure = json!({"Condition": "on-failure", "MaxAttempts": 3});
    check(&[
        ("deploy: {mode: global}", "/Mode", json!({"Global": {}})),
        (
            "deploy: {replicas: 0}",
            "/Mode",
            json!({"Replicated": {"Replicas": 0}}),
        ),
        ("deploy: {}", "/Mode", json!({"Replicated": {}})),
        ("deploy: {labels: [a=1]}", "/Labels/a", json!("1")),
        (
            "deploy: {update_config: {order: start-first}}",
            "/UpdateConfig",
            json!({"Parallelism": 1, "MaxFailureRatio": 0, "Order": "start-first"}),
        ),
        (
            "deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: GPU, value: 2}}]}}}",
            "/TaskTemplate/Resources/Reservations/GenericResources",
            json!([{"DiscreteResourceSpec": {"Kind": "GPU", "Value": 2}}]),
        ),
        (
            "deploy: {resources: {limits: {cpus: 0.5, memory: 1gb}}}",
            "/TaskTemplate/Resources/Limits",
            json!({"NanoCPUs": 500_000_000, "MemoryBytes": 1 << 30}),
        ),
        (
            "restart: always",
            "/TaskTemplate/RestartPolicy",
            json!({"Condition": "any"}),
        ),
        (
            "restart: \"no\"",
            "/TaskTemplate/RestartPolicy",
            json!({"Condition": "none"}),
        ),
        (
            "restart: on-failure:3",
            "/TaskTemplate/RestartPolicy",
            on_failure,
        ),
        (
            "restart: always\ndeploy: {restart_policy: {condition: none}}",
            "/TaskTemplate/RestartPolicy",
            json!({"Condition": "none"}),
        ),
        (
            "logging: {driver: none}",
            "/TaskTemplate/LogDriver",
            json!({"Name": "none"}),
        ),
        (
            "x-shoal: {priority: -5, data: move}",
            "/Labels/shoal.priority",
            json!("-5"),
        ),
        (
            "x-shoal: {priority: -5, data: move}",
            "/Labels/shoal.data",
            json!("move"),
        ),
        (
            "x-shoal: {proxy-protocol: v2}",
            "/Labels/shoal.proxy-protocol",
            json!("v2"),
        ),
    ]);
}

#[test]
fn variables_stand_for_values_of_every_type() {
    check(&[
        (
            "deploy: {replicas: \"${N:-3}\"}",
            "/Mode",
            json!({"Replicated": {"Replicas": 3}}),
        ),
        (
            "deploy: {update_config: {max_failure_ratio: \"${N:-0.5}\"}}",
            "/UpdateConfig/MaxFailureRatio",
            json!(0.5),
        ),
        (
            "ports: [\"${N:-80}:${M:-81}\"]",
            "/EndpointSpec/Ports/0/PublishedPort",
            json!(80),
        ),
        (
            "ports: [{target: \"${N:-80}\"}]",
            "/EndpointSpec/Ports/0/TargetPort",
            json!(80),
        ),
        (
            "deploy: {resources: {limits: {cpus: \"${N:-0.5}\"}}}",
            "/TaskTemplate/Resources/Limits/NanoCPUs",
            json!(500_000_000),
        ),
    ]);
    check_container(&[
        ("tty: \"${N:-true}\"", "TTY", json!(true)),
        (
            "stop_grace_period: ${N:-3s}",
            "StopGracePeriod",
            json!(3_000_000_000_i64),
        ),
        ("environment: {A: \"${N:-true}\"}", "Env", json!(["A=true"])),
    ]);
}

#[test]
fn without_an_image_a_command_runs_as_a_process() {
    for (image, label) in [("", ""), ("image: scratch, ", "scratch")] {
        let project = project(&format!("services: {{a: {{{image}command: sleep 5}}}}")).unwrap();
        let spec: shoal_scheduler::spec::ServiceSpec =
            serde_json::from_value(project.services[0].spec.clone()).unwrap();
        assert!(spec.container().is_process());
        assert_eq!(spec.labels["com.docker.stack.image"], label);
    }
    assert_eq!(
        findings("services: {a: {}}"),
        "docker-compose.yml:1: services.a: ContainerSpec: image reference must be provided, or a command to run as a process\n"
    );
}

#[test]
fn images_get_a_tag_and_lose_what_every_image_has() {
    for (written, sent) in [
        ("x", "x:latest"),
        ("docker.io/library/x", "x:latest"),
        ("docker.io/me/x:1", "me/x:1"),
        ("host:5000/x", "host:5000/x:latest"),
        ("x@sha256:0", "x@sha256:0"),
        ("scratch", "scratch:latest"),
    ] {
        let text = format!("services: {{a: {{image: \"{written}\", command: c}}}}");
        let spec = &project(&text).unwrap().services[0].spec;
        assert_eq!(spec["TaskTemplate"]["ContainerSpec"]["Image"], sent);
        assert_eq!(spec["Labels"]["com.docker.stack.image"], written);
    }
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let text = "
x-common: &common
  image: x
  environment: &env {A: '1', B: '2'}
services:
  a: {<<: *common, image: y}
  b:
    <<: [{command: c}, *common]
    environment: {<<: *env, B: '3'}
";
    let project = project(text).unwrap();
    let part = |index: usize, key: &str| {
        &project.services[index].spec["TaskTemplate"]["ContainerSpec"][key]
    };
    assert_eq!(part(0, "Image"), "y:latest");
    assert_eq!(part(0, "Env"), &json!(["A=1", "B=2"]));
    assert_eq!(part(1, "Image"), "x:latest");
    assert_eq!(part(1, "Args"), &json!(["c"]));
    assert_eq!(part(1, "Env"), &json!(["A=1", "B=3"]));
}

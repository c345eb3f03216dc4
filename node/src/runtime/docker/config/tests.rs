//! What an engine is asked for, field by field.

use serde_json::{Value, json};

use super::{super::samples::*, *};
use crate::runtime::files::PlacedFiles;

fn made(container: &str) -> Value {
    let made = container_of(&launch(container));
    serde_json::to_value(made.body).unwrap()
}

fn container_of(launch: &Launch) -> Container {
    container(launch, "o1", "arm64").unwrap()
}

#[test]
fn every_field_that_one_engine_honours_is_asked_for() {
    let body = made(
        r#"{"Image":"web:1","Command":["serve"],"Args":["-v"],"Env":["A=1"],"Dir":"/srv","User":"1:2",
        "Groups":["7"],"Hostname":"h","TTY":true,"OpenStdin":true,"ReadOnly":true,"Init":true,
        "StopSignal":"SIGINT","StopGracePeriod":1500000000,"Sysctls":{"net.core.somaxconn":"9"},
        "CapabilityAdd":["CAP_NET_ADMIN"],"CapabilityDrop":["ALL"],"OomScoreAdj":5,
        "Ulimits":[{"Name":"nofile","Soft":10,"Hard":20}],"Hosts":["10.0.0.1 a b","10.0.0.2 a"],
        "DNSConfig":{"Nameservers":["9.9.9.9"],"Search":["lan"],"Options":["ndots:2"]},
        "Healthcheck":{"Test":["CMD","true"],"Interval":1000000000,"Retries":2},
        "Mounts":[{"Type":"volume","Source":"data","Target":"/data","VolumeOptions":{"NoCopy":true,"Labels":{"x":"y"},"Subpath":"a/b"}},
            {"Type":"bind","Source":"/etc","Target":"/e","ReadOnly":true,"BindOptions":{"Propagation":"rslave","NonRecursive":true,"ReadOnlyNonRecursive":true}},
            {"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1000,"Mode":448}}],
        "Privileges":{"NoNewPrivileges":true,"SELinuxContext":{"Type":"t","Level":"s0"},
            "Seccomp":{"Mode":"unconfined"},"AppArmor":{"Mode":"disabled"}}}"#,
    );
    let expected = json!({
        "Image": "web:1", "Entrypoint": ["serve"], "Cmd": ["-v"], "Env": ["A=1"],
        "WorkingDir": "/srv", "User": "1:2", "Hostname": "h", "Tty": true, "OpenStdin": true,
        "StopSignal": "SIGINT", "StopTimeout": 2,
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000, "Retries": 2},
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&body[name], value, "{name}");
    }
    let expected = json!({
        "GroupAdd": ["7"], "ReadonlyRootfs": true, "Init": true, "OomScoreAdj": 5,
        "Sysctls": {"net.core.somaxconn": "9"},
        "CapAdd": ["CAP_NET_ADMIN"], "CapDrop": ["ALL"],
        "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
        "ExtraHosts": ["a:10.0.0.2", "a:10.0.0.1", "b:10.0.0.1"],
        "Dns": ["9.9.9.9"], "DnsSearch": ["lan"], "DnsOptions": ["ndots:2"],
        "SecurityOpt": ["no-new-privileges=true", "label=type:t", "label=level:s0",
            "seccomp=unconfined", "apparmor=unconfined"],
        "Mounts": [
            {"Type": "volume", "Source": "data", "Target": "/data", "ReadOnly": false,
                "VolumeOptions": {"NoCopy": true, "Labels": {"x": "y"}, "Subpath": "a/b"}},
            {"Type": "bind", "Source": "/etc", "Target": "/e", "ReadOnly": true,
                "BindOptions": {"Propagation": "rslave", "NonRecursive": true,
                    "ReadOnlyNonRecursive": true}},
            {"Type": "tmpfs", "Target": "/t", "ReadOnly": false,
                "TmpfsOptions": {"SizeBytes": 1000, "Mode": 448}},
        ],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&body["HostConfig"][name], value, "{name}");
    }
}

#[test]
fn limits_ports_networks_and_the_log_driver_are_those_of_the_task() {
    let launch = launch_of(
        r#"{"Name":"web","TaskTemplate":{"ContainerSpec":{"Image":"web"},
        "Resources":{"Limits":{"MemoryBytes":64,"NanoCPUs":4000000000,"Pids":9},"Reservations":{"MemoryBytes":32}},
        "Networks":[{"Target":"host"}],"LogDriver":{"Name":"syslog","Options":{"tag":"x"}}},
        "EndpointSpec":{"Ports":[{"TargetPort":80,"PublishedPort":8080,"PublishMode":"host"},
            {"TargetPort":53,"Protocol":"udp","PublishedPort":0,"PublishMode":"host"},
            {"TargetPort":81,"PublishedPort":8081},{"TargetPort":54,"PublishedPort":54,"Protocol":"udp"}]}}"#,
    );
    let made = container_of(&launch);
    assert_eq!(made.name, format!("web.3.{}", launch.task));
    let body = serde_json::to_value(made.body).unwrap();
    let expected = json!({
        "Memory": 64, "CpuPeriod": 100_000, "CpuQuota": 400_000, "PidsLimit": 9,
        "NetworkMode": "host", "LogConfig": {"Type": "syslog", "Config": {"tag": "x"}},
        "PortBindings": {"80/tcp": [{"HostPort": "8080"}], "53/udp": [{"HostPort": ""}]},
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&body["HostConfig"][name], value, "{name}");
    }
    assert!(
        body["HostConfig"]["MemoryReservation"].is_null(),
        "Swarm asks for none"
    );
    assert_eq!(body["ExposedPorts"].as_object().unwrap().len(), 4);
    assert_eq!(made.warnings.len(), 1, "{:?}", made.warnings);
    assert!(made.warnings[0].contains("only TCP"), "{:?}", made.warnings);
    let windows = super::super::samples::launch(r#"{"Image":"web","Isolation":"hyperv"}"#);
    let warnings = container_of(&windows).warnings.concat();
    assert!(warnings.contains("isolation"), "{warnings}");
}

#[test]
fn a_task_is_told_of_itself_by_templates() {
    let launch = launch_of(
        r#"{"Name":"web","Labels":{"zone":"a","a.b":"c"},"TaskTemplate":{"ContainerSpec":{"Image":"web",
        "Hostname":"{{.Service.Name}}-{{.Task.Slot}}",
        "Env":["N={{ .Node.Hostname }}/{{.Node.Platform.Architecture}}","L={{index .Service.Labels \"a.b\"}}{{.Service.Labels.zone}}","P=plain"],
        "Args":["{{.Task.Slot}}"],
        "Mounts":[{"Type":"volume","Source":"d{{.Task.Slot}}","Target":"/d","VolumeOptions":{"Labels":{"s":"{{.Service.ID}}"}}}]}}}"#,
    );
    let body = serde_json::to_value(container_of(&launch).body).unwrap();
    assert_eq!(body["Hostname"], "web-3");
    assert_eq!(body["Env"], json!(["N=pi/aarch64", "L=ca", "P=plain"]));
    assert_eq!(
        body["Cmd"],
        json!(["{{.Task.Slot}}"]),
        "not in arguments, as on Swarm"
    );
    let mount = &body["HostConfig"]["Mounts"][0];
    assert_eq!(mount["Source"], "d3");
    assert_eq!(
        mount["VolumeOptions"]["Labels"]["s"],
        launch.service.to_string()
    );
}

#[test]
fn an_image_keeps_what_a_spec_leaves_out() {
    let body = made(r#"{"Image":"web","Args":["-v"]}"#);
    assert_eq!(body["Cmd"], json!(["-v"]));
    for name in [
        "Entrypoint",
        "Env",
        "User",
        "Hostname",
        "StopSignal",
        "Healthcheck",
    ] {
        assert_eq!(body[name], Value::Null, "{name}");
    }
    assert_eq!(body["StopTimeout"], 10);
    let body = made(r#"{"Image":"web"}"#);
    assert_eq!(body["Cmd"], Value::Null);
}

#[test]
fn what_no_engine_can_do_is_refused_with_the_reason() {
    let refused = |container: &str| {
        let refused = container_of_err(&launch(container));
        refused.to_string()
    };
    let mount = r#"{"Image":"w","Mounts":[{"Type":"cluster","Target":"/x"}]}"#;
    assert!(refused(mount).contains("mount /x: cluster mounts"));
    let propagation = r#"{"Image":"w","Mounts":[{"Type":"bind","Source":"/","Target":"/x","BindOptions":{"Propagation":"sideways"}}]}"#;
    assert!(refused(propagation).contains("\"sideways\" is no propagation"));
    let seccomp = r#"{"Image":"w","Privileges":{"Seccomp":{"Mode":"custom","Profile":"e30"}}}"#;
    assert!(refused(seccomp).contains("seccomp"));
    assert!(refused(r#"{"Image":"scratch","Args":["x"]}"#).contains("containers only"));
    let mut without_files = launch(r#"{"Image":"w"}"#);
    without_files.files = PlacedFiles::none("no tmpfs".into());
    assert_eq!(container_of_err(&without_files).to_string(), "no tmpfs");
    for bad in [
        "{{.Task.Slot",
        "{{.Task.Color}}",
        "{{.Service.Labels.x}}",
        "{{index .Node 1}}",
        "{{",
    ] {
        let text = format!(r#"{{"Image":"w","Env":["A={bad}"]}}"#);
        assert!(refused(&text).contains("invalid template"), "{bad}");
    }
    let windows = r#"{"Image":"w","Privileges":{"CredentialSpec":{"File":"x"}}}"#;
    assert!(refused(windows).contains("Windows"));
}

fn container_of_err(launch: &Launch) -> Unfit {
    container(launch, "o1", "arm64").unwrap_err()
}

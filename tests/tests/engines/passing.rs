//! What concerns one machine's containers goes to its engine, through the agent: the docker client needs no other
//! socket.

use std::{io::Write, process::Stdio, time::Duration};

use serde_json::Value;
use shoal_tests::{LAB_IMAGE, Lab, within};

use super::Turn;

const SOON: Duration = Duration::from_secs(30);

/// Runs docker with something on its standard input.
fn with_input(lab: &Lab, arguments: &[&str], input: &str) -> String {
    let mut command = lab.docker_command(1, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("docker");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("taken");
    // The end of the input is passed on, too.
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn containers_images_volumes_and_networks_of_a_machine_are_its_engines() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let docker = |arguments: &[&str]| lab.docker(1, arguments).ok().trim().to_owned();

    assert_eq!(
        docker(&["run", "--rm", LAB_IMAGE, "echo", "hello"]),
        "hello"
    );
    assert_eq!(
        with_input(lab, &["run", "--rm", "-i", LAB_IMAGE, "cat"], "through\n"),
        "through"
    );
    let status = lab
        .docker(1, &["run", "--rm", LAB_IMAGE, "sh", "-c", "exit 7"])
        .status;
    assert_eq!(status, 7);

    docker(&["volume", "create", "of-one"]);
    let reads = [
        "run",
        "-d",
        "-i",
        "--name",
        "two",
        LAB_IMAGE,
        "sh",
        "-c",
        "read a; echo got $a",
    ];
    docker(&reads);
    let mut attach = lab.docker_command(1, &["attach", "two"]);
    let mut attach = attach
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("docker");
    // A client whose input ends does not wait for the answer.
    let mut typing = attach.stdin.take().expect("its input");
    typing.write_all(b"typed\n").expect("taken");
    let said = attach.wait_with_output().expect("its end");
    drop(typing);
    assert_eq!(String::from_utf8_lossy(&said.stdout), "got typed\n");
    docker(&["rm", "two"]);
    docker(&[
        "run",
        "-d",
        "--name",
        "one",
        "-v",
        "of-one:/data",
        LAB_IMAGE,
        "sh",
        "-c",
        "echo begun; exec sleep 1000",
    ]);
    within(SOON, "what it logged", || match docker(&["logs", "one"]) {
        text if text == "begun" => Ok(()),
        text => Err(text),
    });
    assert!(
        docker(&["ps", "--format", "{{.Names}}"])
            .lines()
            .any(|name| name == "one")
    );
    assert_eq!(
        with_input(lab, &["exec", "-i", "one", "cat"], "asked"),
        "asked"
    );
    let file = lab.file("copied", "from here\n");
    let path = file.display().to_string();
    docker(&["cp", &path, "one:/copied"]);
    assert_eq!(docker(&["exec", "one", "cat", "/copied"]), "from here");
    docker(&["cp", "one:/copied", &format!("{path}.back")]);
    assert_eq!(
        std::fs::read_to_string(format!("{path}.back")).unwrap(),
        "from here\n"
    );
    assert!(docker(&["inspect", "one"]).contains("of-one"));

    let dockerfile = format!("FROM {LAB_IMAGE}\nRUN echo built >/built\n");
    let mut build = lab.docker_command(1, &["build", "-q", "-t", "made:1", "-"]);
    build
        .env("DOCKER_BUILDKIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = build.spawn().expect("docker");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(dockerfile.as_bytes())
        .expect("taken");
    assert!(child.wait_with_output().expect("its end").status.success());
    assert_eq!(docker(&["run", "--rm", "made:1", "cat", "/built"]), "built");
    assert!(docker(&["images", "--format", "{{.Repository}}"]).contains("made"));

    // Networks of both kinds are in one list, each made and removed where it belongs.
    docker(&["network", "create", "local-one"]);
    docker(&["network", "create", "-d", "overlay", "shared-one"]);
    let listed = docker(&["network", "ls", "--format", "{{.Name}} {{.Scope}}"]);
    assert!(listed.contains("local-one local"), "{listed}");
    assert!(listed.contains("shared-one swarm"), "{listed}");
    let elsewhere = lab.docker(2, &["network", "ls", "--format", "{{.Name}}"]);
    assert!(!elsewhere.ok().contains("local-one"));
    docker(&["network", "connect", "local-one", "one"]);
    docker(&["network", "disconnect", "local-one", "one"]);
    docker(&["network", "rm", "local-one", "shared-one"]);

    docker(&["rm", "-f", "one"]);
    docker(&["volume", "rm", "of-one"]);
    docker(&["rmi", "made:1"]);
    let gone = lab.docker(1, &["inspect", "one"]);
    assert!(gone.err.contains("No such object: one"), "{gone:?}");

    let version = docker(&["version", "--format", "{{json .Server}}"]);
    let version: Value = serde_json::from_str(&version).unwrap();
    let names = version["Components"].as_array().unwrap().iter();
    let names: Vec<&str> = names.filter_map(|one| one["Name"].as_str()).collect();
    assert!(names.starts_with(&["Shoal", "Engine"]), "{names:?}");
    let engines = lab.engine(1, &["version", "--format", "{{.Server.APIVersion}}"]);
    assert_eq!(
        version["ApiVersion"],
        engines.ok().trim(),
        "no newer than the engine's"
    );

    // The client asks until a whole second.
    within(SOON, "events of both", || {
        let asked = [
            "events",
            "--since",
            "120s",
            "--until",
            "0s",
            "--format",
            "{{json .}}",
        ];
        let events = docker(&asked);
        assert!(!events.contains("shoal.launch"));
        let has = |kind: &str, name: &str| {
            events.lines().any(|line| {
                let event: Value = serde_json::from_str(line).unwrap_or_default();
                event["Type"] == kind && event["Actor"]["Attributes"]["name"] == name
            })
        };
        match has("container", "one") && has("network", "shared-one") {
            true => Ok(()),
            false => Err(events),
        }
    });
}

#[test]
fn a_secret_is_a_file_of_the_container_and_goes_with_it() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let value = "v4-Walrus-Ember-77";
    with_input(lab, &["secret", "create", "pass", "-"], value);
    with_input(
        lab,
        &[
            "config",
            "create",
            "--template-driver",
            "golang",
            "motd",
            "-",
        ],
        "on {{.Node.Hostname}}",
    );
    let command = "cat /run/secrets/pass /etc/motd | tr a-zA-Z n-za-mN-ZA-M; echo; stat -c '%a %u %g' /key; touch /run/secrets/pass; exec sleep 1000";
    let create = [
        "service",
        "create",
        "-q",
        "-d",
        "--name",
        "keeper",
        "--mode",
        "global",
        "--stop-grace-period",
        "1s",
        "--secret",
        "pass",
        "--secret",
        "source=pass,target=/key,mode=0400,uid=12,gid=13",
        "--config",
        "source=motd,target=/etc/motd",
        LAB_IMAGE,
        "sh",
        "-c",
        command,
    ];
    within(SOON, "a service on another machine", || {
        let made = lab.docker(2, &create);
        made.checked().map(drop)
    });
    within(SOON, "what the tasks read", || {
        let logs = lab.docker(1, &["service", "logs", "--raw", "keeper"]);
        let text = logs.out + &logs.err;
        for node in ["z1", "z2", "z3"] {
            let read = format!("i4-Jnyehf-Rzore-77ba {node}");
            if !text.contains(&read) {
                return Err(format!("{read}: {text}"));
            }
        }
        assert!(text.contains("400 12 13"), "{text}");
        assert!(text.contains("Read-only file system"), "{text}");
        Ok(())
    });
    for machine in super::ALL {
        for container in lab.containers(machine).unwrap() {
            let inspected = lab.engine(machine, &["inspect", &container]);
            assert!(!inspected.ok().contains(value));
        }
        assert!(!lab.agent_log(machine).contains(value));
        let grep = [
            "-rlF",
            value,
            &lab.agent_folder(machine).display().to_string(),
        ];
        let found = std::process::Command::new("grep")
            .args(grep)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&found.stdout),
            "",
            "on machine {machine}"
        );
    }
    lab.docker(1, &["service", "rm", "keeper"]).ok();
    lab.docker(1, &["config", "rm", "motd"]).ok();
    lab.docker(3, &["secret", "rm", "pass"]).ok();
    within(SOON, "empty memory", || {
        let grep = ["-rlF", value, "/dev/shm", "/run/shoal"];
        let found = std::process::Command::new("grep")
            .args(grep)
            .output()
            .unwrap();
        match String::from_utf8_lossy(&found.stdout).trim() {
            "" => Ok(()),
            left => Err(left.to_owned()),
        }
    });
}

//! Containers run by hand, on a network that services share.

use std::time::Duration;

use shoal_tests::{LAB_IMAGE, Lab, within};

use super::Turn;

const DEPLOYED: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);
/// To clear a few networks takes less.
const ROUND: Duration = Duration::from_secs(2);
const CLEARED: Duration = Duration::from_secs(60);
/// The machine where the service is not.
const HERE: usize = 1;

fn stack() -> String {
    format!(
        r#"
services:
  web:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "echo found >/www/index.html; exec httpd -f -p 8080 -h /www"]
    networks: [open, closed]
    stop_grace_period: 1s
    deploy: {{placement: {{constraints: ["node.hostname==m2"]}}}}
networks: {{open: {{attachable: true}}, closed: {{}}}}
"#
    )
}

/// What a container run by hand says.
fn run(lab: &Lab, arguments: &[&str], words: &str) -> Result<String, String> {
    let ends = [LAB_IMAGE, "sh", "-c", words];
    let whole = [&["run", "--rm"], arguments, &ends].concat();
    let said = lab.docker(HERE, &whole);
    said.checked().map(|text| text.trim().to_owned())
}

/// Asks for the page by a name, with nothing but what the container was given.
fn page(name: &str) -> String {
    format!(
        "a=$(busybox nslookup -type=a {name} 127.0.0.11 | busybox sed -n '/^Name:/,$s/^Address: *//p' | busybox head -1); \
         printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 $a 8080 | busybox tail -1"
    )
}

/// Waits until the networks of services on the engine are those that begin so.
fn has_bridges(lab: &Lab, expected: &[&str]) {
    let ours = ["network", "ls", "--filter", "label=shoal.network"];
    let ours = [&ours[..], &["--format", "{{.Name}}"]].concat();
    within(CLEARED, &format!("{expected:?}"), || {
        let said = lab.engine(HERE, &ours);
        let there: Vec<&str> = said.checked()?.lines().collect();
        let begin = |(name, start): (&&str, &&str)| name.starts_with(*start);
        match there.len() == expected.len() && there.iter().zip(expected).all(begin) {
            true => Ok(()),
            false => Err(format!("{there:?}")),
        }
    });
}

#[test]
fn a_container_run_by_hand_joins_a_network_that_is_attachable_and_finds_its_services() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    let docker = |arguments: &[&str]| lab.docker(HERE, arguments).ok().trim().to_owned();
    lab.deploy(HERE, "guests", &stack());
    lab.runs_once("guests_web", 1, &super::ALL, DEPLOYED);

    // At once: the network is made for it, and served before the container starts.
    let open = ["--network", "guests_open"];
    assert_eq!(run(lab, &open, &page("web")), Ok("found".to_owned()));
    assert_eq!(run(lab, &open, &page("guests_web")), Ok("found".to_owned()));
    let id = docker(&["network", "inspect", "guests_open", "-f", "{{.Id}}"]);
    assert_eq!(
        run(lab, &["--network", &id], &page("web")),
        Ok("found".to_owned())
    );
    let refused = run(lab, &["--network", "guests_closed"], "true").unwrap_err();
    assert!(
        refused.contains("network guests_closed not manually attachable"),
        "{refused}"
    );

    // It is shown as everybody calls it.
    let keep = ["run", "-d", "--name", "kept", "--network-alias", "mine"];
    docker(&[&keep[..], &open, &[LAB_IMAGE, "sleep", "1000"]].concat());
    let format = "{{.HostConfig.NetworkMode}} {{range $name, $on := .NetworkSettings.Networks}}{{$name}} {{$on.NetworkID}}{{end}}";
    assert_eq!(
        docker(&["inspect", "kept", "-f", format]),
        format!("guests_open guests_open {id}")
    );
    let listed = ["ps", "--filter", "network=guests_open", "--format"];
    let listed = docker(&[&listed[..], &["{{.Names}} {{.Networks}}"]].concat());
    assert_eq!(listed, "kept guests_open");
    let on = "{{range .Containers}}{{.Name}} {{end}}";
    assert_eq!(
        docker(&["network", "inspect", "guests_open", "-f", on]),
        "kept"
    );
    // Others on the same machine find it; tasks are asked by their own names there as well.
    assert_eq!(
        run(lab, &open, "busybox ping -c 1 mine >/dev/null && echo seen"),
        Ok("seen".to_owned())
    );

    // By hand, later.
    docker(&["run", "-d", "--name", "late", LAB_IMAGE, "sleep", "1000"]);
    docker(&["network", "connect", "guests_open", "late"]);
    let format = "{{range $name, $on := .NetworkSettings.Networks}}{{$name}} {{end}}";
    let networks = docker(&["inspect", "late", "-f", format]);
    assert_eq!(networks, "bridge guests_open");
    docker(&["network", "disconnect", "guests_open", "late"]);
    assert_eq!(docker(&["inspect", "late", "-f", format]), "bridge");
    docker(&["rm", "-f", "late"]);

    // The network stays while somebody may need it, and goes after the last.
    let refused = lab.docker(HERE, &["stack", "rm", "guests"]);
    assert!(
        refused.err.contains("is in use by container kept"),
        "{refused:?}"
    );
    let networks = ["network", "ls", "--format", "{{.Name}}"];
    let left = docker(&networks);
    assert!(left.contains("guests_open") && !left.contains("guests_closed"));
    docker(&["stop", "-t", "0", "kept"]);
    // The next agent knows of no promise, and clears what nobody needs; a container that stands still needs its own.
    let create = ["network", "create", "-d", "overlay", "--attachable", "bait"];
    docker(&create);
    assert_eq!(
        run(lab, &["--network", "bait"], "echo on"),
        Ok("on".to_owned())
    );
    has_bridges(lab, &["bait.", "guests_open."]);
    lab.run(&["crash", "1"]).ok();
    lab.run(&["agent", "1"]).ok();
    has_bridges(lab, &["guests_open."]);
    // Nor is it cleared a moment later, in the same round.
    std::thread::sleep(ROUND);
    has_bridges(lab, &["guests_open."]);
    within(SOON, "a container that starts again", || {
        lab.docker(HERE, &["start", "kept"]).checked().map(drop)
    });
    docker(&["rm", "-f", "kept"]);
    docker(&["network", "rm", "guests_open", "bait"]);
    within(SOON, "it is removed everywhere", || {
        match lab.docker(3, &networks).checked()? {
            left if left.contains("guests_open") => Err(left.to_owned()),
            _ => Ok(()),
        }
    });
    has_bridges(lab, &[]);
}

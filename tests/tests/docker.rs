//! The docker client on real nodes: each flag that chooses what is shown, or changes how it is done, does.
//! Flags of `service create` and `update` that reach an engine are in `engines/flags.rs`.
//! It is over 400 lines because it is one table, with a row for each flag.

use std::{fs, process::Command, time::Duration};

use shoal_tests::{Cluster, Said, within};

const SOON: Duration = Duration::from_secs(30);

const STACK: &str = r#"
version: "3.8"
services:
  web:
    image: scratch
    command: sleep 1000
    deploy: {replicas: 2, labels: {tier: front}}
  old:
    image: scratch
    command: sleep 1000
"#;

/// docker, asked of a node; words are split at blanks.
fn docker(cluster: &Cluster, at: usize, line: &str) -> Said {
    let mut command = Command::new("docker");
    command.env("DOCKER_HOST", cluster[at].docker_host());
    command.args(line.split(' '));
    command.output().expect("the docker client").into()
}

fn has_docker() -> bool {
    Command::new("docker").arg("--version").output().is_ok()
}

/// A command, what its output must hold, and what it must not.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

fn check(cluster: &Cluster, rows: &[Row]) {
    for (line, holds, lacks) in rows {
        // What was done through one node is shown by another at once, or a moment later.
        within(SOON, line, || {
            let said = docker(cluster, 1, line);
            let out = said.checked()?;
            let missed = holds.iter().find(|words| !out.contains(*words));
            let superfluous = lacks.iter().find(|words| out.contains(*words));
            match (missed, superfluous) {
                (None, None) => Ok(()),
                (Some(words), _) => Err(format!("no {words:?} in {said:?}")),
                (_, Some(words)) => Err(format!("{words:?} in {said:?}")),
            }
        });
    }
}

fn services(cluster: &Cluster) {
    for line in [
        "service create -d -q --no-resolve-image --name web --label team=a --replicas 2 scratch sh -c echo\tout;echo\terr>&2;exec\tsleep\t1000",
        "service create -d -q --no-resolve-image --name each --mode global scratch sleep 1000",
    ] {
        // A tab stands for a blank within a word.
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", cluster[0].docker_host());
        command.args(line.split(' ').map(|word| word.replace('\t', " ")));
        let said: Said = command.output().expect("the docker client").into();
        said.ok();
    }
}

#[test]
fn what_is_listed_is_chosen_by_flags() {
    if !has_docker() {
        println!("skipped: there is no docker command here");
        return;
    }
    let cluster = Cluster::of(3);
    services(&cluster);
    cluster.settles("web", 2, SOON);
    docker(&cluster, 0, "node update --label-add rack=a n3").ok();
    check(
        &cluster,
        &[
            (
                "node ls --filter name=n2 --format {{.Hostname}}",
                &["n2"],
                &["n1", "n3"],
            ),
            ("node ls --filter role=manager", &["n1", "n2", "n3"], &[]),
            (
                "node ls --filter role=worker --format {{.Hostname}}",
                &[],
                &["n1", "n2", "n3"],
            ),
            (
                "node ls --filter node.label=rack=a --format {{.Hostname}}",
                &["n3"],
                &["n1", "n2"],
            ),
            (
                "node ls --format {{.Hostname}}={{.Availability}}",
                &["n1=Active"],
                &["HOSTNAME"],
            ),
            (
                "node inspect --format {{.Spec.Labels.rack}} n3",
                &["a"],
                &["["],
            ),
            ("node inspect --pretty self", &["Hostname:", "n2"], &["{"]),
            (
                "node ps --filter name=each --format {{.Name}} n1",
                &["each."],
                &["web."],
            ),
            ("service ls --filter name=web", &["web", "2/2"], &["each"]),
            ("service ls --filter label=team=a", &["web"], &["each"]),
            (
                "service ls --filter mode=global",
                &["each", "3/3"],
                &["web"],
            ),
            (
                "service ls --format {{.Name}}:{{.Mode}}",
                &["web:replicated", "each:global"],
                &["NAME"],
            ),
            ("service ps --filter name=web.1 web", &["web.1"], &["web.2"]),
            (
                "service ps --filter desired-state=shutdown web",
                &["NAME"],
                &["web.1"],
            ),
            (
                "service ps --filter node=n1 --format {{.Node}} each",
                &["n1"],
                &["n2", "n3"],
            ),
            (
                "service inspect --format {{.Spec.Labels.team}} web",
                &["a"],
                &["["],
            ),
            (
                "service inspect --pretty web",
                &["Service Mode:", "Replicated"],
                &["{\"ID"],
            ),
            ("service logs --raw web", &["out"], &["web.1", "|"]),
            (
                "service logs web",
                &["web.1.", "web.2.", "@n", "| out"],
                &[],
            ),
            (
                "service logs --no-resolve web",
                &["| out"],
                &["@n1 ", "@n2 ", "@n3 "],
            ),
            (
                "service logs --no-task-ids web",
                &["web.1@", "web.2@"],
                &["web.1."],
            ),
            ("service logs --timestamps --raw web", &["Z out"], &[]),
            ("service logs --tail 0 web", &[], &["out"]),
            ("service logs --since 0s web", &[], &["out"]),
            (
                "service logs --details --raw web",
                &["com.docker.swarm.task.id="],
                &[],
            ),
            (
                "events --since 1h --until 0s --filter type=node",
                &["node update"],
                &["service"],
            ),
            (
                "events --since 1h --until 0s --filter event=create --filter type=service",
                &["name=web", "name=each"],
                &["update"],
            ),
            (
                "events --since 1h --until 0s --filter service=web --format {{.Action}}",
                &["create"],
                &["each"],
            ),
            (
                "inspect --type service --format {{.Spec.Name}} web",
                &["web"],
                &[],
            ),
            ("info --format {{.Swarm.Nodes}}", &["3"], &[]),
            ("version --format {{.Server.APIVersion}}", &["1."], &[]),
        ],
    );
    // Of logs: one of each stream may be the last of a task.
    let counts = [
        ("node ls -q", 3, 3),
        ("service ls -q", 2, 2),
        ("service ps -q each", 3, 3),
        ("service ps -q web", 2, 2),
        ("node ps -q n1", 1, 3),
        ("service logs --tail 1 --raw web", 2, 4),
    ];
    for (line, least, most) in counts {
        let said = docker(&cluster, 2, line);
        let found = said.ok().lines().count() + said.err.lines().count();
        assert!((least..=most).contains(&found), "{line}: {said:?}");
    }
    for (line, words) in [
        (
            "service ps --filter nonsense=1 web",
            "Invalid filter 'nonsense'",
        ),
        ("node ls --filter nonsense=1", "Invalid filter 'nonsense'"),
        ("service logs nothing", "nothing"),
        ("service inspect nothing", "nothing"),
        ("node inspect nothing", "nothing"),
        (
            "service scale each=3",
            "scale can only be used with replicated",
        ),
        ("service rollback web", "does not have a previous spec"),
    ] {
        let said = docker(&cluster, 0, line);
        assert!(
            said.status != 0 && said.err.contains(words),
            "{line}: {said:?}"
        );
    }
}

#[test]
fn stacks_files_networks_and_the_cluster_are_changed_by_flags() {
    if !has_docker() {
        println!("skipped: there is no docker command here");
        return;
    }
    let cluster = Cluster::of(2);
    let file = |name: &str, text: &str| {
        let path = cluster.folder().join(name);
        fs::write(&path, text).expect("the test's folder");
        path.display().to_string()
    };
    let whole = file("whole.yml", STACK);
    let less = file("less.yml", STACK.split("  old:").next().expect("the first"));
    let value = file("value", "hidden");
    let text = file("text", "node={{.Node.Hostname}}");
    let does = |line: &str| {
        let said = docker(&cluster, 0, line);
        assert_eq!(said.status, 0, "{line}: {said:?}");
        said.out.trim().to_owned()
    };

    does(&format!(
        "stack deploy --resolve-image never -c {whole} app"
    ));
    cluster.settles("app_web", 2, SOON);
    check(
        &cluster,
        &[
            (
                "stack ls --format {{.Name}}={{.Services}}",
                &["app=2"],
                &["NAME"],
            ),
            (
                "stack services --filter name=app_web app",
                &["app_web"],
                &["app_old"],
            ),
            (
                "stack services --filter label=tier=front -q app",
                &[],
                &["app_old"],
            ),
            (
                "stack ps --filter name=app_old app",
                &["app_old.1"],
                &["app_web"],
            ),
            (
                "stack ps --no-trunc --format {{.ID}}|{{.Name}} app",
                &["app_web.1"],
                &["NAME"],
            ),
        ],
    );
    // What is not in the file any more stays, unless it is to go.
    does(&format!("stack deploy --resolve-image never -c {less} app"));
    assert!(does("service ls").contains("app_old"));
    does(&format!(
        "stack deploy --prune --resolve-image never -c {less} app"
    ));
    assert!(!does("service ls").contains("app_old"));
    does(&format!(
        "stack deploy --with-registry-auth --resolve-image changed -c {less} app"
    ));

    does(&format!("secret create --label of=test key {value}"));
    does(&format!(
        "config create --label of=test --template-driver golang conf {text}"
    ));
    check(
        &cluster,
        &[
            (
                "secret ls --filter name=key --format {{.Name}}",
                &["key"],
                &["NAME"],
            ),
            ("secret ls --filter label=of=nothing", &["NAME"], &["key"]),
            (
                "secret inspect --pretty key",
                &["Name:", "key", "of=test"],
                &["hidden"],
            ),
            (
                "secret inspect key",
                &["\"of\": \"test\""],
                &["hidden", "Data"],
            ),
            ("config ls --filter name=conf -q", &[], &["conf"]),
            (
                "config inspect --pretty conf",
                &["node={{.Node.Hostname}}"],
                &[],
            ),
            (
                "config inspect --format {{.Spec.Templating.Name}} conf",
                &["golang"],
                &[],
            ),
        ],
    );
    does("secret rm key");
    does("config rm conf");

    does(
        "network create -d overlay --attachable --internal --label of=test --subnet 10.44.0.0/24 inner",
    );
    check(
        &cluster,
        &[
            (
                "network ls --filter driver=overlay --format {{.Name}}",
                &["inner", "app_default"],
                &["NAME"],
            ),
            (
                "network ls --filter label=of=test --format {{.Name}}",
                &["inner"],
                &["app_default"],
            ),
            (
                "network ls --filter scope=swarm --filter name=inner -q",
                &[],
                &["inner"],
            ),
            (
                "network inspect --format {{.Attachable}}{{.Internal}} inner",
                &["truetrue"],
                &[],
            ),
            ("network inspect inner", &["10.44.0.0/24"], &[]),
        ],
    );
    does("network rm inner");

    let token = does("swarm join-token -q worker");
    assert_eq!(does("swarm join-token -q manager"), token);
    let other = does("swarm join-token -q --rotate worker");
    assert!(other.starts_with("SHOAL-1-") && other != token, "{other}");
    does("swarm update --task-history-limit 2");
    check(
        &cluster,
        &[(
            "info --format {{.Swarm.Cluster.Spec.Orchestration.TaskHistoryRetentionLimit}}",
            &["2"],
            &[],
        )],
    );
    does("node update --availability drain n2");
    check(
        &cluster,
        &[(
            "node ls --format {{.Hostname}}={{.Availability}}",
            &["n2=Drain", "n1=Active"],
            &[],
        )],
    );
    does("node update --availability active n2");
    for (line, words) in [
        ("swarm update --autolock", "there is nothing to lock"),
        ("swarm ca --rotate -d", "there is no certificate authority"),
        ("node demote n1", "all nodes"),
        ("node rm n2", "is not down"),
        ("secret rm nothing", "nothing"),
        ("network rm app_default", "in use"),
    ] {
        let said = docker(&cluster, 0, line);
        assert!(
            said.status != 0 && said.err.contains(words),
            "{line}: {said:?}"
        );
    }
    does("stack rm app");
    check(&cluster, &[("stack ls", &["NAME"], &["app"])]);
}

#[test]
fn clusters_are_left_made_and_joined() {
    if !has_docker() {
        println!("skipped: there is no docker command here");
        return;
    }
    let cluster = Cluster::of(2);
    let does = |at: usize, line: &str| docker(&cluster, at, line).ok().trim().to_owned();
    let shows = |what: &str, words: &'static str| {
        within(SOON, words, || {
            match docker(&cluster, 1, what).checked()?.trim() {
                found if found == words => Ok(()),
                other => Err(other.to_owned()),
            }
        });
    };
    for at in [0, 1] {
        does(at, "swarm leave --force");
        let left = || docker(&cluster, at, "info --format {{.Swarm.LocalNodeState}}");
        within(SOON, "an inactive node", || {
            match left().checked()?.trim() {
                "inactive" => Ok(()),
                other => Err(other.to_owned()),
            }
        });
    }
    for (line, words) in [
        ("swarm init --autolock", "there is nothing to lock"),
        ("swarm init --cert-expiry 24h", "no certificate authority"),
        ("swarm init --snapshot-interval 9", "no Raft"),
        ("swarm init --data-path-port 5000", "the one port"),
        (
            "swarm init --default-addr-pool 10.9.0.0/16",
            "addresses of networks",
        ),
        ("swarm init --listen-addr 10.9.9.9", "since its start"),
        ("swarm init --advertise-addr nothing0", "nor an interface"),
    ] {
        let said = docker(&cluster, 0, line);
        assert!(
            said.status != 0 && said.err.contains(words),
            "{line}: {said:?}"
        );
    }
    // Swarm's own port stands for the agent's.
    let address = format!("{}:2377", cluster[0].listen.ip());
    let made = does(
        0,
        &format!(
            "swarm init --advertise-addr {address} --availability drain --task-history-limit 3"
        ),
    );
    assert!(made.starts_with("Swarm initialized"), "{made}");
    assert!(
        docker(&cluster, 0, "swarm init --force-new-cluster")
            .err
            .contains("no quorum to lose")
    );
    let token = does(0, "swarm join-token -q worker");
    does(
        1,
        &format!("swarm join --availability pause --token {token} {address}"),
    );
    shows(
        "node ls --filter name=n1 --format {{.Hostname}}={{.Availability}}",
        "n1=Drain",
    );
    shows(
        "node ls --filter name=n2 --format {{.Hostname}}={{.Availability}}",
        "n2=Pause",
    );
    shows(
        "info --format {{.Swarm.Cluster.Spec.Orchestration.TaskHistoryRetentionLimit}}",
        "3",
    );
}

//! Our output beside that of the docker client, from the same answers.

use std::process::ExitCode;

use super::fake::{Fake, data, text};

fn swarm() -> Fake {
    let mut routes = vec![
        ("GET", "/services", 200, data("services.json")),
        ("GET", "/nodes", 200, data("nodes.json")),
        ("GET", "/info", 200, data("info.json")),
        ("GET", "/services/w1", 200, data("service_w1.json")),
        ("GET", "/services/w2", 200, data("service_w2.json")),
        (
            "GET",
            "/nodes/btjf1fcaio8uf7p4194my7rqh",
            200,
            data("node.json"),
        ),
        (
            "GET",
            "/tasks?filters=%7B%22service%22%3A%7B%223mwsnesqyk39lsta3qzit5m28%22%3Atrue%7D%7D",
            200,
            data("tasks_w1.json"),
        ),
        (
            "GET",
            "/tasks?filters=%7B%22service%22%3A%7B%22u6dez3irbd2bm006gu50q1r3n%22%3Atrue%7D%7D",
            200,
            data("tasks_w2.json"),
        ),
        (
            "GET",
            "/services?status=true&filters=%7B%22label%22%3A%7B%22com.docker.stack.namespace%3Dapp\
             %22%3Atrue%7D%7D",
            200,
            data("stack_services.json"),
        ),
        (
            "GET",
            "/services?filters=%7B%22label%22%3A%7B%22com.docker.stack.namespace%22%3Atrue%7D%7D",
            200,
            data("stack_services.json"),
        ),
        ("GET", "/services/w2/logs", 200, data("logs_w2.bin")),
    ];
    for (path, file) in [
        (
            "/tasks/0qqh89xx4deo0zbwg57feg5u9",
            "task_0qqh89xx4deo0zbwg57feg5u9.json",
        ),
        (
            "/tasks/nqofo0fb2653qol9k8hazd4dw",
            "task_nqofo0fb2653qol9k8hazd4dw.json",
        ),
        (
            "/tasks/m8w7o1bfv5ynbm56ed8ca0l05",
            "task_m8w7o1bfv5ynbm56ed8ca0l05.json",
        ),
    ] {
        routes.push(("GET", path, 200, data(file)));
    }
    Fake::start(routes)
}

#[test]
fn lists_are_dockers_to_the_letter() {
    let swarm = swarm();
    for (line, expected) in [
        ("service ls", "service_ls.txt"),
        ("node ls", "node_ls.txt"),
        ("node ls --format json", "node_ls_json.txt"),
        ("service ps w1", "service_ps_w1.txt"),
        ("service ps --no-trunc w2", "service_ps_w2_no_trunc.txt"),
        ("stack services app", "stack_services.txt"),
        ("stack ls", "stack_ls.txt"),
        ("service inspect w1", "service_inspect_w1.txt"),
        ("node inspect self", "node_inspect.txt"),
    ] {
        let ended = swarm.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.stdout, text(expected), "{line}: {}", ended.stderr);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (ExitCode::SUCCESS, ""),
            "{line}"
        );
    }
}

#[test]
fn formats_choose_fields() {
    let swarm = swarm();
    for (format, expected) in [
        ("{{.Name}} {{upper .Mode}}", "g1 GLOBAL\n"),
        ("{{json .Ports}}", "\"\"\n"),
    ] {
        let ended = swarm.run(&["service", "ls", "--format", format]);
        assert!(ended.stdout.starts_with(expected), "{ended:?}");
    }
    let ended = swarm.run(&[
        "service",
        "ls",
        "--format",
        "table {{.Name}}\\t{{.Replicas}}",
    ]);
    insta::assert_snapshot!(ended.stdout, @r"
    NAME      REPLICAS
    g1        3/3
    gj1       0/1 (0/1 completed)
    j1        0/2 (0/3 completed)
    unsched   0/1
    w1        1/1
    w2        3/3
    ");
    let ended = swarm.run(&[
        "service",
        "inspect",
        "w1",
        "w2",
        "--format",
        "{{.Spec.Name}}",
    ]);
    assert_eq!(ended.stdout, "w1\nw2\n");
    let ended = swarm.run(&["service", "ls", "-q"]);
    assert!(ended.stdout.starts_with("3vfg24rqwjvt\n"), "{ended:?}");
    let ended = swarm.run(&["service", "ls", "--format", "{{.Nam}}"]);
    assert_eq!(ended.code, ExitCode::from(2));
    assert!(ended.stderr.contains("Replicas"), "{ended:?}");
}

/// Docker's lines, but for what Shoal does not have: certificates.
#[test]
fn pretty_inspection_has_dockers_lines() {
    let swarm = swarm();
    let ours = swarm.run(&["node", "inspect", "--pretty", "self"]).stdout;
    let theirs = text("node_inspect_pretty.txt");
    let theirs = theirs.split("TLS Info:").next().unwrap();
    assert_eq!(ours.trim_end(), theirs.trim_end());

    let ours = swarm.run(&["service", "inspect", "--pretty", "w1"]).stdout;
    let theirs = text("service_inspect_w1_pretty.txt");
    // Docker looks the network's name up.
    let theirs = theirs.replace("Networks: ov1 ", "Networks: n4vkszkjgce7qa86qyv3es028 ");
    let words = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    };
    assert_eq!(words(ours.trim_end()), words(theirs.trim_end()));
}

#[test]
fn logs_carry_names_and_keep_their_streams() {
    let swarm = swarm();
    let line = [
        "service",
        "logs",
        "--no-trunc",
        "--no-task-ids",
        "--tail",
        "1",
        "w2",
    ];
    let ended = swarm.run(&line);
    assert_eq!(ended.stdout, text("logs_w2.txt"), "{}", ended.stderr);
    assert_eq!(ended.stderr, text("logs_w2_stderr.txt"));
}

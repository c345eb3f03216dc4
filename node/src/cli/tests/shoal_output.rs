//! What Docker has no word for: tokens, why, volumes.

use std::process::ExitCode;

use super::fake::{Fake, data, run_with};
use crate::cli::Entry;

#[test]
fn a_token_is_alone_on_stdout() {
    let fake = Fake::start(vec![
        (
            "POST",
            "/shoal/v1/tokens",
            201,
            br#"{"Token":"SHOAL-1-abc","ID":"t1"}"#.to_vec(),
        ),
        (
            "GET",
            "/shoal/v1/tokens",
            200,
            br#"[{"ID":"t1","CreatedAt":"2026-11-22T10:00:00Z","TTL":3600,"Uses":null,"Used":2},
                 {"ID":"t2","CreatedAt":"2026-11-22T10:04:00Z","TTL":null,"Uses":3,"Used":0},
                 {"ID":"t3","CreatedAt":"2026-11-22T08:00:00Z","ExpiresAt":"2026-11-22T09:00:00Z",
                  "Uses":null,"Used":0}]"#
                .to_vec(),
        ),
        ("DELETE", "/shoal/v1/tokens/t1", 204, Vec::new()),
    ]);
    let ended = fake.run(&["token", "create"]);
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("SHOAL-1-abc\n", "")
    );
    fake.run(&[
        "token",
        "create",
        "--ttl",
        "2d",
        "--uses",
        "3",
        "--write-concern",
        "all",
    ]);
    insta::assert_snapshot!(fake.run(&["token", "ls"]).stdout, @r"
    ID        CREATED          EXPIRES         USED      USES
    t1        4 minutes ago    in 55 minutes   2         any
    t2        45 seconds ago   never           0         3
    t3        2 hours ago      expired         0         any
    ");
    assert_eq!(fake.run(&["token", "rm", "t1"]).stdout, "t1\n");
    let seen: Vec<String> = fake.seen().into_iter().map(|(line, _)| line).collect();
    assert_eq!(seen[0], "POST /shoal/v1/tokens?ttl=3600");
    assert_eq!(
        seen[1],
        "POST /shoal/v1/tokens?ttl=172800&uses=3&write-concern=all"
    );
}

#[test]
fn traffic_is_a_table_of_what_one_node_carries() {
    let traffic = br#"[{"ServiceID":"s1","Name":"db","Connections":0,"ConnectionsMax":2048,"ConnectionsTotal":0,"Flows":0,
            "FlowsTotal":0,"Served":0,"NoTask":0,"Full":0,"PassedOver":0,"Around":0,"PacketsDropped":0,"BytesToTasks":0,
            "BytesFromTasks":0},
        {"ServiceID":"s2","Name":"web","Connections":3,"ConnectionsMax":2048,"ConnectionsTotal":1000,"Flows":1,"FlowsTotal":12,
            "Served":40,"NoTask":1,"Full":2,"PassedOver":5,"Around":6,"PacketsDropped":7,"BytesToTasks":2048,
            "BytesFromTasks":1073741824}]"#;
    let fake = Fake::start(vec![("GET", "/shoal/v1/traffic", 200, traffic.to_vec())]);
    insta::assert_snapshot!(fake.run(&["service", "traffic"]).stdout, @r"
    NAME      CONNECTIONS   UDP FLOWS   SERVED    TO TASKS   FROM TASKS   REFUSED   PASSED OVER   AROUND    DROPPED
    db        0 of 0        0 of 0      0         0B         0B           0         0             0         0
    web       3 of 1000     1 of 12     40        2KiB       1GiB         3         5             6         7
    ");
    let one = [
        "service",
        "traffic",
        "--format",
        "{{.Name}} {{.ToTasks}}",
        "web",
    ];
    assert_eq!(fake.run(&one).stdout, "web 2KiB\n");
    let none = fake.run(&["service", "traffic", "nobody"]);
    assert_eq!(none.stderr, "no such service: nobody\n");
}

#[test]
fn why_shows_owner_next_and_verdicts() {
    let body = br#"{"Service":"web","Slot":2,"Owner":{"ID":"n1","Hostname":"pi1"},
        "Next":{"ID":"n2","Hostname":"pi2"},"Summary":["pi1 owns web.2","2 nodes qualify"],
        "Nodes":[{"Hostname":"pi1","ID":"n1","Rank":1,"Score":-0.4,"Verdict":"owner"},
                 {"Hostname":"pi3","ID":"n3","Rank":null,"Score":null,"Verdict":"drained"}]}"#;
    let fake = Fake::start(vec![("GET", "/shoal/v1/why/web/2", 200, body.to_vec())]);
    insta::assert_snapshot!(fake.run(&["why", "web.2"]).stdout, @r"
    Slot:     web.2
    Owner:    pi1 (n1)
    Next:     pi2 (n2)
              pi1 owns web.2
              2 nodes qualify

    RANK      NODE      ID        SCORE     VERDICT
    1         pi1       n1        -0.4      owner
    -         pi3       n3        -         drained
    ");
}

#[test]
fn a_volume_is_released() {
    let fake = Fake::start(vec![("POST", "/shoal/v1/volumes/release", 200, Vec::new())]);
    let ended = fake.run(&["volume", "release", "db", "1"]);
    assert_eq!(ended.stdout, "db.1\n", "{ended:?}");
    let seen = fake.seen();
    assert_eq!(
        seen[0].0,
        "POST /shoal/v1/volumes/release?service=db&slot=1"
    );
}

#[test]
fn info_and_version_show_agent_and_cluster() {
    let version = br#"{"Version":"0.1.0","ApiVersion":"1.50","MinAPIVersion":"1.24","Os":"linux",
                       "Arch":"arm64","Components":[{"Name":"Engine","Version":"28.2.2"}]}"#;
    let fake = Fake::start(vec![
        ("GET", "/info", 200, data("info.json")),
        (
            "GET",
            "/shoal/v1/cluster",
            200,
            br#"{"NodesReady":3,"Warnings":[]}"#.to_vec(),
        ),
        ("GET", "/version", 200, version.to_vec()),
    ]);
    insta::assert_snapshot!(fake.run(&["info"]).stdout, @r"
    Name: vm
    Server Version: 20.10.24+dfsg1
    Operating System: Debian GNU/Linux 12 (bookworm)
    Architecture: x86_64
    CPUs: 2
    Total Memory: 23.54GiB
    Containers: 0
     Running: 0
    Cluster: active
     NodeID: btjf1fcaio8uf7p4194my7rqh
     Node Address: 10.77.0.104
     Nodes: 3
     ClusterID: nc5xwi2neuiib4vrldj3x7n0u
     Shoal NodesReady: 3
    ");
    let ended = fake.run(&["info", "--format", "{{.Swarm.Nodes}} {{json .Labels}}"]);
    assert_eq!(ended.stdout, "3 []\n");
    let ended = fake.run(&["version", "--format", "{{.Server.ApiVersion}}"]);
    assert_eq!(ended.stdout, "1.50\n");
    let ended = fake.run(&["version"]);
    assert!(
        ended
            .stdout
            .contains(" Engine:\n  Version:          28.2.2\n"),
        "{ended:?}"
    );

    // Without an agent the client's half is still there.
    let ended = run_with(&Entry::default(), "unix:/nonexistent", &["version"]);
    assert_eq!(ended.code, ExitCode::from(1));
    assert!(ended.stdout.starts_with("Client:\n"), "{ended:?}");
}

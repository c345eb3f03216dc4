//! What Docker has no word for: tokens, why, volumes.

use super::fake::Fake;

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

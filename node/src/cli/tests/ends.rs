//! Exit statuses and what is said when something goes wrong.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::fake::{Fake, run_with};
use crate::cli::{Entry, Surroundings, output::Output, start};

#[test]
fn a_missing_agent_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let host = format!("unix:{}", folder.path().join("none").display());
    let ended = run_with(&Entry::default(), &host, &["service", "ls"]);
    assert_eq!(ended.code, ExitCode::from(1));
    assert!(ended.stderr.starts_with("no agent at unix://"), "{ended:?}");
    assert!(ended.stderr.contains("shoal agent"), "{ended:?}");
    assert_eq!(ended.stdout, "");

    let path = folder.path().join("stale");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let host = format!("unix:{}", path.display());
    let ended = run_with(&Entry::default(), &host, &["node", "ls"]);
    assert!(ended.stderr.contains("nobody listens"), "{ended:?}");
}

#[test]
fn what_is_no_agent_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").unwrap();
    });
    let host = format!("unix:{}", path.display());
    let ended = run_with(&Entry::default(), &host, &["service", "ls"]);
    thread.join().unwrap();
    assert_eq!(ended.code, ExitCode::from(1));
    assert!(
        ended.stderr.contains("no Shoal agent") || ended.stderr.contains("broke"),
        "{ended:?}"
    );
}

#[test]
fn bad_usage_is_2_and_help_is_0() {
    let host = "unix:/nonexistent";
    for line in [
        vec!["service", "lss"],
        vec!["service", "ls", "--filter", "x"],
        vec!["service", "scale", "web"],
        vec!["node", "update", "--availability", "off", "n"],
        vec!["token", "create", "--ttl", "soon"],
        vec!["--host", "tcp://1.2.3.4:1", "node", "ls"],
        vec!["service", "create", "-p", "x", "img"],
        vec!["service", "logs", "--tail", "x", "web"],
        vec!["agent", "--listen", "x"],
        vec![],
    ] {
        let ended = run_with(&Entry::default(), host, &line);
        assert_eq!(ended.code, ExitCode::from(2), "{line:?} {ended:?}");
        assert_eq!(ended.stdout, "", "{line:?}");
        assert!(!ended.stderr.is_empty(), "{line:?}");
    }
    for line in [
        vec!["--help"],
        vec!["service", "create", "--help"],
        vec!["--version"],
    ] {
        let ended = run_with(&Entry::default(), host, &line);
        assert_eq!((ended.code, ended.stderr.as_str()), (ExitCode::SUCCESS, ""));
        assert!(ended.stdout.contains("shoal"), "{ended:?}");
    }
}

#[test]
fn the_agents_sentence_is_shown() {
    let body = br#"{"message":"Invalid filter 'bogus'"}"#;
    let fake = Fake::start(vec![("GET", "/services", 400, body.to_vec())]);
    let ended = fake.run(&["service", "ls", "--filter", "bogus=1"]);
    assert_eq!(ended.code, ExitCode::from(1));
    assert_eq!(
        ended.stderr,
        "Error response from shoal: Invalid filter 'bogus'\n"
    );
    let ended = fake.run(&["service", "ps", "nope"]);
    assert_eq!(ended.stderr, "no such service: nope\n");
    let ended = fake.run(&["service", "rm", "a", "b"]);
    assert_eq!(ended.stderr.lines().count(), 2, "{ended:?}");
    let ended = fake.run(&["service", "inspect", "nope"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (ExitCode::from(1), "[]\n")
    );
}

#[test]
fn the_socket_may_be_named_anywhere() {
    let fake = Fake::start(vec![
        ("GET", "/services", 200, b"[]".to_vec()),
        ("POST", "/services/create", 201, br#"{"ID":"x"}"#.to_vec()),
    ]);
    let host = fake.host();
    for line in [
        vec!["--host", &host, "service", "ls"],
        vec!["service", "--host", &host, "ls"],
        vec!["service", "ls", "--host", &host],
        vec!["--host", "unix:/wrong", "service", "ls", "--host", &host],
        vec![
            "--host",
            &host,
            "service",
            "create",
            "-d",
            "--host",
            "db:10.0.0.1",
            "i",
        ],
        vec![
            "service",
            "create",
            "-d",
            "--host",
            &host,
            "--host",
            "db:10.0.0.1",
            "i",
        ],
    ] {
        let ended = run_with(&Entry::default(), "unix:/nonexistent", &line);
        assert_eq!(ended.code, ExitCode::SUCCESS, "{line:?} {ended:?}");
    }
    let seen = fake.seen();
    assert!(
        seen[5].1.contains(r#""Hosts":["10.0.0.1 db"]"#),
        "{:?}",
        seen[5]
    );
}

#[test]
fn a_closed_pipe_is_quiet() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let fake = Fake::start(vec![("GET", "/services", 200, b"[]".to_vec())]);
    let around = Surroundings {
        socket: Some(fake.host()),
        out: Output::to(Box::new(Closed), Box::new(Closed)),
        now: jiff::Timestamp::now,
    };
    let line = ["shoal", "service", "ls"].map(Into::into).to_vec();
    assert_eq!(start(&Entry::default(), line, around), ExitCode::SUCCESS);
}

#[test]
fn parts_that_are_left_out_say_so() {
    for line in [vec!["agent"], vec!["demo"], vec!["__task", "/tmp"]] {
        let ended = run_with(&Entry::client_only(), "unix:/nonexistent", &line);
        assert_eq!(ended.code, ExitCode::from(1), "{ended:?}");
        assert!(ended.stderr.contains("client only"), "{ended:?}");
    }
}

#[test]
fn the_agent_gets_its_options() {
    let entry = Entry {
        agent: Some(|args| {
            Box::pin(async move {
                let label = args.label.iter().map(|(k, v)| format!("{k}:{v}"));
                Err(format!(
                    "{} {} {:?}",
                    args.listen,
                    args.api,
                    label.collect::<Vec<_>>()
                ))
            })
        }),
        ..Entry::default()
    };
    let line = [
        "agent", "--api", "unix:/a", "--label", "x=1", "--label", "y=2",
    ];
    let ended = run_with(&entry, "", &line);
    assert_eq!(ended.code, ExitCode::from(1));
    assert_eq!(ended.stderr, "0.0.0.0:7900 unix:///a [\"x:1\", \"y:2\"]\n");
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = run_with(&Entry::default(), "", &["completion", shell]);
        assert_eq!(ended.code, ExitCode::SUCCESS);
        assert!(ended.stdout.contains("shoal"), "{shell}");
    }
}

#[test]
fn the_command_is_well_formed() {
    crate::cli::command().debug_assert();
}

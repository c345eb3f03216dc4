//! Bytes that mean harm: nothing here may panic, run away, or overflow the stack.

use proptest::prelude::*;

use super::{environment, findings, merged};
use crate::compose::{Source, load, render_config};

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let before = format!("*a{}", level - 1);
        let items = [before.as_str(); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    insta::assert_snapshot!(findings(&text));
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        for depth in [60, 5_000, 100_000] {
            let text = format!("x: \n {}{}", open.repeat(depth), close.repeat(depth));
            assert!(merged(&text).is_err(), "{open:?} {depth}");
        }
    }
    let mut text = String::from("x-0: &a0 [1]\n");
    for level in 1..100 {
        text.push_str(&format!("x-{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(
        merged(&text)
            .unwrap_err()
            .to_string()
            .contains("nested deeper than 48 levels")
    );
}

#[test]
fn an_alias_to_what_contains_it_is_refused() {
    for text in ["a: &a [*a]", "a: &a {b: *a}", "&a a: *a", "x: *none"] {
        assert!(merged(text).is_err(), "{text}");
    }
}

#[test]
fn sizes_are_limited() {
    let big = "#".repeat((1 << 20) + 1);
    assert!(findings(&big).contains("larger than 1048576 bytes"));
    let many = "x-a:\n".to_owned() + &"- a\n".repeat(120_000);
    assert!(findings(&many).contains("more than 100000 values"));
    let ports = format!(
        "services: {{a: {{image: x, ports: [{}]}}}}",
        "'1-1000',".repeat(50)
    );
    assert!(findings(&ports).contains("more than 4096 items"));
}

#[test]
fn bytes_that_are_no_text_are_named_by_line() {
    let source = Source {
        name: "f".to_owned(),
        bytes: b"services:\n  \xff".to_vec(),
    };
    let errors = load(&[source], &environment(), "app").unwrap_err();
    assert_eq!(errors.to_string(), "f:2: not valid UTF-8");
}

/// Pieces of Compose files, put together without sense.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "services:",
        "a:",
        "image:",
        "x",
        "\n",
        "\n  ",
        "\n    ",
        "\n      ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        ": ",
        "ports:",
        "\"80:80\"",
        "volumes:",
        "v:/a:ro",
        "deploy:",
        "resources:",
        "limits:",
        "cpus:",
        "0.5",
        "memory:",
        "64m",
        "environment:",
        "A=1",
        "${A:-",
        "}",
        "$$",
        "$",
        "&a",
        "*a",
        "<<:",
        "healthcheck:",
        "test:",
        "1m30s",
        "interval:",
        "networks:",
        "ulimits:",
        "nofile:",
        "soft:",
        "!!str ",
        "|\n",
        "'",
        "\"",
        "#",
        "extra_hosts:",
        "h:1.2.3.4",
        "tmpfs:",
        "/run:size=1g",
        "configs:",
        "external:",
        "true",
        "null",
        "x-shoal:",
        "priority:",
        "-1",
        "command:",
        "0440",
        "1e400",
        "?",
        "%",
        "@",
        "\t",
        "\u{feff}",
        "é",
        "\0",
        "replicas:",
        "99999999999999999999",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let source = Source { name: "f".to_owned(), bytes };
        let _ = load(&[source], &environment(), "app");
    }

    #[test]
    fn no_pieces_make_it_panic(text in pieces()) {
        let _ = findings(&text);
    }

    #[test]
    fn no_value_of_any_key_makes_it_panic(key in "[a-z_]{2,10}", value in "\\PC{0,30}", index in 0_usize..1000) {
        let fields = crate::compose::schema::SERVICE.fields;
        let known = fields[index % fields.len()].key;
        for key in [known, key.as_str()] {
            let _ = findings(&format!("services: {{a: {{image: x, {key}: {value}}}}}"));
            let _ = findings(&format!("services: {{a: {{image: x, {key}: [{value:?}]}}}}"));
        }
    }

    /// Any text survives being printed and read again.
    #[test]
    fn any_text_is_quoted_as_it_must_be(value in "\\PC{0,20}|[ -~\\n\\t]{0,20}", key in "[a-zA-Z:#&? -]{1,6}") {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''").replace('$', "$$"));
        let escaped = serde_json::to_string(&value.replace('$', "")).unwrap();
        let text = format!("services: {{a: {{image: x, labels: {{{}: {escaped}}}}}}}", quoted(&key));
        let printed = render_config(&merged(&text).unwrap());
        let again = merged(&printed).map(|merged| render_config(&merged));
        prop_assert_eq!(again.unwrap(), printed);
    }
}

//! JSON as Docker prints it, with the order and the numbers of the text it came from.

use serde_json::Value;

/// Spaces per level.
const INDENT: usize = 4;

/// Lays out a valid JSON text anew, four spaces a level. Keys stay in their order.
pub(crate) fn indent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let (mut in_string, mut escaped) = (false, false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                while characters.next_if(|next| next.is_whitespace()).is_some() {}
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => {
                in_string = c == '"';
                out.push(c);
            }
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', depth * INDENT));
}

/// One line, with `<`, `>` and `&` escaped as Go does it.
pub(crate) fn go_line(value: &Value) -> String {
    // These three occur in JSON inside of strings only.
    let text = value.to_string().replace('<', "\\u003c");
    text.replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_and_empty_objects_stay() {
        let text = r#"[{"b":1,"a":[ ],"s":"a\"{,:}","o":{"x":[1,2]}, "e":{}}]"#;
        let expected = "[\n    {\n        \"b\": 1,\n        \"a\": [],\n        \"s\": \
                        \"a\\\"{,:}\",\n        \"o\": {\n            \"x\": [\n                \
                        1,\n                2\n            ]\n        },\n        \"e\": {}\n    \
                        }\n]";
        assert_eq!(indent(text), expected);
    }

    #[test]
    fn go_escapes_three_characters() {
        let value = serde_json::json!({"Ports": "*:1->2/tcp & <x>"});
        assert_eq!(
            go_line(&value),
            r#"{"Ports":"*:1-\u003e2/tcp \u0026 \u003cx\u003e"}"#
        );
    }

    proptest! {
        #[test]
        fn the_value_stays(key in ".*", text in ".*", number in any::<i64>()) {
            let value = serde_json::json!({key: [text, number, {}, [], null]});
            let again: Value = serde_json::from_str(&indent(&value.to_string())).unwrap();
            prop_assert_eq!(again, value);
        }
    }
}

//! What an unquoted YAML scalar means, and how a number is written as text.
//!
//! Both as the docker client has it (Go's yaml.v2, `fmt.Sprint`): `0440` is octal, `yes` is text,
//! `1.50` becomes `1.5`.

use super::node::Value;

/// Resolves an unquoted scalar.
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if !text.starts_with(['+', '-', '.']) && !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Value::Text(text.to_owned());
    }
    let plain = text.replace('_', "");
    integer(&plain)
        .map(Value::Int)
        .or_else(|| float(&plain).map(Value::Float))
        .unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// Writes a float as Go prints it.
pub(crate) fn float_text(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, power) = match exponent.strip_prefix('-') {
                Some(power) => ('-', power),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{power:0>2}")
        }
        None => text,
    }
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    i64::from_str_radix(&format!("{sign}{digits}"), radix)
        .ok()
        .filter(|_| !digits.starts_with(['+', '-']))
}

fn float(text: &str) -> Option<f64> {
    let is_number = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'))
        && text.contains(['.', 'e', 'E', '8', '9'])
        && text.contains(|c: char| c.is_ascii_digit());
    let number: f64 = text.parse().ok().filter(|_| is_number)?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquoted_scalars_mean_what_they_mean_to_docker() {
        for (text, meaning) in [
            ("~", Value::Null),
            ("", Value::Null),
            ("true", Value::Bool(true)),
            ("yes", Value::Text("yes".into())),
            ("on", Value::Text("on".into())),
            ("0440", Value::Int(0o440)),
            ("0o17", Value::Int(15)),
            ("0x10", Value::Int(16)),
            ("0b11", Value::Int(3)),
            ("1_000", Value::Int(1000)),
            ("-5", Value::Int(-5)),
            ("--5", Value::Text("--5".into())),
            ("0x-5", Value::Text("0x-5".into())),
            ("089", Value::Float(89.0)),
            ("1.50", Value::Float(1.5)),
            ("1e3", Value::Float(1000.0)),
            ("80:80", Value::Text("80:80".into())),
            ("1.2.3", Value::Text("1.2.3".into())),
            ("-", Value::Text("-".into())),
            ("2020-01-01", Value::Text("2020-01-01".into())),
        ] {
            assert_eq!(resolve(text), meaning, "{text:?}");
        }
    }

    #[test]
    fn floats_print_as_in_go() {
        for (number, text) in [
            (1.5, "1.5"),
            (1000.0, "1000"),
            (0.0, "0"),
            (1e21, "1e+21"),
            (1e-5, "1e-05"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }
}

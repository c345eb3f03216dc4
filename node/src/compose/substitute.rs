//! Variables in values: `$NAME`, `${NAME}`, `${NAME:-default}` and their kin, as in the Compose
//! specification.
//!
//! Keys are not touched, nor are the top level's own `x-` keys. Nothing is executed, and what comes
//! out is bounded: a small file with a large variable does not fill the memory.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    diagnostic::Report,
    node::{Node, Value},
};

/// Deepest `${A:-${B:-...}}` that is read.
const DEPTH_MAX: usize = 16;
/// Most bytes that all the substituted values of one load may have.
const OUTPUT_BYTES_MAX: usize = 8 << 20;

/// Replaces variables throughout one file.
pub(crate) struct Substitution<'a> {
    variables: &'a BTreeMap<String, String>,
    warned: BTreeSet<String>,
    output_bytes: usize,
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("`{0}` is not a variable: for a dollar sign write $$")]
    Syntax(String),
    #[error("`${{` is not closed by `}}`: for a dollar sign write $$")]
    Open,
    #[error("required variable {name} is missing a value{}", reason(.message))]
    Required { name: String, message: String },
    #[error("variables are nested deeper than {DEPTH_MAX} levels")]
    Depth,
    #[error("the values have more than {OUTPUT_BYTES_MAX} bytes with their variables replaced")]
    Size,
}

fn reason(message: &str) -> String {
    match message {
        "" => ": set it in the environment".to_owned(),
        _ => format!(": {message}"),
    }
}

impl<'a> Substitution<'a> {
    /// Takes values from these variables.
    pub(crate) fn new(variables: &'a BTreeMap<String, String>) -> Self {
        Self {
            variables,
            warned: BTreeSet::new(),
            output_bytes: 0,
        }
    }

    /// Replaces the variables of a whole file.
    pub(crate) fn file(&mut self, top: &mut Node, report: &mut Report) {
        let Value::Map(entries) = &mut top.value else {
            return;
        };
        for entry in entries
            .iter_mut()
            .filter(|entry| !entry.key.starts_with("x-"))
        {
            let mut path = entry.key.clone();
            self.node(&mut entry.value, &mut path, report);
        }
    }

    fn node(&mut self, node: &mut Node, path: &mut String, report: &mut Report) {
        let length = path.len();
        match &mut node.value {
            Value::Text(text) if text.contains('$') => {
                let mut reader =
                    Reader::new(text, self.variables, OUTPUT_BYTES_MAX - self.output_bytes);
                match reader.all() {
                    Ok(new) => {
                        for name in std::mem::take(&mut reader.unset) {
                            if self.warned.insert(name.clone()) {
                                report.warn(
                                    node.at,
                                    path,
                                    format!("the variable {name} is not set: it is taken as empty"),
                                );
                            }
                        }
                        self.output_bytes += new.len();
                        *text = new;
                    }
                    Err(fault) => report.error(node.at, path, fault.to_string()),
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    path.push_str(&format!("[{index}]"));
                    self.node(item, path, report);
                    path.truncate(length);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    path.push('.');
                    path.push_str(&entry.key);
                    self.node(&mut entry.value, path, report);
                    path.truncate(length);
                }
            }
            _ => {}
        }
    }
}

/// Reads one value.
struct Reader<'a> {
    rest: &'a str,
    variables: &'a BTreeMap<String, String>,
    unset: Vec<String>,
    bytes_left: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, variables: &'a BTreeMap<String, String>, bytes_left: usize) -> Self {
        Self {
            rest: text,
            variables,
            unset: Vec::new(),
            bytes_left,
        }
    }

    fn all(&mut self) -> Result<String, Fault> {
        self.text(0, true)
    }

    /// Text up to the end, or within braces up to the closing one, which is consumed. Where
    /// `is_live` is false, the text is read but what it says is not wanted.
    fn text(&mut self, depth: usize, is_live: bool) -> Result<String, Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::Depth);
        }
        let mut out = String::new();
        loop {
            let stops: &[char] = if depth > 0 { &['$', '}'] } else { &['$'] };
            let Some(stop) = self.rest.find(stops) else {
                out.push_str(self.rest);
                self.rest = "";
                return if depth > 0 { Err(Fault::Open) } else { Ok(out) };
            };
            out.push_str(&self.rest[..stop]);
            let is_end = self.rest[stop..].starts_with('}');
            self.rest = &self.rest[stop + 1..];
            if is_end {
                return Ok(out);
            }
            let value = self.variable(depth, is_live)?;
            self.spend(value.len())?;
            out.push_str(&value);
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(Fault::Size)?;
        Ok(())
    }

    /// What follows a dollar sign.
    fn variable(&mut self, depth: usize, is_live: bool) -> Result<String, Fault> {
        if let Some(rest) = self.rest.strip_prefix('$') {
            self.rest = rest;
            return Ok("$".to_owned());
        }
        if let Some(rest) = self.rest.strip_prefix('{') {
            self.rest = rest;
            return self.braced(depth, is_live);
        }
        let name = self.name()?;
        Ok(self.plain(name, is_live))
    }

    fn name(&mut self) -> Result<&'a str, Fault> {
        let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
        let length = self
            .rest
            .find(|c: char| !(is_start(c) || c.is_ascii_digit()))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        if !name.starts_with(is_start) {
            let shown: String = self.rest.chars().take(12).collect();
            return Err(Fault::Syntax(format!("${shown}")));
        }
        self.rest = rest;
        Ok(name)
    }

    fn plain(&mut self, name: &str, is_live: bool) -> String {
        match self.variables.get(name) {
            Some(value) if is_live => value.clone(),
            None if is_live => {
                self.unset.push(name.to_owned());
                String::new()
            }
            _ => String::new(),
        }
    }

    fn braced(&mut self, depth: usize, is_live: bool) -> Result<String, Fault> {
        let name = self.name()?;
        let value = self.variables.get(name);
        if let Some(rest) = self.rest.strip_prefix('}') {
            self.rest = rest;
            return Ok(self.plain(name, is_live));
        }
        let (operator, is_strict) = self.operator(name)?;
        let is_present = value.is_some_and(|text| !is_strict || !text.is_empty());
        match operator {
            '-' => {
                let default = self.text(depth + 1, is_live && !is_present)?;
                Ok(match value {
                    Some(value) if is_present && is_live => value.clone(),
                    _ => default,
                })
            }
            '+' => {
                let replacement = self.text(depth + 1, is_live && is_present)?;
                Ok(if is_present {
                    replacement
                } else {
                    String::new()
                })
            }
            _ => {
                let message = self.text(depth + 1, is_live && !is_present)?;
                match value {
                    Some(value) if is_present => Ok(value.clone()),
                    _ if is_live => Err(Fault::Required {
                        name: name.to_owned(),
                        message,
                    }),
                    _ => Ok(String::new()),
                }
            }
        }
    }

    fn operator(&mut self, name: &str) -> Result<(char, bool), Fault> {
        let (rest, is_strict) = match self.rest.strip_prefix(':') {
            Some(rest) => (rest, true),
            None => (self.rest, false),
        };
        match rest.chars().next() {
            Some(operator @ ('-' | '+' | '?')) => {
                self.rest = &rest[1..];
                Ok((operator, is_strict))
            }
            None => Err(Fault::Open),
            Some(_) => {
                let shown: String = self.rest.chars().take(12).collect();
                Err(Fault::Syntax(format!("${{{name}{shown}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let variables = [("A", "1"), ("E", ""), ("B", "b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        Reader::new(text, &variables, 1000)
            .all()
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn every_form_of_the_specification() {
        for (text, value) in [
            ("$A", "1"),
            ("x$A-y", "x1-y"),
            ("${A}${B}", "1b"),
            ("$NONE.", "."),
            ("${A:-d}${A-d}", "11"),
            ("${E:-d}${E-d}", "d"),
            ("${N:-d}${N-d}", "dd"),
            ("${N:-}", ""),
            ("${A:+alt}${A+alt}", "altalt"),
            ("${E:+alt}[${E+alt}]", "[alt]"),
            ("${N:+alt}${N+alt}", ""),
            ("${A:?no}${A?no}${E?no}", "11"),
            ("${N:-${M:-deep$B}}!", "deepb!"),
            ("${A:-${N:?not looked at}}", "1"),
            ("$$A $$$A $${A}", "$A $1 ${A}"),
            ("${N:-a$$b}", "a$b"),
            ("${N:-http://x:80/}", "http://x:80/"),
        ] {
            assert_eq!(expand(text).as_deref(), Ok(value), "{text:?}");
        }
    }

    #[test]
    fn faults_say_what_to_write() {
        for (text, fault) in [
            ("$1", "`$1` is not a variable: for a dollar sign write $$"),
            ("a$", "`$` is not a variable: for a dollar sign write $$"),
            ("${}", "`$}` is not a variable: for a dollar sign write $$"),
            (
                "${A",
                "`${` is not closed by `}`: for a dollar sign write $$",
            ),
            (
                "${A!x}",
                "`${A!x}` is not a variable: for a dollar sign write $$",
            ),
            (
                "${N:?set me}",
                "required variable N is missing a value: set me",
            ),
            (
                "${E:?}",
                "required variable E is missing a value: set it in the environment",
            ),
        ] {
            assert_eq!(expand(text), Err(fault.to_owned()), "{text:?}");
        }
        let deep = "${N:-".repeat(40);
        assert!(expand(&deep).is_err_and(|fault| fault.contains("nested deeper")));
        assert!(expand(&"$A".repeat(2000)).is_err_and(|fault| fault.contains("bytes")));
    }
}

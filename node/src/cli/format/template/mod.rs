//! Go templates, as far as people use them with `--format`.
//!
//! Fields (`.Spec.Name`), pipes, `if`/`else`, `range`, and the functions json, upper, lower, title,
//! join, split, len, index, eq, ne, not, truncate. The language is Go's text/template; what is
//! missing is refused by name, never ignored. Depth and size of a template are limited.

mod evaluate;
mod lexer;
mod parse;

use serde_json::Value;

pub(crate) use evaluate::Missing;

/// A template that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Node>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Text as it is.
    Text(String),
    /// The value of a pipeline.
    Show(Pipeline),
    /// One or the other.
    If(Pipeline, Vec<Node>, Vec<Node>),
    /// Once per element; the second if there is none.
    Range(Pipeline, Vec<Node>, Vec<Node>),
}

/// Commands, each of which gets the result of the one before as its last argument.
type Pipeline = Vec<Command>;

/// A value, or a function with arguments.
type Command = Vec<Word>;

/// A part of a command.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    /// `.A.B`; empty for the dot alone. From the whole value if it began with `$`.
    Field { path: Vec<String>, from_root: bool },
    /// A string, number or boolean.
    Literal(Value),
    /// A function.
    Name(String),
    /// `( ... )`, and `.A.B` right behind it.
    Group(Pipeline, Vec<String>),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse::template(text)
            .map(Self)
            .map_err(|error| format!("template parsing error: {error}"))
    }

    /// Fills it in.
    ///
    /// # Errors
    /// A sentence, for a field that is not there (if `missing` says so) or a function's misuse.
    pub(crate) fn fill(&self, value: &Value, missing: Missing) -> Result<String, String> {
        evaluate::fill(&self.0, value, missing).map_err(|error| format!("template error: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn fill(template: &str, value: &Value) -> Result<String, String> {
        Template::parse(template)?.fill(value, Missing::IsError)
    }

    #[test]
    fn fields_functions_and_pipes() {
        let value = json!({
            "Name": "Web", "Spec": {"Labels": {"a.b": "x"}}, "List": ["p", "q"], "N": 3,
            "Self": true, "None": null, "Empty": "", "Ports": [{"P": {"Number": 80}}],
        });
        for (template, expected) in [
            ("{{.Name}}: {{ .N }}", "Web: 3"),
            ("{{upper .Name}} {{.Name | lower}}", "WEB web"),
            ("{{json .List}}", r#"["p","q"]"#),
            ("{{join .List \", \"}}", "p, q"),
            ("{{len .List}}{{len .Name}}", "23"),
            ("{{index .Spec.Labels \"a.b\"}}{{index .List 1}}", "xq"),
            ("{{.List}} {{.Spec.Labels}}", "[p q] map[a.b:x]"),
            (
                "{{if .Self}}*{{else}}-{{end}}{{if .Empty}}*{{else}}-{{end}}",
                "*-",
            ),
            ("{{range .List}}<{{.}}{{$.N}}>{{end}}", "<p3><q3>"),
            (
                "{{if eq .Name \"Web\"}}yes{{end}}{{if not .None}}!{{end}}",
                "yes!",
            ),
            ("{{if ne .N 3}}a{{else if eq .N 3}}b{{end}}", "b"),
            ("a {{- .N -}} b", "a3b"),
            ("{{/* note */}}{{\"a\\tb\"}}{{`c`}}", "a\tbc"),
            (
                "{{truncate .Name 2}}{{title \"up\"}}{{.None}}",
                "WeUp<no value>",
            ),
            ("{{index (split \"a,b\" \",\") 1}}", "b"),
            ("{{(index .Ports 0).P.Number}} {{(.N)}}", "80 3"),
        ] {
            assert_eq!(
                fill(template, &value).as_deref(),
                Ok(expected),
                "{template}"
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        let value = json!({"Name": "web"});
        for (template, part) in [
            ("{{.Nam}}", "Nam"),
            ("{{foo .Name}}", "foo"),
            ("{{.Name", "not closed"),
            ("{{if .Name}}", "end"),
            ("{{end}}", "end"),
            ("{{index .Name 1}}", "index"),
            ("{{len}}", "len"),
            ("{{with .Name}}{{end}}", "with"),
            ("{{\"a}}", "string"),
        ] {
            let error = fill(template, &value).unwrap_err();
            assert!(error.contains(part), "{template}: {error}");
        }
        let deep = "{{if .Name}}".repeat(1_000);
        assert!(Template::parse(&deep).is_err());
        let deep = format!("{{{{{}}}}}", "(".repeat(10_000));
        assert!(Template::parse(&deep).is_err());
    }

    #[test]
    fn what_is_missing_may_be_shown() {
        let template = Template::parse("{{.A.B}}").unwrap();
        let shown = template.fill(&json!({}), Missing::IsShown);
        assert_eq!(shown.as_deref(), Ok("<no value>"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\{\\{|\\}\\}|[ .a-z\"`|()$-]|if |range |end|json ){0,30}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.fill(&json!({"a": [1, {"b": "c"}]}), Missing::IsShown);
            }
        }
    }
}

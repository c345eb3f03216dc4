//! Brings a file into its one canonical form: long forms only, each value of its key's type.
//!
//! It walks a file along the tables of [`super::schema`] and reports every key and value that does
//! not fit, with its line. It reads no other file and resolves no name.

mod lists;
mod values;

use super::{
    diagnostic::Report,
    node::{Entry, Node, Value},
    schema::{FILE, Field, Kind, SERVICE, Schema, Support},
    short::Short,
};

/// Most items of one list once ranges are written out.
const ITEMS_MAX: usize = 4_096;

/// The canonical form of a whole file; what does not fit is reported and left out.
pub(crate) fn file(top: &Node, report: &mut Report) -> Node {
    let mut normaliser = Normaliser {
        report,
        path: String::new(),
    };
    normaliser.object(&FILE, top)
}

struct Normaliser<'a> {
    report: &'a mut Report,
    path: String,
}

impl Normaliser<'_> {
    fn error<T>(&mut self, node: &Node, message: impl Into<String>) -> Option<T> {
        self.report.error(node.at, &self.path, message);
        None
    }

    /// Runs with the path extended by a step.
    fn within<T>(&mut self, step: &str, run: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        let result = run(self);
        self.path.truncate(length);
        result
    }

    fn value(&mut self, kind: Kind, node: &Node) -> Option<Node> {
        let value = match kind {
            Kind::Anything => return Some(node.clone()),
            Kind::Text => Value::Text(self.text(node)?),
            Kind::Bool => Value::Bool(self.boolean(node)?),
            Kind::Integer(least, most) => Value::Int(self.integer(node, least, most)?),
            Kind::Ratio => Value::Float(self.ratio(node)?),
            Kind::Duration => Value::Int(self.duration(node)?),
            Kind::Size | Kind::Bytes => Value::Int(self.size(node)?),
            Kind::Cpus => Value::Text(self.cpus(node)?),
            Kind::Choice(words) => Value::Text(self.choice(node, words)?),
            Kind::Texts => Value::List(self.texts(node)?),
            Kind::Command => Value::List(self.command(node)?),
            Kind::HealthTest => Value::List(self.health_test(node)?),
            Kind::Labels => Value::Map(self.mapping(node, false)?),
            Kind::Variables => Value::Map(self.mapping(node, true)?),
            Kind::Hosts => Value::List(self.hosts(node)?),
            Kind::Limit => self.limit(node)?,
            Kind::External => return self.external(node),
            Kind::Object(schema) => match node.value {
                Value::Map(_) => return Some(self.object(schema, node)),
                _ => return self.unfit(node, "a map"),
            },
            Kind::Named(inner) => Value::Map(self.named(*inner, node)?),
            Kind::NamesOr(inner) => Value::Map(self.names_or(*inner, node)?),
            Kind::Objects(schema, short) => Value::List(self.objects(schema, short, node)?),
        };
        Some(Node::new(value, node.at))
    }

    fn unfit<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        let found = node.kind_name();
        self.error(node, format!("must be {wanted}, not {found}"))
    }

    fn object(&mut self, schema: &'static Schema, node: &Node) -> Node {
        let mut out = Node::map(node.at);
        for entry in node.entries() {
            self.within(&entry.key, |this| match schema.field(&entry.key) {
                Some(field) => this.field(field, entry, &mut out),
                None => this.unknown(schema, entry, &mut out),
            });
        }
        for key in schema.required {
            if node.get(key).is_none() {
                self.report
                    .error(node.at, &self.path, format!("needs {key}"));
            }
        }
        if std::ptr::eq(schema, &SERVICE) {
            self.check_build(&mut out);
        }
        out
    }

    fn field(&mut self, field: &'static Field, entry: &Entry, out: &mut Node) {
        if entry.value.value == Value::Null {
            return;
        }
        match field.support {
            Support::Ignored(why) => self.report.warn(entry.key_at, &self.path, why),
            Support::Refused(why) => {
                let is_empty = match &entry.value.value {
                    Value::Bool(is_on) => !is_on,
                    Value::List(items) => items.is_empty(),
                    _ => false,
                };
                if !is_empty {
                    self.report.error(entry.key_at, &self.path, why);
                }
            }
            Support::Full => {
                let Some(mut value) = self.value(field.kind, &entry.value) else {
                    return;
                };
                if let (Kind::External, Some(name)) = (field.kind, value.get("name").cloned()) {
                    out.set("name", name);
                    value.value = Value::Bool(true);
                }
                put(out, entry, value);
            }
        }
    }

    fn unknown(&mut self, schema: &'static Schema, entry: &Entry, out: &mut Node) {
        let message = match entry.key.as_str() {
            "x-shoal" => "belongs to a service: move it there".to_owned(),
            key if key.starts_with("x-") => return put(out, entry, entry.value.clone()),
            key => match schema.closest(key) {
                Some(known) => format!("unknown key: did you mean {known}?"),
                None => "unknown key".to_owned(),
            },
        };
        self.report.error(entry.key_at, &self.path, message);
    }

    /// An image that is named can be built elsewhere; one that is not named cannot.
    fn check_build(&mut self, service: &mut Node) {
        let Value::Map(entries) = &mut service.value else {
            return;
        };
        let Some(index) = entries.iter().position(|entry| entry.key == "build") else {
            return;
        };
        let build = entries.remove(index);
        let has_image = entries.iter().any(|entry| entry.key == "image");
        self.within("build", |this| match has_image {
            true => this.report.warn(build.key_at, &this.path, "ignored: the image must have been built, and pushed to where the nodes can pull it"),
            false => this.report.error(build.key_at, &this.path, "not supported: build the image first and name it with image:"),
        });
    }

    fn named(&mut self, inner: Kind, node: &Node) -> Option<Vec<Entry>> {
        let Value::Map(entries) = &node.value else {
            return self.unfit(node, "a map");
        };
        let mut out = Vec::with_capacity(entries.len());
        for entry in entries {
            let value = self.within(&entry.key, |this| this.named_value(inner, entry));
            out.extend(value.map(|value| Entry {
                value,
                ..entry.clone()
            }));
        }
        Some(out)
    }

    fn named_value(&mut self, inner: Kind, entry: &Entry) -> Option<Node> {
        let is_service = matches!(inner, Kind::Object(schema) if std::ptr::eq(schema, &SERVICE));
        match (&entry.value.value, inner) {
            (Value::Null, Kind::Object(_)) if !is_service => Some(Node::map(entry.key_at)),
            _ => self.value(inner, &entry.value),
        }
    }

    fn names_or(&mut self, inner: Kind, node: &Node) -> Option<Vec<Entry>> {
        let mut out: Vec<Entry> = Vec::new();
        match &node.value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let name = self.within(&format!("[{index}]"), |this| this.text(item));
                    let Some(name) = name else { continue };
                    if !out.iter().any(|entry| entry.key == name) {
                        out.push(Entry::new(name, Node::new(Value::Null, item.at)));
                    }
                    if out.len() > ITEMS_MAX {
                        return self.error(item, format!("more than {ITEMS_MAX} items"));
                    }
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let value = match entry.value.value {
                        Value::Null => Some(entry.value.clone()),
                        _ => self.within(&entry.key, |this| this.value(inner, &entry.value)),
                    };
                    out.extend(value.map(|value| Entry {
                        value,
                        ..entry.clone()
                    }));
                }
            }
            _ => return self.unfit(node, "a map or a list of names"),
        }
        Some(out)
    }

    fn objects(&mut self, schema: &'static Schema, short: Short, node: &Node) -> Option<Vec<Node>> {
        let alone = std::slice::from_ref(node);
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Text(_) | Value::Map(_) if short == Short::EnvFile => alone,
            _ => return self.unfit(node, "a list"),
        };
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.within(&format!("[{index}]"), |this| match item.value {
                Value::Map(_) => out.push(this.object(schema, item)),
                _ => match short.expand(item) {
                    Ok(expanded) => {
                        for remark in expanded.warnings {
                            this.report.warn(item.at, &this.path, remark);
                        }
                        out.extend(expanded.nodes);
                    }
                    Err(message) => {
                        this.report.error(item.at, &this.path, message);
                        // What a later step says of another item keeps its place in the list.
                        out.push(Node::new(Value::Null, item.at));
                    }
                },
            });
            if out.len() > ITEMS_MAX {
                return self.error(item, format!("more than {ITEMS_MAX} items"));
            }
        }
        Some(out)
    }
}

fn put(out: &mut Node, entry: &Entry, value: Node) {
    if let Value::Map(entries) = &mut out.value {
        entries.push(Entry {
            key: entry.key.clone(),
            key_at: entry.key_at,
            value,
        });
    }
}

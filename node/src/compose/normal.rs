//! Brings a file into its one canonical form: long forms only, each value of its key's type.
//!
//! It walks a file along the tables of [`super::schema`] and reports every key and value that does
//! not fit, with its line. It reads no other file and resolves no name.

use super::{
    diagnostic::Report,
    node::{Entry, Node, Value},
    quantity, scalar,
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

    fn text(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) if text.contains('\0') => {
                self.error(node, "must not contain a zero byte")
            }
            Value::Text(text) => Some(text.clone()),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                let found = node.kind_name();
                self.error(node, format!("must be text, not {found}: put it in quotes"))
            }
            _ => self.unfit(node, "text"),
        }
    }

    fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) if text == "true" => Some(true),
            Value::Text(text) if text == "false" => Some(false),
            Value::Text(text) => self.error(node, format!("must be true or false, not {text:?}")),
            _ => self.unfit(node, "true or false"),
        }
    }

    fn integer(&mut self, node: &Node, least: i64, most: i64) -> Option<i64> {
        let number = match &node.value {
            Value::Int(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
                return self.unfit(node, "a whole number");
            }
        };
        match number {
            Some(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let bounds = match most {
                    i64::MAX => format!("of at least {least}"),
                    _ => format!("from {least} to {most}"),
                };
                let found = shown(node);
                self.error(
                    node,
                    format!("must be a whole number {bounds}, not {found}"),
                )
            }
        }
    }

    fn ratio(&mut self, node: &Node) -> Option<f64> {
        let number = match &node.value {
            Value::Int(0) => Some(0.0),
            Value::Int(1) => Some(1.0),
            Value::Float(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (0.0..=1.0).contains(&number) => Some(number),
            _ => {
                let found = shown(node);
                self.error(node, format!("must be a number from 0 to 1, not {found}"))
            }
        }
    }

    fn duration(&mut self, node: &Node) -> Option<i64> {
        let read = node.as_text().and_then(quantity::duration);
        match read {
            Some(nanoseconds) if nanoseconds >= 0 => Some(nanoseconds),
            _ => {
                let found = shown(node);
                self.error(
                    node,
                    format!("must be a duration such as 10s or 1m30s, not {found}"),
                )
            }
        }
    }

    fn size(&mut self, node: &Node) -> Option<i64> {
        let read = match &node.value {
            Value::Int(bytes) => Some(*bytes).filter(|bytes| *bytes >= 0),
            Value::Text(text) => quantity::size(text),
            _ => None,
        };
        if read.is_none() {
            let found = shown(node);
            return self.error(
                node,
                format!("must be a size such as 64m or 1gb, not {found}"),
            );
        }
        read
    }

    fn cpus(&mut self, node: &Node) -> Option<String> {
        let text = plain_text(node).filter(|text| quantity::cpus(text).is_some());
        if text.is_none() {
            let found = shown(node);
            return self.error(
                node,
                format!("must be a number of processors such as \"0.5\", not {found}"),
            );
        }
        text
    }

    fn choice(&mut self, node: &Node, words: &[&str]) -> Option<String> {
        match node.as_text() {
            Some(text) if words.contains(&text) => Some(text.to_owned()),
            _ => {
                let (found, words) = (shown(node), words.join(", "));
                self.error(node, format!("must be one of {words}, not {found}"))
            }
        }
    }

    fn texts(&mut self, node: &Node) -> Option<Vec<Node>> {
        match &node.value {
            Value::Text(_) => Some(vec![Node::text(self.text(node)?, node.at)]),
            Value::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let text = self.within(&format!("[{index}]"), |this| this.text(item));
                    out.extend(text.map(|text| Node::text(text, item.at)));
                }
                Some(out)
            }
            _ => self.unfit(node, "a list of texts"),
        }
    }

    fn command(&mut self, node: &Node) -> Option<Vec<Node>> {
        let Some(line) = node.as_text() else {
            return self.texts(node);
        };
        self.text(node)?;
        match shlex::split(line) {
            Some(words) => Some(
                words
                    .into_iter()
                    .map(|word| Node::text(word, node.at))
                    .collect(),
            ),
            None => self.error(node, "cannot be split into words: a quote is not closed"),
        }
    }

    fn health_test(&mut self, node: &Node) -> Option<Vec<Node>> {
        if node.as_text().is_some() {
            let line = self.text(node)?;
            return Some(vec![
                Node::text("CMD-SHELL", node.at),
                Node::text(line, node.at),
            ]);
        }
        let words = self.texts(node)?;
        match words.first().and_then(Node::as_text) {
            None | Some("NONE" | "CMD" | "CMD-SHELL") => Some(words),
            Some(_) => self.error(node, "the first item must be CMD, CMD-SHELL or NONE"),
        }
    }

    fn mapping(&mut self, node: &Node, keeps_null: bool) -> Option<Vec<Entry>> {
        let pairs: Vec<Entry> = match &node.value {
            Value::Map(entries) => entries.clone(),
            Value::List(items) => items
                .iter()
                .filter_map(|item| {
                    let text = self.text(item)?;
                    let (key, value) = match text.split_once('=') {
                        Some((key, value)) => (key, Value::Text(value.to_owned())),
                        None => (text.as_str(), Value::Null),
                    };
                    Some(Entry::new(key, Node::new(value, item.at)))
                })
                .collect(),
            _ => return self.unfit(node, "a map or a list of key=value"),
        };
        let mut out = std::collections::BTreeMap::new();
        for mut entry in pairs {
            let value = self.within(&entry.key, |this| this.mapping_value(&entry, keeps_null));
            if let Some(value) = value {
                entry.value.value = value;
                out.insert(entry.key.clone(), entry);
            }
        }
        Some(out.into_values().collect())
    }

    fn mapping_value(&mut self, entry: &Entry, keeps_null: bool) -> Option<Value> {
        if entry.key.is_empty() || entry.key.contains('\0') {
            return self.error(
                &entry.value,
                "a key must not be empty or contain a zero byte",
            );
        }
        match &entry.value.value {
            Value::Null if keeps_null => Some(Value::Null),
            Value::Null => Some(Value::Text(String::new())),
            Value::Int(_) | Value::Float(_) => plain_text(&entry.value).map(Value::Text),
            _ => self.text(&entry.value).map(Value::Text),
        }
    }

    fn hosts(&mut self, node: &Node) -> Option<Vec<Node>> {
        let pairs: Vec<Node> = match &node.value {
            Value::Map(entries) => entries
                .iter()
                .flat_map(|entry| {
                    let alone = std::slice::from_ref(&entry.value);
                    let addresses = match &entry.value.value {
                        Value::List(items) => items.as_slice(),
                        _ => alone,
                    };
                    addresses.iter().map(|address| {
                        Node::text(
                            format!("{}:{}", entry.key, address.as_text().unwrap_or_default()),
                            address.at,
                        )
                    })
                })
                .collect(),
            _ => self.texts(node)?,
        };
        Some(pairs.iter().filter_map(|pair| self.host(pair)).collect())
    }

    fn host(&mut self, pair: &Node) -> Option<Node> {
        let text = pair.as_text().unwrap_or_default();
        let (host, address) = text.split_once([':', '=']).unwrap_or((text, ""));
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(address);
        let is_address = bare.parse::<std::net::IpAddr>().is_ok() || bare == "host-gateway";
        if host.is_empty() || !is_address {
            return self.error(pair, format!("must be host:address, not {text:?}"));
        }
        Some(Node::text(format!("{host}:{bare}"), pair.at))
    }

    fn limit(&mut self, node: &Node) -> Option<Value> {
        if !matches!(node.value, Value::Map(_)) {
            return self.integer(node, -1, i64::MAX).map(Value::Int);
        }
        let mut out = Vec::new();
        for key in ["soft", "hard"] {
            let Some(value) = node.get(key) else {
                return self.error(node, "needs soft and hard");
            };
            let number = self.within(key, |this| this.integer(value, -1, i64::MAX))?;
            out.push(Entry::new(key, Node::new(Value::Int(number), value.at)));
        }
        Some(Value::Map(out))
    }

    fn external(&mut self, node: &Node) -> Option<Node> {
        match (&node.value, node.get("name")) {
            (Value::Map(_), Some(name)) => {
                let name = self.within("name", |this| this.text(name))?;
                let mut out = Node::map(node.at);
                out.set("name", Node::text(name, node.at));
                Some(out)
            }
            (Value::Map(_), None) => Some(Node::new(Value::Bool(true), node.at)),
            _ => self
                .boolean(node)
                .map(|value| Node::new(Value::Bool(value), node.at)),
        }
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

/// Text, or a number as text.
fn plain_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(scalar::float_text(*number)),
        _ => None,
    }
}

/// A value for a message: itself if it is short, its kind otherwise.
fn shown(node: &Node) -> String {
    match (&node.value, plain_text(node)) {
        (Value::Text(text), _) if text.len() <= 60 => format!("{text:?}"),
        (Value::Int(_) | Value::Float(_), Some(text)) => text,
        (Value::Bool(value), _) => value.to_string(),
        _ => node.kind_name().to_owned(),
    }
}

//! Reads YAML into [`Node`]s: aliases and merge keys resolved, every value with its place.
//!
//! Events come from `saphyr-parser`; the tree is our own because a loader gives up at the first
//! duplicate key, forgets where keys are, and has no limit on depth. Nothing here recurses deeper
//! than [`DEPTH_MAX`], and no alias makes a small file into a large tree.

use std::{borrow::Cow, collections::BTreeMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::{
    diagnostic::Report,
    node::{At, Entry, Node, Value},
    scalar,
};

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 48;
/// Most values in one file, counted after aliases are resolved.
const NODES_MAX: usize = 100_000;

/// Reads a file of one document, whose top level must be a map.
///
/// Duplicate keys are reported and reading goes on; whatever else is wrong ends it.
pub(crate) fn read(file: u16, text: &str, report: &mut Report) -> Option<Node> {
    let top = At {
        file,
        line: 0,
        column: 0,
    };
    match Builder::new(file, report).read(text) {
        Ok(Some(node)) if matches!(node.value, Value::Map(_)) => Some(node),
        Ok(Some(node)) => {
            let message = format!(
                "the top level must be a map with `services:`, not {}",
                node.kind_name()
            );
            report.error(node.at, "", message);
            None
        }
        Ok(None) => {
            report.error(top, "", "the file is empty: it needs `services:`");
            None
        }
        Err(Failure { at, message }) => {
            report.error(at, "", message);
            None
        }
    }
}

/// Why reading ended.
struct Failure {
    at: At,
    message: String,
}

/// A list or map that is not closed yet.
struct Frame {
    at: At,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        lines: BTreeMap<String, u32>,
        merged: Vec<Node>,
        key: Option<Key>,
    },
}

struct Key {
    name: String,
    at: At,
    is_merge: bool,
}

struct Builder<'a> {
    file: u16,
    report: &'a mut Report,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(file: u16, report: &'a mut Report) -> Self {
        Self {
            file,
            report,
            frames: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            root: None,
        }
    }

    fn read(mut self, text: &str) -> Result<Option<Node>, Failure> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            let at = self.at(span.start);
            match event {
                Event::SequenceStart(anchor, tag) => {
                    self.open(at, anchor, tag, Content::List(Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.open(at, anchor, tag, Content::empty_map())?
                }
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
                Event::Scalar(text, style, anchor, tag) => {
                    self.scalar(at, &text, style, anchor, tag.as_deref())?;
                }
                Event::Alias(anchor) => self.alias(at, anchor)?,
                Event::DocumentStart(_) if self.root.is_some() => {
                    return Err(fail(
                        at,
                        "a second document begins here: a Compose file has one",
                    ));
                }
                _ => {}
            }
        }
        Ok(self.root)
    }

    fn at(&self, marker: Marker) -> At {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        At {
            file: self.file,
            line: number(marker.line()),
            column: number(marker.col()).saturating_add(1),
        }
    }

    fn syntax(&self, error: &ScanError) -> Failure {
        let at = self.at(*error.marker());
        fail(at, format!("not valid YAML: {}", error.info()))
    }

    fn open(
        &mut self,
        at: At,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        content: Content,
    ) -> Result<(), Failure> {
        check_tag(at, tag.as_deref())?;
        if self.frames.len() >= DEPTH_MAX {
            return Err(fail(at, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        if let Some(Frame {
            content: Content::Map { key: None, .. },
            ..
        }) = self.frames.last()
        {
            return Err(fail(at, "a key must be text, not a list or a map"));
        }
        self.frames.push(Frame {
            at,
            anchor,
            content,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let value = match frame.content {
            Content::List(items) => Value::List(items),
            Content::Map {
                entries,
                lines,
                merged,
                ..
            } => Value::Map(merge(entries, lines, &merged)?),
        };
        self.add(Node::new(value, frame.at), frame.anchor)
    }

    fn scalar(
        &mut self,
        at: At,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), Failure> {
        check_tag(at, tag)?;
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        let is_plain = style == ScalarStyle::Plain && !is_text;
        if let Some(Frame {
            content: Content::Map {
                key: key @ None, ..
            },
            ..
        }) = self.frames.last_mut()
        {
            *key = Some(Key {
                name: text.to_owned(),
                at,
                is_merge: is_plain && text == "<<",
            });
            return Ok(());
        }
        let value = match is_plain {
            true => scalar::resolve(text),
            false => Value::Text(text.to_owned()),
        };
        self.add(Node::new(value, at), anchor)
    }

    fn alias(&mut self, at: At, anchor: usize) -> Result<(), Failure> {
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(fail(
                at,
                "this alias refers to something that is not complete yet",
            ));
        };
        let (count, height) = measure(target);
        if self.frames.len() + height > DEPTH_MAX {
            return Err(fail(
                at,
                format!("nested deeper than {DEPTH_MAX} levels through this alias"),
            ));
        }
        if self.nodes.saturating_add(count) > NODES_MAX {
            return Err(fail(
                at,
                format!("more than {NODES_MAX} values once the aliases are resolved"),
            ));
        }
        let node = target.clone();
        if let Some(Frame {
            content: Content::Map { key: None, .. },
            ..
        }) = self.frames.last()
        {
            return Err(fail(at, "a key must be text, not an alias"));
        }
        self.nodes += count;
        self.add(node, 0)
    }

    /// Puts a complete value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Failure> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(fail(node.at, format!("more than {NODES_MAX} values")));
        }
        if anchor > 0 {
            self.nodes += measure(&node).0;
            self.anchors.insert(anchor, node.clone());
        }
        let mut repeated = None;
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map {
                entries,
                lines,
                merged,
                key,
            }) => {
                let Some(key) = key.take() else {
                    return Err(fail(node.at, "a key must be text"));
                };
                if key.is_merge {
                    merged.push(node);
                } else if let Some(line) = lines.get(&key.name) {
                    repeated = Some((key, *line));
                } else {
                    lines.insert(key.name.clone(), key.at.line);
                    entries.push(Entry {
                        key: key.name,
                        key_at: key.at,
                        value: node,
                    });
                }
            }
        }
        if let Some((key, line)) = repeated {
            let message = format!("this key is already set in line {line}");
            let path = self.path_of(&key.name);
            self.report.error(key.at, &path, message);
        }
        Ok(())
    }

    /// The path of a key of the innermost map.
    fn path_of(&self, name: &str) -> String {
        let mut path = String::new();
        for frame in &self.frames {
            match &frame.content {
                Content::Map { key: Some(key), .. } => path.push_str(&format!("{}.", key.name)),
                Content::Map { key: None, .. } => {}
                Content::List(items) => {
                    path.truncate(path.trim_end_matches('.').len());
                    path.push_str(&format!("[{}].", items.len()));
                }
            }
        }
        path + name
    }
}

impl Content {
    fn empty_map() -> Self {
        Self::Map {
            entries: Vec::new(),
            lines: BTreeMap::new(),
            merged: Vec::new(),
            key: None,
        }
    }
}

fn fail(at: At, message: impl Into<String>) -> Failure {
    Failure {
        at,
        message: message.into(),
    }
}

fn check_tag(at: At, tag: Option<&Tag>) -> Result<(), Failure> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => Err(fail(
            at,
            format!("the tag {}{} is not supported", tag.handle, tag.suffix),
        )),
        _ => Ok(()),
    }
}

/// Merge keys (`<<`): what the map says itself beats them, the earlier beats the later.
fn merge(
    mut entries: Vec<Entry>,
    mut lines: BTreeMap<String, u32>,
    merged: &[Node],
) -> Result<Vec<Entry>, Failure> {
    let sources = merged.iter().flat_map(|node| match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    });
    for source in sources {
        if !matches!(source.value, Value::Map(_)) {
            let message = format!(
                "`<<` takes a map or a list of maps, not {}",
                source.kind_name()
            );
            return Err(fail(source.at, message));
        }
        for entry in source.entries() {
            if !lines.contains_key(&entry.key) {
                lines.insert(entry.key.clone(), entry.key_at.line);
                entries.push(entry.clone());
            }
        }
    }
    Ok(entries)
}

/// Number of values, and levels of nesting, of a tree.
fn measure(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        Value::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
        _ => return (1, 0),
    };
    children
        .into_iter()
        .map(measure)
        .fold((1, 1), |(count, height), (more, below)| {
            (count + more, height.max(below + 1))
        })
}

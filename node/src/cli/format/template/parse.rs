//! Builds a template's tree.

use serde_json::Value;

use super::{
    Node, Pipeline, Word,
    evaluate::is_function,
    lexer::{Piece, Token, pieces, tokens},
};

/// How deep blocks and parentheses may nest.
const DEPTH_MAX: usize = 32;

/// What ended a list of nodes.
enum Stop {
    Source,
    End,
    Else,
    ElseIf(Pipeline),
}

/// Reads a whole template.
pub(super) fn template(source: &str) -> Result<Vec<Node>, String> {
    let mut pieces = pieces(source)?.into_iter();
    let (nodes, stop) = nodes(&mut pieces, 0)?;
    match stop {
        Stop::Source => Ok(nodes),
        Stop::End => Err("unexpected {{end}}".into()),
        Stop::Else | Stop::ElseIf(_) => Err("unexpected {{else}}; there is no {{if}} to it".into()),
    }
}

fn nodes<'a>(
    pieces: &mut impl Iterator<Item = Piece<'a>>,
    depth: usize,
) -> Result<(Vec<Node>, Stop), String> {
    if depth > DEPTH_MAX {
        return Err(format!("blocks nest deeper than {DEPTH_MAX}"));
    }
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let action = match piece {
            Piece::Text("") => continue,
            Piece::Text(text) => {
                nodes.push(Node::Text(text.to_owned()));
                continue;
            }
            Piece::Action(action) => tokens(action)?,
        };
        let word = match action.first() {
            Some(Token::Word(word)) => word.as_str(),
            Some(_) => "",
            None => return Err("missing value for command: {{}}".into()),
        };
        match word {
            "end" => return Ok((nodes, Stop::End)),
            "else" if action.get(1) == Some(&Token::Word("if".into())) => {
                return Ok((nodes, Stop::ElseIf(pipeline(&action[2..])?)));
            }
            "else" => return Ok((nodes, Stop::Else)),
            "if" => nodes.push(conditional(pipeline(&action[1..])?, pieces, depth)?),
            "range" => {
                let over = pipeline(&action[1..])?;
                let (body, otherwise) = block(pieces, depth, "range")?;
                nodes.push(Node::Range(over, body, otherwise));
            }
            "with" | "define" | "template" | "block" | "break" | "continue" => {
                return Err(format!("{{{{{word}}}}} is not supported here"));
            }
            _ => nodes.push(Node::Show(pipeline(&action)?)),
        }
    }
    Ok((nodes, Stop::Source))
}

/// The rest of `{{if}}`, with any number of `{{else if}}`.
fn conditional<'a>(
    condition: Pipeline,
    pieces: &mut impl Iterator<Item = Piece<'a>>,
    depth: usize,
) -> Result<Node, String> {
    let (body, stop) = nodes(pieces, depth + 1)?;
    let otherwise = match stop {
        Stop::End => Vec::new(),
        Stop::Else => match nodes(pieces, depth + 1)? {
            (nodes, Stop::End) => nodes,
            _ => return Err("{{else}} has no {{end}}".into()),
        },
        Stop::ElseIf(condition) => vec![conditional(condition, pieces, depth + 1)?],
        Stop::Source => return Err("{{if}} has no {{end}}".into()),
    };
    Ok(Node::If(condition, body, otherwise))
}

fn block<'a>(
    pieces: &mut impl Iterator<Item = Piece<'a>>,
    depth: usize,
    name: &str,
) -> Result<(Vec<Node>, Vec<Node>), String> {
    let missing = || format!("{{{{{name}}}}} has no {{{{end}}}}");
    match nodes(pieces, depth + 1)? {
        (body, Stop::End) => Ok((body, Vec::new())),
        (body, Stop::Else) => match nodes(pieces, depth + 1)? {
            (otherwise, Stop::End) => Ok((body, otherwise)),
            _ => Err(missing()),
        },
        _ => Err(missing()),
    }
}

fn pipeline(tokens: &[Token]) -> Result<Pipeline, String> {
    let mut rest = tokens;
    let pipeline = commands(&mut rest, 0)?;
    match rest.first() {
        None => Ok(pipeline),
        Some(_) => Err("unexpected )".into()),
    }
}

/// Commands up to the end or to a `)`, which stays in `rest`.
fn commands(rest: &mut &[Token], depth: usize) -> Result<Pipeline, String> {
    if depth > DEPTH_MAX {
        return Err(format!("parentheses nest deeper than {DEPTH_MAX}"));
    }
    let mut pipeline = vec![Vec::new()];
    while let Some((token, tail)) = rest.split_first() {
        if *token == Token::Close {
            break;
        }
        *rest = tail;
        match token {
            Token::Pipe => {
                pipeline.push(Vec::new());
                continue;
            }
            token => {
                let word = word(token, rest, depth)?;
                if let Some(command) = pipeline.last_mut() {
                    command.push(word);
                }
            }
        }
    }
    if pipeline.iter().any(Vec::is_empty) {
        return Err("missing value for command".into());
    }
    Ok(pipeline)
}

fn word(token: &Token, rest: &mut &[Token], depth: usize) -> Result<Word, String> {
    let text = match token {
        Token::Text(text) => return Ok(Word::Literal(text.clone().into())),
        Token::Open => {
            let group = commands(rest, depth + 1)?;
            let Some((Token::Close, tail)) = rest.split_first() else {
                return Err("unclosed (".into());
            };
            *rest = tail;
            let mut path = Vec::new();
            if let Some((Token::Of(text), tail)) = rest.split_first() {
                *rest = tail;
                path = names(text.strip_prefix('.').unwrap_or(text))?;
            }
            return Ok(Word::Group(group, path));
        }
        Token::Word(text) => text.as_str(),
        Token::Pipe | Token::Close | Token::Of(_) => return Err("unexpected token".into()),
    };
    if let Some(path) = text.strip_prefix('.') {
        return field(path, false);
    }
    if text == "$" {
        return field("", true);
    }
    if let Some(path) = text.strip_prefix("$.") {
        return field(path, true);
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Word::Literal(number.into()));
    }
    match text {
        "true" => Ok(Word::Literal(Value::Bool(true))),
        "false" => Ok(Word::Literal(Value::Bool(false))),
        name if is_function(name) => Ok(Word::Name(name.to_owned())),
        name => Err(format!("function {name:?} not defined")),
    }
}

fn field(path: &str, from_root: bool) -> Result<Word, String> {
    let path = match path {
        "" => Vec::new(),
        path => names(path)?,
    };
    Ok(Word::Field { path, from_root })
}

fn names(path: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = path.split('.').map(str::to_owned).collect();
    match names.iter().any(String::is_empty) {
        true => Err("a field has no name".into()),
        false => Ok(names),
    }
}

//! Cuts a template into text and actions, and an action into tokens.

/// A piece of the source.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    /// Outside of `{{ }}`.
    Text(&'a str),
    /// Inside.
    Action(&'a str),
}

/// A token of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `|`
    Pipe,
    /// `(`
    Open,
    /// `)`
    Close,
    /// A string, unquoted.
    Text(String),
    /// `.A.B`, `$.A`, a number or a name.
    Word(String),
    /// `.A.B` right behind a `)`.
    Of(String),
}

/// Cuts the source. White space next to `{{-` and `-}}` goes.
pub(super) fn pieces(source: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let (mut rest, mut trim_next) = (source, false);
    loop {
        let start = rest.find("{{");
        let mut text = &rest[..start.unwrap_or(rest.len())];
        if trim_next {
            text = text.trim_start();
        }
        let Some(start) = start else {
            pieces.push(Piece::Text(text));
            return Ok(pieces);
        };
        let mut inside = &rest[start + 2..];
        if let Some(trimmed) = inside.strip_prefix("- ") {
            (inside, text) = (trimmed, text.trim_end());
        }
        let end = action_end(inside)?;
        let mut action = &inside[..end];
        trim_next = action.ends_with(" -");
        if trim_next {
            action = &action[..action.len() - 2];
        }
        pieces.push(Piece::Text(text));
        let action = action.trim();
        if !(action.starts_with("/*") && action.ends_with("*/")) {
            pieces.push(Piece::Action(action));
        }
        rest = &inside[end + 2..];
    }
}

/// Where the action closes: `}}` outside of a string.
fn action_end(inside: &str) -> Result<usize, String> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match quote {
            Some(mark) => {
                if c == mark && !escaped {
                    quote = None;
                }
                escaped = c == '\\' && mark == '"' && !escaped;
            }
            None if c == '"' || c == '`' => quote = Some(c),
            None if inside[at..].starts_with("}}") => return Ok(at),
            None => {}
        }
    }
    Err(match quote {
        Some(_) => "a string is not closed".into(),
        None => "an action is not closed: }} is missing".into(),
    })
}

/// Cuts an action.
pub(super) fn tokens(action: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = action.trim_start();
    let mut is_behind_group = false;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '|' => (Token::Pipe, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' => quoted(rest)?,
            '`' => {
                let end = rest[1..].find('`').ok_or("a string is not closed")?;
                (Token::Text(rest[1..=end].to_owned()), end + 2)
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "|()\"`".contains(c))
                    .unwrap_or(rest.len());
                let text = rest[..end].to_owned();
                match is_behind_group && first == '.' {
                    true => (Token::Of(text), end),
                    false => (Token::Word(text), end),
                }
            }
        };
        rest = &rest[length..];
        is_behind_group = token == Token::Close && !rest.starts_with(char::is_whitespace);
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A string in double quotes at the start, and its length in the source.
fn quoted(rest: &str) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((Token::Text(text), at + 1)),
            '\\' => match characters.next().map(|(_, c)| c) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c @ ('"' | '\\')) => text.push(c),
                _ => return Err("a string has an unknown escape".into()),
            },
            c => text.push(c),
        }
    }
    Err("a string is not closed".into())
}

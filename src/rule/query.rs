//! The little language of queries: text to tree, and the tree back to text.
//!
//! Precedence, tightest first: `NOT`, the NEAR family, `AND` (and `A NOT B`, which is `A AND NOT B`), `OR`. Operators of
//! one kind group from the left. Operators are upper-case; lower-case `and` is a word. Every error names the bytes it is
//! about and what to write instead. Parsing any text ends in a tree or an error, in time linear in the text.

use std::{fmt, ops::Range};

mod lex;

use lex::{Token, TokenKind, lex};

/// Parentheses, fields and `NOT` may nest so deep.
pub const DEPTH_MAX: usize = 60;
/// Bytes of one query.
pub const QUERY_BYTES_MAX: usize = 64 << 10;
/// The farthest that `NEAR/n` reaches.
pub const NEAR_MAX: u8 = 50;

/// One query as a tree; `range` is where in the string it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub kind: QueryKind,
    pub range: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryKind {
    /// One word, or several side by side.
    Words(Vec<Pattern>),
    Regex(String),
    List(String),
    Field(FieldName, Box<Query>),
    And(Vec<Query>),
    Or(Vec<Query>),
    Not(Box<Query>),
    Near {
        left: Box<Query>,
        right: Box<Query>,
        kind: NearKind,
        /// At most so many words between, 1 to 50.
        distance: u8,
    },
}

/// One word of a query and how much of it must agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    pub text: String,
    pub kind: PatternKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PatternKind {
    /// Any inflection.
    Inflected,
    /// `=HTS`
    Exact,
    /// `bombard*`, the text without its star.
    Prefix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NearKind {
    Near,
    /// The left operand stands first.
    Ordered,
    /// Occurrences of the left operand with none of the right one near.
    NotNear,
}

/// A part of an item that a query names: `title:…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldName {
    Title,
    /// Summary and content.
    Text,
    Url,
    Author,
    Category,
    Source,
    Publisher,
    Lang,
}

impl FieldName {
    pub const ALL: [(FieldName, &'static str); 8] = [
        (FieldName::Title, "title"),
        (FieldName::Text, "text"),
        (FieldName::Url, "url"),
        (FieldName::Author, "author"),
        (FieldName::Category, "category"),
        (FieldName::Source, "source"),
        (FieldName::Publisher, "publisher"),
        (FieldName::Lang, "lang"),
    ];

    pub fn name(self) -> &'static str {
        FieldName::ALL
            .into_iter()
            .find_map(|(field, name)| (field == self).then_some(name))
            .unwrap_or_default()
    }

    fn parse(name: &str) -> Option<FieldName> {
        FieldName::ALL
            .into_iter()
            .find_map(|(field, known)| (known == name).then_some(field))
    }
}

/// Why a string is not a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// Bytes of the string.
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl QueryError {
    fn new(range: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> QueryError {
        QueryError {
            range,
            message: message.into(),
            help: Some(help.into()),
        }
    }
}

/// Reads one string of `any`, `all`, `none` or a list.
///
/// # Errors
/// The first thing that is not the language, with its place and a way out.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryError::new(
            0..text.len(),
            format!("a query of {} bytes", text.len()),
            format!("the limit is {QUERY_BYTES_MAX}; use a list"),
        ));
    }
    let tokens = lex(text)?;
    if tokens.is_empty() {
        return Err(QueryError::new(
            0..text.len(),
            "empty query",
            "write a word, or remove the entry",
        ));
    }
    if let Some(phrase) = bare_phrase(&tokens) {
        return Ok(phrase);
    }
    let mut parser = Parser {
        text,
        tokens: &tokens,
        at: 0,
        depth: 0,
    };
    let query = parser.or()?;
    match parser.peek() {
        None => Ok(query),
        Some(token) if token.kind == TokenKind::Close => Err(QueryError::new(
            token.range.clone(),
            "closing parenthesis without an opening one",
            "remove it, or open one before",
        )),
        Some(token) => Err(parser.neighbours(query.range.clone(), token.range.clone())),
    }
}

/// An entry of words alone is a phrase and needs no quotes.
fn bare_phrase(tokens: &[Token]) -> Option<Query> {
    let mut patterns = Vec::with_capacity(tokens.len());
    for token in tokens {
        match &token.kind {
            TokenKind::Words(words) if words.len() == 1 => patterns.extend(words.iter().cloned()),
            _ => return None,
        }
    }
    let range = tokens.first()?.range.start..tokens.last()?.range.end;
    Some(Query {
        kind: QueryKind::Words(patterns),
        range,
    })
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next_if(&mut self, kind: &TokenKind) -> bool {
        let is_next = self.peek().is_some_and(|token| token.kind == *kind);
        self.at += usize::from(is_next);
        is_next
    }

    fn or(&mut self) -> Result<Query, QueryError> {
        let mut sides = vec![self.and()?];
        while self.next_if(&TokenKind::Or) {
            sides.push(self.and()?);
        }
        Ok(join(sides, QueryKind::Or))
    }

    fn and(&mut self) -> Result<Query, QueryError> {
        let mut sides = vec![self.near()?];
        loop {
            let is_not = |token: &Token| token.kind == TokenKind::Not;
            if !self.next_if(&TokenKind::And) && !self.peek().is_some_and(is_not) {
                return Ok(join(sides, QueryKind::And));
            }
            sides.push(self.near()?);
        }
    }

    fn near(&mut self) -> Result<Query, QueryError> {
        let mut left = self.unary()?;
        while let Some(Token {
            kind: TokenKind::Near(kind, distance),
            range,
        }) = self.peek()
        {
            self.at += 1;
            let right = self.unary()?;
            for side in [&left, &right] {
                if matches!(side.kind, QueryKind::Not(_)) {
                    return Err(QueryError::new(
                        side.range.clone(),
                        format!("NOT inside {}", self.slice(range)),
                        "NOT binds tighter than NEAR: write NOT (a NEAR/8 b), or a NOT NEAR/8 b",
                    ));
                }
            }
            let range = left.range.start..right.range.end;
            left = Query {
                kind: QueryKind::Near {
                    left: Box::new(left),
                    right: Box::new(right),
                    kind: *kind,
                    distance: *distance,
                },
                range,
            };
        }
        Ok(left)
    }

    fn slice(&self, range: &Range<usize>) -> &'a str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn deeper<T>(
        &mut self,
        at: &Range<usize>,
        parse: impl FnOnce(&mut Self) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        if self.depth >= DEPTH_MAX {
            return Err(QueryError::new(
                at.clone(),
                format!("nested deeper than {DEPTH_MAX}"),
                "name a part as a list and use @name",
            ));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn unary(&mut self) -> Result<Query, QueryError> {
        let Some(token) = self.peek() else {
            let end = self.text.trim_end().len();
            return Err(QueryError::new(
                end..end,
                "something is missing at the end",
                "an operator needs a word or group after it",
            ));
        };
        self.at += 1;
        let start = token.range.start;
        match &token.kind {
            TokenKind::Not => {
                let inner = self.deeper(&token.range, Parser::unary)?;
                let range = start..inner.range.end;
                Ok(Query {
                    kind: QueryKind::Not(Box::new(inner)),
                    range,
                })
            }
            TokenKind::Open => {
                if let Some(close) = self.peek().filter(|token| token.kind == TokenKind::Close) {
                    return Err(QueryError::new(
                        start..close.range.end,
                        "nothing between the parentheses",
                        "write a word or remove them",
                    ));
                }
                let inner = self.deeper(&token.range, Parser::or)?;
                match self.peek() {
                    Some(Token {
                        kind: TokenKind::Close,
                        range,
                    }) => {
                        self.at += 1;
                        Ok(Query {
                            kind: inner.kind,
                            range: start..range.end,
                        })
                    }
                    Some(other) => Err(self.neighbours(inner.range.clone(), other.range.clone())),
                    None => Err(QueryError::new(
                        token.range.clone(),
                        "unclosed parenthesis",
                        "add a closing one where the group ends",
                    )),
                }
            }
            TokenKind::Field(field) => {
                let inner = self.deeper(&token.range, Parser::field_operand)?;
                let range = start..inner.range.end;
                Ok(Query {
                    kind: QueryKind::Field(*field, Box::new(inner)),
                    range,
                })
            }
            TokenKind::Words(patterns) => Ok(Query {
                kind: QueryKind::Words(patterns.clone()),
                range: token.range.clone(),
            }),
            TokenKind::Regex(pattern) => Ok(Query {
                kind: QueryKind::Regex(pattern.clone()),
                range: token.range.clone(),
            }),
            TokenKind::List(name) => Ok(Query {
                kind: QueryKind::List(name.clone()),
                range: token.range.clone(),
            }),
            TokenKind::Close => Err(QueryError::new(
                token.range.clone(),
                "a word or group is missing before the parenthesis",
                "an operator needs something on both sides",
            )),
            TokenKind::And | TokenKind::Or | TokenKind::Near(..) => Err(QueryError::new(
                token.range.clone(),
                format!("{} has nothing before it", self.slice(&token.range)),
                "an operator needs a word or group on both sides; in quotes it is a plain word",
            )),
        }
    }

    fn field_operand(&mut self) -> Result<Query, QueryError> {
        match self.peek() {
            Some(Token {
                kind: TokenKind::Not,
                range,
            }) => Err(QueryError::new(
                range.clone(),
                "NOT directly after a field",
                "write NOT before the field, or put the rest in parentheses",
            )),
            _ => self.unary(),
        }
    }

    /// Two operands with nothing between them.
    fn neighbours(&self, left: Range<usize>, right: Range<usize>) -> QueryError {
        let (before, after) = (self.slice(&left).trim(), self.slice(&right));
        let lowered = after.to_lowercase();
        if ["and", "or", "not"].contains(&lowered.as_str())
            || lowered.starts_with("near/")
            || lowered.starts_with("onear/")
        {
            let help = format!("operators are upper-case: {}", after.to_uppercase());
            return QueryError::new(right, format!("`{after}` is a plain word here"), help);
        }
        let is_plain = |side: &str| {
            !side.contains(['"', '(', ')', '@', '/', '=', ':'])
                && side.split_whitespace().count() == 1
        };
        let help = if is_plain(before) && is_plain(after) {
            format!("for a phrase write \"{before} {after}\", otherwise AND or OR between them")
        } else {
            "write AND, OR or NEAR/8 between them".to_owned()
        };
        QueryError::new(
            left.start..right.end,
            format!(
                "no operator between `{}` and `{}`",
                shorten(before),
                shorten(after)
            ),
            help,
        )
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// One side stands for itself; several become one node.
fn join(mut sides: Vec<Query>, kind: fn(Vec<Query>) -> QueryKind) -> Query {
    match sides.len() {
        1 => sides.swap_remove(0),
        _ => {
            let start = sides.first().map_or(0, |side| side.range.start);
            let end = sides.last().map_or(0, |side| side.range.end);
            Query {
                kind: kind(sides),
                range: start..end,
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PatternKind::Inflected => write!(out, "{}", self.text),
            PatternKind::Exact => write!(out, "={}", self.text),
            PatternKind::Prefix => write!(out, "{}*", self.text),
        }
    }
}

/// The canonical way to write it: parses to the same tree.
impl fmt::Display for Query {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(out)
    }
}

impl fmt::Display for QueryKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(out: &mut fmt::Formatter<'_>, sides: &[Query], operator: &str) -> fmt::Result {
            for (index, side) in sides.iter().enumerate() {
                if index > 0 {
                    write!(out, " {operator} ")?;
                }
                grouped(out, side)?;
            }
            Ok(())
        }
        fn grouped(out: &mut fmt::Formatter<'_>, side: &Query) -> fmt::Result {
            match side.kind {
                QueryKind::And(_) | QueryKind::Or(_) | QueryKind::Near { .. } => {
                    write!(out, "({side})")
                }
                _ => write!(out, "{side}"),
            }
        }
        match self {
            QueryKind::Words(patterns) => display_words(out, patterns),
            QueryKind::Regex(pattern) => write!(out, "/{}/", pattern.replace('/', "\\/")),
            QueryKind::List(name) => write!(out, "@{name}"),
            QueryKind::Field(field, inner) => {
                write!(out, "{}:", field.name())?;
                grouped(out, inner)
            }
            QueryKind::And(sides) => list(out, sides, "AND"),
            QueryKind::Or(sides) => list(out, sides, "OR"),
            QueryKind::Not(inner) => {
                write!(out, "NOT ")?;
                grouped(out, inner)
            }
            QueryKind::Near {
                left,
                right,
                kind,
                distance,
            } => {
                grouped(out, left)?;
                write!(out, " {}/{distance} ", near_name(*kind))?;
                grouped(out, right)
            }
        }
    }
}

pub fn near_name(kind: NearKind) -> &'static str {
    match kind {
        NearKind::Near => "NEAR",
        NearKind::Ordered => "ONEAR",
        NearKind::NotNear => "NOT NEAR",
    }
}

fn display_words(out: &mut fmt::Formatter<'_>, patterns: &[Pattern]) -> fmt::Result {
    if let [single] = patterns {
        return match single.kind {
            PatternKind::Exact => write!(out, "=\"{}\"", single.text),
            _ => write!(out, "\"{single}\""),
        };
    }
    let is_exact = patterns
        .iter()
        .all(|pattern| pattern.kind == PatternKind::Exact);
    write!(out, "{}\"", if is_exact { "=" } else { "" })?;
    for (index, pattern) in patterns.iter().enumerate() {
        let space = if index > 0 { " " } else { "" };
        match is_exact {
            true => write!(out, "{space}{}", pattern.text)?,
            false => write!(out, "{space}{pattern}")?,
        }
    }
    write!(out, "\"")
}

#[cfg(test)]
mod tests;

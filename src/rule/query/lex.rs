//! The query's words and signs, each with its place.

use std::ops::Range;

use super::{FieldName, NEAR_MAX, NearKind, Pattern, PatternKind, QueryError};
use crate::text::words;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub range: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Open,
    Close,
    And,
    Or,
    Not,
    Near(NearKind, u8),
    Field(FieldName),
    List(String),
    Regex(String),
    Words(Vec<Pattern>),
}

/// The letters that a wildcard needs before its star.
const PREFIX_LETTERS_MIN: usize = 3;

pub(super) fn lex(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    fold_not_near(&mut tokens);
    Ok(tokens)
}

/// `NOT` before `NEAR/n` is one operator.
fn fold_not_near(tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at + 1 < tokens.len() {
        if let [
            Token {
                kind: TokenKind::Not,
                range: not,
            },
            Token {
                kind: TokenKind::Near(kind @ NearKind::Near, _),
                range,
            },
            ..,
        ] = &mut tokens[at..]
        {
            *kind = NearKind::NotNear;
            range.start = not.start;
            tokens.remove(at);
        }
        at += 1;
    }
}

/// The first letter that `ends`, unless it is a plain quote typed for gershayim, as in the Hebrew for IDF.
fn find_outside_hebrew(text: &str, ends: impl Fn(char) -> bool) -> Option<usize> {
    let is_hebrew = |letter: char| ('א'..='ת').contains(&letter);
    let mut before = ' ';
    for (index, letter) in text.char_indices() {
        if ends(letter) {
            let after = text.get(index..).and_then(|rest| rest.chars().nth(1));
            let is_gershayim = letter == '"' && is_hebrew(before) && after.is_some_and(is_hebrew);
            if !is_gershayim {
                return Some(index);
            }
        }
        before = letter;
    }
    None
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '“' | '”' | '„')
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, bytes: usize) -> Range<usize> {
        let start = self.at;
        self.at += bytes;
        start..self.at
    }

    fn next(&mut self) -> Result<Option<Token>, QueryError> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(None);
        };
        let token = |kind, range| Ok(Some(Token { kind, range }));
        match first {
            '(' => token(TokenKind::Open, self.take(1)),
            ')' => token(TokenKind::Close, self.take(1)),
            '@' => self.list().map(Some),
            '/' => self.regex().map(Some),
            '=' => self.exact().map(Some),
            _ if is_quote(first) => self.quoted(PatternKind::Inflected, self.at).map(Some),
            _ => self.word().map(Some),
        }
    }

    /// The bytes up to the end of the bare word here.
    fn bare(&self, from: &'a str) -> &'a str {
        let end = find_outside_hebrew(from, |letter| {
            letter.is_whitespace() || matches!(letter, '(' | ')') || is_quote(letter)
        });
        end.and_then(|end| from.get(..end)).unwrap_or(from)
    }

    fn list(&mut self) -> Result<Token, QueryError> {
        let name = self.bare(self.rest().get(1..).unwrap_or_default());
        let range = self.take(1 + name.len());
        let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(QueryError::new(
                range,
                "a list's name must follow @",
                "letters, digits, - and _: @armed-group",
            ));
        }
        Ok(Token {
            kind: TokenKind::List(name.to_owned()),
            range,
        })
    }

    fn regex(&mut self) -> Result<Token, QueryError> {
        let mut pattern = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((index, letter)) = letters.next() {
            match letter {
                '/' => {
                    let range = self.take(index + 1);
                    if pattern.is_empty() {
                        return Err(QueryError::new(
                            range,
                            "empty regular expression",
                            "write one between the slashes",
                        ));
                    }
                    return Ok(Token {
                        kind: TokenKind::Regex(pattern),
                        range,
                    });
                }
                '\\' => match letters.next() {
                    Some((_, '/')) => pattern.push('/'),
                    Some((_, other)) => pattern.extend(['\\', other]),
                    None => pattern.push('\\'),
                },
                _ => pattern.push(letter),
            }
        }
        let range = self.take(self.rest().len());
        Err(QueryError::new(
            range,
            "unclosed regular expression",
            "end it with /; a slash inside is written \\/",
        ))
    }

    fn exact(&mut self) -> Result<Token, QueryError> {
        let start = self.at;
        self.at += 1;
        if self.rest().starts_with(is_quote) {
            return self.quoted(PatternKind::Exact, start);
        }
        let word = self.bare(self.rest());
        self.take(word.len());
        let range = start..self.at;
        if words::words(word).is_empty() {
            return Err(QueryError::new(
                range,
                "no word after =",
                "write =HTS or =\"Islamic State\", without a space",
            ));
        }
        let pattern = Pattern {
            text: word.to_owned(),
            kind: PatternKind::Exact,
        };
        Ok(Token {
            kind: TokenKind::Words(vec![pattern]),
            range,
        })
    }

    fn quoted(&mut self, kind: PatternKind, start: usize) -> Result<Token, QueryError> {
        let opening = self.rest().chars().next().map_or(0, char::len_utf8);
        let inside = self.rest().get(opening..).unwrap_or_default();
        let Some(length) = find_outside_hebrew(inside, is_quote) else {
            let range = start..self.text.len();
            return Err(QueryError::new(
                range,
                "unclosed quote",
                "add the closing \"",
            ));
        };
        let (phrase, after) = inside.split_at(length);
        let closing = after.chars().next().map_or(0, char::len_utf8);
        self.take(opening + length + closing);
        let range = start..self.at;
        let mut patterns = Vec::new();
        for word in phrase.split_whitespace() {
            if words::words(word).is_empty() {
                continue;
            }
            patterns.push(match kind {
                PatternKind::Exact => Pattern {
                    text: word.to_owned(),
                    kind,
                },
                _ => pattern(word, &range)?,
            });
        }
        if patterns.is_empty() {
            return Err(QueryError::new(
                range,
                "no word between the quotes",
                "write one or remove them",
            ));
        }
        Ok(Token {
            kind: TokenKind::Words(patterns),
            range,
        })
    }

    fn word(&mut self) -> Result<Token, QueryError> {
        let word = self.bare(self.rest());
        if let Some(field) = self.field(word)? {
            return Ok(field);
        }
        let range = self.take(word.len());
        refuse_foreign(word, &range)?;
        let kind = match word {
            "AND" => TokenKind::And,
            "OR" => TokenKind::Or,
            "NOT" => TokenKind::Not,
            _ => match near(word, &range)? {
                Some((kind, distance)) => TokenKind::Near(kind, distance),
                None if words::words(word).is_empty() => {
                    return Err(QueryError::new(
                        range,
                        format!("`{word}` has no letter or digit"),
                        "words are letters and digits; anything else can be sought with /regex/",
                    ));
                }
                None => TokenKind::Words(vec![pattern(word, &range)?]),
            },
        };
        Ok(Token { kind, range })
    }

    fn field(&mut self, word: &str) -> Result<Option<Token>, QueryError> {
        let Some((name, after)) = word.split_once(':') else {
            return Ok(None);
        };
        // `10:30` and `https://…` are words; a colon at the end of a word is punctuation unless something is joined to it.
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        let follows = self
            .rest()
            .get(name.len() + 1..)
            .and_then(|rest| rest.chars().next());
        if !is_name || after.starts_with("//") {
            return Ok(None);
        }
        let range = self.at..self.at + name.len() + 1;
        let Some(field) = FieldName::parse(name) else {
            if after.is_empty() && follows.is_none_or(char::is_whitespace) {
                return Ok(None);
            }
            let close = super::super::nearest(name, FieldName::ALL.iter().map(|(_, known)| *known));
            let help = match close {
                Some(known) => format!("did you mean {known}:? in quotes it is a plain word"),
                None => "fields are title: text: url: author: category: source: publisher: lang:; in quotes it is a plain word".to_owned(),
            };
            return Err(QueryError::new(
                range,
                format!("unknown field `{name}:`"),
                help,
            ));
        };
        if follows.is_none_or(char::is_whitespace) {
            return Err(QueryError::new(
                range,
                format!("nothing follows `{name}:`"),
                format!("no space after the colon: {name}:word or {name}:(a OR b)"),
            ));
        }
        self.take(name.len() + 1);
        Ok(Some(Token {
            kind: TokenKind::Field(field),
            range,
        }))
    }
}

/// A word with or without its star.
fn pattern(word: &str, range: &Range<usize>) -> Result<Pattern, QueryError> {
    if let Some(exact) = word.strip_prefix('=').filter(|rest| !rest.is_empty()) {
        return Ok(Pattern {
            text: exact.to_owned(),
            kind: PatternKind::Exact,
        });
    }
    let Some((before, after)) = word.split_once('*') else {
        return Ok(Pattern {
            text: word.to_owned(),
            kind: PatternKind::Inflected,
        });
    };
    let is_at_end = after
        .chars()
        .all(|letter| !letter.is_alphanumeric() && letter != '*');
    let letters = before
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .count();
    if !is_at_end {
        return Err(QueryError::new(
            range.clone(),
            "a star inside a word",
            "a star stands at the end only: bombard*; or use /regex/",
        ));
    }
    if letters < PREFIX_LETTERS_MIN {
        return Err(QueryError::new(
            range.clone(),
            format!("`{word}` would match too much"),
            format!("at least {PREFIX_LETTERS_MIN} letters before the star"),
        ));
    }
    Ok(Pattern {
        text: before.to_owned(),
        kind: PatternKind::Prefix,
    })
}

/// Operators of other dialects, misspelt and lower-case ones: as words they would silently match something else.
fn refuse_foreign(word: &str, range: &Range<usize>) -> Result<(), QueryError> {
    let refuse = |message: String, help: String| {
        let stop = if help.ends_with('?') { "" } else { ";" };
        let help = format!("{help}{stop} in quotes it is a plain word");
        Err(QueryError::new(range.clone(), message, help))
    };
    let excluded = word.strip_prefix(['-', '!']);
    if let Some(rest) = excluded.filter(|rest| rest.starts_with(char::is_alphabetic)) {
        return refuse(
            format!("`{word}` excludes nothing"),
            format!("write NOT {rest}"),
        );
    }
    let instead = match word {
        "&&" => Some("AND"),
        "||" => Some("OR"),
        "ANDNOT" | "BUTNOT" => Some("AND NOT"),
        _ => None,
    };
    if let Some(instead) = instead {
        return refuse(
            format!("`{word}` is no operator"),
            format!("did you mean {instead}?"),
        );
    }
    let letters = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let distance = word.get(letters.len()..).unwrap_or_default();
    let Some(name) = letters.strip_suffix('/') else {
        return Ok(());
    };
    if distance.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(());
    }
    let upper = name.to_uppercase();
    let meant = match upper.as_str() {
        "NEAR" | "ONEAR" if name == upper => return Ok(()),
        "NEAR" | "ONEAR" => {
            let message = format!("`{word}` is a plain word here");
            let help = format!("operators are upper-case: {upper}/{distance}");
            return refuse(message, help);
        }
        // As other engines write it.
        "W" | "WITHIN" | "N" | "ADJ" => Some("NEAR"),
        "PRE" | "P" | "BEFORE" => Some("ONEAR"),
        _ => ["NEAR", "ONEAR"].into_iter().find(|known| {
            name.len() > 2 && strsim::damerau_levenshtein(&upper, known) <= 1 + name.len() / 5
        }),
    };
    match meant {
        Some(meant) => {
            let help = format!("did you mean {meant}/{distance}?");
            refuse(format!("`{word}` is no operator"), help)
        }
        None => Ok(()),
    }
}

fn near(word: &str, range: &Range<usize>) -> Result<Option<(NearKind, u8)>, QueryError> {
    let (name, distance) = match word.split_once('/') {
        Some((name, distance)) => (name, Some(distance)),
        None => (word, None),
    };
    let kind = match name {
        "NEAR" => NearKind::Near,
        "ONEAR" => NearKind::Ordered,
        _ => return Ok(None),
    };
    let help = format!("{name}/8 allows up to 8 words between; 1 to {NEAR_MAX}");
    let Some(distance) = distance else {
        return Err(QueryError::new(
            range.clone(),
            format!("{name} without a distance"),
            help,
        ));
    };
    match distance.parse::<u8>() {
        Ok(distance) if (1..=NEAR_MAX).contains(&distance) => Ok(Some((kind, distance))),
        _ => Err(QueryError::new(
            range.clone(),
            format!("`{distance}` is no distance"),
            help,
        )),
    }
}

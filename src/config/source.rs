//! The files as they were read, and places in them: every problem points at bytes of a file, and a query's own place
//! inside its TOML string is followed back through escapes and line breaks to those bytes.

use std::{
    ops::Range,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

/// A configuration file in memory.
#[derive(Debug)]
pub struct Source {
    /// As a person finds it: the main file as given, the others as their `include` leads to them.
    pub shown: PathBuf,
    /// UTF-8 without a byte order mark; bytes that were not UTF-8 are replaced.
    pub text: Arc<str>,
    /// Whether the file is not whole TOML: what was read from it may not be what its author meant.
    pub is_broken: bool,
    /// Bytes that hold a secret and are never shown.
    pub secrets: Vec<Range<usize>>,
    lines: OnceLock<Vec<usize>>,
}

impl Source {
    pub fn new(shown: PathBuf, text: String) -> Source {
        Source {
            shown,
            text: text.into(),
            is_broken: false,
            secrets: Vec::new(),
            lines: OnceLock::new(),
        }
    }

    /// The line that a byte stands in, from 1, and where that line begins.
    pub fn line(&self, at: usize) -> (usize, usize) {
        let starts = self.lines.get_or_init(|| {
            let breaks = self
                .text
                .bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0)
                .chain(breaks.map(|(at, _)| at + 1))
                .collect()
        });
        let line = starts.partition_point(|start| *start <= at).max(1);
        (line, starts.get(line - 1).copied().unwrap_or(0))
    }
}

/// Bytes of one file. A spot always lies inside its file and on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub file: u32,
    pub start: u32,
    pub end: u32,
}

impl Spot {
    /// A spot of `range`, held inside the file's text.
    pub fn new(file: usize, range: Range<usize>) -> Spot {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Spot {
            file: narrow(file),
            start: narrow(range.start),
            end: narrow(range.end.max(range.start)),
        }
    }

    /// The file itself: no line of it in particular.
    pub fn whole(file: usize) -> Spot {
        Spot::new(file, 0..0)
    }

    pub fn is_whole(self) -> bool {
        self.range() == (0..0)
    }

    pub fn file(self) -> usize {
        self.file as usize
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What the bytes of a file are as text.
pub struct Decoded {
    pub text: String,
    /// Where the first bytes are that are not UTF-8 (in `text`), and what to say about them.
    pub bad: Option<(usize, String)>,
}

/// Bytes to text: a byte order mark goes, anything but UTF-8 is a problem with its place.
pub fn decode(bytes: &[u8]) -> Decoded {
    let utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Decoded {
            text: text.to_owned(),
            bad: None,
        },
        Err(error) => {
            let at = error.valid_up_to();
            let what = match bytes.get(at) {
                Some(_) if utf16 => "the file is UTF-16, not UTF-8".to_owned(),
                Some(byte) => format!("not UTF-8 text: byte 0x{byte:02X}"),
                None => "not UTF-8 text".to_owned(),
            };
            Decoded {
                text: String::from_utf8_lossy(bytes).into_owned(),
                bad: Some((at, what)),
            }
        }
    }
}

/// The bytes of `file` that the bytes `inside` of a string's value were written as. `literal` are the bytes of the whole
/// TOML string, quotes included; the whole of it comes back where the value is not made of it in the usual way.
pub fn inside_string(text: &str, literal: Range<usize>, inside: Range<usize>) -> Range<usize> {
    let Some(raw) = text.get(literal.clone()) else {
        return literal;
    };
    let mut start = None;
    let mut end = None;
    let mut value_at = 0;
    for piece in pieces(raw) {
        let piece_end = value_at + piece.value_len;
        // The piece that holds the first byte begins the spot; the one that holds the last byte ends it.
        if start.is_none() && inside.start < piece_end {
            start = Some(piece.raw.start);
        }
        if start.is_some() && end.is_none() && inside.end <= piece_end {
            end = Some(match inside.end > inside.start {
                true => piece.raw.end,
                false => piece.raw.start,
            });
            break;
        }
        value_at = piece_end;
    }
    let close = closing_quote(raw);
    let start = literal.start + start.unwrap_or(close);
    let end = literal.start + end.unwrap_or(close);
    start..end.max(start)
}

/// A character of a string's value, or nothing (a line continuation), and the bytes it was written as.
struct Piece {
    value_len: usize,
    raw: Range<usize>,
}

const QUOTES: [&str; 4] = ["\"\"\"", "'''", "\"", "'"];

/// The offset of the closing quotes in a TOML string.
fn closing_quote(raw: &str) -> usize {
    let quote = QUOTES
        .into_iter()
        .find(|quote| raw.starts_with(quote))
        .unwrap_or("");
    match raw.len() >= 2 * quote.len() && raw.ends_with(quote) {
        true => raw.len() - quote.len(),
        false => raw.len(),
    }
}

/// A TOML string (TOML 1.1, "String") taken apart, quotes left out. A bare key is a string of its own.
fn pieces(raw: &str) -> impl Iterator<Item = Piece> {
    let quote = QUOTES
        .into_iter()
        .find(|quote| raw.starts_with(quote))
        .unwrap_or("");
    let is_multi_line = quote.len() == 3;
    let has_escapes = quote.starts_with('"');
    let close = closing_quote(raw);
    let mut at = quote.len().min(close);
    if is_multi_line {
        // A line break right after the opening quotes is not part of the value.
        let body = raw.get(at..close).unwrap_or("");
        at += match () {
            () if body.starts_with("\r\n") => 2,
            () if body.starts_with('\n') => 1,
            () => 0,
        };
    }
    std::iter::from_fn(move || {
        let rest = raw.get(at..close)?;
        let first = rest.chars().next()?;
        let (len, value_len) = match first {
            '\\' if has_escapes => escape(rest),
            _ => (first.len_utf8(), first.len_utf8()),
        };
        let start = at;
        at += len;
        Some(Piece {
            value_len,
            raw: start..at,
        })
    })
}

/// The length of the escape sequence that `rest` begins with, and of the character it stands for.
fn escape(rest: &str) -> (usize, usize) {
    let hex = |digits: usize| {
        let code = rest.get(2..2 + digits);
        let character = code
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        match character {
            Some(character) => (2 + digits, character.len_utf8()),
            None => (2.min(rest.len()), 0),
        }
    };
    match rest.chars().nth(1) {
        Some('x') => hex(2),
        Some('u') => hex(4),
        Some('U') => hex(8),
        // A backslash at the end of a line swallows the break and all white space after it.
        Some(' ' | '\t' | '\r' | '\n') => {
            let after = rest.get(1..).unwrap_or("");
            let kept = after.trim_start_matches([' ', '\t', '\r', '\n']);
            (rest.len() - kept.len(), 0)
        }
        Some(other) => (1 + other.len_utf8(), 1),
        None => (rest.len(), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_place_inside_a_string_is_found_in_the_file() {
        for (raw, needle, written) in [
            (r#""rebel (advance""#, "(", "("),
            (r#""say \"close in\" (now""#, "(", "("),
            (r#""\u00e9t\u00E9 (x""#, "(", "("),
            (r#""a\tb""#, "\t", r"\t"),
            (r#""\U0001F6A8 x""#, "🚨", r"\U0001F6A8"),
            ("\"\"\"\none \\\n     two (\n\"\"\"", "(", "("),
            ("\"\"\"\r\none\r\ntwo (\"\"\"", "(", "("),
            ("'''\nregex \\d (\n'''", r"\d (", r"\d ("),
            ("\"\"\"two \"\" quotes\"\"\"\"", "quotes\"", "quotes\""),
        ] {
            let text = format!("key = {raw}\n");
            let value: toml::Table = text.parse().unwrap();
            let value = value["key"].as_str().unwrap();
            let at = value.find(needle).unwrap();
            let found = inside_string(&text, 6..6 + raw.len(), at..at + needle.len());
            assert_eq!(&text[found], written, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn every_piece_of_every_string_is_accounted_for(body in "[a-zé\u{5e9}\"'\\\\ \t\nnux0-9]{0,24}", quote in 0..4usize) {
            let raw = format!("{0}{body}{0}", QUOTES[quote]);
            let text = format!("key = {raw}");
            if let Ok(table) = text.parse::<toml::Table>() {
                let value = table["key"].as_str().unwrap();
                prop_assert_eq!(pieces(&raw).map(|piece| piece.value_len).sum::<usize>(), value.len());
                for (at, character) in value.char_indices() {
                    let found = inside_string(&text, 6..text.len(), at..at + character.len_utf8());
                    let written = &text[found];
                    prop_assert!(written.starts_with('\\') || written.contains(character));
                }
            }
        }

        #[test]
        fn no_text_and_no_range_is_too_odd(text in ".{0,20}", start in 0..30usize, len in 0..30usize, from in 0..30usize, to in 0..30usize) {
            let found = inside_string(&text, start..start + len, from..to);
            prop_assert!(found.start <= found.end);
        }
    }
}

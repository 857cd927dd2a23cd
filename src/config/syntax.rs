//! Mistakes in TOML itself, in words for people who do not know the parser's.

use std::ops::Range;

use super::{problem::Finding, source::Spot};

/// The parser's errors as findings: the first of each line, because a parser that lost its way stumbles on.
pub fn findings(file: usize, text: &str, errors: &[toml::de::Error]) -> Vec<Finding> {
    let mut errors: Vec<(Range<usize>, &str)> = errors
        .iter()
        .map(|error| {
            let range = error.span().unwrap_or(0..0);
            let start = text.floor_char_boundary(range.start.min(text.len()));
            (start..range.end.max(start), error.message())
        })
        .collect();
    errors.sort_by_key(|(range, _)| range.start);
    errors.dedup_by_key(|(range, _)| line_start(text, range.start));
    let finding = |(range, message): (Range<usize>, &str)| say(file, text, range, message);
    errors.into_iter().map(finding).collect()
}

fn say(file: usize, text: &str, range: Range<usize>, message: &str) -> Finding {
    let line = text.get(line_start(text, range.start)..).unwrap_or("");
    let line = line.lines().next().unwrap_or("");
    let marked = text.get(range.clone()).unwrap_or("");
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    // What comes next begins a line of its own: an earlier line is where the mistake is.
    let begins_line = text
        .get(line_start(text, range.start)..range.start)
        .is_some_and(|before| before.trim().is_empty());
    let is_next = begins_line && (line.contains('=') || line.trim_start().starts_with('['));
    let (said, help): (String, Option<&str>) = match what {
        "missing comma between array elements" | "unexpected `=` in array" if is_next => (
            "the list above is not closed".to_owned(),
            Some("write `]` behind its last entry"),
        ),
        "unclosed array" => (
            "the list is not closed".to_owned(),
            Some("write `]` behind its last entry"),
        ),
        "unclosed inline table" => (
            "the table is not closed".to_owned(),
            Some("write `}` behind its last entry"),
        ),
        "unclosed table" | "unclosed array table" => (
            "the heading is not closed".to_owned(),
            Some("write `]` behind the name"),
        ),
        "missing comma between array elements" | "missing comma between key-value pairs" => (
            "a comma is missing".to_owned(),
            Some("entries are separated by commas"),
        ),
        "invalid basic string"
        | "invalid literal string"
        | "invalid multi-line basic string"
        | "invalid multi-line literal string"
            if expected
                .trim_matches('`')
                .chars()
                .all(|quote| matches!(quote, '"' | '\''))
                && !expected.is_empty() =>
        {
            (
                format!("the string is not closed: {expected} is missing"),
                None,
            )
        }
        "recursion limit" | "cannot recurse further; max recursion depth met" => {
            ("it is nested too deeply".to_owned(), None)
        }
        "string values must be quoted" => (
            "text must stand in quotes".to_owned(),
            Some("write \"…\" around it"),
        ),
        "duplicate key" => (
            format!("`{marked}` is here twice"),
            Some("keep one of them"),
        ),
        "key with no value" | "missing value" | "missing value for key" => {
            ("the value is missing".to_owned(), None)
        }
        "missing escaped value" => (
            "unknown escape in a string".to_owned(),
            Some("write `\\\\` for one backslash, or put the string in single quotes"),
        ),
        _ => (message.to_owned(), None),
    };
    let finding = Finding::error(Spot::new(file, range), said);
    match help {
        Some(help) => finding.help(help),
        None => finding,
    }
}

/// Where the line of a byte begins.
pub fn line_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("");
    before.rfind('\n').map_or(0, |found| found + 1)
}

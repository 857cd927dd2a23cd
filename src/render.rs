//! Alerts as words for people: one line for a terminal or a log, a text and a page for mail.
//!
//! Everything that a feed wrote passes [`clean_line`] or [`highlight`] on its way out, so that no headline can start a
//! new line, send an escape sequence, turn the reading direction of what follows, or open a tag.

use std::ops::Range;

use crate::{
    model::{Alert, AlertStatus, Field, Severity},
    time::Timestamp,
};

/// How marked words look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Not at all.
    None,
    /// `*so*`, for plain text.
    Stars,
    /// Bold red by an escape sequence, for a terminal.
    Ansi,
    /// `<mark>`; everything else is escaped.
    Html,
}

const HEADLINE_CHARS_MAX: usize = 200;
const SUMMARY_CHARS_MAX: usize = 1_000;
const SUBJECT_CHARS_MAX: usize = 200;
/// Of matched words and of publishers in one place; the rest is counted.
const LISTED_MAX: usize = 8;

/// The alert in one line: `2024-12-06 14:03:11Z HIGH Armed group gains ground: Rebels advance on Homs (bbc) matched "Rebels advance" https://…`.
pub fn line(alert: &Alert) -> String {
    let mut line = format!(
        "{} {} {}: {} ({})",
        alert.item.seen.strftime("%Y-%m-%d %H:%M:%SZ"),
        labels(alert).join(" "),
        clean_line(&alert.title, HEADLINE_CHARS_MAX),
        headline(alert),
        publishers(alert),
    );
    let words = matched_words(alert);
    if !words.is_empty() {
        line.push_str(" matched ");
        line.push_str(&words);
    }
    if let Some(link) = link(alert) {
        line.push(' ');
        line.push_str(link);
    }
    line
}

/// The alert as the subject of a mail: `[high] Armed group gains ground: Rebels advance on Homs`.
pub fn subject(alert: &Alert) -> String {
    let labels: String = labels(alert)
        .iter()
        .map(|label| format!("[{}] ", label.to_lowercase()))
        .collect();
    let title = clean_line(&alert.title, HEADLINE_CHARS_MAX);
    clean_line(
        &format!("{labels}{title}: {}", headline(alert)),
        SUBJECT_CHARS_MAX,
    )
}

/// The alert as the plain text of a mail, matched words between stars.
pub fn text(alert: &Alert) -> String {
    let mut text = format!(
        "{} {}\n\n{}\n",
        labels(alert).join(" "),
        clean_line(&alert.title, HEADLINE_CHARS_MAX),
        marked(alert, Field::Title, &alert.item.title, Marks::Stars),
    );
    if let Some(link) = link(alert) {
        text.push_str(link);
        text.push('\n');
    }
    if !alert.item.summary.is_empty() {
        text.push('\n');
        text.push_str(&marked(
            alert,
            Field::Summary,
            &alert.item.summary,
            Marks::Stars,
        ));
        text.push('\n');
    }
    text.push('\n');
    for (label, value) in facts(alert) {
        text.push_str(&format!("{label:<11} {value}\n"));
    }
    text
}

/// The alert as a small page for mail: no script, no image, no address but the item's own link.
pub fn html(alert: &Alert) -> String {
    let headline = marked(alert, Field::Title, &alert.item.title, Marks::Html);
    let headline = match link(alert) {
        Some(link) => format!("<a href=\"{}\">{headline}</a>", escape(link)),
        None => headline,
    };
    let mut html = format!(
        "<!DOCTYPE html>\n<html><body style=\"font-family:sans-serif\">\n\
         <p><strong style=\"color:{}\">{}</strong> {}</p>\n<h2 dir=\"auto\">{headline}</h2>\n",
        colour(alert.severity),
        labels(alert).join(" "),
        escape(&clean_line(&alert.title, HEADLINE_CHARS_MAX)),
    );
    if !alert.item.summary.is_empty() {
        let summary = marked(alert, Field::Summary, &alert.item.summary, Marks::Html);
        html.push_str(&format!("<p dir=\"auto\">{summary}</p>\n"));
    }
    html.push_str("<table>\n");
    for (label, value) in facts(alert) {
        html.push_str(&format!(
            "<tr><td><b>{label}</b></td><td dir=\"auto\">{}</td></tr>\n",
            escape(&value)
        ));
    }
    html.push_str("</table>\n</body></html>\n");
    html
}

/// `text` on one clean line with the given ranges marked. Ranges count Unicode scalar values of `text`, as
/// [`crate::model::Hit`] has them; they may overlap, come in any order or reach past the end.
pub fn highlight(text: &str, ranges: &[Range<usize>], marks: Marks) -> String {
    let (before, after) = match marks {
        Marks::None => ("", ""),
        Marks::Stars => ("*", "*"),
        Marks::Ansi => ("\u{1b}[1;31m", "\u{1b}[0m"),
        Marks::Html => ("<mark>", "</mark>"),
    };
    let mut ranges: Vec<_> = ranges.iter().filter(|range| !range.is_empty()).collect();
    ranges.sort_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let mut out = String::with_capacity(text.len() + 32);
    let mut marked_until = None;
    for (at, c) in text.chars().enumerate() {
        if marked_until.is_some_and(|end| at >= end) {
            out.push_str(after);
            marked_until = None;
        }
        while let Some(range) = ranges.next_if(|range| range.start <= at) {
            if range.end > at {
                if marked_until.is_none() {
                    out.push_str(before);
                }
                marked_until = marked_until.max(Some(range.end));
            }
        }
        match shown(c) {
            Some(c) if marks == Marks::Html => push_escaped(&mut out, c),
            Some(c) => out.push(c),
            None => {}
        }
    }
    if marked_until.is_some() {
        out.push_str(after);
    }
    out
}

/// `text` as one line that is safe on a terminal, in a header and in a log: control characters, escape sequences, line
/// breaks and bidirectional controls are gone, runs of space are one space, and at most `chars_max` characters stay.
pub fn clean_line(text: &str, chars_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(chars_max.saturating_mul(4)));
    let mut length = 0;
    let mut space_owed = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        // A control sequence (ECMA-48, 5.4) goes as a whole, so that its parameters do not stay behind as text.
        let starts_sequence = c == '\u{9b}' || (c == '\u{1b}' && chars.next_if_eq(&'[').is_some());
        if starts_sequence {
            while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            chars.next_if(|c| matches!(c, '@'..='~'));
            continue;
        }
        match shown(c) {
            None => {}
            Some(c) if c.is_whitespace() => space_owed = length > 0,
            Some(c) => {
                let needed = 1 + usize::from(space_owed);
                if length + needed > chars_max {
                    // The last character makes room for the sign that something is missing.
                    if length >= chars_max {
                        out.pop();
                    }
                    if chars_max > 0 {
                        out.push('…');
                    }
                    return out;
                }
                if space_owed {
                    out.push(' ');
                }
                out.push(c);
                length += needed;
                space_owed = false;
            }
        }
    }
    out
}

/// `text` with everything escaped that means something in HTML, attribute values included.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

/// Whether a character can change more than itself: controls, line separators, and the marks by which text turns the
/// reading direction (UAX 9), annotates or hides (interlinear annotation, tags, the byte order mark).
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{fff9}'..='\u{fffb}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The character as it may be shown on one line: itself, a space for what breaks lines, or nothing.
fn shown(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        c if is_unsafe(c) => None,
        c => Some(c),
    }
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}

/// What stands before the rule's title: whether it is a drill, how severe, and what has changed.
fn labels(alert: &Alert) -> Vec<String> {
    let mut labels = Vec::new();
    if alert.drill {
        labels.push("DRILL".to_owned());
    }
    labels.push(alert.severity.name().to_uppercase());
    match alert.status {
        AlertStatus::Firing if alert.revision > 1 => labels.push("UPDATED".to_owned()),
        AlertStatus::Firing => {}
        AlertStatus::Acknowledged => labels.push("ACKNOWLEDGED".to_owned()),
        AlertStatus::Resolved => labels.push("RESOLVED".to_owned()),
    }
    labels
}

fn headline(alert: &Alert) -> String {
    match clean_line(&alert.item.title, HEADLINE_CHARS_MAX) {
        empty if empty.is_empty() => "(no headline)".to_owned(),
        headline => headline,
    }
}

/// A field of the item with the words marked that matched in it.
fn marked(alert: &Alert, field: Field, text: &str, marks: Marks) -> String {
    let ranges: Vec<_> = alert
        .hits
        .iter()
        .filter(|hit| hit.field == field)
        .map(|hit| hit.start..hit.end)
        .collect();
    let (shown, is_cut) = match text.char_indices().nth(SUMMARY_CHARS_MAX) {
        Some((end, _)) => (text.get(..end).unwrap_or(text), true),
        None => (text, false),
    };
    let mut out = highlight(shown, &ranges, marks);
    if is_cut {
        out.push('…');
    }
    out
}

/// The matched words, each once: `"Rebel forces advanced", "Homs"`.
fn matched_words(alert: &Alert) -> String {
    let mut words: Vec<String> = Vec::new();
    for hit in &alert.hits {
        let word = format!("\"{}\"", clean_line(&hit.text, 60));
        if !words.contains(&word) {
            words.push(word);
        }
    }
    listed(&words)
}

fn publishers(alert: &Alert) -> String {
    let names: Vec<String> = match alert.story.publishers.as_slice() {
        [] => vec![clean_line(&alert.item.publisher, 60)],
        names => names.iter().map(|name| clean_line(name, 60)).collect(),
    };
    listed(&names)
}

fn listed(words: &[String]) -> String {
    match words.len().saturating_sub(LISTED_MAX) {
        0 => words.join(", "),
        more => format!(
            "{} and {more} more",
            words
                .iter()
                .take(LISTED_MAX)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// The item's link, where it is one that a reader may safely follow.
pub fn link(alert: &Alert) -> Option<&str> {
    let url = alert.item.url.as_str();
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_clean = !url.contains(|c: char| c.is_whitespace() || is_unsafe(c));
    (is_web && is_clean).then_some(url)
}

/// What a reader needs to judge the alert, as rows of label and value.
fn facts(alert: &Alert) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    for hit in alert.hits.iter().take(LISTED_MAX) {
        facts.push((
            "Matched",
            format!(
                "\"{}\" by {}",
                clean_line(&hit.text, 120),
                clean_line(&hit.query, 200)
            ),
        ));
    }
    let story = &alert.story;
    facts.push((
        "Reported by",
        format!(
            "{} ({}, {})",
            publishers(alert),
            counted(story.items, "item", "items"),
            counted(story.origins, "independent text", "independent texts")
        ),
    ));
    facts.push(("Feed", clean_line(&alert.item.feed, 100)));
    if let Some(published) = alert.item.published {
        facts.push((
            "Published",
            format!("{} (the publisher's claim)", minute(published)),
        ));
    }
    facts.push(("First seen", minute(alert.item.seen)));
    facts.push((
        "Rule",
        format!(
            "{} ({})",
            clean_line(&alert.rule, 100),
            alert.severity.name()
        ),
    ));
    facts.push((
        "Alert",
        format!(
            "{}, revision {}",
            clean_line(&alert.id, 100),
            alert.revision
        ),
    ));
    if alert.drill {
        facts.push(("Note", "this is a drill: nothing has happened".to_owned()));
    }
    facts
}

fn counted(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Dark enough to read on white.
fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "#555555",
        Severity::Low => "#1a5fb4",
        Severity::Medium => "#8a6100",
        Severity::High => "#b54700",
        Severity::Critical => "#b00020",
    }
}

//! Words for eyes: matched words in colour, excerpts of long texts, ages. Nothing here prints; nothing here asks the clock.

use std::{borrow::Cow, fmt::Write, ops::Range};

use anstyle::{AnsiColor, Style};

pub use super::table::{Cell, columns, columns_within, terminal_width};
use crate::{
    log::line::is_unsafe,
    model::Severity,
    time::{Timestamp, until},
};

/// What matched.
pub const MATCHED: Style = AnsiColor::Red.on_default().bold();
/// Where it stands.
pub const PLACE: Style = AnsiColor::Magenta.on_default();
/// What may be skipped over.
pub const DIM: Style = Style::new().dimmed();
pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BAD: Style = AnsiColor::Red.on_default();

/// How far an excerpt reaches on either side of what it shows, in characters.
const AROUND: usize = 60;

pub fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::White.on(AnsiColor::Red).bold(),
        Severity::High => AnsiColor::Red.on_default().bold(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Info => DIM,
    }
}

/// The text, made safe for a terminal: unsafe characters become spaces.
pub fn safe(text: &str) -> Cow<'_, str> {
    match text.contains(is_unsafe) {
        true => text.replace(is_unsafe, " ").into(),
        false => text.into(),
    }
}

/// The text with its spans (in characters) in style; made safe for a terminal.
pub fn marked(text: &str, spans: &[Range<usize>], style: Style) -> String {
    let spans = merged(spans);
    let mut spans = spans.iter();
    let mut span = spans.next();
    let mut out = String::with_capacity(text.len() + 32);
    for (at, c) in text.chars().enumerate() {
        if span.is_some_and(|span| at == span.start) {
            let _ = write!(out, "{style}");
        }
        out.push(if is_unsafe(c) { ' ' } else { c });
        if span.is_some_and(|span| at + 1 == span.end) {
            let _ = write!(out, "{style:#}");
            span = spans.next();
        }
    }
    if span.is_some_and(|span| span.start < text.chars().count()) {
        let _ = write!(out, "{style:#}");
    }
    out
}

/// The parts of a long text around its spans, with the spans in style: `…limped to a ceasefire with…`; where there are more
/// than `max`, those around the longest spans, which say most. A text that is hardly longer than an excerpt stays whole.
pub fn excerpts(text: &str, spans: &[Range<usize>], style: Style, max: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= 3 * AROUND {
        return vec![marked(text, spans, style)];
    }
    let mut by_length: Vec<_> = merged(spans);
    by_length.sort_by_key(|span| std::cmp::Reverse(span.len()));
    let mut windows: Vec<Range<usize>> = Vec::new();
    for span in by_length {
        let window =
            span.start.saturating_sub(AROUND)..span.end.saturating_add(AROUND).min(chars.len());
        let touches = |other: &Range<usize>| other.start < window.end && window.start < other.end;
        if let Some(other) = windows.iter_mut().find(|other| touches(other)) {
            // One passage, as long as it stays an excerpt.
            let both = other.start.min(window.start)..other.end.max(window.end);
            if both.len() <= 5 * AROUND {
                *other = both;
            }
        } else if windows.len() < max {
            windows.push(window);
        }
    }
    windows.sort_by_key(|window| window.start);
    let excerpt = |window: &Range<usize>| {
        let window = whole_words(&chars, window);
        let part: String = chars[window.clone()].iter().collect();
        let inside: Vec<_> = spans
            .iter()
            .filter(|span| span.start < window.end && span.end > window.start)
            .map(|span| span.start.saturating_sub(window.start)..span.end - window.start)
            .collect();
        let before = if window.start > 0 { "…" } else { "" };
        let after = if window.end < chars.len() { "…" } else { "" };
        format!(
            "{before}{}{after}",
            marked(part.trim(), &shifted(&inside, &part), style)
        )
    };
    windows.iter().map(excerpt).collect()
}

/// The spans after the white space at the beginning of the part has gone.
fn shifted(spans: &[Range<usize>], part: &str) -> Vec<Range<usize>> {
    let gone = part.chars().take_while(|c| c.is_whitespace()).count();
    spans
        .iter()
        .map(|span| span.start.saturating_sub(gone)..span.end.saturating_sub(gone))
        .collect()
}

/// The window without the halves of words at its ends.
fn whole_words(chars: &[char], window: &Range<usize>) -> Range<usize> {
    let window = window.start.min(chars.len())..window.end.min(chars.len());
    let is_space = |at: &usize| chars[*at].is_whitespace();
    let start = match window.start {
        0 => 0,
        start => (start..window.end)
            .take(AROUND / 2)
            .find(is_space)
            .unwrap_or(start),
    };
    let end = match window.end {
        end if end == chars.len() => end,
        end => (start..end)
            .rev()
            .take(AROUND / 2)
            .find(is_space)
            .unwrap_or(end),
    };
    start..end
}

/// The spans in order, those that touch made one, empty ones left out.
fn merged(spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut spans: Vec<_> = spans
        .iter()
        .filter(|span| !span.is_empty())
        .cloned()
        .collect();
    spans.sort_by_key(|span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// How far from now, in one unit: `3m ago`, `in 2h`, `now`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let (past, coming) = (until(then, now).as_secs(), until(now, then).as_secs());
    let unit = |s: u64| match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m", s / 60),
        3600..172_800 => format!("{}h", s / 3600),
        _ => format!("{}d", s / 86_400),
    };
    match (past, coming) {
        (0, 0) => "now".to_owned(),
        (past, 0) => format!("{} ago", unit(past)),
        (_, coming) => format!("in {}", unit(coming)),
    }
}

/// The time of day where the reader is, with the day: `2024-12-06 14:03`.
pub fn local_time(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system())
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}

/// `1 item`, `2 items`, `1,204 items`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "one span is meant, not its members"
)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::{after, before};

    const BRACKETS: Style = AnsiColor::Red.on_default();

    /// The styled text with brackets where the style begins and ends.
    fn bracketed(text: &str) -> String {
        text.replace(&format!("{BRACKETS}"), "[")
            .replace(&format!("{BRACKETS:#}"), "]")
    }

    #[test]
    fn spans_are_counted_in_characters_and_may_overlap_or_lie() {
        for (text, spans, shown) in [
            (
                "Rebels advance on Homs",
                vec![0..6],
                "[Rebels] advance on Homs",
            ),
            (
                "Rebels advance on Homs",
                vec![7..14, 0..6],
                "[Rebels] [advance] on Homs",
            ),
            ("Rebels advance", vec![0..8, 7..14], "[Rebels advance]"),
            ("été à Homs", vec![4..5], "été [à] Homs"),
            ("قوات المعارضة", vec![5..13], "قوات [المعارضة]"),
            ("short", vec![3..99], "sho[rt]"),
            ("short", vec![50..99], "short"),
            ("short", vec![], "short"),
            ("a\u{1b}[2Jb\nc", vec![0..1], "[a] [2Jb c"),
        ] {
            assert_eq!(bracketed(&marked(text, &spans, BRACKETS)), shown, "{text}");
        }
        assert_eq!(
            marked("Rebels advance", &[0..6], Style::new()),
            "Rebels advance"
        );
    }

    #[test]
    fn an_excerpt_keeps_whole_words_and_says_where_it_was_cut() {
        let filler = "word ".repeat(60);
        let text = format!("{filler}rebels advance {filler}the end");
        let shown: Vec<_> = excerpts(&text, &[300..306, 307..314], BRACKETS, 4)
            .iter()
            .map(|part| bracketed(part))
            .collect();
        let [excerpt] = shown.as_slice() else {
            panic!("{shown:?}")
        };
        assert!(
            excerpt.starts_with("…word word") && excerpt.ends_with("word…"),
            "{excerpt}"
        );
        assert!(excerpt.contains(" [rebels] [advance] "), "{excerpt}");
        assert_eq!(
            excerpts("short text", &[0..5], Style::new(), 4),
            ["short text"]
        );

        let far = vec![
            300..306,
            0..4,
            text.chars().count() - 3..text.chars().count(),
        ];
        let shown: Vec<_> = excerpts(&text, &far, BRACKETS, 4)
            .iter()
            .map(|part| bracketed(part))
            .collect();
        assert_eq!(shown.len(), 3);
        assert!(shown[0].starts_with("[word] word"), "{}", shown[0]);
        assert!(shown[2].ends_with("the [end]"), "{}", shown[2]);
    }

    #[test]
    fn ages() {
        let now: Timestamp = "2024-12-06T12:00:00Z".parse().unwrap();
        for (s, past, coming) in [
            (0, "now", "now"),
            (5, "5s ago", "in 5s"),
            (61, "1m ago", "in 1m"),
            (7200, "2h ago", "in 2h"),
            (100_000, "27h ago", "in 27h"),
            (200_000, "2d ago", "in 2d"),
        ] {
            let step = Duration::from_secs(s);
            assert_eq!(age(now, before(now, step)), past);
            assert_eq!(age(now, after(now, step)), coming);
        }
    }

    #[test]
    fn counts() {
        for (number, shown) in [
            (0, "0 items"),
            (1, "1 item"),
            (999, "999 items"),
            (1_000, "1,000 items"),
            (1_234_567, "1,234,567 items"),
        ] {
            assert_eq!(count(number, "item", "items"), shown);
        }
    }
}

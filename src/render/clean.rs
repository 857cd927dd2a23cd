//! Text from a feed made fit to show: one line, nothing that acts, marked where a rule matched.

use std::ops::Range;

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
    /// By two characters that the caller turns into marks of its own.
    Private([char; 2]),
}

/// `text` on one clean line with the given ranges marked. Ranges count Unicode scalar values of `text`, as
/// [`crate::model::Hit`] has them; they may overlap, come in any order or reach past the end.
pub fn highlight(text: &str, ranges: &[Range<usize>], marks: Marks) -> String {
    let mut buffers = [[0; 4]; 2];
    let [first, second] = &mut buffers;
    let (before, after) = match marks {
        Marks::Private([before, after]) => {
            (&*before.encode_utf8(first), &*after.encode_utf8(second))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_clean() {
        for (text, chars_max, expected) in [
            ("Rebels advance", 100, "Rebels advance"),
            ("  two\r\n lines\t here  ", 100, "two lines here"),
            ("\u{1b}[31;1mred\u{1b}[0m end", 100, "red end"),
            ("\u{9b}2Jcleared", 100, "cleared"),
            ("\u{1b}]0;title\u{7}bell", 100, "]0;titlebell"),
            ("nul\0 del\u{7f} c1\u{85}next", 100, "nul del c1 next"),
            ("safe\u{202e}gpj.exe", 100, "safegpj.exe"),
            ("a\u{2066}b\u{2069}c\u{200f}d\u{61c}e", 100, "abcde"),
            ("one\u{2028}two\u{2029}three", 100, "one two three"),
            ("\u{feff}mark\u{e0041}", 100, "mark"),
            ("المعارضة المسلحة", 100, "المعارضة المسلحة"),
            // The joiners shape Persian words and emoji, and stay.
            (
                "می\u{200c}خواهم 👩\u{200d}🚒",
                100,
                "می\u{200c}خواهم 👩\u{200d}🚒",
            ),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("abc defg", 4, "abc…"),
            ("éééé", 3, "éé…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
            ("ab   ", 2, "ab"),
            ("", 5, ""),
            ("\u{1b}[", 5, ""),
        ] {
            let clean = clean_line(text, chars_max);
            assert_eq!(clean, expected, "{text:?}");
            assert!(clean.chars().count() <= chars_max, "{text:?}");
        }
    }

    #[test]
    fn marked_words() {
        for (text, ranges, marks, expected) in [
            (
                "Rebels advance",
                &[(0, 6)][..],
                Marks::Stars,
                "*Rebels* advance",
            ),
            ("Rebels advance", &[][..], Marks::Stars, "Rebels advance"),
            (
                "Rebels advance",
                &[(7, 14), (0, 6)][..],
                Marks::Stars,
                "*Rebels* *advance*",
            ),
            ("abcdef", &[(1, 4), (2, 3)][..], Marks::Stars, "a*bcd*ef"),
            ("abcdef", &[(1, 3), (2, 5)][..], Marks::Stars, "a*bcde*f"),
            ("abcdef", &[(1, 3), (3, 5)][..], Marks::Stars, "a*bc**de*f"),
            ("abc", &[(2, 99), (50, 60)][..], Marks::Stars, "ab*c*"),
            ("abc", &[(1, 1)][..], Marks::Stars, "abc"),
            ("éàü x", &[(1, 3)][..], Marks::Stars, "é*àü* x"),
            (
                "a<b>&\"'",
                &[(1, 4)][..],
                Marks::Html,
                "a<mark>&lt;b&gt;</mark>&amp;&quot;&#39;",
            ),
            (
                "a\u{1b}[31mb\nc",
                &[(0, 1)][..],
                Marks::Ansi,
                "\u{1b}[1;31ma\u{1b}[0m[31mb c",
            ),
            ("plain", &[(0, 3)][..], Marks::None, "plain"),
        ] {
            let ranges: Vec<_> = ranges.iter().map(|&(start, end)| start..end).collect();
            assert_eq!(
                highlight(text, &ranges, marks),
                expected,
                "{text:?} {ranges:?}"
            );
        }
    }
}

//! The languages that services read. Text of a feed is put into each so that it stays text: no mention, no link, no
//! formatting comes of it. Only what wirewatch or the operator's template writes around it is formatted.

use std::ops::Range;

use super::clean::{Marks, highlight, is_unsafe};

/// A language in which a service takes its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// None: mail, ntfy, Gotify, Pushover, Teams (text runs).
    Plain,
    /// Slack's mrkdwn.
    Slack,
    /// Discord and Mattermost.
    Markdown,
    /// The few tags of Telegram, and of Matrix (`org.matrix.custom.html`) alike.
    Html,
}

/// A space without width: written into words that a service would act on, it takes the meaning and leaves the look.
const ZERO_WIDTH_SPACE: char = '\u{200b}';
/// FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE (UAX 9, 2.4).
const ISOLATE: [char; 2] = ['\u{2068}', '\u{2069}'];

impl Markup {
    /// `text` as this language shows it as it is. Control characters must be gone already ([`super::clean_line`]).
    pub fn escape(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 16);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (self, c) {
                (Markup::Slack | Markup::Html, '&') => out.push_str("&amp;"),
                (Markup::Slack | Markup::Html, '<') => out.push_str("&lt;"),
                (Markup::Slack | Markup::Html, '>') => out.push_str("&gt;"),
                (Markup::Html, '"') => out.push_str("&quot;"),
                // mrkdwn has no escape for these; apart from their words they format nothing.
                (Markup::Slack, '*' | '_' | '~' | '`') => {
                    out.push(ZERO_WIDTH_SPACE);
                    out.push(c);
                    out.push(ZERO_WIDTH_SPACE);
                }
                (
                    Markup::Markdown,
                    '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '[' | ']' | '(' | ')'
                    | '-' | '+' | '!' | '$',
                ) => {
                    out.push('\\');
                    out.push(c);
                }
                // `1.` at the start of a line would be a list.
                (Markup::Markdown, '.') if out.ends_with(|c: char| c.is_ascii_digit()) => {
                    out.push_str("\\.");
                }
                // @everyone, @here, @channel, @room: with something between, nobody is called.
                (_, '@') if self != Markup::Plain => {
                    out.push('@');
                    if chars.peek().is_some_and(|next| next.is_alphanumeric()) {
                        out.push(ZERO_WIDTH_SPACE);
                    }
                }
                (_, c) => out.push(c),
            }
        }
        isolated(out)
    }

    /// `text` cleaned and escaped, the given ranges (Unicode scalar values) bold; in plain text between stars.
    pub fn marked(self, text: &str, ranges: &[Range<usize>]) -> String {
        if self == Markup::Plain {
            return isolated(highlight(text, ranges, Marks::Stars));
        }
        let (before, after) = match self {
            Markup::Slack => ("*", "*"),
            Markup::Html => ("<b>", "</b>"),
            Markup::Markdown | Markup::Plain => ("**", "**"),
        };
        // Two private characters stand for the marks while the text between them is escaped.
        const MARKS: [char; 2] = ['\u{e000}', '\u{e001}'];
        let text: String = text
            .chars()
            .map(|c| if MARKS.contains(&c) { '\u{fffd}' } else { c })
            .collect();
        let pieces = highlight(&text, ranges, Marks::Private(MARKS));
        let mut out = String::with_capacity(pieces.len() + 32);
        for piece in pieces.split_inclusive(MARKS) {
            let (text, mark) = match piece.chars().next_back().filter(|c| MARKS.contains(c)) {
                Some(mark) => (piece.strip_suffix(mark).unwrap_or(piece), Some(mark)),
                None => (piece, None),
            };
            out.push_str(&self.escape(text));
            match mark {
                Some(mark) if mark == MARKS[0] => {
                    // Slack formats whole words alone; a space without width makes one of any part.
                    if self == Markup::Slack && out.ends_with(char::is_alphanumeric) {
                        out.push(ZERO_WIDTH_SPACE);
                    }
                    out.push_str(before);
                }
                Some(_) => out.push_str(after),
                None => {}
            }
        }
        out
    }

    /// A link with a text that is written in this language already. `url` must be one of [`super::link`].
    pub fn link(self, text: &str, url: &str) -> String {
        let url = plain_url(url);
        match self {
            Markup::Plain => format!("{text}\n{url}"),
            Markup::Slack => format!("<{}|{text}>", url.replace('&', "&amp;")),
            Markup::Markdown => format!("[{text}]({url})"),
            Markup::Html => format!("<a href=\"{}\">{text}</a>", super::escape(&url)),
        }
    }

    /// Text of this language cut to `max`, the sign of the cut and what must be closed included. Never within a
    /// character, an entity or a tag.
    pub fn cut(self, text: &str, max: usize, measure: Measure) -> String {
        if measure.of(text) <= max {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut open: Vec<String> = Vec::new();
        let mut used = measure.of("…");
        for token in self.tokens(text) {
            let change = self.opens(token, &open);
            let closing: usize = match &change {
                Change::Opens(close) => measure.of(close),
                Change::Closes | Change::None => 0,
            };
            // What closes was paid for when it was opened.
            let paid = matches!(change, Change::Closes);
            let price = if paid { 0 } else { measure.of(token) + closing };
            if used + price > max {
                break;
            }
            used += price;
            out.push_str(token);
            match change {
                Change::Opens(close) => open.push(close),
                Change::Closes => {
                    open.pop();
                }
                Change::None => {}
            }
        }
        out.truncate(out.trim_end().len());
        if measure.of("…") <= max {
            out.push('…');
        }
        while let Some(close) = open.pop() {
            out.push_str(&close);
        }
        out
    }

    fn tokens(self, text: &str) -> impl Iterator<Item = &str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let until = |end: char| rest.find(end).map(|at| at + end.len_utf8());
            let length = match (self, first) {
                (Markup::Html | Markup::Slack, '<') => until('>'),
                (Markup::Html | Markup::Slack, '&') => until(';'),
                (Markup::Markdown, '\\') => rest
                    .chars()
                    .nth(1)
                    .map(|second| first.len_utf8() + second.len_utf8()),
                (Markup::Markdown, '*') if rest.starts_with("**") => Some(2),
                _ => None,
            };
            let (token, after) = rest.split_at_checked(length.unwrap_or(first.len_utf8()))?;
            rest = after;
            Some(token)
        })
    }

    fn opens(self, token: &str, open: &[String]) -> Change {
        let toggles = match self {
            Markup::Slack => "*",
            Markup::Markdown => "**",
            Markup::Html => "",
            Markup::Plain => return Change::None,
        };
        if !toggles.is_empty() {
            return match token == toggles {
                true if open.is_empty() => Change::Opens(toggles.to_owned()),
                true => Change::Closes,
                false => Change::None,
            };
        }
        match token.strip_prefix('<') {
            Some(rest) if rest.starts_with('/') => Change::Closes,
            Some(rest)
                if rest.ends_with('>') && !rest.ends_with("/>") && !rest.starts_with("br") =>
            {
                let name: String = rest
                    .chars()
                    .take_while(char::is_ascii_alphanumeric)
                    .collect();
                Change::Opens(format!("</{name}>"))
            }
            _ => Change::None,
        }
    }
}

/// What a token does to what must be closed.
enum Change {
    Opens(String),
    Closes,
    None,
}

/// What a service counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// UTF-16 units: never fewer than characters, so right for services that count either.
    Utf16,
    Bytes,
}

impl Measure {
    pub fn of(self, text: &str) -> usize {
        match self {
            Measure::Utf16 => text.chars().map(char::len_utf16).sum(),
            Measure::Bytes => text.len(),
        }
    }
}

/// Text of several lines made fit to show: as [`super::clean_line`], but line breaks stay.
pub fn clean_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim_end();
        // One empty line is a paragraph; more are waste.
        if line.is_empty() && (out.is_empty() || out.ends_with("\n\n")) {
            continue;
        }
        out.extend(
            line.chars()
                .map(|c| if c == '\t' { ' ' } else { c })
                .filter(|c| !is_unsafe(*c) || ISOLATE.contains(c)),
        );
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// Text with letters that run from right to left, kept from turning what stands around it.
fn isolated(text: String) -> String {
    let runs_left = |c: char| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}');
    match text.contains(runs_left) {
        true => format!("{}{text}{}", ISOLATE[0], ISOLATE[1]),
        false => text,
    }
}

/// The address without the characters by which a language would end it.
fn plain_url(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '<' | '>' | '|' | '"' | '(' | ')' | '\\' | '`' | '*' => {
                out.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_feed_acts() {
        for (markup, text, shown) in [
            (
                Markup::Slack,
                "<!channel> & <@U1>",
                "&lt;!channel&gt; &amp; &lt;@\u{200b}U1&gt;",
            ),
            (
                Markup::Slack,
                "*b* _i_",
                "\u{200b}*\u{200b}b\u{200b}*\u{200b} \u{200b}_\u{200b}i\u{200b}_\u{200b}",
            ),
            (
                Markup::Markdown,
                "@everyone <@1> [a](http://x)",
                "@\u{200b}everyone \\<@\u{200b}1\\> \\[a\\]\\(http://x\\)",
            ),
            (
                Markup::Markdown,
                "# 1. **b** ||s|| `c`",
                "\\# 1\\. \\*\\*b\\*\\* \\|\\|s\\|\\| \\`c\\`",
            ),
            (
                Markup::Html,
                "<b>&\" @room",
                "&lt;b&gt;&amp;&quot; @\u{200b}room",
            ),
            (Markup::Plain, "a@b <i> *", "a@b <i> *"),
            (Markup::Plain, "عاجل: !", "\u{2068}عاجل: !\u{2069}"),
        ] {
            assert_eq!(markup.escape(text), shown, "{markup:?}");
        }
    }

    #[test]
    fn marks_and_links() {
        for (markup, marked, link) in [
            (
                Markup::Plain,
                "*Rebels* <go>",
                "t\nhttps://x.org/%28a%29?b=1&c",
            ),
            (
                Markup::Slack,
                "*Rebels* &lt;go&gt;",
                "<https://x.org/%28a%29?b=1&amp;c|t>",
            ),
            (
                Markup::Markdown,
                "**Rebels** \\<go\\>",
                "[t](https://x.org/%28a%29?b=1&c)",
            ),
            (
                Markup::Html,
                "<b>Rebels</b> &lt;go&gt;",
                "<a href=\"https://x.org/%28a%29?b=1&amp;c\">t</a>",
            ),
        ] {
            assert_eq!(
                markup.marked("Rebels <go>", std::slice::from_ref(&(0..6))),
                marked
            );
            assert_eq!(markup.link("t", "https://x.org/(a)?b=1&c"), link);
        }
        assert_eq!(Markup::Html.marked("a\u{e000}b", &[]), "a\u{fffd}b");
    }

    #[test]
    fn cuts_close_what_is_open_and_split_nothing() {
        for (markup, text, max, measure, cut) in [
            (Markup::Plain, "abcdef", 6, Measure::Utf16, "abcdef"),
            (Markup::Plain, "abcdefg", 6, Measure::Utf16, "abcde…"),
            (Markup::Plain, "éééé", 7, Measure::Bytes, "éé…"),
            (Markup::Plain, "🚒🚒🚒", 5, Measure::Utf16, "🚒🚒…"),
            (
                Markup::Html,
                "<b>abcdef</b>",
                10,
                Measure::Utf16,
                "<b>ab…</b>",
            ),
            (Markup::Html, "ab&amp;cdefgh", 6, Measure::Utf16, "ab…"),
            (
                Markup::Html,
                "<b>a</b>bcdef",
                10,
                Measure::Utf16,
                "<b>a</b>b…",
            ),
            (
                Markup::Slack,
                "ab *cdef* ghi",
                8,
                Measure::Utf16,
                "ab *cd…*",
            ),
            (
                Markup::Markdown,
                "**abcd** e",
                8,
                Measure::Utf16,
                "**abc…**",
            ),
            (Markup::Markdown, "abc\\*def", 5, Measure::Utf16, "abc…"),
            (Markup::Plain, "abc", 0, Measure::Utf16, ""),
        ] {
            let shown = markup.cut(text, max, measure);
            assert_eq!(shown, cut, "{text}");
            assert!(measure.of(&shown) <= max, "{text}");
        }
    }

    #[test]
    fn text_of_several_lines() {
        assert_eq!(
            clean_text("\n\na\u{1b}[2J\r\n\n\n\nb\u{202e}c  \n"),
            "a[2J\n\nbc"
        );
    }
}

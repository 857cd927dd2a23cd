//! HTML to plain text, for matching and for showing.
//!
//! One pass over the bytes, no tree, no recursion: the work is linear in the input whatever it holds. Words are kept
//! apart and kept together as a reader sees them: `<b>re</b>bel` is one word, `<p>one</p><p>two</p>` are two. What a
//! reader would not see (comments, scripts, styles) is left out; what only looks like a tag (`Vec<T>`, `<3`,
//! `a < b`, `<desk@example.org>`) stays. The result has passed [`clean`] and is safe to show anywhere as text.

pub mod clean;
pub mod entities;

use memchr::{memchr, memchr_iter, memchr2, memchr3, memmem};

use clean::Plain;
use entities::{Meaning, reference};

/// The text that a reader would see, white space folded, entities decoded, no markup, no control characters.
pub fn to_text(html: &str) -> String {
    to_text_within(html, usize::MAX)
}

/// The beginning of [`to_text`], at most `bytes_max` bytes, cut between characters.
pub fn to_text_within(html: &str, bytes_max: usize) -> String {
    walked(html, bytes_max, Unclosed::Hides)
}

/// The same of a headline, which is short and whole: a `<script>` that nothing closes is a word in it.
pub fn title_within(html: &str, bytes_max: usize) -> String {
    walked(html, bytes_max, Unclosed::IsText)
}

fn walked(html: &str, bytes_max: usize, unclosed: Unclosed) -> String {
    let mut walk = Walk {
        html,
        at: 0,
        out: Plain::sized(html.len(), bytes_max),
        are_quotes_sound: true,
        may_end: true,
        unclosed,
        may_close: true,
    };
    while walk.step() {}
    walk.out.finish()
}

/// Text that is no markup: only cleaned and folded.
pub fn plain_within(text: &str, bytes_max: usize) -> String {
    let mut plain = Plain::within(bytes_max);
    plain.text(text);
    plain.finish()
}

struct Walk<'a> {
    html: &'a str,
    at: usize,
    out: Plain,
    /// Until a quote in a tag swallows all the rest: from then on a tag ends at its first `>`.
    are_quotes_sound: bool,
    /// Until no `>` is left: no tag ends from then on.
    may_end: bool,
    unclosed: Unclosed,
    /// Until a hidden element was found to have no end: those behind it are not searched for theirs.
    may_close: bool,
}

/// What a hidden element is that nothing closes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unclosed {
    /// The rest was cut off: all behind its tag is hidden.
    Hides,
    /// Somebody writes about it.
    IsText,
}

enum Element {
    /// Stands within a word or line: nothing shows where its tag was.
    Inline,
    /// Its tag parts words.
    Block,
    /// Its content is not for reading.
    Hidden,
    Unknown,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a str {
        &self.html[self.at..]
    }

    /// Takes text up to the next markup and that markup; false at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest();
        if rest.is_empty() || self.out.is_full() {
            return false;
        }
        let length = memchr2(b'<', b'&', rest.as_bytes()).unwrap_or(rest.len());
        self.out.text(&rest[..length]);
        self.at += length;
        match rest.as_bytes().get(length) {
            Some(b'<') => self.tag(),
            Some(_) => self.reference(),
            None => {}
        }
        true
    }

    fn reference(&mut self) {
        match reference(self.rest()) {
            Some((Meaning::Letter(letter), length)) => {
                self.out.letter(letter);
                self.at += length;
            }
            Some((Meaning::Text(text), length)) => {
                self.out.text(text);
                self.at += length;
            }
            None => self.literal(),
        }
    }

    /// The byte that looked like markup is text.
    fn literal(&mut self) {
        self.out.text(&self.rest()[..1]);
        self.at += 1;
    }

    fn tag(&mut self) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        match bytes.get(1) {
            Some(b'!' | b'?') => self.declaration(),
            Some(b'/') if bytes.get(2).is_some_and(u8::is_ascii_alphabetic) => self.element(2),
            Some(first) if first.is_ascii_alphabetic() => self.element(1),
            _ => self.literal(),
        }
    }

    fn declaration(&mut self) {
        let rest = self.rest();
        let (end, after) = if rest.starts_with("<!--") {
            // `<!-->` and `<!--->` are whole comments.
            (
                memmem::find(&rest.as_bytes()[2..], b"-->").map(|n| n + 2),
                3,
            )
        } else if (rest.get(..9)).is_some_and(|start| start.eq_ignore_ascii_case("<![CDATA[")) {
            let end = memmem::find(rest.as_bytes(), b"]]>").unwrap_or(rest.len());
            self.out.text(&rest[9..end]);
            (Some(end), 3)
        } else {
            (memchr(b'>', rest.as_bytes()), 1)
        };
        match end {
            Some(end) => self.at = (self.at + end + after).min(self.html.len()),
            // As browsers do: what is never closed reaches to the end.
            None => self.at = self.html.len(),
        }
    }

    fn element(&mut self, name_at: usize) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let is_name_byte =
            |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.');
        let name_end = name_at + bytes[name_at..].iter().take_while(is_name_byte).count();
        let name = &rest[name_at..name_end];
        let ends_as_a_name = matches!(
            bytes.get(name_end),
            None | Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n' | 0x0C)
        );
        if !ends_as_a_name || name.ends_with(':') {
            return self.literal();
        }
        let element = classify(name);
        let Some(end) = self.tag_end(name_end) else {
            // A tag cut off at the end of a shortened text is not for reading; other words are.
            let is_text = match element {
                Element::Unknown => true,
                Element::Inline | Element::Block => {
                    name_at == 1 && is_comparison(name, &rest[name_end..])
                }
                Element::Hidden => false,
            };
            match is_text {
                true => self.literal(),
                false => self.at = self.html.len(),
            }
            return;
        };
        if matches!(element, Element::Unknown) {
            let looks_made_up = name.contains(['-', '_', ':']) || rest[..end].contains('=');
            if !looks_made_up {
                return self.literal();
            }
        }
        let is_opened =
            matches!(element, Element::Hidden) && name_at == 1 && bytes[end - 1] != b'/';
        let close = is_opened.then(|| self.close_of(name, end + 1)).flatten();
        let is_word = is_opened && close.is_none() && self.unclosed == Unclosed::IsText;
        if is_word && !rest[..end].contains('=') {
            return self.literal();
        }
        self.at += end + 1;
        match element {
            Element::Inline | Element::Unknown => {}
            Element::Block => self.out.gap(),
            Element::Hidden => {
                self.out.gap();
                if is_opened && !is_word {
                    self.at += close.unwrap_or(self.rest().len());
                }
            }
        }
    }

    /// Where the tag's `>` stands, from `from`; quotes may hold a `>`.
    fn tag_end(&mut self, from: usize) -> Option<usize> {
        if !self.may_end {
            return None;
        }
        let bytes = self.rest().as_bytes();
        let mut at = from;
        while self.are_quotes_sound {
            let Some(found) = memchr3(b'>', b'"', b'\'', &bytes[at..]) else {
                self.are_quotes_sound = at == from;
                break;
            };
            at += found;
            let byte = bytes[at];
            if byte == b'>' {
                return Some(at);
            }
            at += 1;
            match memchr(byte, &bytes[at..]) {
                Some(close) => at += close + 1,
                None => self.are_quotes_sound = false,
            }
        }
        let end = memchr(b'>', &bytes[from..]).map(|found| from + found);
        self.may_end = end.is_some();
        end
    }

    /// How far behind `from` the closing tag of a hidden element stands.
    fn close_of(&mut self, name: &str, from: usize) -> Option<usize> {
        if !self.may_close {
            return None;
        }
        let bytes = self.rest().as_bytes().get(from..).unwrap_or_default();
        let close = memchr_iter(b'<', bytes).find(|&at| {
            bytes.get(at + 1) == Some(&b'/')
                && bytes
                    .get(at + 2..at + 2 + name.len())
                    .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
        });
        self.may_close = close.is_some();
        close
    }
}

/// Whether a tag that never ends was none, as in `A<B` and `if a<b then all`: nothing after a name of one letter, or
/// words where attributes would stand.
fn is_comparison(name: &str, after: &str) -> bool {
    let end = memchr(b'<', after.as_bytes()).unwrap_or(after.len());
    let mut words = after[..end].split_whitespace();
    match (words.next(), words.next()) {
        (None, _) => name.len() == 1,
        (Some(_), None) => false,
        (Some(_), Some(_)) => !after[..end].contains('='),
    }
}

/// Elements by the last part of their name, so that `<h:p>` of XHTML is a paragraph.
fn classify(name: &str) -> Element {
    let name = name.rsplit(':').next().unwrap_or(name).as_bytes();
    let mut lower = [0; 10];
    let Some(lower) = lower.get_mut(..name.len()) else {
        return match name.eq_ignore_ascii_case(b"blockquote")
            || name.eq_ignore_ascii_case(b"figcaption")
        {
            true => Element::Block,
            false => Element::Unknown,
        };
    };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    match &*lower {
        b"a" | b"abbr" | b"acronym" | b"b" | b"bdi" | b"bdo" | b"big" | b"cite" | b"code"
        | b"data" | b"del" | b"dfn" | b"em" | b"font" | b"i" | b"ins" | b"kbd" | b"label"
        | b"mark" | b"nobr" | b"q" | b"rp" | b"rt" | b"ruby" | b"s" | b"samp" | b"small"
        | b"span" | b"strike" | b"strong" | b"sub" | b"sup" | b"time" | b"tt" | b"u" | b"var"
        | b"wbr" | b"blink" => Element::Inline,
        b"p" | b"br" | b"div" | b"li" | b"ul" | b"ol" | b"td" | b"tr" | b"th" | b"table"
        | b"tbody" | b"thead" | b"tfoot" | b"caption" | b"col" | b"colgroup" | b"h1" | b"h2"
        | b"h3" | b"h4" | b"h5" | b"h6" | b"hr" | b"img" | b"blockquote" | b"figure"
        | b"figcaption" | b"picture" | b"source" | b"section" | b"article" | b"aside"
        | b"header" | b"footer" | b"main" | b"nav" | b"address" | b"pre" | b"center" | b"dl"
        | b"dt" | b"dd" | b"details" | b"summary" | b"dialog" | b"fieldset" | b"legend"
        | b"form" | b"input" | b"button" | b"select" | b"option" | b"optgroup" | b"textarea"
        | b"html" | b"head" | b"body" | b"title" | b"meta" | b"link" | b"base" | b"map"
        | b"area" | b"object" | b"param" | b"embed" | b"applet" | b"video" | b"audio"
        | b"track" | b"canvas" | b"svg" | b"math" | b"path" | b"g" | b"dir" | b"menu"
        | b"frame" | b"frameset" | b"noscript" | b"hgroup" | b"search" | b"slot" | b"output"
        | b"meter" | b"progress" | b"datalist" | b"marquee" | b"xmp" | b"listing"
        | b"plaintext" | b"content" | b"tweet" => Element::Block,
        b"script" | b"style" | b"template" | b"iframe" | b"noembed" | b"noframes" => {
            Element::Hidden
        }
        _ => Element::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, want: &str) {
        assert_eq!(to_text(html), want, "{html:?}");
    }

    #[test]
    fn words_stay_together_and_apart_as_a_reader_sees_them() {
        check("<b>re</b>bel <i>forces</i>", "rebel forces");
        check("<p>one</p><p>two</p>", "one two");
        check("one<br/>two<BR>three", "one two three");
        check("<ul><li>a<li>b</ul>", "a b");
        check("<td>1</td><td>2</td>", "1 2");
        check("  <p> spaced\n\tout </p> ", "spaced out");
        check("<h:p>one</h:p><h:p>two</h:p>", "one two");
    }

    #[test]
    fn what_a_reader_does_not_see_is_left_out() {
        check("a<!-- no > no -->b", "ab");
        check("a<script>if (a<b) {}</script>b", "a b");
        check("a<STYLE type='x'>p{}</style >b", "a b");
        check("a<script src=x />b", "a b");
        check("x<img src='a.png' alt='a > b'>y", "x y");
        check("a<!doctype html>b<?php echo ?>c", "abc");
        check(
            "a<o:i></o:i>b<my-tag>c</my-tag><nyt_byline>d<unknown id=1>",
            "abcd",
        );
        check("read on <a href=\"http://exa", "read on");
        check("a<script>never closed", "a");
        check("a<!-- never closed", "a");
    }

    #[test]
    fn what_only_looks_like_markup_stays() {
        check("1 < 2 && 3 > 2", "1 < 2 && 3 > 2");
        check("I <3 news", "I <3 news");
        check("Vec<T> and </T>", "Vec<T> and </T>");
        check("<desk@example.org>", "<desk@example.org>");
        check("<https://example.org/>", "<https://example.org/>");
        check("AT&T, Q&A", "AT&T, Q&A");
        check("<", "<");
        check("a <", "a <");
        check("A<B", "A<B");
        check("why a<b and all that", "why a<b and all that");
        check("read on <a hre", "read on");
        check("read on<br", "read on");
        check("<b>read on</b", "read on");
        check("</", "</");
    }

    #[test]
    fn a_headline_may_speak_of_elements() {
        for (html, want) in [
            ("How <script> works", "How <script> works"),
            ("<STYLE> and <template>", "<STYLE> and <template>"),
            // With attributes it is markup, and the words behind it are still the headline's.
            ("a<iframe src=x>b", "a b"),
            ("a<script>b()</script>c", "a c"),
            ("<script/>a", "a"),
            ("<b>a</b> <template>", "a <template>"),
        ] {
            assert_eq!(title_within(html, 100), want, "{html}");
        }
    }

    #[test]
    fn entities_are_decoded_once() {
        check("Caf&eacute; &amp; bar&nbsp;&#8217;s", "Café & bar ’s");
        check("&lt;b&gt;", "<b>");
        check("&amp;lt;", "&lt;");
        check("&#27;[31m", "[31m");
        check("<![CDATA[1 < 2 &amp;]]> x", "1 < 2 &amp; x");
    }

    #[test]
    fn a_stray_quote_swallows_nothing() {
        check("<a href=\"x>one</a> two", "one two");
        check("<a title='it's'>one</a> two", "one two");
    }

    #[test]
    fn length_is_bounded() {
        assert_eq!(to_text_within("<p>one two</p>", 5), "one t");
        assert_eq!(to_text_within("<p>éé</p>", 3), "é");
        assert_eq!(to_text_within("word ", 0), "");
    }

    #[test]
    fn hostile_markup_takes_linear_time() {
        for piece in [
            "<",
            "<a ",
            "<a \"",
            "<a \">\" ",
            "<!--",
            "&",
            "&#",
            "&lt",
            "<script>",
            "<b x='",
            "<p x y ",
        ] {
            let html = piece.repeat((1 << 20) / piece.len());
            let started = std::time::Instant::now();
            to_text(&html);
            title_within(&html, usize::MAX);
            let taken = started.elapsed();
            assert!(taken.as_secs() < 5, "{piece:?} took {taken:?}");
        }
    }
}

//! Marks the pieces of an XML document that is probably broken: opening and closing tags, text, CDATA.
//!
//! An XML reader must stop at the first fault; feeds have faults every day, and the items around them are sound. So
//! nothing here is an error: a `<` that begins no tag is text, a quote that is never closed ends at the next tag, names
//! need not match. No recursion, no copy, no expansion of entities from outside; each byte is looked at a bounded
//! number of times.

use memchr::{memchr, memchr2, memmem};

use super::limits::ATTRIBUTES_MAX;

/// One piece of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Open(Tag<'a>),
    /// The name as written, prefix included.
    Close(&'a str),
    /// With its references still in it.
    Text(&'a str),
    Cdata(&'a str),
}

/// An opening tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// As written, prefix included.
    pub name: &'a str,
    /// All between the name and the end of the tag.
    pub attributes: &'a str,
    /// `<name/>`: there is no closing tag.
    pub is_empty: bool,
}

/// Walks through a document piece by piece.
#[derive(Debug)]
pub struct Pieces<'a> {
    text: &'a str,
    at: usize,
    from: usize,
    /// The document ended within a tag, a comment or CDATA.
    pub is_cut: bool,
    /// Entities that the document's own DOCTYPE declares with a literal value.
    pub entities: Vec<(&'a str, &'a str)>,
}

/// Entities of a DOCTYPE that are kept, and how long their values may be.
const ENTITIES_MAX: usize = 64;
const ENTITY_BYTES_MAX: usize = 256;

/// The longest value that may hold a `<`, and how far the name behind it is looked for.
const QUOTED_BYTES_MAX: usize = 8 << 10;
const NAME_BYTES_MAX: usize = 128;

impl<'a> Pieces<'a> {
    pub fn of(text: &'a str) -> Pieces<'a> {
        Pieces {
            text,
            at: 0,
            from: 0,
            is_cut: false,
            entities: Vec::new(),
        }
    }

    /// Where the last piece begins.
    pub fn piece_from(&self) -> usize {
        self.from
    }

    /// Where the last piece ends and the next begins.
    pub fn piece_end(&self) -> usize {
        self.at
    }

    fn cut(&mut self) {
        self.is_cut = true;
        self.at = self.text.len();
    }

    /// Past the next `end` from `from` on; what stands before it. At the document's end where there is none.
    fn until(&mut self, from: usize, end: &str) -> &'a str {
        let rest = self.text.get(from..).unwrap_or_default();
        match memmem::find(rest.as_bytes(), end.as_bytes()) {
            Some(length) => {
                self.at = from + length + end.len();
                &rest[..length]
            }
            None => {
                self.cut();
                rest
            }
        }
    }

    fn tag(&mut self, name_from: usize) -> Option<Piece<'a>> {
        let bytes = self.text.as_bytes();
        let Some(end) = tag_end(bytes, name_from) else {
            self.cut();
            return None;
        };
        // A tag that runs into the next one was never closed; the next one stands.
        self.at = if bytes[end] == b'>' { end + 1 } else { end };
        let inside = &self.text[name_from..end];
        let is_empty = inside.ends_with('/');
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let name_length = inside
            .bytes()
            .position(|byte| byte.is_ascii_whitespace() || byte == b'/')
            .unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(name_length);
        Some(Piece::Open(Tag {
            name,
            attributes,
            is_empty,
        }))
    }

    fn close(&mut self, name_from: usize) -> Option<Piece<'a>> {
        let rest = &self.text[name_from..];
        let Some(length) = memchr2(b'>', b'<', rest.as_bytes()) else {
            self.cut();
            return None;
        };
        let is_closed = rest.as_bytes()[length] == b'>';
        self.at = name_from + length + usize::from(is_closed);
        Some(Piece::Close(rest[..length].trim()))
    }

    /// `<!DOCTYPE …>` with its inner subset.
    fn doctype(&mut self, from: usize) {
        let bytes = self.text.as_bytes();
        let Some(found) = memchr2(b'>', b'[', &bytes[from..]) else {
            return self.cut();
        };
        if bytes[from + found] == b'>' {
            self.at = from + found + 1;
            return;
        }
        let inside = from + found + 1;
        let subset = self.until(inside, "]");
        self.note_entities(subset);
        if !self.is_cut {
            self.until(self.at, ">");
        }
    }

    fn note_entities(&mut self, subset: &'a str) {
        for declaration in subset.split("<!ENTITY").skip(1) {
            let mut words = declaration
                .trim_start()
                .splitn(2, |c: char| c.is_ascii_whitespace());
            let (Some(name), Some(value)) = (words.next(), words.next()) else {
                continue;
            };
            let value = value.trim_start();
            let Some(quote) = value.chars().next().filter(|&c| matches!(c, '"' | '\'')) else {
                // `SYSTEM "…"`, `% parameter`: from outside, or made of others. Never read.
                continue;
            };
            let Some(value) = value[1..].split(quote).next() else {
                continue;
            };
            // A value made of other entities is how small documents grow to gigabytes.
            let is_plain = !value.contains('&') || value.starts_with("&#");
            if is_plain && value.len() <= ENTITY_BYTES_MAX && self.entities.len() < ENTITIES_MAX {
                self.entities.push((name, value));
            }
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            let rest = &self.text[self.at..];
            let bytes = rest.as_bytes();
            self.from = self.at;
            let first = bytes.first()?;
            if *first != b'<' {
                let length = memchr(b'<', bytes).unwrap_or(rest.len());
                self.at += length;
                return Some(Piece::Text(&rest[..length]));
            }
            let from = self.at;
            match bytes.get(1) {
                Some(b'/') if bytes.get(2).is_some_and(|&byte| is_name_start(byte)) => {
                    return self.close(from + 2);
                }
                Some(b'?') => {
                    self.until(from + 2, ">");
                }
                Some(b'!') if rest.starts_with("<!--") => {
                    self.until(from + 4, "-->");
                }
                // Some templates write it in lower case.
                Some(b'!') if starts_cdata(bytes) => {
                    return Some(Piece::Cdata(self.until(from + 9, "]]>")));
                }
                Some(b'!') if bytes.get(2).is_some_and(u8::is_ascii_alphabetic) => {
                    self.doctype(from + 2);
                }
                Some(&byte) if is_name_start(byte) => return self.tag(from + 1),
                Some(_) => {
                    self.at += 1;
                    return Some(Piece::Text(&rest[..1]));
                }
                None => {
                    self.cut();
                    return None;
                }
            }
        }
    }
}

fn starts_cdata(bytes: &[u8]) -> bool {
    let start = bytes.get(..9);
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"<![CDATA["))
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':' | 0x80..)
}

/// Where the tag's `>` stands, or the `<` of the next tag when it has none.
fn tag_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes[at..]
            .iter()
            .position(|byte| matches!(byte, b'>' | b'<' | b'"' | b'\''))?;
        let byte = bytes[at];
        if matches!(byte, b'>' | b'<') {
            return Some(at);
        }
        // No `<` may stand in a quoted value: where one does, the quote was a stray, or the writer forgot to escape.
        match memchr2(byte, b'<', &bytes[at + 1..]) {
            Some(found) if bytes[at + 1 + found] == byte => at += found + 2,
            Some(_) if let Some(end) = value_end(bytes, at) => at = end,
            Some(_) | None => return memchr2(b'>', b'<', &bytes[at..]).map(|found| at + found),
        }
    }
}

/// Behind the value whose opening quote stands at `quote_at`, though a `<` stands in it: where an `=` stands before it
/// and behind it another attribute or the tag's end, as behind no quote in a text.
fn value_end(bytes: &[u8], quote_at: usize) -> Option<usize> {
    let is_value = bytes.get(..quote_at)?.trim_ascii_end().ends_with(b"=");
    if !is_value {
        return None;
    }
    let inside = bytes.get(quote_at + 1..)?;
    let inside = inside.get(..QUOTED_BYTES_MAX).unwrap_or(inside);
    let end = quote_at + 2 + memchr(*bytes.get(quote_at)?, inside)?;
    let after = bytes.get(end..)?;
    let after = after.get(..NAME_BYTES_MAX).unwrap_or(after);
    let next = after.trim_ascii_start();
    let is_tag_end = next.starts_with(b">") || next.starts_with(b"/>");
    let is_next_attribute = next.len() < after.len() && {
        let is_name =
            |byte: &u8| is_name_start(*byte) || byte.is_ascii_digit() || b"-.".contains(byte);
        let name = next.iter().take_while(|byte| is_name(byte)).count();
        let behind = next.get(name..).unwrap_or_default().trim_ascii_start();
        let value = behind.strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
        name > 0 && value.is_some_and(|value| value.starts_with(b"\"") || value.starts_with(b"'"))
    };
    (is_tag_end || is_next_attribute).then_some(end)
}

/// The value of the first attribute that `wanted` accepts by its name.
pub fn attribute(attributes: &str, wanted: impl Fn(&str) -> bool) -> Option<&str> {
    Attributes(attributes)
        .take(ATTRIBUTES_MAX)
        .find(|(name, _)| wanted(name))
        .map(|(_, value)| value)
}

/// The attributes of a tag, name and value as written, quotes taken off; those without a value are left out.
#[derive(Debug)]
pub struct Attributes<'a>(pub &'a str);

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        loop {
            let (name, rest) = self.0.split_once('=')?;
            let name = name.trim_ascii_end();
            let name = name
                .rsplit(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '/'))
                .next()
                .unwrap_or(name);
            let rest = rest.trim_ascii_start();
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (value, rest) = match quote {
                Some(quote) => rest[1..].split_once(quote).unwrap_or((&rest[1..], "")),
                None => rest
                    .split_once(|c: char| c.is_ascii_whitespace())
                    .unwrap_or((rest, "")),
            };
            self.0 = rest;
            if !name.is_empty() {
                return Some((name, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces in one line: `<name attributes>`, `</name>`, `<name/>`, text as it is, `[CDATA]`.
    fn check(text: &str, want: &[&str]) {
        let shown: Vec<String> = Pieces::of(text)
            .map(|piece| match piece {
                Piece::Open(tag) if tag.is_empty => format!("<{}{}/>", tag.name, tag.attributes),
                Piece::Open(tag) => format!("<{}{}>", tag.name, tag.attributes),
                Piece::Close(name) => format!("</{name}>"),
                Piece::Text(text) => text.to_owned(),
                Piece::Cdata(text) => format!("[{text}]"),
            })
            .collect();
        assert_eq!(shown, want, "{text}");
    }

    #[test]
    fn sound_documents() {
        check(
            "<?xml version='1.0'?><!-- c > c --><a x='1'>t &amp; u<b/></a>",
            &["<a x='1'>", "t &amp; u", "<b/>", "</a>"],
        );
        check(
            "<a><![CDATA[x < y & ]] z]]></a >",
            &["<a>", "[x < y & ]] z]", "</a>"],
        );
        check("<a x='>' y=\">\"/>", &["<a x='>' y=\">\"/>"]);
        check("<a><![cdata[x < y]]></a>", &["<a>", "[x < y]", "</a>"]);
        check("<!DOCTYPE rss [<!ENTITY a '>'>]><a>", &["<a>"]);
        check("<!DOCTYPE rss PUBLIC 'x' 'y'><a>", &["<a>"]);
        check("<é/>", &["<é/>"]);
    }

    #[test]
    fn faults_cost_only_themselves() {
        check("a < b<c>", &["a ", "<", " b", "<c>"]);
        check("<a x=\"1>t</a>", &["<a x=\"1>", "t", "</a>"]);
        check("<a x=1 <b>", &["<a x=1 >", "<b>"]);
        check("</a<b>", &["</a>", "<b>"]);
        check("<a></ b>", &["<a>", "<", "/ b>"]);
        check("junk<a>", &["junk", "<a>"]);
    }

    #[test]
    fn a_value_may_hold_what_it_should_escape() {
        for tag in [
            "<a x=\"<b>c</b>\"/>",
            "<a x=\"a < b\" y='1'>",
            "<a x = '<b c=\"d\">' \n y:z = \"<\" >",
        ] {
            check(&format!("{tag}t"), &[tag, "t"]);
        }
        // A quote that nobody closed takes nothing with it.
        check(
            "<a x=\"1>t</a><b y=\"2\">",
            &["<a x=\"1>", "t", "</a>", "<b y=\"2\">"],
        );
        check(
            "<a x='1>it</a> isn't > <b>",
            &["<a x='1>", "it", "</a>", " isn't > ", "<b>"],
        );
        check(
            "<a x=\"1>5<b/> 6\" wide",
            &["<a x=\"1>", "5", "<b/>", " 6\" wide"],
        );
        check("<a \"<b>\">", &["<a \">", "<b>", "\">"]);
        let long = format!("<a x=\"<{}\">", "b".repeat(QUOTED_BYTES_MAX));
        assert!(Pieces::of(&long).count() > 1);
    }

    #[test]
    fn a_cut_is_noticed() {
        for text in [
            "<",
            "<a",
            "<a x='",
            "<a><![CDATA[x",
            "<!-- x",
            "</a",
            "<?xml",
            "<!DOCTYPE a [ x",
        ] {
            let mut pieces = Pieces::of(text);
            while pieces.next().is_some() {}
            assert!(pieces.is_cut, "{text}");
        }
        let mut pieces = Pieces::of("<a>text");
        while pieces.next().is_some() {}
        assert!(!pieces.is_cut);
    }

    #[test]
    fn attributes_in_every_form() {
        let all: Vec<_> = Attributes(" a='1' b = \"2 '3'\" c=4 d e='' x:y='z'f='5'").collect();
        let want = [
            ("a", "1"),
            ("b", "2 '3'"),
            ("c", "4"),
            ("e", ""),
            ("x:y", "z"),
            ("f", "5"),
        ];
        assert_eq!(all, want);
        assert_eq!(
            attribute(" Href='x'", |name| name.eq_ignore_ascii_case("href")),
            Some("x")
        );
        assert_eq!(Attributes("= = =''' =").count(), 0);
    }

    #[test]
    fn entities_of_the_doctype_are_kept_when_harmless() {
        let text = "<!DOCTYPE a [<!ENTITY dash \"&#8212;\"><!ENTITY f SYSTEM 'file:///etc/passwd'>\
                    <!ENTITY % p 'x'><!ENTITY lol '&dash;&dash;'>]><a>";
        let mut pieces = Pieces::of(text);
        while pieces.next().is_some() {}
        assert_eq!(pieces.entities, [("dash", "&#8212;")]);
    }
}

//! How documents write their texts: literally, escaped, as elements, packed; and back to what was meant.

use crate::text::html::{self, entities};

use super::{names::Element, xml};

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Literally.
    Plain,
    /// Markup, escaped once.
    Html,
    /// Markup as elements of the document.
    Inline,
    Base64,
    /// A picture, a sound.
    NoText,
}

impl Form {
    /// How the text of an element is written, by its attributes and the dialect.
    pub fn of(element: Element, attributes: &str, is_atom: bool) -> Form {
        use Element::*;
        if !element.is_text() {
            return Form::Plain;
        }
        let named = |wanted: &str| {
            let value = xml::attribute(attributes, |name| name == wanted);
            value.map(|value| value.trim().to_ascii_lowercase())
        };
        let mode = named("mode");
        if mode.as_deref() == Some("base64") {
            return Form::Base64;
        }
        let is_inline = mode.as_deref() == Some("xml");
        let unmarked = match is_atom && matches!(element, Title | Summary | Content) {
            true => Form::Plain,
            false => Form::Html,
        };
        match named("type").as_deref() {
            None | Some("") if is_inline => Form::Inline,
            None | Some("") => unmarked,
            Some("text" | "plain" | "text/plain") => unmarked,
            Some("xhtml" | "application/xhtml+xml") => Form::Inline,
            Some("html" | "text/html") if is_inline => Form::Inline,
            Some("html" | "text/html") => Form::Html,
            Some(kind) if kind.ends_with("xml") => Form::Inline,
            Some(kind) if kind.contains('/') && !kind.starts_with("text/") => {
                match xml::attribute(attributes, |name| name == "src") {
                    Some(_) => Form::NoText,
                    None => Form::Base64,
                }
            }
            Some(_) => Form::Html,
        }
    }

    /// The text that an element of this form means by `written`, at most `bytes_max` bytes. `has_markup`: elements stood
    /// in it.
    pub fn read(
        self,
        element: Element,
        written: &str,
        has_markup: bool,
        bytes_max: usize,
    ) -> String {
        let text = match element {
            Element::Title | Element::OtherTitle => html::title_within,
            _ => html::to_text_within,
        };
        match self {
            Form::NoText => String::new(),
            Form::Base64 => match from_base64(written) {
                Some(packed) => text(&packed, bytes_max),
                None if element == Element::Content => String::new(),
                None => text(written, bytes_max),
            },
            Form::Plain if !has_markup => html::plain_within(written, bytes_max),
            Form::Plain | Form::Html | Form::Inline => text(written, bytes_max),
        }
    }
}

/// Appends `text` with its references resolved: the document's own entities, numbers, and all names of HTML, because
/// feeds use them undeclared. What is no reference stays as it is. `expansion` is how many bytes the own entities may
/// still become: a three-byte reference to a long value, repeated, is how a small document grows large.
pub fn unescape(text: &str, declared: &[(&str, &str)], out: &mut String, expansion: &mut usize) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = declared.iter().find_map(|(name, value)| {
            let after = rest[1..].strip_prefix(name)?.strip_prefix(';')?;
            (value.len() <= *expansion).then_some((value, after))
        });
        if let Some((value, after)) = found {
            *expansion -= value.len();
            unescape(value, &[], out, expansion);
            rest = after;
            continue;
        }
        let length = match entities::reference(rest) {
            Some((entities::Meaning::Letter(letter), length)) => {
                out.push(letter);
                length
            }
            Some((entities::Meaning::Text(text), length)) => {
                out.push_str(text);
                length
            }
            None => {
                out.push('&');
                1
            }
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
}

/// The text in base64; `None` where it is no text, or no base64.
fn from_base64(text: &str) -> Option<String> {
    use base64::Engine;
    let packed: String = text.split_ascii_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed);
    String::from_utf8(bytes.ok()?).ok()
}

/// The name in `name@example.org (Name)` and `Name <name@example.org>`; the address alone where there is no name.
pub fn person(text: &str) -> String {
    let (before, rest) = text.split_once(['(', '<']).unwrap_or((text, ""));
    let inside = rest.split([')', '>']).next().unwrap_or_default();
    let name = match (before.contains('@'), inside.is_empty()) {
        (true, false) => inside,
        (false, _) if !before.trim().is_empty() => before,
        _ => text,
    };
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_type_mode_and_dialect() {
        for (attributes, is_atom, want) in [
            ("", true, Form::Plain),
            ("", false, Form::Html),
            (" type='text'", true, Form::Plain),
            (" type='html'", true, Form::Html),
            (" type=\"xhtml\"", true, Form::Inline),
            (" type='text/html' mode='escaped'", true, Form::Html),
            (" type='text/html' mode='xml'", true, Form::Inline),
            (" mode='base64'", true, Form::Base64),
            (" type='image/svg+xml'", true, Form::Inline),
            (" type='application/pdf' src='x'", true, Form::NoText),
            (" type='odd'", true, Form::Html),
        ] {
            assert_eq!(
                Form::of(Element::Content, attributes, is_atom),
                want,
                "{attributes}"
            );
        }
        assert_eq!(Form::of(Element::Guid, " type='html'", true), Form::Plain);
    }

    #[test]
    fn own_entities_grow_a_document_no_further_than_allowed() {
        let (mut out, mut expansion) = (String::new(), 10);
        unescape(
            "&a;&a;&a; &amp;&b;",
            &[("a", "12345")],
            &mut out,
            &mut expansion,
        );
        assert_eq!(out, "1234512345&a; &&b;");
    }

    #[test]
    fn a_person_is_shown_by_name() {
        for (text, want) in [
            ("desk@example.org (Ben Mole)", "Ben Mole"),
            ("Ben Mole <desk@example.org>", "Ben Mole"),
            ("Ben Mole (Coast Wire)", "Ben Mole"),
            ("desk@example.org", "desk@example.org"),
            ("desk@example.org（编辑部）", "desk@example.org（编辑部）"),
            ("", ""),
        ] {
            assert_eq!(person(text), want);
        }
    }
}

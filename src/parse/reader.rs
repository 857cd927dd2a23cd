//! The feed reader: RSS 0.90 to 2.0, RSS 1.0 and 1.1 in RDF, Atom 0.3 and 1.0, CDF and what lies between, in one pass.
//!
//! It knows elements by where they stand, not by a schema: a title within an item is the item's, one within the feed is
//! the feed's, one within an image or a quoted source is nobody's. Markup within a text belongs to that text. A broken
//! nesting closes what it must; what was read before a break is kept. The stack is a vector of bounded depth.

mod fields;
mod slips;

use std::borrow::Cow;

use url::Url;

use crate::text::html;

use super::{
    Parsed, date,
    entry::{Entry, Rank, is_nameless},
    identity, lang,
    limits::*,
    link,
    names::{Element, Scopes},
    written::{Form, unescape},
    xml::{self, Piece, Pieces, Tag},
};
use slips::{is_bare, is_neighbour, is_slip};

/// What the pass over one document found.
#[derive(Debug, Default)]
pub struct Reading {
    pub parsed: Parsed,
    /// The name of the outermost element, lower case, without prefix.
    pub root: String,
    /// An element that only feeds have was seen, or an item in which something stands.
    pub is_feed: bool,
    /// Openings of items seen, kept or not.
    pub items_seen: usize,
}

/// Reads a document. `url` is where it came from; relative links start there.
pub fn read(text: &str, url: &str) -> Reading {
    let mut reader = Reader {
        pieces: Pieces::of(text),
        text,
        scopes: Scopes::default(),
        stack: Vec::new(),
        overflow: 0,
        bases: Vec::new(),
        langs: Vec::new(),
        capture: None,
        buffer: String::new(),
        expansion: EXPANSION_BYTES_MAX,
        entry: None,
        item_from: 0,
        is_atom: false,
        is_behind_empty_link: false,
        reading: Reading::default(),
    };
    reader.bases.extend(link::base(url, None));
    while let Some(piece) = reader.pieces.next() {
        match piece {
            Piece::Open(tag) => reader.open(tag),
            Piece::Close(name) => reader.close(name),
            Piece::Text(text) => reader.content(text, false),
            Piece::Cdata(text) => reader.content(text, true),
        }
        if reader.reading.root == "html" {
            break;
        }
    }
    reader.finish()
}

struct Reader<'a> {
    pieces: Pieces<'a>,
    text: &'a str,
    scopes: Scopes<'a>,
    stack: Vec<Frame<'a>>,
    /// Elements open beyond the deepest that we follow.
    overflow: usize,
    /// Addresses that relative links start from, the innermost last.
    bases: Vec<Url>,
    langs: Vec<Option<String>>,
    capture: Option<Capture<'a>>,
    buffer: String,
    /// Bytes that the document's own entities may still become.
    expansion: usize,
    entry: Option<Entry>,
    /// Where the item begins in the document.
    item_from: usize,
    is_atom: bool,
    /// The last tag was a link that held nothing.
    is_behind_empty_link: bool,
    reading: Reading,
}

/// An open element, and how much was in force before it.
struct Frame<'a> {
    name: &'a str,
    element: Element,
    scopes: usize,
    bases: usize,
    langs: usize,
}

/// A text being read: all until its closing tag belongs to it.
struct Capture<'a> {
    name: &'a str,
    element: Element,
    attributes: &'a str,
    form: Form,
    /// Where the text begins in the document.
    from: usize,
    /// Elements of the same name open within it.
    nested: usize,
    has_markup: bool,
    /// Its closing tag was seen to come: what stands before it is its own.
    is_closed: bool,
    /// The text, while it is one piece that needs no copy; `buffer` otherwise.
    single: Option<&'a str>,
}

impl<'a> Reader<'a> {
    fn parent(&self) -> Element {
        self.stack
            .last()
            .map_or(Element::Unknown, |frame| frame.element)
    }

    fn open(&mut self, tag: Tag<'a>) {
        self.is_behind_empty_link = false;
        if self.capture.is_some() && self.open_in_text(&tag) {
            return;
        }
        if self.overflow > 0 || self.stack.len() >= DEPTH_MAX {
            self.overflow += usize::from(!tag.is_empty);
            return;
        }
        let frame = Frame {
            name: tag.name,
            element: Element::Unknown,
            scopes: self.scopes.len(),
            bases: self.bases.len(),
            langs: self.langs.len(),
        };
        if memchr::memchr(b'=', tag.attributes.as_bytes()).is_some() {
            self.enter_scope(tag.attributes);
        }
        let element = self.scopes.element(tag.name);
        if self.reading.root.is_empty() {
            let local = tag.name.rsplit(':').next().unwrap_or_default();
            self.reading.root = html::clean::head(local, 64).to_ascii_lowercase();
        }
        if element == Element::Item {
            self.open_item(&tag);
        }
        let parent = self.parent();
        self.stack.push(Frame { element, ..frame });
        self.begin(element, parent, &tag);
        // A link with its address in an attribute has no content; where it was never closed, its neighbours follow.
        let is_whole = matches!(element, Element::Link | Element::Anchor) && self.capture.is_none();
        if tag.is_empty || is_whole {
            self.is_behind_empty_link = element == Element::Link && self.capture.is_some();
            self.end_text();
            self.pop();
        }
    }

    /// Takes up `xmlns`, `xml:base` and `xml:lang`.
    fn enter_scope(&mut self, attributes: &'a str) {
        for (name, value) in xml::Attributes(attributes).take(ATTRIBUTES_MAX) {
            if let Some(prefix) = name.strip_prefix("xmlns") {
                self.scopes.declare(prefix.trim_start_matches(':'), value);
            } else if name == "xml:base" || name == "BASE" {
                let address = self.unescaped(value);
                let base = link::base(&address, self.bases.last());
                self.bases.extend(base);
            } else if name == "xml:lang" {
                self.langs.push(lang::primary(value));
            }
        }
    }

    fn open_item(&mut self, tag: &Tag<'a>) {
        self.reading.items_seen += 1;
        if self.entry.is_some() {
            let item_at = self
                .stack
                .iter()
                .rposition(|frame| frame.element == Element::Item);
            let is_quoted = self
                .stack
                .iter()
                .skip(item_at.unwrap_or(0))
                .any(|frame| matches!(frame.element, Element::Aside | Element::Source));
            if is_quoted {
                return;
            }
            // The item before was never closed.
            while self.entry.is_some() && !self.stack.is_empty() {
                self.pop();
            }
        }
        if self.reading.items_seen > ITEMS_READ_MAX {
            self.reading.parsed.dropped += 1;
            return;
        }
        let mut entry = Entry::default();
        for (name, value) in xml::Attributes(tag.attributes).take(ATTRIBUTES_MAX) {
            let name = name.rsplit(':').next().unwrap_or(name);
            if name.eq_ignore_ascii_case("about") {
                let about = self.unescaped(value);
                entry.permalink(link::absolute(&about, self.bases.last()));
                entry.id(html::plain_within(&about, usize::MAX));
            } else if name.eq_ignore_ascii_case("href") {
                entry.link(
                    link::absolute(&self.unescaped(value), self.bases.last()),
                    true,
                );
            } else if name.eq_ignore_ascii_case("lastmod") {
                entry.date(Rank::Updated, date::parse(value));
            }
        }
        self.entry = Some(entry);
        self.item_from = self.pieces.piece_from();
    }

    /// What an element's opening alone tells, and whether its text is wanted.
    fn begin(&mut self, element: Element, parent: Element, tag: &Tag<'a>) {
        use Element::*;
        if element == Feed {
            self.reading.is_feed = true;
            let local = tag.name.rsplit(':').next().unwrap_or_default();
            self.is_atom |= local.eq_ignore_ascii_case("feed");
            if self.entry.is_none() {
                self.begin_feed(tag);
            }
            return;
        }
        if element == Item {
            self.is_atom |= self.stack.len() == 1 && tag.name.ends_with("entry");
            return;
        }
        let is_wanted = match (element, parent, self.entry.is_some()) {
            (Unknown | Aside, ..) => false,
            // Other vocabularies nest their own: `media:group`.
            (OtherTitle | OtherSummary, _, true) => parent != Aside,
            (Title, Source | Aside, true) | (Name, Author, true) => true,
            (Name, Author, false) => self.is_atom && self.is_of_feed(),
            (Hour | Day, ..) => true,
            (_, Item, true) | (_, Feed, false) => true,
            _ => false,
        };
        if !is_wanted {
            return;
        }
        if matches!(element, Link | Anchor) && (self.begin_link(tag) || element == Anchor) {
            return;
        }
        if element == Category {
            self.begin_category(tag);
        }
        self.capture = Some(Capture {
            name: tag.name,
            element,
            attributes: tag.attributes,
            form: Form::of(element, tag.attributes, self.is_atom),
            from: self.pieces.piece_end(),
            nested: 0,
            has_markup: false,
            is_closed: false,
            single: None,
        });
        self.buffer.clear();
    }

    /// Whether the element just opened stands in one that stands in the feed itself.
    fn is_of_feed(&self) -> bool {
        let outer = self.stack.iter().rev().nth(2).map(|frame| frame.element);
        outer == Some(Element::Feed)
    }

    /// A tag within a text: markup of that text. False where the text must have ended before.
    fn open_in_text(&mut self, tag: &Tag<'a>) -> bool {
        let Some(capture) = &mut self.capture else {
            return false;
        };
        let element = self.scopes.element(tag.name);
        let is_container = matches!(
            (capture.element, element),
            (Element::Author | Element::Creator, Element::Name) | (Element::Source, Element::Title)
        );
        if is_container {
            self.capture = None;
            return false;
        }
        // A picture put into a category, an author, a link: the text is what stands before it.
        if element == Element::Aside && !capture.element.is_text() {
            self.end_text();
            return false;
        }
        let is_neighbour = is_neighbour(capture.element, element) && self.was_never_closed(tag);
        let Some(capture) = &mut self.capture else {
            return false;
        };
        let cannot_be_within = match element {
            _ if is_neighbour => true,
            Element::Item | Element::Guid | Element::Published => capture.form != Form::Inline,
            // Below a description they may be HTML's own; below a title they are its neighbours.
            Element::Link | Element::Summary | Element::Content => {
                capture.element == Element::Title
            }
            _ => false,
        };
        if cannot_be_within {
            self.end_text();
            self.pop();
            return false;
        }
        if tag.name == capture.name && !tag.is_empty {
            capture.nested += 1;
        }
        self.markup();
        true
    }

    /// Keeps the tag just read as part of the text.
    fn markup(&mut self) {
        let Some(capture) = &mut self.capture else {
            return;
        };
        capture.has_markup = true;
        if let Some(single) = capture.single.take() {
            self.buffer.push_str(single);
        }
        let tag = &self.text[self.pieces.piece_from()..self.pieces.piece_end()];
        self.buffer.push_str(tag);
    }

    fn content(&mut self, text: &'a str, is_literal: bool) {
        let Some(capture) = &mut self.capture else {
            return self.stray_text(text);
        };
        let needs_copy = !is_literal && memchr::memchr(b'&', text.as_bytes()).is_some();
        let is_first = self.buffer.is_empty() && capture.single.is_none();
        if is_first && !needs_copy {
            if !text.trim_ascii().is_empty() {
                capture.single = Some(text);
            }
            return;
        }
        if let Some(single) = capture.single.take() {
            self.buffer.push_str(single);
        }
        match needs_copy {
            true => unescape(
                text,
                &self.pieces.entities,
                &mut self.buffer,
                &mut self.expansion,
            ),
            false => self.buffer.push_str(text),
        }
    }

    fn close(&mut self, name: &'a str) {
        self.is_behind_empty_link = false;
        if let Some(capture) = &mut self.capture {
            if same_name(name, capture.name) {
                if capture.nested > 0 {
                    capture.nested -= 1;
                    return self.markup();
                }
                self.end_text();
                self.pop();
                return;
            }
            if capture.nested == 0 && is_slip(name, capture.name) {
                self.end_text();
                self.pop();
                return;
            }
            // The end of what the text stands in ends the text; any other tag is its markup.
            let element = self.scopes.element(name);
            let ends_the_text = matches!(element, Element::Item | Element::Feed)
                && self.stack.iter().any(|frame| same_name(name, frame.name));
            if !ends_the_text {
                return self.markup();
            }
            self.end_text();
        } else if self.overflow > 0 {
            self.overflow -= 1;
            return;
        }
        let Some(at) = self
            .stack
            .iter()
            .rposition(|frame| same_name(name, frame.name))
        else {
            return;
        };
        while self.stack.len() > at {
            self.pop();
        }
    }

    fn pop(&mut self) {
        let Some(frame) = self.stack.pop() else {
            return;
        };
        self.scopes.leave(frame.scopes);
        self.bases.truncate(frame.bases);
        let is_the_item = frame.element == Element::Item
            && !self
                .stack
                .iter()
                .any(|outer| outer.element == Element::Item);
        if is_the_item {
            self.end_item();
        }
        self.langs.truncate(frame.langs);
    }

    fn end_item(&mut self) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        if entry.item.lang.is_none() {
            entry.lang(self.langs.last().cloned().flatten());
        }
        let parsed = &mut self.reading.parsed;
        let mut item = entry.finish();
        let source = &self.text[self.item_from..self.pieces.piece_from().max(self.item_from)];
        if is_nameless(&item) {
            // An author or a category alone is still an item; where nothing stands there is none.
            if is_bare(source) {
                return;
            }
            item.id = identity::hashed(source);
        }
        parsed.items.push(item);
        self.reading.is_feed = true;
        if parsed.items.len() >= ITEMS_MAX * 2 {
            parsed.keep_newest(ITEMS_MAX);
        }
    }

    /// The text is whole: turn it into what it is for.
    fn end_text(&mut self) {
        let Some(capture) = self.capture.take() else {
            return;
        };
        let buffer = std::mem::take(&mut self.buffer);
        let written = capture.single.unwrap_or(&buffer);
        let raw = &self.text[capture.from.min(self.pieces.piece_from())..self.pieces.piece_from()];
        self.settle(&capture, written, raw);
        self.buffer = buffer;
    }

    fn unescaped<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if memchr::memchr(b'&', text.as_bytes()).is_none() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        unescape(text, &self.pieces.entities, &mut out, &mut self.expansion);
        Cow::Owned(out)
    }

    fn finish(mut self) -> Reading {
        let is_cut = self.capture.is_some() || self.pieces.is_cut || !self.stack.is_empty();
        if is_cut {
            self.reading.is_feed |= self.entry.is_some();
            // The rest of this item is still to come: kept now, it would be known and never read whole.
            self.entry = None;
        }
        self.reading.parsed.is_partial = is_cut;
        while !self.stack.is_empty() {
            self.pop();
        }
        self.reading.parsed.keep_newest(ITEMS_MAX);
        self.reading
    }
}

fn same_name(left: &str, right: &str) -> bool {
    left == right || left.eq_ignore_ascii_case(right)
}

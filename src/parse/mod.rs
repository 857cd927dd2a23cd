//! Bytes to items: the border where documents of strangers become our own plain values.
//!
//! ```text
//! bytes --decode--> text --xml--> pieces --reader--> entries --identity--> items
//!                        \-json------------------------^   ^
//!                         \- second (feed-rs, behind guards) where our reader finds nothing
//! ```
//!
//! Our own reader leads: it reads what XML readers must refuse, several times faster, and has no recursion to overflow.
//! Nothing above this module knows a feed format. No document makes it panic, and time and memory grow with the
//! document's size alone; what is kept of it is bounded by [`limits`].

mod date;
mod decode;
mod entry;
pub mod hints;
mod identity;
mod json;
mod lang;
pub mod limits;
mod link;
pub mod links;
mod names;
pub mod opml;
mod reader;
mod second;
mod sniff;
mod written;
mod xml;

use crate::model::Item;

pub use hints::Hints;
pub use identity::{
    Identified, Marks, has_time_of_day, identity, marks, second_key, with_page_in_id,
    with_title_in_id,
};
pub use json::item_from_json;
pub use lang::primary as primary_language;

/// A document as it was fetched.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    pub body: &'a [u8],
    /// The `Content-Type` header as sent.
    pub content_type: Option<&'a str>,
    /// The address it came from, for relative links; empty where unknown.
    pub url: &'a str,
}

/// What a document held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In the document's order, each id once.
    pub items: Vec<Item>,
    pub title: String,
    /// The feed's own language, as a primary subtag.
    pub lang: Option<String>,
    /// The feed's own authors: those of items that name none (RFC 4287, 4.2.1; JSON Feed 1.1).
    pub author: String,
    /// The feed's home page.
    pub site: String,
    /// The document broke off: the items before the break are here, its validators must not be kept.
    pub is_partial: bool,
    /// Items left out by a cap.
    pub dropped: usize,
    /// How often the feed wants to be asked, and who would push it.
    pub hints: Hints,
}

impl Parsed {
    /// Leaves out the oldest items beyond `max`, and counts them. Those without a date count as new; among equals the
    /// document's order tells, newest first as feeds have it.
    fn keep_newest(&mut self, max: usize) {
        if self.items.len() <= max {
            return;
        }
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        let age = |&at: &usize| {
            let published = self.items.get(at).and_then(|item| item.published);
            (published.map(std::cmp::Reverse), at)
        };
        order.sort_unstable_by_key(age);
        let mut is_kept = vec![false; self.items.len()];
        for at in order.into_iter().take(max) {
            is_kept[at] = true;
        }
        self.dropped += self.items.len() - max;
        let mut kept = is_kept.into_iter();
        self.items.retain(|_| kept.next().unwrap_or_default());
    }
}

/// Why a document gave no items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// An HTML page, an empty body, something else entirely. The text says what it looks like.
    NotAFeed(String),
    /// A feed that cannot be read.
    Broken(String),
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ParseError::NotAFeed(text) => write!(f, "not a feed: {text}"),
            ParseError::Broken(text) => write!(f, "a broken feed: {text}"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Reads a feed document of any kind. Never panics, never recurses by the document's depth, bounded in time and memory.
/// A sound feed without items is no error.
///
/// # Errors
/// [`ParseError`] when no feed could be read, or none of the items that the document holds.
pub fn parse(document: Document<'_>) -> Result<Parsed, ParseError> {
    let text = decode::decode(&document);
    let is_json = text
        .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}')
        .starts_with(['{', '[']);
    let mut parsed = match is_json {
        // A line in brackets may stand before XML: `[warning] …`.
        true => read_json(&text, document.url).or_else(|error| {
            let parsed = read_xml(&text, document.url).ok();
            parsed
                .filter(|parsed| !parsed.items.is_empty())
                .ok_or(error)
        })?,
        false => read_xml(&text, document.url)?,
    };
    parsed.keep_newest(limits::ITEMS_MAX);
    identity::assign(&mut parsed.items);
    for item in &mut parsed.items {
        if item.lang.is_none() {
            item.lang.clone_from(&parsed.lang);
        }
        if item.author.is_empty() {
            item.author.clone_from(&parsed.author);
        }
    }
    Ok(parsed)
}

fn read_json(text: &str, url: &str) -> Result<Parsed, ParseError> {
    json::read(text, url).map_err(|fault| match fault {
        json::Fault::NotAFeed => ParseError::NotAFeed(sniff::describe(text, "")),
        json::Fault::Broken(why) => ParseError::Broken(why),
    })
}

fn read_xml(text: &str, url: &str) -> Result<Parsed, ParseError> {
    let reading = reader::read(text, url);
    if !reading.is_feed {
        return Err(ParseError::NotAFeed(sniff::describe(text, &reading.root)));
    }
    let mut parsed = reading.parsed;
    if parsed.items.is_empty() && reading.items_seen > 0 {
        parsed.items = second::items(text, url);
    }
    if parsed.items.is_empty() && reading.items_seen > 0 {
        let seen = match reading.items_seen {
            1 => "an item".to_owned(),
            seen => format!("{seen} items"),
        };
        let why = match parsed.is_partial {
            true => "and breaks off before its end",
            false => "without a title, a text, a link or an id",
        };
        return Err(ParseError::Broken(format!("it holds {seen} {why}")));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests;

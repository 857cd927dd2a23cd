//! Bytes to items. feed-rs ends here: nothing above this module knows a feed format, and nothing reaches feed-rs unguarded.

use crate::model::Item;

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
    /// The feed's home page.
    pub site: String,
    /// The document broke off: the items before the break are here, its validators must not be kept.
    pub is_partial: bool,
    /// Items left out by a cap.
    pub dropped: usize,
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
///
/// # Errors
/// [`ParseError`] when no feed could be read.
pub fn parse(document: Document<'_>) -> Result<Parsed, ParseError> {
    let _ = document;
    Err(ParseError::NotAFeed("not read yet".to_owned()))
}

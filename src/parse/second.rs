//! A second opinion: feed-rs reads what our own reader made nothing of.
//!
//! feed-rs overflows the stack on nested elements, takes gigabytes on nested `xml:base`, panics on some authors and on a
//! declaration that is not at the start. So it is given decoded text without declaration, bounded in size, in elements
//! and in depth, and a panic inside it is caught and kept quiet.
//!
//! It leads nowhere: a feed read by one reader today and by another tomorrow would change its ids.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use feed_rs::model;
use jiff::Timestamp;

use crate::{model::Item, text::html};

use super::{
    date,
    entry::{Entry, Rank, is_nameless},
    lang,
    limits::*,
    link,
    xml::{Piece, Pieces},
};

const TEXT_BYTES_MAX: usize = 4 << 20;
const ELEMENTS_MAX: usize = 50_000;
const DEPTH_MAX: usize = 24;

/// The items that feed-rs finds; none where it fails or may not be asked.
pub fn items(text: &str, url: &str) -> Vec<Item> {
    let text = text.find("<?xml").map_or(text, |at| {
        let declaration = &text[at..];
        declaration
            .find("?>")
            .map_or(text, |end| &declaration[end + 2..])
    });
    if text.len() > TEXT_BYTES_MAX || !is_bounded(text) {
        return Vec::new();
    }
    let parser = feed_rs::parser::Builder::new()
        .base_uri(Some(url).filter(|url| !url.is_empty()))
        .id_generator(|_, _, _| String::new())
        .timestamp_parser(|text| {
            let at = date::parse(text)?;
            rfc3339(&at.to_string())
        })
        .build();
    let feed = quietly(|| parser.parse(text.as_bytes()));
    let entries = feed.and_then(Result::ok).map(|feed| feed.entries);
    entries
        .unwrap_or_default()
        .into_iter()
        .take(ITEMS_MAX)
        .map(|entry| converted(entry, url))
        .filter(|item| !is_nameless(item))
        .collect()
}

/// Whether the document's shape is one that feed-rs survives.
fn is_bounded(text: &str) -> bool {
    let (mut depth, mut elements) = (0_usize, 0_usize);
    for piece in Pieces::of(text) {
        match piece {
            Piece::Open(tag) => {
                elements += 1;
                depth += usize::from(!tag.is_empty);
            }
            Piece::Close(_) => depth = depth.saturating_sub(1),
            Piece::Text(_) | Piece::Cdata(_) => {}
        }
        if depth > DEPTH_MAX || elements > ELEMENTS_MAX {
            return false;
        }
    }
    // Elsewhere than at the start it panics.
    !text.contains("<?xml")
}

/// feed-rs keeps chrono's times; this program keeps one kind.
fn rfc3339<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn converted(entry: model::Entry, url: &str) -> Item {
    let base = link::base(url, None);
    let mut read = Entry::default();
    let text = |text: model::Text, bytes_max| html::to_text_within(&text.content, bytes_max);
    read.id(html::plain_within(&entry.id, usize::MAX));
    if let Some(title) = entry.title {
        read.title(text(title, TITLE_BYTES_MAX));
    }
    if let Some(summary) = entry.summary {
        read.summary(text(summary, SUMMARY_BYTES_MAX));
    }
    if let Some(content) = entry.content.and_then(|content| content.body) {
        read.content(html::to_text_within(&content, CONTENT_BYTES_MAX));
    }
    for found in entry.links {
        if matches!(found.rel.as_deref(), None | Some("alternate")) {
            read.link(link::absolute(&found.href, base.as_ref()), true);
        }
    }
    for person in entry.authors {
        read.author(html::plain_within(
            &person.name.unwrap_or_default(),
            AUTHOR_BYTES_MAX,
        ));
    }
    for category in entry.categories {
        let name = category.label.unwrap_or(category.term);
        read.category(html::plain_within(&name, CATEGORY_BYTES_MAX));
    }
    if let Some(source) = entry.source {
        read.source(html::plain_within(&source, SOURCE_BYTES_MAX));
    }
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    read.date(
        Rank::Published,
        entry.published.and_then(|at| time(at.timestamp_millis())),
    );
    read.date(
        Rank::Updated,
        entry.updated.and_then(|at| time(at.timestamp_millis())),
    );
    read.lang(entry.language.as_deref().and_then(lang::primary));
    read.finish()
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs foreign code that may panic; its panic is neither passed on nor printed.
fn quietly<T>(run: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                outer(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    IS_QUIET.set(false);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rss(inside: &str) -> String {
        format!(
            "<?xml version='1.0'?><rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel>\
             <title>t</title><item><title>One &amp; two</title><link>https://example.org/1</link>\
             <pubDate>Fri, 06 Dec 2024 14:02:00 GMT</pubDate>{inside}</item></channel></rss>"
        )
    }

    #[test]
    fn it_reads_a_feed_into_our_terms() {
        let items = items(&rss(""), "https://example.org/feed");
        assert_eq!(items.len(), 1);
        assert_eq!(
            (&*items[0].title, &*items[0].url),
            ("One & two", "https://example.org/1")
        );
        assert_eq!(items[0].published, "2024-12-06T14:02:00Z".parse().ok());
        assert_eq!(items[0].id, "", "identity is decided elsewhere");
    }

    #[test]
    fn what_would_end_the_process_does_not_reach_it() {
        let deep = "<media:group>".repeat(1000) + &"</media:group>".repeat(1000);
        assert!(items(&rss(&deep), "").is_empty());
        let wide = "<a/>".repeat(ELEMENTS_MAX);
        assert!(items(&rss(&wide), "").is_empty());
        assert!(items(&rss("<?xml version='1.0' encoding='koi8-r'?>"), "").is_empty());
    }

    #[test]
    fn a_panic_inside_it_is_nothing_found() {
        assert!(items(&rss("<author>info@example.org…</author>"), "").is_empty());
        assert_eq!(quietly(|| 1), Some(1));
        assert_eq!(quietly(|| -> u8 { panic!("as foreign code does") }), None);
    }
}

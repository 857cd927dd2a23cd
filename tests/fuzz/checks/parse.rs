//! Any bytes as a feed: no panic, nothing unbounded, nothing that could harm where items are shown, no chance in ids.

use std::collections::HashSet;

use wirewatch::parse::{Document, limits::*, parse};

pub fn check(data: &[u8]) {
    let (content_type, body) = match data.split_first() {
        Some((0, body)) => (Some("text/xml; charset=windows-1251"), body),
        Some((1, body)) => (Some("application/rss+xml; charset=shift_jis"), body),
        _ => (None, data),
    };
    let document = Document {
        body,
        content_type,
        url: "https://example.org/news/feed.xml",
    };
    let parsed = parse(document);
    assert_eq!(
        parsed,
        parse(document),
        "the same bytes give the same items"
    );
    let Ok(parsed) = parsed else { return };
    assert!(parsed.items.len() <= ITEMS_MAX);
    let mut ids = HashSet::new();
    for item in &parsed.items {
        assert!(!item.id.is_empty() && item.id.len() <= ID_BYTES_MAX);
        assert!(ids.insert(&item.id), "each id once");
        let texts = [
            (&item.title, TITLE_BYTES_MAX),
            (&item.summary, SUMMARY_BYTES_MAX),
            (&item.content, CONTENT_BYTES_MAX),
            (&item.author, AUTHOR_BYTES_MAX),
            (&item.source, SOURCE_BYTES_MAX),
            (&item.id, ID_BYTES_MAX),
            (&item.url, URL_BYTES_MAX),
        ];
        for (text, bytes_max) in texts {
            assert!(text.len() <= bytes_max);
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        assert!(item.categories.len() <= CATEGORIES_MAX);
        let is_http = item.url.starts_with("http://") || item.url.starts_with("https://");
        assert!(item.url.is_empty() || is_http, "{:?}", item.url);
    }
}

//! Where a page keeps its feeds, and what a `Link` header points to.
//!
//! A page names its feeds in `<link rel=alternate type=…>`; some only link to them; others say nothing and keep them where
//! everyone does. One pass over the page, no tree; the number of links and their lengths are bounded.

use url::Url;

use super::{Document, decode, link};
use crate::text::html;

/// The start of a page that is read: links to feeds stand in its head, or in its first screens.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// Links taken from one page or header.
const LINKS_MAX: usize = 50;
const TAG_BYTES_MAX: usize = 4 << 10;

/// The kinds of a feed, as `type` names them.
const FEED_TYPES: [&str; 5] = [
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/x-rss+xml",
];

/// How addresses end that are feeds by custom.
const FEED_ENDS: [&str; 11] = [
    "/rss",
    "/rss/",
    "/feed",
    "/feed/",
    "/atom",
    ".rss",
    ".atom",
    "rss.xml",
    "atom.xml",
    "feed.xml",
    "feed.json",
];

/// Where sites keep a feed that they do not name, the likeliest first.
const COMMON_PATHS: [&str; 11] = [
    "/feed",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    "/feed.json",
    "/index.rdf",
    "/feeds/posts/default",
    "/blog/feed",
    "/?feed=rss2",
];

/// A feed that a page offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Absolute, http or https.
    pub url: String,
    /// What the page calls it; may be empty.
    pub title: String,
}

/// The feeds that a page names, in its order, those in `<link>` before those that it merely links to; comments' feeds last.
pub fn feeds_of_page(document: Document<'_>) -> Vec<Offer> {
    let text = decode::decode(&document);
    let page = html::clean::head(&text, PAGE_BYTES_MAX);
    let address = Url::parse(document.url).ok();
    let mut base = address.clone();
    let (mut named, mut linked): (Vec<Offer>, Vec<Offer>) = (Vec::new(), Vec::new());
    for (tag, attributes) in tags(page) {
        let value = |name: &str| {
            let found = attributes.iter().find(|(known, _)| known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        if tag == "base" {
            base = link::base(value("href"), address.as_ref()).or(base);
            continue;
        }
        let url = link::absolute(value("href"), base.as_ref());
        if url.is_empty() || named.len() + linked.len() >= LINKS_MAX {
            continue;
        }
        let offer = Offer {
            url,
            title: html::plain_within(value("title"), 200),
        };
        let kind = value("type")
            .split(';')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase();
        let mut relations = value("rel").split_ascii_whitespace();
        let is_alternate = relations
            .any(|rel| rel.eq_ignore_ascii_case("alternate") || rel.eq_ignore_ascii_case("feed"));
        match tag.as_str() {
            "link" if is_alternate && FEED_TYPES.contains(&kind.as_str()) => named.push(offer),
            "a" if FEED_TYPES.contains(&kind.as_str()) || ends_as_a_feed(&offer.url) => {
                linked.push(offer)
            }
            _ => {}
        }
    }
    named.append(&mut linked);
    let mut seen = std::collections::HashSet::new();
    named.retain(|offer| seen.insert(offer.url.clone()));
    named.sort_by_key(is_of_comments);
    named
}

fn ends_as_a_feed(url: &str) -> bool {
    let path = url
        .split(['?', '#'])
        .next()
        .unwrap_or("")
        .to_ascii_lowercase();
    FEED_ENDS.iter().any(|end| path.ends_with(end))
}

fn is_of_comments(offer: &Offer) -> bool {
    offer.url.contains("/comments/") || offer.title.to_lowercase().contains("comment")
}

/// Addresses worth trying where a page names no feed: below the page itself, then below the site.
pub fn common_addresses(page: &str) -> Vec<String> {
    let Ok(url) = Url::parse(page) else {
        return Vec::new();
    };
    let mut addresses = Vec::new();
    if url.path() != "/" && !url.cannot_be_a_base() {
        let mut below = url.clone();
        below.set_query(None);
        below.set_fragment(None);
        below.set_path(&format!("{}/feed", url.path().trim_end_matches('/')));
        addresses.push(below.to_string());
    }
    let root = COMMON_PATHS.iter().filter_map(|path| url.join(path).ok());
    addresses.extend(root.map(String::from));
    addresses
}

/// The addresses of one relation in a `Link` header (RFC 8288, 3), absolute, in its order.
pub fn of_header(header: &str, relation: &str, base: &str) -> Vec<String> {
    let base = Url::parse(base).ok();
    let mut found = Vec::new();
    let mut rest = html::clean::head(header, 64 << 10);
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else {
            break;
        };
        let (parameters, next) = parameters(after);
        rest = next;
        let is_wanted = parameters
            .iter()
            // The first `rel` counts (RFC 8288, 3.3).
            .find(|(name, _)| name == "rel")
            .is_some_and(|(_, value)| {
                let mut relations = value.split_ascii_whitespace();
                relations.any(|known| known.eq_ignore_ascii_case(relation))
            });
        let url = link::absolute(target.trim(), base.as_ref());
        if is_wanted && !url.is_empty() && found.len() < LINKS_MAX {
            found.push(url);
        }
    }
    found
}

/// `;name=value` pairs up to the comma that ends the link, and what stands behind it.
fn parameters(text: &str) -> (Vec<(String, String)>, &str) {
    let mut parameters = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(after) = rest.strip_prefix(';') else {
            return (parameters, rest.strip_prefix(',').unwrap_or(rest));
        };
        let name_end = after.find(['=', ';', ',']).unwrap_or(after.len());
        let (name, tail) = after.split_at(name_end);
        let (value, tail) = match tail.strip_prefix('=').map(str::trim_start) {
            None => (String::new(), tail),
            Some(tail) => match tail.strip_prefix('"') {
                Some(quoted) => quoted_string(quoted),
                None => {
                    let (value, tail) = tail.split_at(tail.find([';', ',']).unwrap_or(tail.len()));
                    (value.trim().to_owned(), tail)
                }
            },
        };
        parameters.push((name.trim().to_ascii_lowercase(), value));
        rest = tail;
    }
}

/// Up to the closing quote, backslashes taken out.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, text.get(at + 1..).unwrap_or("")),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

/// The tags that may point somewhere, with their attributes, names in lower case.
fn tags(page: &str) -> impl Iterator<Item = (String, Vec<(String, String)>)> {
    let mut rest = page;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            rest = after;
            if let Some(comment) = after.strip_prefix("!--") {
                rest = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            let name_end = after
                .find(|letter: char| !letter.is_ascii_alphanumeric())
                .unwrap_or(after.len());
            let (name, tail) = after.split_at(name_end);
            let name = name.to_ascii_lowercase();
            if matches!(name.as_str(), "script" | "style") {
                let end = format!("</{name}");
                // A script may hold any text; its end tag alone ends it.
                rest = find_ignoring_case(tail, &end)
                    .and_then(|at| tail.get(at..))
                    .unwrap_or("");
                continue;
            }
            if matches!(name.as_str(), "link" | "a" | "base") {
                let (attributes, tail) = attributes(tail);
                rest = tail;
                return Some((name, attributes));
            }
        }
    })
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    text.windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted))
}

fn attributes(text: &str) -> (Vec<(String, String)>, &str) {
    let mut attributes = Vec::new();
    let mut rest = text;
    loop {
        rest =
            rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '/');
        let is_over = rest.is_empty()
            || rest.starts_with(['>', '<'])
            || text.len() - rest.len() > TAG_BYTES_MAX;
        if is_over {
            return (attributes, rest);
        }
        let is_name_end =
            |letter: char| letter.is_ascii_whitespace() || matches!(letter, '=' | '>' | '/');
        // A name may begin with an equals sign (HTML, 13.2.5.32).
        let name_end = rest
            .char_indices()
            .skip(1)
            .find(|(_, letter)| is_name_end(*letter))
            .map_or(rest.len(), |(at, _)| at);
        let (name, tail) = rest.split_at(name_end);
        let (value, tail) = match tail.trim_start().strip_prefix('=').map(str::trim_start) {
            None => ("", tail),
            Some(tail) => match tail.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let inside = tail.get(1..).unwrap_or("");
                    inside.split_once(quote).unwrap_or((inside, ""))
                }
                _ => tail.split_at(
                    tail.find(|letter: char| letter.is_ascii_whitespace() || letter == '>')
                        .unwrap_or(tail.len()),
                ),
            },
        };
        if attributes.len() < LINKS_MAX {
            attributes.push((
                name.to_ascii_lowercase(),
                html::to_text_within(value, TAG_BYTES_MAX),
            ));
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(page: &str, offers: &[(&str, &str)]) {
        let found = feeds_of_page(Document {
            body: page.as_bytes(),
            content_type: Some("text/html; charset=utf-8"),
            url: "https://news.example.org/world/",
        });
        let found: Vec<_> = found
            .iter()
            .map(|offer| (offer.url.as_str(), offer.title.as_str()))
            .collect();
        assert_eq!(found, offers, "{page}");
    }

    #[test]
    fn a_page_names_its_feeds() {
        check(
            r#"<!doctype html><link rel="stylesheet" href="/a.css">
               <link rel="alternate" type="application/rss+xml" title="News &amp; views" href="/rss?a=1&amp;b=2">
               <LINK HREF='atom.xml' TYPE='application/atom+xml; charset=utf-8' REL='feed ALTERNATE'>
               <link rel=alternate type=application/feed+json href=https://cdn.example.org/feed.json/>"#,
            &[
                ("https://news.example.org/rss?a=1&b=2", "News & views"),
                ("https://news.example.org/world/atom.xml", ""),
                ("https://cdn.example.org/feed.json/", ""),
            ],
        );
        check(
            "<base href='https://cdn.example.org/x/'><link rel=alternate type='application/rss+xml' href=y>",
            &[("https://cdn.example.org/x/y", "")],
        );
        check(
            "<link rel=alternate type=application/rss+xml title='Site » Comments Feed' href=/comments/feed/><link rel=alternate type=application/rss+xml href=/feed/>",
            &[
                ("https://news.example.org/feed/", ""),
                (
                    "https://news.example.org/comments/feed/",
                    "Site » Comments Feed",
                ),
            ],
        );
        check(
            "<a href=/about>About</a> <a href='/world/rss.xml'>RSS</a>",
            &[("https://news.example.org/world/rss.xml", "")],
        );
    }

    #[test]
    fn what_only_looks_like_a_link_is_none() {
        for page in [
            "",
            "<",
            "<link",
            "<link rel=alternate type=application/rss+xml href=",
            "<!-- <link rel=alternate type=application/rss+xml href=/old> -->",
            "<script>'<link rel=alternate type=application/rss+xml href=/x>'</script>",
            "<link rel=alternate hreflang=de href=/de>",
            "<link rel=alternate type=application/rss+xml href='javascript:alert(1)'>",
            "<link rel=alternate type=application/rss+xml href='file:///etc/passwd'>",
            "<linkrel=alternate type=application/rss+xml href=/x>",
        ] {
            check(page, &[]);
        }
    }

    #[test]
    fn a_header_points_to_hubs() {
        for (header, hubs) in [
            (
                "<https://hub.example.org/>; rel=\"hub\"",
                &["https://hub.example.org/"][..],
            ),
            (
                "<https://a.example/>; rel=hub, </b>;rel=\"self hub\"",
                &["https://a.example/", "https://news.example.org/b"],
            ),
            (
                "<https://a.example/?x=1,2>; title=\"a, \\\"b\\\"; rel=hub\"; REL=Hub",
                &["https://a.example/?x=1,2"],
            ),
            ("<https://a.example/>; rel=next; rel=hub", &[]),
            ("<https://a.example/>; rel=self", &[]),
            ("<ftp://a.example/>; rel=hub", &[]),
            ("<https://a.example/", &[]),
            ("rel=hub", &[]),
            ("", &[]),
        ] {
            assert_eq!(
                of_header(header, "hub", "https://news.example.org/feed"),
                hubs,
                "{header}"
            );
        }
    }

    #[test]
    fn the_usual_places_are_few_and_begin_at_the_page() {
        let addresses = common_addresses("https://news.example.org/world?x=1");
        assert_eq!(
            addresses[..2],
            [
                "https://news.example.org/world/feed",
                "https://news.example.org/feed"
            ]
        );
        assert_eq!(addresses.len(), 1 + COMMON_PATHS.len());
        assert!(common_addresses("no address").is_empty());
    }

    #[test]
    fn odd_pages_end() {
        for piece in [
            "<link ",
            "<a href=\"",
            "<link rel='",
            "<!--",
            "<script",
            "<link =",
            "<a\u{0}é=é ",
        ] {
            check(&piece.repeat(20_000), &[]);
            of_header(&piece.repeat(20_000), "hub", "");
            of_header(&"<a>;\"=".repeat(20_000), "hub", "");
        }
    }
}

//! Where a page keeps its feeds, and what a `Link` header points to.
//!
//! A page names its feeds in `<link rel=alternate type=…>` or in its `Link` header; some only link to them, under an address or
//! words that speak of feeds; others say nothing and keep them where everyone does. One pass over the page, no tree; the number
//! of links and their lengths are bounded.

mod header;

use url::Url;

use super::{Document, decode, link};
use crate::text::html;

pub use header::{feeds_of_header, of_header};

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

/// As which a feed may be named, and other things as well.
const XML_TYPES: [&str; 2] = ["text/xml", "application/xml"];

/// What links to feeds speak of, in their address, their words, or the name of their picture.
const FEED_WORDS: [&str; 5] = ["rss", "atom", "feed", "feeds", "rdf"];
/// Of an anchor's inside so much is looked at: a few words, or a picture.
const ANCHOR_BYTES_MAX: usize = 300;

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
const COMMON_PATHS: [&str; 14] = [
    "/feed",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    // Where these are folders, not every server leads to them from the address without the slash.
    "/feed/",
    "/rss/",
    "/atom",
    "/feed.json",
    "/index.rdf",
    "/feeds/posts/default",
    "/blog/feed",
    "/?feed=rss2",
];

/// The same in the folders of a page, which may be a site of their own.
const FOLDER_PATHS: [&str; 6] = [
    "feed",
    "rss.xml",
    "feed.xml",
    "atom.xml",
    "index.xml",
    "feed/",
];
/// Folders of a page that are looked into: its own, and those nearest to the site's root, which tell its parts.
const FOLDERS_MAX: usize = 3;

/// A feed that a page offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Absolute, http or https.
    pub url: String,
    /// What the page calls it; may be empty.
    pub title: String,
    pub surety: Surety,
}

/// How sure it is that there is a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surety {
    /// The page says so.
    Named,
    /// It names something that is a feed most times.
    Likely,
    /// It links to what looks like a feed's address.
    Linked,
    /// The address or the words of a link speak of feeds; so do those of help pages.
    Guessed,
}

/// The feeds that a page offers, the surest first, else in its order; comments' feeds last.
pub fn feeds_of_page(document: Document<'_>) -> Vec<Offer> {
    let text = decode::decode(&document);
    let page = html::clean::head(&text, PAGE_BYTES_MAX);
    let address = Url::parse(document.url).ok();
    let mut base = address.clone();
    let mut offers: Vec<Offer> = Vec::new();
    for Tag {
        name,
        attributes,
        behind,
    } in tags(page)
    {
        let value = |name: &str| {
            let found = attributes.iter().find(|(known, _)| known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        if name == "base" {
            base = link::base(value("href"), address.as_ref()).or(base);
            continue;
        }
        let url = link::absolute(value("href"), base.as_ref());
        // A place on this page is none of its feeds.
        let is_here = url.split('#').next() == document.url.split('#').next();
        if url.is_empty() || is_here {
            continue;
        }
        let kind = kind(value("type"));
        let relations = Relations::of(value("rel"));
        let surety = match name.as_str() {
            "link" => named(&relations, &kind, &url),
            _ if FEED_TYPES.contains(&kind.as_str()) || ends_as_a_feed(&url) => {
                Some(Surety::Linked)
            }
            _ => {
                let words = [value("title"), value("aria-label"), inside(behind)];
                let speaks = speaks_of_feeds(&url) || words.into_iter().any(speaks_of_feeds);
                speaks.then_some(Surety::Guessed)
            }
        };
        let Some(surety) = surety else { continue };
        let alike = offers.iter().filter(|offer| offer.surety == surety);
        if alike.count() < LINKS_MAX {
            offers.push(Offer {
                url,
                title: html::plain_within(value("title"), 200),
                surety,
            });
        }
    }
    offers.sort_by_key(|offer| offer.surety);
    let mut seen = std::collections::HashSet::new();
    offers.retain(|offer| seen.insert(offer.url.clone()));
    offers.sort_by_key(is_of_comments);
    offers
}

/// What a `rel` says of feeds.
struct Relations {
    is_alternate: bool,
    is_feed: bool,
}

impl Relations {
    fn of(rel: &str) -> Relations {
        let has = |wanted: &str| {
            let mut relations = rel.split_ascii_whitespace();
            relations.any(|known| known.eq_ignore_ascii_case(wanted))
        };
        Relations {
            is_alternate: has("alternate"),
            is_feed: has("feed"),
        }
    }
}

/// A media type without its parameters, in lower case.
fn kind(written: &str) -> String {
    let kind = written.split(';').next().unwrap_or("");
    kind.trim().to_ascii_lowercase()
}

/// How sure a `<link>` is to a feed.
fn named(relations: &Relations, kind: &str, url: &str) -> Option<Surety> {
    let &Relations {
        is_alternate,
        is_feed,
    } = relations;
    let is_related = is_alternate || is_feed;
    match kind {
        kind if is_related && FEED_TYPES.contains(&kind) => Some(Surety::Named),
        kind if is_related && XML_TYPES.contains(&kind) => Some(Surety::Likely),
        "" if is_feed || (is_alternate && ends_as_a_feed(url)) => Some(Surety::Likely),
        _ => None,
    }
}

/// What stands in an anchor whose tag has just ended, tags and all: its words may be the name of a picture.
fn inside(behind: &str) -> &str {
    let start = html::clean::head(behind, ANCHOR_BYTES_MAX);
    let end = find_ignoring_case(start, "</a").unwrap_or(start.len());
    start.get(..end).unwrap_or("")
}

/// Whether one of the words is a feed's: `RSS`, `rss-icon`, `/feed123`, not `feedback`.
fn speaks_of_feeds(text: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric())
        .map(|word| word.trim_end_matches(|letter: char| letter.is_ascii_digit()))
        .any(|word| {
            FEED_WORDS
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known))
        })
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

/// Addresses worth trying where a page offers no feed: in its folders, then at the site's root.
pub fn common_addresses(page: &str) -> Vec<String> {
    let Ok(url) = Url::parse(page) else {
        return Vec::new();
    };
    if url.cannot_be_a_base() {
        return Vec::new();
    }
    let mut addresses = Vec::new();
    for folder in folders(url.path()) {
        let mut below = url.clone();
        below.set_query(None);
        below.set_fragment(None);
        for path in FOLDER_PATHS {
            below.set_path(&format!("{folder}{path}"));
            addresses.push(below.to_string());
        }
    }
    let root = COMMON_PATHS.iter().filter_map(|path| url.join(path).ok());
    addresses.extend(root.map(String::from));
    addresses
}

/// The folders above the root that a page stands in, the nearest first; a page whose name is no file's is one itself.
fn folders(path: &str) -> Vec<String> {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    let is_file = !path.ends_with('/') && names.last().is_some_and(|name| name.contains('.'));
    let depth = names.len() - usize::from(is_file);
    let is_looked_into = |&length: &usize| length == depth || length < FOLDERS_MAX;
    let lengths = (1..=depth).rev().filter(is_looked_into);
    lengths
        .map(|length| {
            let folder: Vec<&str> = names.iter().take(length).copied().collect();
            format!("/{}/", folder.join("/"))
        })
        .collect()
}

/// A tag that may point somewhere.
struct Tag<'a> {
    /// In lower case, as those of the attributes.
    name: String,
    attributes: Vec<(String, String)>,
    /// The page from the tag's end on.
    behind: &'a str,
}

fn tags(page: &str) -> impl Iterator<Item = Tag<'_>> {
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
                return Some(Tag {
                    name,
                    attributes,
                    behind: tail,
                });
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
    fn what_is_less_sure_comes_later() {
        check(
            "<a href=/help/feeds>About</a>
             <a href='/x/service/feed123'>All news</a> <a href=/n/1>RSS 2.0</a> <a href=/n/2><img alt='rss icon' src=i.png></a>
             <a href=/feedback>Feedback</a> <a href='#rss'>RSS</a> <a href='?a=1'>b</a> rss <a href=/w.rss>x</a>
             <link rel=alternate type=text/xml href=/f><link rel='alternate' type='application/xml; charset=utf-8' href=/g>
             <link rel=feed href=/h><link rel=alternate href=/i.rss><link rel=alternate href=/de>
             <link rel=feed type=text/html href=/j><link rel=alternate type=text/xml+oembed href=/o>
             <link rel=alternate type=application/rss+xml href=/k>",
            &[
                ("https://news.example.org/k", ""),
                ("https://news.example.org/f", ""),
                ("https://news.example.org/g", ""),
                ("https://news.example.org/h", ""),
                ("https://news.example.org/i.rss", ""),
                ("https://news.example.org/w.rss", ""),
                ("https://news.example.org/help/feeds", ""),
                ("https://news.example.org/x/service/feed123", ""),
                ("https://news.example.org/n/1", ""),
                ("https://news.example.org/n/2", ""),
            ],
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
    fn the_usual_places_are_few_and_begin_at_the_page() {
        for (page, below) in [
            ("https://news.example.org/", &[][..]),
            ("https://news.example.org/world?x=1#y", &["/world/"]),
            ("https://news.example.org/index.html", &[]),
            (
                "https://news.example.org/blog/post/1.html",
                &["/blog/post/", "/blog/"],
            ),
            (
                "https://news.example.org/blog/2026/11/28/storm",
                &["/blog/2026/11/28/storm/", "/blog/2026/", "/blog/"],
            ),
            ("https://news.example.org//blog//", &["/blog/"]),
        ] {
            let addresses = common_addresses(page);
            let expected: Vec<String> = below
                .iter()
                .flat_map(|folder| FOLDER_PATHS.map(|path| format!("{folder}{path}")))
                .chain(COMMON_PATHS.map(str::to_owned))
                .map(|path| format!("https://news.example.org{path}"))
                .collect();
            assert_eq!(addresses, expected, "{page}");
        }
        assert!(common_addresses("no address").is_empty());
        assert!(common_addresses("mailto:desk@example.org").is_empty());
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
        }
    }
}

//! OPML: the list of feeds that feed readers exchange (opml.org/spec2). Read by the same forgiving marks as feeds, in one
//! walk without recursion, so that neither depth nor faults can harm.

use std::collections::HashSet;

use super::{
    Document, decode,
    xml::{Attributes, Piece, Pieces, Tag},
};

/// Feeds beyond this many are left out, and counted.
const FEEDS_MAX: usize = 100_000;

/// Groups inside groups beyond this depth are passed over: their feeds belong to the last group that counts.
const DEPTH_MAX: usize = 16;

/// Longer titles and group names are cut off.
const TEXT_CHARACTERS_MAX: usize = 200;

/// One feed of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub title: String,
    /// As it stands there.
    pub url: String,
    /// The groups it stands in, outermost first, and its own categories; each once.
    pub groups: Vec<String>,
    /// As it stands there; empty where the list does not say.
    pub lang: String,
}

/// What a list held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// In the order of the document.
    pub feeds: Vec<Listed>,
    /// Feeds left out because there were too many.
    pub dropped: usize,
}

/// Reads a list of feeds. Outlines that are commented out are not in it.
///
/// # Errors
/// A sentence when the document is not OPML.
pub fn read(body: &[u8]) -> Result<List, String> {
    let document = Document {
        body,
        content_type: None,
        url: "",
    };
    let text = decode::decode(&document);
    let mut list = List::default();
    let mut is_opml = false;
    // What each open outline adds to its feeds' groups; `None` is a comment, and so is everything below it.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut depth = 0_usize;
    for piece in Pieces::of(&text) {
        match piece {
            Piece::Open(tag) if tag.name.eq_ignore_ascii_case("opml") => is_opml = true,
            Piece::Open(tag) if tag.name.eq_ignore_ascii_case("outline") => {
                let outline = outline(tag);
                let is_comment = outline.is_comment || open.iter().any(Option::is_none);
                if !outline.feed.url.is_empty() && !is_comment {
                    let feed = in_groups(outline.feed.clone(), &open);
                    match list.feeds.len() < FEEDS_MAX {
                        true => list.feeds.push(feed),
                        false => list.dropped += 1,
                    }
                }
                if !tag.is_empty {
                    depth += 1;
                    if depth <= DEPTH_MAX {
                        open.push((!is_comment).then_some(outline.feed.title));
                    }
                }
            }
            Piece::Close(name) if name.eq_ignore_ascii_case("outline") => {
                depth = depth.saturating_sub(1);
                open.truncate(depth);
            }
            _ => {}
        }
    }
    match is_opml {
        true => Ok(list),
        false => Err("it is not OPML: there is no <opml> in it".to_owned()),
    }
}

struct Outline {
    feed: Listed,
    is_comment: bool,
}

fn outline(tag: Tag<'_>) -> Outline {
    let mut outline = Outline {
        feed: Listed::default(),
        is_comment: false,
    };
    let mut title = String::new();
    for (name, value) in Attributes(tag.attributes) {
        let value = plain(value);
        // Programs disagree about the case of `xmlUrl`.
        match name.to_ascii_lowercase().as_str() {
            "text" => outline.feed.title = cut(&value),
            "title" => title = cut(&value),
            "xmlurl" => outline.feed.url = value,
            "language" => outline.feed.lang = value,
            "category" => {
                let categories = value.split([',', '/']).map(cut);
                outline.feed.groups = categories.filter(|category| !category.is_empty()).collect();
            }
            "iscomment" => outline.is_comment = value.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }
    if outline.feed.title.is_empty() {
        outline.feed.title = title;
    }
    outline
}

fn in_groups(feed: Listed, open: &[Option<String>]) -> Listed {
    let mut known = HashSet::new();
    let groups = open.iter().flatten().chain(&feed.groups);
    let groups: Vec<String> = groups
        .filter(|group| !group.is_empty() && known.insert(group.to_lowercase()))
        .cloned()
        .collect();
    Listed { groups, ..feed }
}

/// An attribute's value as it was meant. A reference that XML does not know stays as it is.
fn plain(value: &str) -> String {
    let value = match quick_xml::escape::unescape(value) {
        Ok(value) => value.into_owned(),
        Err(_) => value.replace("&amp;", "&"),
    };
    value.trim().to_owned()
}

/// One line of bounded length, without control characters.
fn cut(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(TEXT_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(opml: &str, expected: &[(&str, &str, &[&str])]) {
        let list = read(opml.as_bytes()).unwrap();
        let found: Vec<(&str, &str, Vec<&str>)> = list
            .feeds
            .iter()
            .map(|feed| {
                (
                    feed.title.as_str(),
                    feed.url.as_str(),
                    feed.groups.iter().map(String::as_str).collect(),
                )
            })
            .collect();
        let expected: Vec<(&str, &str, Vec<&str>)> = expected
            .iter()
            .map(|(title, url, groups)| (*title, *url, groups.to_vec()))
            .collect();
        assert_eq!(found, expected, "{opml}");
    }

    #[test]
    fn lists_as_feed_readers_write_them() {
        check(
            r#"<?xml version="1.0"?><opml version="2.0"><head><title>Mine</title></head><body>
                <outline text="Wars"><outline text="Middle East" title="x">
                  <outline type="rss" text="One &amp; only" xmlUrl="https://a.example/f?a=1&amp;b=2" htmlUrl="https://a.example"/></outline>
                  <outline type="rss" title="Two" xmlurl='https://b.example/'/></outline>
                <outline text="Three" XMLURL="https://c.example/" category="/News/World,wars,news" language="ar"></outline>
                <outline text="Four" xmlUrl="https://d.example/"/></body></opml>"#,
            &[
                (
                    "One & only",
                    "https://a.example/f?a=1&b=2",
                    &["Wars", "Middle East"],
                ),
                ("Two", "https://b.example/", &["Wars"]),
                ("Three", "https://c.example/", &["News", "World", "wars"]),
                ("Four", "https://d.example/", &[]),
            ],
        );
        // Comments and all below them; references nobody knows; a bare `&`; a cut end.
        check(
            r#"<opml><body><outline text="Off" isComment="true"><outline text="a" xmlUrl="https://a.example"/></outline>
                <outline text="caf&eacute;" xmlUrl="https://b.example/?a=1&b=2"/><outline text="c" xmlUrl="https://c.example"#,
            &[("caf&eacute;", "https://b.example/?a=1&b=2", &[])],
        );
        check("<opml><body/></opml>", &[]);
        assert!(read(b"<rss/>").is_err() && read(b"").is_err() && read(b"\xff\xfe\x00").is_err());
    }

    #[test]
    fn hostile_lists_are_bounded() {
        let deep = format!(
            "<opml>{}<outline xmlUrl=\"x\"/>",
            "<outline text=\"a\">".repeat(200_000)
        );
        let list = read(deep.as_bytes()).unwrap();
        assert_eq!(list.feeds.len(), 1);
        assert_eq!(list.feeds[0].groups, ["a"]);

        let wide = format!("<opml>{}", "<outline xmlUrl=\"x\"/>".repeat(FEEDS_MAX + 5));
        let list = read(wide.as_bytes()).unwrap();
        assert_eq!((list.feeds.len(), list.dropped), (FEEDS_MAX, 5));

        let long = format!(
            "<opml><outline text=\"{}\" xmlUrl=\"x\"/>",
            "é".repeat(10_000)
        );
        assert_eq!(
            read(long.as_bytes()).unwrap().feeds[0]
                .title
                .chars()
                .count(),
            TEXT_CHARACTERS_MAX
        );
    }

    proptest! {
        #[test]
        fn no_list_is_too_odd(text in "(<opml>)?(</?outline|text=|xmlUrl=|[\"'<>/&;= aé]|&#[0-9]{1,9};){0,40}") {
            let _ = read(text.as_bytes());
        }
    }
}

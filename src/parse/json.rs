//! JSON Feed 1.0 and 1.1, and items as JSON Lines.
//!
//! Read value by value into place, so that a document cut in its middle gives the items before the cut, one odd value
//! (a number where a text belongs) costs only itself, and memory is bounded by what is kept. What breaks JSON's rules is
//! mended and read once more.

mod mend;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    model::Item,
    text::html::{plain_within, title_within, to_text_within},
};

use super::{
    Parsed, date,
    entry::{Entry, Rank, add_author, is_nameless},
    identity::identity,
    lang,
    limits::*,
    link,
};

/// Reads a JSON Feed.
///
/// # Errors
/// What is wrong with the document, where no item could be read.
pub fn read(text: &str, url: &str) -> Result<Parsed, Fault> {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    let strict = Outcome::of(text, url);
    let is_mendable =
        text.starts_with('{') && (strict.error.as_ref()).is_some_and(|error| error.is_syntax());
    if !is_mendable {
        return strict.result();
    }
    let mended = Outcome::of(&mend::mended(text), url);
    // Where mending helps nothing, the first fault is the one that stands in the document.
    match mended.parsed.items.len() > strict.parsed.items.len() || mended.error.is_none() {
        true => mended.result(),
        false => strict.result(),
    }
}

/// What one reading gave.
struct Outcome {
    parsed: Parsed,
    is_feed: bool,
    error: Option<serde_json::Error>,
}

impl Outcome {
    fn of(text: &str, url: &str) -> Outcome {
        let mut parsed = Parsed::default();
        let mut feed = FeedReader {
            parsed: &mut parsed,
            base: link::base(url, None),
            is_feed: false,
            items_seen: 0,
        };
        let mut json = serde_json::Deserializer::from_str(text);
        let outcome = Part::Feed(&mut feed).deserialize(&mut json);
        let is_feed = feed.is_feed;
        Outcome {
            parsed,
            is_feed,
            error: outcome.err(),
        }
    }

    fn result(mut self) -> Result<Parsed, Fault> {
        match self.error {
            None if self.is_feed => Ok(self.parsed),
            None => Err(Fault::NotAFeed),
            Some(_) if !self.parsed.items.is_empty() => {
                self.parsed.is_partial = true;
                Ok(self.parsed)
            }
            Some(error) if self.is_feed => Err(Fault::Broken(error.to_string())),
            Some(_) => Err(Fault::NotAFeed),
        }
    }
}

/// Why no item was read.
pub enum Fault {
    NotAFeed,
    Broken(String),
}

struct FeedReader<'p> {
    parsed: &'p mut Parsed,
    base: Option<url::Url>,
    is_feed: bool,
    items_seen: usize,
}

/// What is read next, and where it goes. A value of another kind than expected is passed over.
enum Part<'r, 'p> {
    Feed(&'r mut FeedReader<'p>),
    Items(&'r mut FeedReader<'p>),
    Entry(&'r mut Entry, &'r FeedReader<'p>),
    Text(&'r mut String),
    /// Texts of an array, or the single one.
    Texts(&'r mut Vec<String>),
    /// `name` of an object, or of each object of an array.
    Names(&'r mut Vec<String>),
    Hubs(&'r mut Vec<String>),
}

impl<'de> DeserializeSeed<'de> for Part<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Part<'_, '_> {
    fn scalar(self, text: String) {
        match self {
            Part::Text(place) => *place = text,
            Part::Texts(place) if place.len() < CATEGORIES_MAX => place.push(text),
            _ => {}
        }
    }
}

impl<'de> Visitor<'de> for Part<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.scalar(number.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.scalar(number.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.scalar(number.to_string());
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.scalar(text.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        match self {
            Part::Items(feed) => loop {
                feed.items_seen += 1;
                if feed.items_seen > ITEMS_READ_MAX {
                    while values.next_element::<IgnoredAny>()?.is_some() {
                        feed.parsed.dropped += 1;
                    }
                    return Ok(());
                }
                let mut entry = Entry::default();
                if values
                    .next_element_seed(Part::Entry(&mut entry, feed))?
                    .is_none()
                {
                    return Ok(());
                }
                let item = entry.finish();
                if !is_nameless(&item) {
                    feed.parsed.items.push(item);
                }
                if feed.parsed.items.len() >= ITEMS_MAX * 2 {
                    feed.parsed.keep_newest(ITEMS_MAX);
                }
            },
            Part::Texts(place) => {
                while values.next_element_seed(Part::Texts(place))?.is_some() {}
                Ok(())
            }
            Part::Names(place) => {
                while values.next_element_seed(Part::Names(place))?.is_some() {}
                Ok(())
            }
            Part::Hubs(place) => {
                while values.next_element_seed(Part::Hubs(place))?.is_some() {}
                Ok(())
            }
            _ => {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self {
            Part::Feed(feed) => read_feed(feed, map),
            Part::Entry(entry, feed) => read_entry(entry, feed, map),
            Part::Names(place) => read_member(place, "name", map),
            Part::Hubs(place) => read_member(place, "url", map),
            _ => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }
    }
}

fn read_member<'de, A: MapAccess<'de>>(
    place: &mut Vec<String>,
    wanted: &str,
    mut map: A,
) -> Result<(), A::Error> {
    let mut text = String::new();
    while let Some(key) = map.next_key::<String>()? {
        if key == wanted {
            map.next_value_seed(Part::Text(&mut text))?;
        } else {
            map.next_value::<IgnoredAny>()?;
        }
    }
    if place.len() < CATEGORIES_MAX {
        place.push(text);
    }
    Ok(())
}

fn read_feed<'de, A: MapAccess<'de>>(
    feed: &mut FeedReader<'_>,
    mut map: A,
) -> Result<(), A::Error> {
    while let Some(key) = map.next_key::<String>()? {
        let mut text = String::new();
        match &*key {
            "items" => {
                let had_version = feed.is_feed;
                map.next_value_seed(Part::Items(feed))?;
                // Items without the version that the standard wants are still items.
                feed.is_feed = had_version || !feed.parsed.items.is_empty();
                continue;
            }
            "hubs" => {
                let mut hubs = Vec::new();
                map.next_value_seed(Part::Hubs(&mut hubs))?;
                let absolute = hubs.iter().map(|hub| link::absolute(hub, None));
                let hubs = absolute.filter(|hub| !hub.is_empty()).take(HUBS_MAX);
                feed.parsed.hints.hubs = hubs.collect();
                continue;
            }
            "author" | "authors" => {
                let mut names = Vec::new();
                map.next_value_seed(Part::Names(&mut names))?;
                for name in names {
                    let name = plain_within(&name, AUTHOR_BYTES_MAX);
                    add_author(&mut feed.parsed.author, &name);
                }
                continue;
            }
            "version" | "title" | "home_page_url" | "feed_url" | "language" => {
                map.next_value_seed(Part::Text(&mut text))?;
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let parsed = &mut *feed.parsed;
        match &*key {
            "version" => feed.is_feed |= text.contains("jsonfeed.org/version"),
            "title" => parsed.title = title_within(&text, TITLE_BYTES_MAX),
            "home_page_url" => parsed.site = link::absolute(&text, feed.base.as_ref()),
            "feed_url" => parsed.hints.self_url = link::absolute(&text, feed.base.as_ref()),
            "language" => parsed.lang = lang::primary(&text),
            _ => {}
        }
    }
    Ok(())
}

fn read_entry<'de, A: MapAccess<'de>>(
    entry: &mut Entry,
    feed: &FeedReader<'_>,
    mut map: A,
) -> Result<(), A::Error> {
    let base = feed.base.as_ref();
    while let Some(key) = map.next_key::<String>()? {
        let mut text = String::new();
        let mut texts = Vec::new();
        match &*key {
            "tags" => map.next_value_seed(Part::Texts(&mut texts))?,
            "author" | "authors" => map.next_value_seed(Part::Names(&mut texts))?,
            _ => map.next_value_seed(Part::Text(&mut text))?,
        }
        match &*key {
            "id" => {
                entry.permalink(link::of_id(&text, base));
                entry.id(plain_within(&text, usize::MAX));
            }
            "url" => entry.link(link::absolute(&text, base), true),
            "external_url" => entry.link(link::absolute(&text, base), false),
            "title" => entry.title(title_within(&text, TITLE_BYTES_MAX)),
            "summary" => entry.item.summary = to_text_within(&text, SUMMARY_BYTES_MAX),
            "content_html" => entry.content(to_text_within(&text, CONTENT_BYTES_MAX)),
            "content_text" => entry.content(plain_within(&text, CONTENT_BYTES_MAX)),
            "date_published" => entry.date(Rank::Published, date::parse(&text)),
            "date_modified" => entry.date(Rank::Updated, date::parse(&text)),
            "language" => entry.lang(lang::primary(&text)),
            "author" | "authors" => {
                let names = texts
                    .iter()
                    .map(|name| plain_within(name, AUTHOR_BYTES_MAX));
                names.for_each(|name| entry.author(name));
            }
            "tags" => {
                let names = texts
                    .iter()
                    .map(|name| plain_within(name, CATEGORY_BYTES_MAX));
                names.for_each(|name| entry.category(name));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads one line of an item file: `id`, `title`, `summary`, `content`, `url`, `published`, `source`, `lang`, `feed`, all
/// but `title` optional, other keys passed over. Returns the item, and the name of its feed where the line has one.
///
/// # Errors
/// A sentence that says what is wrong with the line.
pub fn item_from_json(line: &str) -> Result<(Item, Option<String>), String> {
    let mut lines = Line::default();
    let mut json = serde_json::Deserializer::from_str(line);
    let outcome = (&mut json)
        .deserialize_map(&mut lines)
        .and_then(|()| json.end());
    outcome.map_err(|error| format!("not an item as a JSON object: {error}"))?;
    let Line {
        item,
        feed,
        has_title,
    } = lines;
    if !has_title {
        return Err("an item needs a \"title\"".to_owned());
    }
    let text = if item.summary.is_empty() {
        &item.content
    } else {
        &item.summary
    };
    let id = identity(&item.id, &item.url, &item.title, item.published, text);
    Ok((Item { id, ..item }, feed))
}

#[derive(Default)]
struct Line {
    item: Item,
    feed: Option<String>,
    has_title: bool,
}

impl<'de> Visitor<'de> for &mut Line {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let mut text = String::new();
            map.next_value_seed(Part::Text(&mut text))?;
            let item = &mut self.item;
            match &*key {
                "id" => item.id = plain_within(&text, usize::MAX),
                "title" => {
                    self.has_title = true;
                    item.title = title_within(&text, TITLE_BYTES_MAX);
                }
                "summary" => item.summary = to_text_within(&text, SUMMARY_BYTES_MAX),
                "content" => item.content = to_text_within(&text, CONTENT_BYTES_MAX),
                "url" => item.url = link::absolute(&text, None),
                "published" => item.published = date::parse(&text),
                "source" => item.source = plain_within(&text, SOURCE_BYTES_MAX),
                "lang" => item.lang = lang::primary(&text),
                "feed" => self.feed = Some(text).filter(|name| !name.is_empty()),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_item() {
        let line = r#"{"id":"7","title":"Troops &amp; tanks","url":"https://example.org/7","published":"2024-12-06",
            "lang":"en-GB","feed":"wire","extra":[1,{"a":2}]}"#;
        let (item, feed) = item_from_json(line).unwrap();
        assert_eq!((&*item.id, &*item.title), ("7", "Troops & tanks"));
        assert_eq!(
            (&*item.url, item.lang.as_deref()),
            ("https://example.org/7", Some("en"))
        );
        assert!(item.published.is_some());
        assert_eq!(feed.as_deref(), Some("wire"));

        let (item, feed) = item_from_json(r#"{"title":"Only a title","summary":null}"#).unwrap();
        assert_eq!((&*item.id, feed), ("Only a title", None));
    }

    #[test]
    fn a_bad_line_says_what_is_wrong() {
        for (line, want) in [
            (r#"{"id":"7"}"#, "needs a \"title\""),
            ("[]", "an object"),
            ("{", "EOF"),
            (r#"{"title":"a"} x"#, "trailing"),
            ("", "EOF"),
        ] {
            let error = item_from_json(line).unwrap_err();
            assert!(error.contains(want), "{line}: {error}");
        }
    }
}

//! Items as people and programs write them down: a line of an item file, a headline, a text.

use serde::Deserialize;

use crate::{log::line::is_unsafe, model::Item, time::Timestamp};

/// An item as item files write it; keys we do not know are left alone.
#[derive(Deserialize)]
pub struct ItemLine {
    title: String,
    id: Option<serde_json::Value>,
    summary: Option<String>,
    content: Option<String>,
    url: Option<String>,
    published: Option<String>,
    source: Option<String>,
    lang: Option<String>,
    /// The name or the address of its feed.
    pub feed: Option<String>,
    author: Option<String>,
    categories: Option<Vec<String>>,
}

impl ItemLine {
    pub fn into_item(self) -> Item {
        let text = |text: Option<String>| text.map(|text| clean(&text)).unwrap_or_default();
        let published = self.published.unwrap_or_default();
        let url = text(self.url);
        let title = clean(&self.title);
        let id = match self.id {
            Some(serde_json::Value::String(id)) => id,
            Some(id) if !id.is_null() => id.to_string(),
            _ if !url.is_empty() => url.clone(),
            _ => format!("{title} {published}"),
        };
        Item {
            id,
            title,
            summary: text(self.summary),
            content: text(self.content),
            url,
            author: text(self.author),
            categories: self
                .categories
                .unwrap_or_default()
                .iter()
                .map(|category| clean(category))
                .collect(),
            source: text(self.source),
            source_url: String::new(),
            lang: self.lang.and_then(|lang| primary_subtag(&lang)),
            published: read_time(&published),
        }
    }
}

/// A text as an item: its first line is the title, the rest the content, `id` what the input is called.
pub fn document_item(id: &str, text: &str) -> Item {
    let text = text.trim_start_matches('\u{feff}').trim();
    let (title, content) = text.split_once('\n').unwrap_or((text, ""));
    Item {
        id: id.to_owned(),
        title: clean(title.trim_end()),
        content: clean(content.trim_start()),
        ..Item::default()
    }
}

/// `en` of `en-GB`.
pub fn primary_subtag(lang: &str) -> Option<String> {
    let subtag = lang.split(['-', '_']).next().unwrap_or_default().trim();
    (matches!(subtag.len(), 2..=3) && subtag.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .then(|| subtag.to_ascii_lowercase())
}

/// Unsafe characters become spaces, one for one: offsets in what is shown stay offsets in what was given.
pub fn clean(text: &str) -> String {
    match text.contains(is_unsafe) {
        true => text
            .chars()
            .map(|c| if is_unsafe(c) { ' ' } else { c })
            .collect(),
        false => text.to_owned(),
    }
}

/// RFC 3339, or a day by itself; anything else is no time.
fn read_time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let day: jiff::civil::Date = text.parse().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_its_first_line_and_the_rest() {
        for (text, title, content) in [
            ("One line", "One line", ""),
            (
                "\u{feff}Title\r\n\r\nBody one.\nBody two.\n",
                "Title",
                "Body one. Body two.",
            ),
            ("", "", ""),
        ] {
            let item = document_item("a.txt", text);
            assert_eq!(
                (item.title.as_str(), item.content.as_str()),
                (title, content)
            );
        }
    }

    #[test]
    fn times_of_items() {
        for (text, time) in [
            ("2024-12-05T01:28:35Z", Some("2024-12-05T01:28:35Z")),
            ("2024-12-05T01:28:35+02:00", Some("2024-12-04T23:28:35Z")),
            ("2024-12-05", Some("2024-12-05T00:00:00Z")),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(
                read_time(text).map(|time| time.to_string()).as_deref(),
                time,
                "{text}"
            );
        }
    }
}

//! An item while its elements are being read: which of several titles, links and dates counts.

use crate::{model::Item, time::Timestamp};

use super::limits::{AUTHOR_BYTES_MAX, CATEGORIES_MAX};

/// An item in the making.
#[derive(Debug, Default)]
pub struct Entry {
    /// Its id is the feed's own, or empty, until `identity::assign` has seen all of them.
    pub item: Item,
    other_title: String,
    picture_title: String,
    other_summary: String,
    link: String,
    permalink: String,
    published: (Rank, Option<Timestamp>),
}

/// How well an element tells when an item was published; the better wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    #[default]
    None,
    Updated,
    Dated,
    Published,
}

impl Entry {
    pub fn title(&mut self, text: String) {
        fill(&mut self.item.title, text);
    }

    pub fn other_title(&mut self, text: String) {
        fill(&mut self.other_title, text);
    }

    /// The title of a picture within the item.
    pub fn picture_title(&mut self, text: String) {
        fill(&mut self.picture_title, text);
    }

    /// A second, longer summary is the content of feeds that have no word for it.
    pub fn summary(&mut self, text: String) {
        if self.item.summary.is_empty() {
            self.item.summary = text;
        } else {
            fill(&mut self.item.content, text);
        }
    }

    pub fn other_summary(&mut self, text: String) {
        fill(&mut self.other_summary, text);
    }

    pub fn content(&mut self, text: String) {
        if text.len() > self.item.content.len() {
            self.item.content = text;
        }
    }

    pub fn id(&mut self, id: String) {
        fill(&mut self.item.id, id);
    }

    /// The page of the item; of several the last, but a page for people before any other form of it.
    pub fn link(&mut self, url: String, is_html: bool) {
        let is_better = self.link.is_empty() || is_html;
        if is_better && !url.is_empty() {
            self.link = url;
        }
    }

    pub fn has_link(&self) -> bool {
        !self.link.is_empty()
    }

    /// An id that is an address: the page where no link says otherwise.
    pub fn permalink(&mut self, url: String) {
        fill(&mut self.permalink, url);
    }

    /// Of several equal ones the last.
    pub fn date(&mut self, rank: Rank, at: Option<Timestamp>) {
        if at.is_some() && rank >= self.published.0 {
            self.published = (rank, at);
        }
    }

    pub fn author(&mut self, name: String) {
        add_author(&mut self.item.author, &name);
    }

    pub fn category(&mut self, name: String) {
        let categories = &mut self.item.categories;
        if categories.len() < CATEGORIES_MAX && !name.is_empty() && !categories.contains(&name) {
            categories.push(name);
        }
    }

    pub fn source(&mut self, name: String) {
        fill(&mut self.item.source, name);
    }

    pub fn source_url(&mut self, url: String) {
        fill(&mut self.item.source_url, url);
    }

    pub fn lang(&mut self, lang: Option<String>) {
        self.item.lang = lang.or(self.item.lang.take());
    }

    pub fn finish(self) -> Item {
        let mut item = self.item;
        fill(&mut item.title, self.other_title);
        if item.content.is_empty() {
            fill(&mut item.summary, self.other_summary);
        }
        if item.content == item.summary {
            item.content.clear();
        }
        // A logo's title is on all items alike; only where there are no other words is it what the item is about.
        if item.summary.is_empty() && item.content.is_empty() {
            fill(&mut item.title, self.picture_title);
        }
        item.url = match self.link.is_empty() {
            true => self.permalink,
            false => self.link,
        };
        item.published = self.published.1;
        item
    }
}

/// Adds a name to a list of authors, once.
pub fn add_author(authors: &mut String, name: &str) {
    let fits = authors.len() + name.len() + 2 <= AUTHOR_BYTES_MAX;
    if name.is_empty() || !fits || authors.split(", ").any(|known| known == name) {
        return;
    }
    if !authors.is_empty() {
        authors.push_str(", ");
    }
    authors.push_str(name);
}

/// Whether an item has nothing that could tell it from another.
pub fn is_nameless(item: &Item) -> bool {
    [
        &item.id,
        &item.url,
        &item.title,
        &item.summary,
        &item.content,
    ]
    .iter()
    .all(|field| field.is_empty())
}

fn fill(field: &mut String, text: String) {
    if field.is_empty() {
        *field = text;
    }
}

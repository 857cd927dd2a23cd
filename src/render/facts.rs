//! The parts of an alert that every message is made of, each in the language of the service that shows it.

use super::{Markup, clean_line, link};
use crate::model::{Alert, Field};

const HEADLINE_CHARS_MAX: usize = 300;
const SUMMARY_CHARS_MAX: usize = 700;

/// The headline with the words marked that matched.
pub fn headline(alert: &Alert, markup: Markup) -> String {
    match alert.item.title.trim().is_empty() {
        true => markup.marked(&super::headline(alert), &[]),
        false => marked(
            alert,
            Field::Title,
            &alert.item.title,
            HEADLINE_CHARS_MAX,
            markup,
        ),
    }
}

/// The headline as a link to the item, where it has one.
pub fn linked(alert: &Alert, markup: Markup) -> String {
    let headline = headline(alert, markup);
    match link(alert) {
        Some(url) => markup.link(&headline, url),
        None => headline,
    }
}

/// The item's own summary with the words marked that matched; empty where it has none, or only repeats the headline.
pub fn summary(alert: &Alert, markup: Markup) -> String {
    match alert.item.summary.trim() == alert.item.title.trim() {
        true => String::new(),
        false => marked(
            alert,
            Field::Summary,
            &alert.item.summary,
            SUMMARY_CHARS_MAX,
            markup,
        ),
    }
}

/// The matched words, each once, at most eight.
pub fn words(alert: &Alert) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for hit in &alert.hits {
        let word = clean_line(&hit.text, 60);
        if !words.contains(&word) && words.len() < super::LISTED_MAX {
            words.push(word);
        }
    }
    words
}

/// Who tells the story, at most eight.
pub fn publishers(alert: &Alert) -> Vec<String> {
    let named = alert.story.publishers.iter().take(super::LISTED_MAX);
    let named: Vec<String> = named.map(|name| clean_line(name, 60)).collect();
    match named.is_empty() {
        true => vec![clean_line(&alert.item.publisher, 60)],
        false => named,
    }
}

fn marked(alert: &Alert, field: Field, text: &str, chars_max: usize, markup: Markup) -> String {
    let ranges: Vec<_> = alert
        .hits
        .iter()
        .filter(|hit| hit.field == field)
        .map(|hit| hit.start..hit.end)
        .collect();
    let end = text.char_indices().nth(chars_max).map(|(end, _)| end);
    let shown = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let mut out = markup.marked(shown, &ranges);
    if end.is_some() {
        out.push('…');
    }
    out
}

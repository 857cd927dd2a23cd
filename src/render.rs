//! Alerts as words for people: one line for a terminal or a log, a text and a page for mail.
//!
//! Everything that a feed wrote passes [`clean_line`] or [`highlight`] on its way out, so that no headline can start a
//! new line, send an escape sequence, turn the reading direction of what follows, or open a tag.

mod clean;
pub mod facts;
mod markup;
mod template;

use crate::{
    model::{Alert, AlertStatus, Field, Severity},
    time::Timestamp,
};

pub use clean::{Marks, clean_line, escape, highlight, is_unsafe};
pub use markup::{Markup, Measure, clean_text};
pub use template::{Template, TemplateError};

const HEADLINE_CHARS_MAX: usize = 200;
/// Of a post without a headline.
const FIRST_WORDS_CHARS_MAX: usize = 120;
const SUMMARY_CHARS_MAX: usize = 1_000;
const SUBJECT_CHARS_MAX: usize = 200;
/// Of matched words and of publishers in one place; the rest is counted.
const LISTED_MAX: usize = 8;

/// The alert in one line: `2024-12-06 14:03:11Z HIGH Armed group gains ground: Rebels advance on Homs (bbc) matched "Rebels advance" https://…`.
pub fn line(alert: &Alert) -> String {
    let mut line = format!(
        "{} {} {}: {} ({})",
        alert.item.seen.strftime("%Y-%m-%d %H:%M:%SZ"),
        labels(alert).join(" "),
        clean_line(&alert.title, HEADLINE_CHARS_MAX),
        headline(alert),
        publishers(alert),
    );
    let words = matched_words(alert);
    if !words.is_empty() {
        line.push_str(" matched ");
        line.push_str(&words);
    }
    if let Some(link) = link(alert) {
        line.push(' ');
        line.push_str(link);
    }
    line
}

/// The alert as the subject of a mail: `[high] Armed group gains ground: Rebels advance on Homs`.
pub fn subject(alert: &Alert) -> String {
    let labels: String = labels(alert)
        .iter()
        .map(|label| format!("[{}] ", label.to_lowercase()))
        .collect();
    let title = clean_line(&alert.title, HEADLINE_CHARS_MAX);
    clean_line(
        &format!("{labels}{title}: {}", headline(alert)),
        SUBJECT_CHARS_MAX,
    )
}

/// The alert as the plain text of a mail, matched words between stars.
pub fn text(alert: &Alert) -> String {
    let mut text = format!(
        "{} {}\n\n{}\n",
        labels(alert).join(" "),
        clean_line(&alert.title, HEADLINE_CHARS_MAX),
        marked(alert, Field::Title, &alert.item.title, Marks::Stars),
    );
    if let Some(link) = link(alert) {
        text.push_str(link);
        text.push('\n');
    }
    if !alert.item.summary.is_empty() {
        text.push('\n');
        text.push_str(&marked(
            alert,
            Field::Summary,
            &alert.item.summary,
            Marks::Stars,
        ));
        text.push('\n');
    }
    text.push('\n');
    for (label, value) in fact_rows(alert) {
        text.push_str(&format!("{label:<11} {value}\n"));
    }
    text
}

/// The alert as a small page for mail: no script, no image, no address but the item's own link.
pub fn html(alert: &Alert) -> String {
    let headline = match alert.item.title.trim().is_empty() {
        true => escape(&headline(alert)),
        false => marked(alert, Field::Title, &alert.item.title, Marks::Html),
    };
    let headline = match link(alert) {
        Some(link) => format!("<a href=\"{}\">{headline}</a>", escape(link)),
        None => headline,
    };
    let mut html = format!(
        "<!DOCTYPE html>\n<html><body style=\"font-family:sans-serif\">\n\
         <p><strong style=\"color:{}\">{}</strong> {}</p>\n<h2 dir=\"auto\">{headline}</h2>\n",
        colour(alert.severity),
        labels(alert).join(" "),
        escape(&clean_line(&alert.title, HEADLINE_CHARS_MAX)),
    );
    if !alert.item.summary.is_empty() {
        let summary = marked(alert, Field::Summary, &alert.item.summary, Marks::Html);
        html.push_str(&format!("<p dir=\"auto\">{summary}</p>\n"));
    }
    html.push_str("<table>\n");
    for (label, value) in fact_rows(alert) {
        html.push_str(&format!(
            "<tr><td><b>{label}</b></td><td dir=\"auto\">{}</td></tr>\n",
            escape(&value)
        ));
    }
    html.push_str("</table>\n</body></html>\n");
    html
}

/// What stands before the rule's title: whether it is a drill, how severe, and what has changed.
pub fn labels(alert: &Alert) -> Vec<String> {
    let mut labels = Vec::new();
    if alert.drill {
        labels.push("DRILL".to_owned());
    }
    labels.push(alert.severity.name().to_uppercase());
    match alert.status {
        AlertStatus::Firing if alert.revision > 1 => labels.push("UPDATED".to_owned()),
        AlertStatus::Firing => {}
        AlertStatus::Acknowledged => labels.push("ACKNOWLEDGED".to_owned()),
        AlertStatus::Resolved => labels.push("RESOLVED".to_owned()),
    }
    labels
}

/// The name that the alert document has for a status.
pub fn status_name(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Firing => "firing",
        AlertStatus::Acknowledged => "acknowledged",
        AlertStatus::Resolved => "resolved",
    }
}

/// The item's headline in one line; what is posted without one is known by its first words.
pub fn headline(alert: &Alert) -> String {
    let title = clean_line(&alert.item.title, HEADLINE_CHARS_MAX);
    if !title.is_empty() {
        return title;
    }
    match clean_line(&alert.item.summary, FIRST_WORDS_CHARS_MAX) {
        empty if empty.is_empty() => "(no headline)".to_owned(),
        words => words,
    }
}

/// A field of the item with the words marked that matched in it.
fn marked(alert: &Alert, field: Field, text: &str, marks: Marks) -> String {
    let ranges: Vec<_> = alert
        .hits
        .iter()
        .filter(|hit| hit.field == field)
        .map(|hit| hit.start..hit.end)
        .collect();
    let (shown, is_cut) = match text.char_indices().nth(SUMMARY_CHARS_MAX) {
        Some((end, _)) => (text.get(..end).unwrap_or(text), true),
        None => (text, false),
    };
    let mut out = highlight(shown, &ranges, marks);
    if is_cut {
        out.push('…');
    }
    out
}

/// The matched words, each once: `"Rebel forces advanced", "Homs"`.
fn matched_words(alert: &Alert) -> String {
    let mut words: Vec<String> = Vec::new();
    for hit in &alert.hits {
        let word = format!("\"{}\"", clean_line(&hit.text, 60));
        let is_same = |known: &String| known.to_lowercase() == word.to_lowercase();
        if !words.iter().any(is_same) {
            words.push(word);
        }
    }
    listed(&words)
}

fn publishers(alert: &Alert) -> String {
    let names: Vec<String> = match alert.story.publishers.as_slice() {
        [] => vec![clean_line(&alert.item.publisher, 60)],
        names => names.iter().map(|name| clean_line(name, 60)).collect(),
    };
    listed(&names)
}

fn listed(words: &[String]) -> String {
    match words.len().saturating_sub(LISTED_MAX) {
        0 => words.join(", "),
        more => format!(
            "{} and {more} more",
            words
                .iter()
                .take(LISTED_MAX)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// The item's link, where it is one that a reader may safely follow.
pub fn link(alert: &Alert) -> Option<&str> {
    let url = alert.item.url.as_str();
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_clean = !url.contains(|c: char| c.is_whitespace() || is_unsafe(c));
    (is_web && is_clean).then_some(url)
}

/// What a reader needs to judge the alert, as rows of label and value.
fn fact_rows(alert: &Alert) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut told: Vec<String> = Vec::new();
    for hit in &alert.hits {
        let text = clean_line(&hit.text, 120);
        let query = clean_line(&hit.query, 200);
        // Found again further on, perhaps at the beginning of a sentence, it tells nothing new.
        let key = format!("{text} {query}").to_lowercase();
        if !told.contains(&key) && told.len() < LISTED_MAX {
            facts.push(("Matched", format!("\"{text}\" by {query}")));
            told.push(key);
        }
    }
    let story = &alert.story;
    facts.push((
        "Reported by",
        format!(
            "{} ({}, {})",
            publishers(alert),
            counted(story.items, "item", "items"),
            counted(story.origins, "independent text", "independent texts")
        ),
    ));
    facts.push(("Feed", clean_line(&alert.item.feed, 100)));
    if let Some(published) = alert.item.published {
        facts.push((
            "Published",
            format!("{} (the publisher's claim)", minute(published)),
        ));
    }
    facts.push(("First seen", minute(alert.item.seen)));
    facts.push((
        "Rule",
        format!(
            "{} ({})",
            clean_line(&alert.rule, 100),
            alert.severity.name()
        ),
    ));
    facts.push((
        "Alert",
        format!(
            "{}, revision {}",
            clean_line(&alert.id, 100),
            alert.revision
        ),
    ));
    if alert.drill {
        facts.push(("Note", "this is a drill: nothing has happened".to_owned()));
    }
    facts
}

/// `1 item`, `2 items`.
pub fn counted(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Dark enough to read on white.
fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "#555555",
        Severity::Low => "#1a5fb4",
        Severity::Medium => "#8a6100",
        Severity::High => "#b54700",
        Severity::Critical => "#b00020",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    #[test]
    fn one_line_tells_it_all() {
        let mut drill = sample::alert();
        drill.drill = true;
        drill.revision = 2;
        let mut quiet = sample::alert();
        quiet.status = AlertStatus::Resolved;
        quiet.hits.clear();
        quiet.story.publishers.clear();
        quiet.item.title.clear();
        quiet.item.url.clear();
        let mut post = quiet.clone();
        post.status = AlertStatus::Firing;
        post.item.summary = "Insurgents near Homs,\nsays a resident".to_owned();
        quiet.item.summary.clear();
        for (alert, expected) in [
            (
                sample::alert(),
                "2024-12-06 14:03:11Z HIGH Armed group gains ground: Rebel forces advanced rapidly toward Homs (aljazeera, bbc) \
                 matched \"Rebel forces advanced\", \"insurgents\" https://news.example.org/1?a=1&b=2",
            ),
            (
                drill,
                "2024-12-06 14:03:11Z DRILL HIGH UPDATED Armed group gains ground: Rebel forces advanced rapidly toward Homs \
                 (aljazeera, bbc) matched \"Rebel forces advanced\", \"insurgents\" https://news.example.org/1?a=1&b=2",
            ),
            (
                quiet,
                "2024-12-06 14:03:11Z HIGH RESOLVED Armed group gains ground: (no headline) (bbc)",
            ),
            (
                post,
                "2024-12-06 14:03:11Z HIGH Armed group gains ground: Insurgents near Homs, says a resident (bbc)",
            ),
            (
                sample::hostile(),
                "2024-12-06 14:03:11Z HIGH Title Bcc: everyone@example.org: <script>alert(1)</script>gnp.exe \"quoted\" \
                 (aljazeera, bbc)",
            ),
        ] {
            assert_eq!(line(&alert), expected);
        }
    }

    #[test]
    fn links_are_for_the_web_alone() {
        for (url, is_shown) in [
            ("https://news.example.org/1", true),
            ("http://news.example.org/1", true),
            ("javascript:alert(1)", false),
            ("https://news.example.org/\r\nx", false),
            ("data:text/html,x", false),
            ("", false),
        ] {
            let mut alert = sample::alert();
            alert.item.url = url.to_owned();
            assert_eq!(link(&alert).is_some(), is_shown, "{url:?}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let mut alert = sample::alert();
        alert.title = "t".repeat(5_000);
        alert.item.title = "ü".repeat(5_000);
        alert.item.summary = "s".repeat(50_000);
        alert.story.publishers = (0..500).map(|n| format!("publisher-{n}")).collect();
        let hit = alert.hits.remove(0);
        alert.hits = vec![hit; 500];
        assert!(subject(&alert).chars().count() <= SUBJECT_CHARS_MAX);
        assert!(line(&alert).chars().count() < 2_000);
        assert!(text(&alert).chars().count() < 10_000);
        assert!(html(&alert).chars().count() < 10_000);
    }
}

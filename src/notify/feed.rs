//! Alerts as a feed of their own, Atom (RFC 4287) or JSON Feed 1.1, for any reader or another wirewatch.
//!
//! The file is written whole from the store's last alerts and replaced in one step, so a reader sees the old one or the
//! new one. An alert's revisions are one entry, whose id stays and whose `updated` moves.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Message, Notifier, Verdict, odd_reply, words::Words};
use crate::{
    envelope::{Envelope, Reply},
    model::Alert,
    render::{self, Markup, is_unsafe, link},
    time::{Timestamp, rfc3339},
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedFormat {
    #[default]
    Atom,
    Json,
}

#[derive(Debug)]
pub struct FeedFile {
    pub path: PathBuf,
    pub format: FeedFormat,
    /// What the feed is called.
    pub name: String,
    /// Where readers find it.
    pub url: Option<String>,
    /// The most entries, 1 or more.
    pub entries_max: usize,
    pub words: Words,
}

/// Deliveries that one writing of the file settles.
const GATHERED_MAX: usize = 500;

impl FeedFile {
    pub const MARKUP: (Markup, Markup) = (Markup::Plain, Markup::Html);

    /// The newest alerts first, each once in its latest revision.
    fn entries<'a>(&self, message: &Message<'a>) -> Vec<&'a Alert> {
        let mut all: Vec<&Alert> = message
            .past
            .iter()
            .chain(message.alerts)
            .chain([message.alert])
            .collect();
        all.sort_by(|a, b| {
            (b.timing.queued, &b.id, b.revision).cmp(&(a.timing.queued, &a.id, a.revision))
        });
        let mut seen = std::collections::HashSet::new();
        all.retain(|alert| seen.insert(&alert.id));
        all.truncate(self.entries_max);
        all
    }

    fn parts(&self, alert: &Alert) -> (String, String) {
        let message = Message::new("", alert, alert.timing.queued);
        let body = self.words.body(&message).replace('\n', "<br/>\n");
        (self.words.title(&message), body)
    }

    fn atom(&self, entries: &[&Alert]) -> String {
        let id = |alert: &str| format!("urn:uuid:{}", xml(alert));
        let updated = entries
            .first()
            .map_or(Timestamp::UNIX_EPOCH, |alert| alert.timing.queued);
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<id>{}</id>\n<title>{}</title>\n\
             <updated>{}</updated>\n<author><name>wirewatch</name></author>\n<generator version=\"{}\">wirewatch</generator>\n",
            xml(self.url.as_deref().unwrap_or("urn:wirewatch:alerts")),
            xml(&self.name),
            rfc3339(updated),
            env!("CARGO_PKG_VERSION"),
        );
        if let Some(url) = &self.url {
            out.push_str(&format!("<link rel=\"self\" href=\"{}\"/>\n", xml(url)));
        }
        for alert in entries {
            let (title, body) = self.parts(alert);
            out.push_str(&format!(
                "<entry>\n<id>{}</id>\n<title>{}</title>\n<published>{}</published>\n<updated>{}</updated>\n",
                id(&alert.id), xml(&title), rfc3339(alert.item.seen), rfc3339(alert.timing.queued)
            ));
            if let Some(link) = link(alert) {
                out.push_str(&format!(
                    "<link rel=\"alternate\" href=\"{}\"/>\n",
                    xml(link)
                ));
            }
            for term in [alert.severity.name(), alert.rule.as_str()]
                .into_iter()
                .chain(alert.tags.iter().map(String::as_str))
            {
                out.push_str(&format!("<category term=\"{}\"/>\n", xml(term)));
            }
            out.push_str(&format!(
                "<content type=\"html\">{}</content>\n</entry>\n",
                xml(&body)
            ));
        }
        out.push_str("</feed>\n");
        out
    }

    fn json(&self, entries: &[&Alert]) -> Result<String, String> {
        let mut items = Vec::with_capacity(entries.len());
        for alert in entries {
            let (title, body) = self.parts(alert);
            let tags: Vec<&str> = [alert.severity.name(), &alert.rule]
                .into_iter()
                .chain(alert.tags.iter().map(String::as_str))
                .collect();
            let mut item = json!({
                "id": alert.id,
                "title": title,
                "content_html": body,
                "date_published": rfc3339(alert.item.seen),
                "date_modified": rfc3339(alert.timing.queued),
                "tags": tags,
                "_wirewatch": serde_json::to_value(alert).map_err(|error| format!("cannot write the alert as JSON: {error}"))?,
            });
            if let Some(link) = link(alert) {
                item["external_url"] = Value::from(link);
            }
            items.push(item);
        }
        let mut feed = json!({"version": "https://jsonfeed.org/version/1.1", "title": self.name, "items": items});
        if let Some(url) = &self.url {
            feed["feed_url"] = Value::from(url.as_str());
        }
        Ok(super::escape_json(feed.to_string()))
    }
}

impl Notifier for FeedFile {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let entries = self.entries(message);
        let text = match self.format {
            FeedFormat::Atom => self.atom(&entries),
            FeedFormat::Json => self.json(&entries)?,
        };
        Ok(Envelope::Replace {
            path: self.path.clone(),
            text,
        })
    }

    fn verdict(&self, reply: &Reply, _now: Timestamp) -> Verdict {
        match reply {
            Reply::Written => Verdict::Accepted,
            other => odd_reply(other),
        }
    }

    fn slots(&self) -> usize {
        1
    }

    fn gathers(&self) -> usize {
        GATHERED_MAX
    }

    fn past_max(&self) -> usize {
        self.entries_max
    }
}

/// Text as XML 1.0 can hold it; no control character, and none that turns the reading direction of what follows alone.
fn xml(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|c| *c == '\n' || !is_unsafe(*c) || matches!(c, '\u{2066}'..='\u{2069}'))
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect();
    render::escape(&clean)
}

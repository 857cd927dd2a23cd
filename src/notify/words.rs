//! What a message says: a title of one line and a body, in the receiver's own templates or in the usual words.

use super::Message;
use crate::{
    model::Alert,
    render::{self, Markup, Template, clean_line, facts},
    time::{self, Timestamp},
};

/// The longest line that a digest spends on one alert, its link left out.
const ENTRY_CHARS_MAX: usize = 200;
const TITLE_CHARS_MAX: usize = 250;

/// The words of one receiver, each part in its service's language.
#[derive(Debug)]
pub struct Words {
    pub title: Option<Template>,
    pub body: Option<Template>,
    title_markup: Markup,
    body_markup: Markup,
}

impl Words {
    /// The usual words.
    pub fn usual((title_markup, body_markup): (Markup, Markup)) -> Words {
        Words {
            title: None,
            body: None,
            title_markup,
            body_markup,
        }
    }

    /// One line.
    pub fn title(&self, message: &Message<'_>) -> String {
        let own = self.title.as_ref().filter(|_| message.alerts.is_empty());
        let own = own.and_then(|template| rendered(template, message));
        let title = match own {
            Some(title) => title.lines().collect::<Vec<_>>().join(" "),
            None => self.title_markup.escape(&render::subject(message.alert)),
        };
        self.title_markup
            .cut(&title, TITLE_CHARS_MAX, render::Measure::Utf16)
    }

    /// Several lines, uncut.
    pub fn body(&self, message: &Message<'_>) -> String {
        if !message.alerts.is_empty() {
            return listed(message.alerts, self.body_markup);
        }
        let own = self.body.as_ref();
        own.and_then(|template| rendered(template, message))
            .unwrap_or_else(|| body(message.alert, self.body_markup, message.now))
    }
}

/// What the template makes of the alert; `None`, and so the usual words, where it makes nothing.
fn rendered(template: &Template, message: &Message<'_>) -> Option<String> {
    match template.render(message.alert, message.now) {
        Ok(text) => Some(text).filter(|text| !text.is_empty()),
        Err(error) => {
            tracing::warn!(alert = %message.alert.id, reason = %error.message, "the receiver's template does not fit the alert, which goes out in the usual words");
            None
        }
    }
}

/// The usual body: headline, summary, what matched, who reports it since when, and which rule said so.
fn body(alert: &Alert, markup: Markup, now: Timestamp) -> String {
    let mut lines = vec![facts::linked(alert, markup)];
    let summary = facts::summary(alert, markup);
    if !summary.is_empty() {
        lines.push(summary);
    }
    lines.push(String::new());
    let words: Vec<String> = facts::words(alert)
        .iter()
        .map(|word| markup.escape(word))
        .collect();
    if !words.is_empty() {
        lines.push(format!("Matched: {}", words.join(", ")));
    }
    let publishers: Vec<String> = facts::publishers(alert)
        .iter()
        .map(|name| markup.escape(name))
        .collect();
    lines.push(format!(
        "Reported by {} {}",
        publishers.join(", "),
        markup.escape(&format!(
            "({}, {})",
            render::counted(alert.story.items, "item", "items"),
            render::counted(alert.story.origins, "independent text", "independent texts"),
        ))
    ));
    let age = time::show_duration(time::until(alert.item.seen, now));
    lines.push(markup.escape(&format!(
        "First seen {}, {age} ago",
        render::minute(alert.item.seen)
    )));
    lines.push(markup.escape(&format!(
        "Rule {} ({}), alert {}, revision {}",
        clean_line(&alert.rule, 100),
        alert.severity.name(),
        clean_line(&alert.id, 100),
        alert.revision
    )));
    if alert.drill {
        lines.push("This is a drill: nothing has happened.".to_owned());
    }
    lines.join("\n")
}

/// Several alerts, a line each, so that every one that was held is named.
fn listed(alerts: &[Alert], markup: Markup) -> String {
    let entry = |alert: &Alert| {
        let text = markup.escape(&clean_line(&render::subject(alert), ENTRY_CHARS_MAX));
        match (markup, render::link(alert)) {
            (Markup::Plain, Some(link)) => format!("{text} {link}"),
            (_, Some(link)) => markup.link(&text, link),
            (_, None) => text,
        }
    };
    let lines: Vec<String> = alerts
        .iter()
        .map(|alert| format!("• {}", entry(alert)))
        .collect();
    lines.join("\n")
}

//! Microsoft Teams by a Workflows webhook ("When a Teams webhook request is received"): an Adaptive Card.
//!
//! All text stands in text runs, which Teams shows as they are: Markdown in a headline stays text. A message holds 28 KB.

use serde_json::{Value, json};

use super::{
    Message, Notifier, Verdict,
    render::link,
    wire::{Wire, verdict},
    words::Words,
};
use crate::{
    envelope::{Envelope, Reply},
    model::Severity,
    render::{Markup, Measure},
    time::Timestamp,
};

/// Of the body; with what stands around it, and each byte that JSON escapes, far below 28 KB.
const BODY_BYTES_MAX: usize = 12_000;

#[derive(Debug)]
pub struct Teams {
    /// The workflow's address, which is its key.
    pub wire: Wire,
    pub words: Words,
}

impl Teams {
    pub const MARKUP: (Markup, Markup) = (Markup::Plain, Markup::Plain);
}

impl Notifier for Teams {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let alert = message.alert;
        let colour = match alert.severity {
            Severity::Critical | Severity::High => "Attention",
            Severity::Medium => "Warning",
            Severity::Low | Severity::Info => "Accent",
        };
        let run = |text: &str| json!({"type": "TextRun", "text": text});
        let title = self.words.title(message);
        let mut heading = run(&title);
        heading["weight"] = Value::from("Bolder");
        heading["size"] = Value::from("Medium");
        heading["color"] = Value::from(colour);
        let mut blocks = vec![json!({"type": "RichTextBlock", "inlines": [heading]})];
        let body = Markup::Plain.cut(&self.words.body(message), BODY_BYTES_MAX, Measure::Bytes);
        for line in body.lines().filter(|line| !line.is_empty()) {
            blocks
                .push(json!({"type": "RichTextBlock", "spacing": "Small", "inlines": [run(line)]}));
        }
        let mut card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": {"width": "Full"},
            "body": blocks,
        });
        if let Some(link) = link(alert) {
            card["actions"] =
                json!([{"type": "Action.OpenUrl", "title": "Read the item", "url": link}]);
        }
        let content = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": card,
            }],
        });
        Ok(self.wire.post(self.wire.url.clone(), Vec::new(), &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        verdict(reply, now, |_| false)
    }
}

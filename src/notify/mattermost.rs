//! Mattermost by an incoming webhook: Markdown that calls nobody. developers.mattermost.com/integrate/webhooks/incoming.

use serde_json::{Value, json};

use super::{
    Message, Notifier, Verdict,
    wire::{Wire, verdict},
    words::Words,
};
use crate::{
    envelope::{Envelope, Reply},
    render::{Markup, Measure},
    time::Timestamp,
};

/// Servers before 5.0 cut posts here; newer ones hold four times as much.
const TEXT_MAX: usize = 4_000;

#[derive(Debug)]
pub struct Mattermost {
    /// The webhook's address, which is its key.
    pub wire: Wire,
    /// Another channel than the webhook's own.
    pub channel: Option<String>,
    pub words: Words,
}

impl Mattermost {
    pub const MARKUP: (Markup, Markup) = (Markup::Markdown, Markup::Markdown);
}

impl Notifier for Mattermost {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let text = format!(
            "**{}**\n{}",
            self.words.title(message),
            self.words.body(message)
        );
        let mut content = json!({"text": Markup::Markdown.cut(&text, TEXT_MAX, Measure::Utf16)});
        if let Some(channel) = &self.channel {
            content["channel"] = Value::from(channel.as_str());
        }
        Ok(self.wire.post(self.wire.url.clone(), Vec::new(), &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        verdict(reply, now, |json| {
            json["id"]
                .as_str()
                .is_some_and(|id| id.contains("parse") || id.contains("too_long"))
        })
    }
}

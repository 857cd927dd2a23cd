//! Gotify: a push message from one's own server. gotify.net/docs/pushmsg, gotify.net/docs/msgextras.

use serde_json::json;

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
    secret::Secret,
    time::Timestamp,
};

const MESSAGE_MAX: usize = 8_000;

#[derive(Debug)]
pub struct Gotify {
    pub wire: Wire,
    /// Of the application.
    pub token: Secret,
    pub words: Words,
}

impl Gotify {
    pub const MARKUP: (Markup, Markup) = (Markup::Plain, Markup::Plain);
}

impl Notifier for Gotify {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        // From 4 Android makes a sound, from 8 it also shows the message above others.
        let priority = match message.alert.severity {
            Severity::Info => 0,
            Severity::Low => 2,
            Severity::Medium => 5,
            Severity::High => 8,
            Severity::Critical => 10,
        };
        let mut content = json!({
            "title": self.words.title(message),
            "message": Markup::Plain.cut(&self.words.body(message), MESSAGE_MAX, Measure::Utf16),
            "priority": priority,
            "extras": {"client::display": {"contentType": "text/plain"}},
        });
        if let Some(link) = link(message.alert) {
            content["extras"]["client::notification"] = json!({"click": {"url": link}});
        }
        let headers = vec![("x-gotify-key", self.token.clone())];
        Ok(self.wire.post(self.wire.at("/message"), headers, &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        verdict(reply, now, |_| true)
    }
}

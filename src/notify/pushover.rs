//! Pushover: a push message. pushover.net/api: a title of 250 characters, a message of 1,024, an address of 512; priority
//! -2 to 1 (2, which rings until somebody confirms, is not used).

use serde_json::{Value, json};

use super::{
    Message, Notifier, Verdict, http_verdict,
    render::link,
    wire::{Wire, answer, with_wait},
    words::Words,
};
use crate::{
    envelope::{Envelope, Reply},
    model::Severity,
    render::{Markup, Measure},
    secret::Secret,
    time::Timestamp,
};

const TITLE_MAX: usize = 250;
const MESSAGE_MAX: usize = 1_024;
const URL_MAX: usize = 512;

#[derive(Debug)]
pub struct Pushover {
    pub wire: Wire,
    /// Of the application.
    pub token: Secret,
    /// The key of a user or a group.
    pub user: Secret,
    pub words: Words,
}

impl Pushover {
    pub const MARKUP: (Markup, Markup) = (Markup::Plain, Markup::Plain);
}

impl Notifier for Pushover {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let alert = message.alert;
        let priority = match alert.severity {
            Severity::Info => -2,
            Severity::Low => -1,
            Severity::Medium => 0,
            Severity::High | Severity::Critical => 1,
        };
        let mut content = json!({
            "token": self.token.expose(),
            "user": self.user.expose(),
            "title": Markup::Plain.cut(&self.words.title(message), TITLE_MAX, Measure::Utf16),
            "message": Markup::Plain.cut(&self.words.body(message), MESSAGE_MAX, Measure::Utf16),
            "priority": priority,
            "timestamp": alert.item.seen.as_second(),
        });
        if let Some(link) = link(alert).filter(|link| link.len() <= URL_MAX) {
            content["url"] = Value::from(link);
            content["url_title"] = Value::from("Read the item");
        }
        Ok(self
            .wire
            .post(self.wire.at("/1/messages.json"), Vec::new(), &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        let (response, _) = match answer(reply) {
            Ok(answer) => answer,
            Err(verdict) => return verdict,
        };
        // Past the month's quota, this says when the next month begins.
        let reset = response
            .header_text("x-limit-app-reset")
            .and_then(|text| text.parse::<i64>().ok())
            .filter(|_| response.status == 429)
            .map(|reset| reset.saturating_sub(now.as_second()) as f64);
        with_wait(http_verdict(response, now), reset)
    }
}

//! ntfy: a push message, published as JSON. docs.ntfy.sh/publish: priority 1 to 5; a message over 4,096 bytes would
//! become an attachment.

use serde_json::{Value, json};

use super::{
    Message, Notifier, Verdict,
    render::link,
    wire::{Wire, bearer, verdict},
    words::Words,
};
use crate::{
    envelope::{Envelope, Reply},
    model::Severity,
    render::{Markup, Measure},
    secret::Secret,
    time::Timestamp,
};

const MESSAGE_BYTES_MAX: usize = 4_000;
const TITLE_BYTES_MAX: usize = 250;
const URL_BYTES_MAX: usize = 2_000;

#[derive(Debug)]
pub struct Ntfy {
    pub wire: Wire,
    pub topic: String,
    pub token: Option<Secret>,
    pub words: Words,
}

impl Ntfy {
    pub const MARKUP: (Markup, Markup) = (Markup::Plain, Markup::Plain);
}

impl Notifier for Ntfy {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let alert = message.alert;
        let (priority, tag) = match alert.severity {
            Severity::Info => (1, "information_source"),
            Severity::Low => (2, "small_blue_diamond"),
            Severity::Medium => (3, "large_orange_diamond"),
            Severity::High => (4, "warning"),
            Severity::Critical => (5, "rotating_light"),
        };
        let mut content = json!({
            "topic": self.topic,
            "title": Markup::Plain.cut(&self.words.title(message), TITLE_BYTES_MAX, Measure::Bytes),
            "message": Markup::Plain.cut(&self.words.body(message), MESSAGE_BYTES_MAX, Measure::Bytes),
            "priority": priority,
            "tags": [tag],
        });
        if let Some(link) = link(alert).filter(|link| link.len() <= URL_BYTES_MAX) {
            content["click"] = Value::from(link);
        }
        let headers = self.token.iter().map(bearer).collect();
        Ok(self.wire.post(self.wire.at("/"), headers, &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        // 40024 and its neighbours say that the JSON is wrong; most other 400s are about the topic or the account.
        verdict(reply, now, |json| json["code"].as_u64() == Some(40_024))
    }
}

//! PagerDuty, Events API v2: an alert triggers, acknowledges and resolves one incident, whose `dedup_key` is the alert's id.
//!
//! developer.pagerduty.com, "Send an alert event": the summary holds 1,024 characters, the key 255.

use serde_json::{Value, json};

use super::{
    Message, Notifier, Verdict,
    render::link,
    wire::{Wire, verdict},
    words::Words,
};
use crate::{
    envelope::{Envelope, Reply},
    model::{AlertStatus, Severity},
    render::{Markup, Measure, clean_line},
    secret::Secret,
    time::{Timestamp, rfc3339},
};

const SUMMARY_MAX: usize = 1_024;
const KEY_MAX: usize = 255;
const DETAILS_MAX: usize = 8_000;

#[derive(Debug)]
pub struct PagerDuty {
    pub wire: Wire,
    pub routing_key: Secret,
    pub words: Words,
}

impl PagerDuty {
    pub const MARKUP: (Markup, Markup) = (Markup::Plain, Markup::Plain);
}

impl Notifier for PagerDuty {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let alert = message.alert;
        let action = match alert.status {
            AlertStatus::Firing => "trigger",
            AlertStatus::Acknowledged => "acknowledge",
            AlertStatus::Resolved => "resolve",
        };
        let severity = match alert.severity {
            Severity::Critical => "critical",
            Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low | Severity::Info => "info",
        };
        let mut content = json!({
            "routing_key": self.routing_key.expose(),
            "event_action": action,
            "dedup_key": clean_line(&alert.id, KEY_MAX),
            "client": "wirewatch",
            "payload": {
                "summary": Markup::Plain.cut(&self.words.title(message), SUMMARY_MAX, Measure::Utf16),
                "source": clean_line(&alert.item.publisher, 100),
                "severity": severity,
                "timestamp": rfc3339(alert.item.seen),
                "component": clean_line(&alert.item.feed, 100),
                "class": clean_line(&alert.rule, 100),
                "custom_details": {
                    "text": Markup::Plain.cut(&self.words.body(message), DETAILS_MAX, Measure::Utf16),
                },
            },
        });
        if let Some(link) = link(alert) {
            content["links"] = json!([{"href": link, "text": "Read the item"}]);
        }
        // An event that changes an incident carries nothing else.
        if action != "trigger"
            && let Value::Object(fields) = &mut content
        {
            fields.retain(|key, _| {
                matches!(key.as_str(), "routing_key" | "event_action" | "dedup_key")
            });
        }
        Ok(self
            .wire
            .post(self.wire.at("/v2/enqueue"), Vec::new(), &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        // "invalid event": the key's form is wrong too then, which an operator mends.
        verdict(reply, now, |json| {
            let is_about_the_key = json["errors"].to_string().contains("routing_key");
            json["status"] == "invalid event" && !is_about_the_key
        })
    }
}

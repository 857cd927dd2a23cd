//! Telegram by a bot: HTML of its few tags, a revision as a reply to the first message or as its edit.
//!
//! core.telegram.org/bots/api: sendMessage, editMessageText; 4,096 characters after the tags are read; 429 says in
//! `parameters.retry_after` how long to wait.

use serde_json::{Value, json};

use super::{
    Message, Notifier, Updates, Verdict, clean_line, http_verdict,
    wire::{Wire, answer, with_wait},
    words::Words,
};
use crate::{
    envelope::{Envelope, Reply},
    model::{AlertStatus, Severity},
    render::{Markup, Measure},
    secret::Secret,
    time::Timestamp,
};

const TEXT_MAX: usize = 4_096;

#[derive(Debug)]
pub struct Telegram {
    pub wire: Wire,
    pub token: Secret,
    /// A chat's number, or `@channel`.
    pub chat: String,
    /// The topic of a forum.
    pub topic: Option<i64>,
    pub updates: Updates,
    pub words: Words,
}

impl Telegram {
    pub const MARKUP: (Markup, Markup) = (Markup::Html, Markup::Html);
}

impl Notifier for Telegram {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let text = format!(
            "<b>{}</b>\n{}",
            self.words.title(message),
            self.words.body(message)
        );
        let mut content = json!({
            "chat_id": self.chat,
            "text": Markup::Html.cut(&text, TEXT_MAX, Measure::Utf16),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": true},
        });
        let mut method = "sendMessage";
        let first = message.handle.and_then(|handle| handle.parse::<i64>().ok());
        let is_news = message.alert.status == AlertStatus::Firing;
        match (first, self.updates) {
            (Some(id), Updates::Reply) if is_news => {
                content["reply_parameters"] =
                    json!({"message_id": id, "allow_sending_without_reply": true});
            }
            (Some(id), Updates::Reply | Updates::Edit) => {
                method = "editMessageText";
                content["message_id"] = Value::from(id);
            }
            (None, _) | (_, Updates::New) => {}
        }
        if method == "sendMessage" {
            content["disable_notification"] = Value::from(message.alert.severity <= Severity::Low);
            if let Some(topic) = self.topic {
                content["message_thread_id"] = Value::from(topic);
            }
        }
        let url = self
            .wire
            .at(&format!("/bot{}/{method}", self.token.expose()));
        Ok(self.wire.post(url, Vec::new(), &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        let (response, json) = match answer(reply) {
            Ok(answer) => answer,
            Err(verdict) => return verdict,
        };
        let said = clean_line(json["description"].as_str().unwrap_or_default(), 200);
        let says = |words: &str| said.contains(words);
        match response.status {
            // A repeat of an edit whose answer was lost.
            400 if says("message is not modified") => Verdict::Accepted,
            400 if says("message to edit not found") || says("message can't be edited") => {
                Verdict::Anew(said)
            }
            400 if says("can't parse entities")
                || says("message is too long")
                || says("text is empty") =>
            {
                Verdict::Refused(said)
            }
            200..=299 if json["ok"] != Value::Bool(true) => Verdict::TryAfter(
                None,
                "Telegram did not say that it took the message".to_owned(),
            ),
            _ => with_wait(
                http_verdict(response, now),
                json["parameters"]["retry_after"].as_f64(),
            ),
        }
    }

    fn handle(&self, reply: &Reply) -> Option<String> {
        let (_, json) = answer(reply).ok()?;
        json["result"]["message_id"]
            .as_i64()
            .map(|id| id.to_string())
    }
}

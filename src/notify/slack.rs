//! Slack: an incoming webhook, or a bot that posts into a channel and so can thread and edit.
//!
//! docs.slack.dev: chat.postMessage, chat.update, incoming webhooks, Block Kit. A header holds 150 characters, a section
//! 3,000. Slack answers 200 with `"ok": false` where it did not take a message.

use serde_json::{Value, json};

use super::{
    Message, Notifier, Updates, Verdict, clean_line, http_verdict,
    wire::{Wire, answer, bearer, with_wait},
    words::Words,
};
use crate::{
    envelope::{Envelope, Reply},
    model::AlertStatus,
    render::{Markup, Measure},
    secret::Secret,
    time::Timestamp,
};

const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 3_000;
/// Sections of one message; a digest may need several.
const SECTIONS_MAX: usize = 10;

/// Where a bot posts.
#[derive(Debug)]
pub struct Bot {
    pub token: Secret,
    /// `C0123456789`, or `#name`.
    pub channel: String,
}

#[derive(Debug)]
pub struct Slack {
    /// The webhook's own address; with a bot, Slack's.
    pub wire: Wire,
    pub bot: Option<Bot>,
    pub updates: Updates,
    pub words: Words,
}

impl Slack {
    pub const MARKUP: (Markup, Markup) = (Markup::Plain, Markup::Slack);
}

/// Texts in which Slack answers that the message itself is at fault, and stays so.
const REFUSALS: [&str; 6] = [
    "msg_too_long",
    "msg_blocks_too_long",
    "invalid_blocks",
    "invalid_blocks_format",
    "no_text",
    "invalid_payload",
];
/// The first message is no longer there, or no longer ours to change.
const LOST: [&str; 5] = [
    "message_not_found",
    "thread_not_found",
    "cant_update_message",
    "edit_window_closed",
    "cannot_reply_to_message",
];

impl Notifier for Slack {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let title = self.words.title(message);
        let body = self.words.body(message);
        // A header is plain text, in which nothing is called; this also holds for clients that would read more into it.
        let header = title.replace('<', "<\u{200b}").replace('@', "@\u{200b}");
        let mut blocks = vec![json!({
            "type": "header",
            "text": {"type": "plain_text", "text": Markup::Plain.cut(&header, HEADER_MAX, Measure::Utf16), "emoji": false},
        })];
        blocks.extend(sections(&body).into_iter().map(|text| {
            json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
        }));
        // What notifications show; it is mrkdwn too.
        let text = Markup::Slack.escape(&title);
        let mut content = json!({"text": text, "blocks": blocks});
        let Some(bot) = &self.bot else {
            return Ok(self.wire.post(self.wire.url.clone(), Vec::new(), &content));
        };
        content["channel"] = Value::from(bot.channel.as_str());
        let mut method = "chat.postMessage";
        let first = message.handle.and_then(|handle| handle.split_once(' '));
        let is_news = message.alert.status == AlertStatus::Firing;
        match (first, self.updates) {
            (Some((channel, ts)), Updates::Reply) if is_news => {
                content["channel"] = Value::from(channel);
                content["thread_ts"] = Value::from(ts);
                // Else only those who follow the thread would learn that it became worse.
                content["reply_broadcast"] = Value::from(true);
            }
            (Some((channel, ts)), Updates::Reply | Updates::Edit) => {
                method = "chat.update";
                content["channel"] = Value::from(channel);
                content["ts"] = Value::from(ts);
            }
            (None, _) | (_, Updates::New) => {}
        }
        if method == "chat.postMessage" {
            content["unfurl_links"] = Value::from(false);
            content["unfurl_media"] = Value::from(false);
        }
        let url = self.wire.at(&format!("/api/{method}"));
        Ok(self.wire.post(url, vec![bearer(&bot.token)], &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        let (response, json) = match answer(reply) {
            Ok(answer) => answer,
            Err(verdict) => return verdict,
        };
        let error = match &json["error"] {
            Value::String(error) => clean_line(error, 100),
            _ if self.bot.is_none() => clean_line(&String::from_utf8_lossy(&response.body), 100),
            _ => String::new(),
        };
        if LOST.contains(&error.as_str()) {
            return Verdict::Anew(error);
        }
        if REFUSALS.contains(&error.as_str()) {
            return Verdict::Refused(error);
        }
        match http_verdict(response, now) {
            Verdict::Accepted if self.bot.is_some() && json["ok"] != Value::Bool(true) => {
                let text = match error.is_empty() {
                    true => "Slack did not say that it took the message".to_owned(),
                    false => format!("Slack answered {error}"),
                };
                with_wait(Verdict::TryAfter(None, text), None)
            }
            verdict => verdict,
        }
    }

    fn handle(&self, reply: &Reply) -> Option<String> {
        let (_, json) = answer(reply).ok()?;
        let (channel, ts) = (json["channel"].as_str()?, json["ts"].as_str()?);
        self.bot.as_ref().map(|_| format!("{channel} {ts}"))
    }
}

/// The body in pieces that fit a section each, broken between lines.
fn sections(body: &str) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for line in body.lines() {
        let line = Markup::Slack.cut(line, SECTION_MAX, Measure::Utf16);
        match sections.last_mut() {
            Some(last) if Measure::Utf16.of(last) + 1 + Measure::Utf16.of(&line) <= SECTION_MAX => {
                last.push('\n');
                last.push_str(&line);
            }
            // A section must not be empty.
            _ if line.is_empty() => {}
            _ => sections.push(line),
        }
    }
    sections.truncate(SECTIONS_MAX);
    sections
}

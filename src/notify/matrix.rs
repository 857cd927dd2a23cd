//! Matrix: an event in a room, sent with the delivery's id as its transaction, so that a repeat is the same event.
//!
//! spec.matrix.org, client-server API: `PUT …/send/m.room.message/{txnId}`, `m.mentions` (empty: nobody is called),
//! `m.thread` and `m.replace` relations. An event holds 65,536 bytes.

use serde_json::{Value, json};

use super::{
    Message, Notifier, Updates, Verdict, clean_line, http_verdict,
    wire::{Wire, answer, bearer, segment, with_wait},
    words::Words,
};
use crate::{
    envelope::{Envelope, Method, Reply},
    model::AlertStatus,
    render::{Markup, Measure},
    secret::Secret,
    time::Timestamp,
};

/// Bytes of each form of the text: an edit carries both of them twice.
const TEXT_BYTES_MAX: usize = 12_000;

#[derive(Debug)]
pub struct Matrix {
    pub wire: Wire,
    pub token: Secret,
    /// `!abc:example.org`.
    pub room: String,
    pub updates: Updates,
    /// In HTML.
    pub words: Words,
}

impl Matrix {
    pub const MARKUP: (Markup, Markup) = (Markup::Html, Markup::Html);
}

impl Notifier for Matrix {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let title = self.words.title(message);
        let html = format!(
            "<b>{title}</b><br>{}",
            self.words.body(message).replace('\n', "<br>")
        );
        let html = Markup::Html.cut(&html, TEXT_BYTES_MAX, Measure::Bytes);
        let plain = Markup::Plain.cut(&without_tags(&html), TEXT_BYTES_MAX, Measure::Bytes);
        let mut content = json!({
            "msgtype": "m.text",
            "body": plain,
            "format": "org.matrix.custom.html",
            "formatted_body": html,
            "m.mentions": {},
        });
        let is_news = message.alert.status == AlertStatus::Firing;
        match (message.handle, self.updates) {
            (Some(first), Updates::Reply) if is_news => {
                content["m.relates_to"] = json!({
                    "rel_type": "m.thread", "event_id": first, "is_falling_back": true, "m.in_reply_to": {"event_id": first},
                });
            }
            (Some(first), Updates::Reply | Updates::Edit) => {
                let new = content.clone();
                content["body"] = Value::from(format!("* {plain}"));
                content["m.new_content"] = new;
                content["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": first});
            }
            (None, _) | (_, Updates::New) => {}
        }
        let url = self.wire.at(&format!(
            "/_matrix/client/v3/rooms/{}/send/m.room.message/{}",
            segment(&self.room),
            segment(message.id)
        ));
        Ok(self
            .wire
            .json(Method::Put, url, vec![bearer(&self.token)], &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        let (response, json) = match answer(reply) {
            Ok(answer) => answer,
            Err(verdict) => return verdict,
        };
        let said = || clean_line(json["error"].as_str().unwrap_or("refused"), 200);
        match json["errcode"].as_str() {
            Some("M_TOO_LARGE" | "M_BAD_JSON" | "M_NOT_JSON") => Verdict::Refused(said()),
            _ => with_wait(
                http_verdict(response, now),
                json["retry_after_ms"].as_f64().map(|ms| ms / 1000.0),
            ),
        }
    }

    fn handle(&self, reply: &Reply) -> Option<String> {
        let (_, json) = answer(reply).ok()?;
        json["event_id"].as_str().map(str::to_owned)
    }
}

/// The HTML that this module wrote, as text: lines for `<br>`, a link's address behind its words, no other tags.
fn without_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut link = String::new();
    let mut rest = html;
    while let Some((text, tail)) = rest.split_once('<') {
        out.push_str(text);
        let Some((tag, after)) = tail.split_once('>') else {
            rest = tail;
            break;
        };
        match tag {
            "br" => out.push('\n'),
            "/a" if !link.is_empty() => out.push_str(&format!(" {}", std::mem::take(&mut link))),
            tag => {
                if let Some(address) = tag.strip_prefix("a href=\"") {
                    link = address.trim_end_matches('"').to_owned();
                }
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

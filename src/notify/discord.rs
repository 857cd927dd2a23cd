//! Discord by a channel's webhook: one embed, and no mention whatever the text says.
//!
//! discord.com/developers/docs/resources/webhook: `?wait=true` makes Discord answer with the message, whose id a revision
//! then edits. A message holds 2,000 characters beside its embeds; an embed's title 256, its description 4,096.

use serde_json::{Value, json};

use super::{
    Message, Notifier, Updates, Verdict, clean_line, http_verdict,
    render::link,
    tint,
    wire::{Wire, answer, segment, with_wait},
    words::Words,
};
use crate::{
    envelope::{Envelope, Method, Reply},
    render::{Markup, Measure},
    time::Timestamp,
};

const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;
/// A link's own limit in an embed.
const URL_MAX: usize = 2_048;

#[derive(Debug)]
pub struct Discord {
    /// The webhook's address, which is its key.
    pub wire: Wire,
    /// Shown instead of the webhook's own name.
    pub username: Option<String>,
    pub updates: Updates,
    pub words: Words,
}

impl Discord {
    pub const MARKUP: (Markup, Markup) = (Markup::Markdown, Markup::Markdown);
}

impl Notifier for Discord {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let alert = message.alert;
        let mut embed = json!({
            "title": Markup::Markdown.cut(&self.words.title(message), TITLE_MAX, Measure::Utf16),
            "description": Markup::Markdown.cut(&self.words.body(message), DESCRIPTION_MAX, Measure::Utf16),
            "color": tint(alert.severity),
            "timestamp": crate::time::rfc3339(alert.item.seen),
        });
        if let Some(link) = link(alert).filter(|link| link.len() <= URL_MAX) {
            embed["url"] = Value::from(link);
        }
        let mut content = json!({"embeds": [embed], "allowed_mentions": {"parse": []}});
        let mut url = url::Url::parse(&self.wire.url)
            .map_err(|error| format!("the webhook's address cannot be read: {error}"))?;
        let edited = message.handle.filter(|_| self.updates == Updates::Edit);
        let method = match edited {
            Some(id) => {
                let path = format!(
                    "{}/messages/{}",
                    url.path().trim_end_matches('/'),
                    segment(id)
                );
                url.set_path(&path);
                Method::Patch
            }
            None => {
                url.query_pairs_mut().append_pair("wait", "true");
                if let Some(username) = &self.username {
                    content["username"] = Value::from(username.as_str());
                }
                Method::Post
            }
        };
        Ok(self.wire.json(method, url.into(), Vec::new(), &content))
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        let (response, json) = match answer(reply) {
            Ok(answer) => answer,
            Err(verdict) => return verdict,
        };
        // 10008: unknown message. 50035: what was sent does not fit the form. 10015: the webhook was deleted.
        let said = || clean_line(json["message"].as_str().unwrap_or("refused"), 200);
        match (json["code"].as_u64(), response.status) {
            (Some(10_008), 404) => Verdict::Anew(said()),
            (Some(10_015), 404) => Verdict::Gone(said()),
            (Some(50_035), 400) => Verdict::Refused(said()),
            _ => with_wait(http_verdict(response, now), json["retry_after"].as_f64()),
        }
    }

    fn handle(&self, reply: &Reply) -> Option<String> {
        let (_, json) = answer(reply).ok()?;
        json["id"].as_str().map(str::to_owned)
    }
}

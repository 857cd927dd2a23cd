//! What the services that speak JSON over HTTP share: how a request is written and an answer is read.

use std::time::Duration;

use serde_json::Value;

use super::{Verdict, http_verdict, odd_reply};
use crate::{
    envelope::{Envelope, HeaderText, Limits, Method, Reply, Request, Response, masked_url},
    secret::Secret,
    time::Timestamp,
};

/// The longest that a service's own word in JSON may make us wait.
const WAIT_MAX: Duration = Duration::from_secs(86_400);
/// Answers longer than this are cut off.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Where a service stands and how it is reached.
#[derive(Clone)]
pub struct Wire {
    /// The address to post to, or the server's address without a path. May hold a key, so it never prints.
    pub url: String,
    /// For one whole attempt.
    pub timeout: Duration,
    /// Whether the service may stand on a private address.
    pub allow_private: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("url", &masked_url(&self.url))
            .field("timeout", &self.timeout)
            .field("allow_private", &self.allow_private)
            .finish()
    }
}

impl Wire {
    /// The server's address with a path behind it, which begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }

    /// A request that carries JSON. Redirects are not followed: what was meant for one address stays there.
    pub fn json(
        &self,
        method: Method,
        url: String,
        headers: Vec<(&str, Secret)>,
        body: &Value,
    ) -> Envelope {
        let plain = |text: &str| HeaderText::Plain(text.as_bytes().to_vec());
        let mut all = vec![("content-type".to_owned(), plain("application/json"))];
        all.extend(
            headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), HeaderText::Secret(value))),
        );
        Envelope::Http(Request {
            method,
            url,
            headers: all,
            body: body.to_string().into_bytes(),
            limits: Limits {
                total: self.timeout,
                body_bytes_max: ANSWER_BYTES_MAX,
                redirects_max: 0,
                allow_private: self.allow_private,
            },
        })
    }

    pub fn post(&self, url: String, headers: Vec<(&str, Secret)>, body: &Value) -> Envelope {
        self.json(Method::Post, url, headers, body)
    }
}

/// `Authorization: Bearer …`.
pub fn bearer(token: &Secret) -> (&'static str, Secret) {
    (
        "authorization",
        Secret::new(format!("Bearer {}", token.expose())),
    )
}

/// The answer and the JSON in it, `Null` where there is none; or the verdict on a reply of another kind.
pub fn answer(reply: &Reply) -> Result<(&Response, Value), Verdict> {
    match reply {
        Reply::Http(response) => Ok((
            response,
            serde_json::from_slice(&response.body).unwrap_or(Value::Null),
        )),
        other => Err(odd_reply(other)),
    }
}

/// The verdict of the status; a status of 400 for which `is_refusal` holds is about this one message and will stay so.
pub fn verdict(reply: &Reply, now: Timestamp, is_refusal: impl FnOnce(&Value) -> bool) -> Verdict {
    let (response, json) = match answer(reply) {
        Ok(answer) => answer,
        Err(verdict) => return verdict,
    };
    match http_verdict(response, now) {
        Verdict::TryAfter(_, text) if response.status == 400 && is_refusal(&json) => {
            Verdict::Refused(text)
        }
        verdict => verdict,
    }
}

/// The verdict with the wait that the JSON asks for, in seconds, where that is longer than what the headers ask.
pub fn with_wait(verdict: Verdict, s: Option<f64>) -> Verdict {
    let asked = s
        .filter(|s| s.is_finite() && *s > 0.0)
        .map(|s| Duration::from_secs_f64(s.min(WAIT_MAX.as_secs_f64())));
    match verdict {
        Verdict::TryAfter(wait, text) => Verdict::TryAfter(wait.max(asked), text),
        other => other,
    }
}

/// Text as one segment of a path (RFC 3986, 3.3).
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

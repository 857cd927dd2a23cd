//! Alerts to any HTTP endpoint, signed as Standard Webhooks has it (github.com/standard-webhooks/standard-webhooks, spec 1.0).
//!
//! The body is the alert document. The receiving side tells repeats by `webhook-id`, and forgeries by `webhook-signature`;
//! any Standard Webhooks library checks both. Redirects are not followed: what was signed for one address stays there.

use std::time::Duration;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Message, Notifier, Verdict, document, http_verdict, odd_reply};
use crate::{
    envelope::{Envelope, HeaderText, Limits, Method, Reply, Request, masked_url},
    secret::Secret,
    time::Timestamp,
};

/// An endpoint as the configuration writes it.
#[derive(Clone)]
pub struct Settings {
    /// `https:` or `http:`. May hold a key in its path or query, so it never prints.
    pub url: String,
    /// `whsec_` and base64, or base64 alone, or text that is no base64 and stands for its own bytes; several with spaces between while a key is being changed, all sign.
    pub secret: Option<Secret>,
    /// Sent along, such as `authorization`. Names in any case.
    pub headers: Vec<(String, Secret)>,
    /// For one whole attempt.
    pub timeout: Duration,
    /// Whether the endpoint may stand on a private address.
    pub allow_private: bool,
}

/// An endpoint whose settings are known to be good.
pub struct Webhook {
    settings: Settings,
    /// The decoded signing keys.
    keys: Vec<SigningKey>,
}

/// A signing key, never printed.
struct SigningKey(Vec<u8>);

/// Answers longer than this are cut off; only their first words are ever shown.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Headers that are ours to write.
const RESERVED: [&str; 8] = [
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

impl Webhook {
    /// Checks the settings.
    ///
    /// # Errors
    /// A sentence that names the setting and never shows its value.
    pub fn new(mut settings: Settings) -> Result<Webhook, String> {
        let url = url::Url::parse(&settings.url)
            .map_err(|error| format!("url cannot be read: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "url must begin with https:// or http://, not {}:",
                url.scheme()
            ));
        }
        let keys = match &settings.secret {
            Some(secret) => decode_keys(secret)?,
            None => Vec::new(),
        };
        for (name, value) in &mut settings.headers {
            *name = name.to_ascii_lowercase();
            check_header(name, value)?;
        }
        Ok(Webhook { settings, keys })
    }

    /// `v1,…` for each key, spaces between (spec: "Webhook headers").
    fn signatures(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let signatures: Vec<String> = self
            .keys
            .iter()
            .map(|key| {
                let mut mac = Hmac::<Sha256>::new_from_slice(&key.0)
                    .expect("HMAC takes keys of every length (RFC 2104)");
                mac.update(signed.as_bytes());
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            })
            .collect();
        signatures.join(" ")
    }
}

impl Notifier for Webhook {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let body = document(message)?;
        let timestamp = message.now.as_second();
        let plain = |text: String| HeaderText::Plain(text.into_bytes());
        let mut headers = vec![
            (
                "content-type".to_owned(),
                plain("application/json".to_owned()),
            ),
            ("webhook-id".to_owned(), plain(message.id.to_owned())),
            ("webhook-timestamp".to_owned(), plain(timestamp.to_string())),
        ];
        if !self.keys.is_empty() {
            headers.push((
                "webhook-signature".to_owned(),
                plain(self.signatures(message.id, timestamp, &body)),
            ));
        }
        for (name, value) in &self.settings.headers {
            headers.push((name.clone(), HeaderText::Secret(value.clone())));
        }
        Ok(Envelope::Http(Request {
            method: Method::Post,
            url: self.settings.url.clone(),
            headers,
            body: body.into_bytes(),
            limits: Limits {
                total: self.settings.timeout,
                body_bytes_max: ANSWER_BYTES_MAX,
                redirects_max: 0,
                allow_private: self.settings.allow_private,
            },
        }))
    }

    fn bundle_max(&self) -> usize {
        200
    }

    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict {
        match reply {
            Reply::Http(response) => http_verdict(response, now),
            other => odd_reply(other),
        }
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("settings", &self.settings)
            .field("keys", &self.keys.len())
            .finish()
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("url", &masked_url(&self.url))
            .field("secret", &self.secret)
            .field("headers", &self.headers)
            .field("timeout", &self.timeout)
            .field("allow_private", &self.allow_private)
            .finish()
    }
}

fn decode_keys(secret: &Secret) -> Result<Vec<SigningKey>, String> {
    // Padding is often lost on the way through shells and secret stores; nothing else about the key can be guessed.
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&alphabet::STANDARD, lenient);
    let mut keys = Vec::new();
    for part in secret.expose().split_whitespace() {
        let key = match (part.strip_prefix("whsec_"), base64.decode(part)) {
            (Some(written), _) => base64.decode(written).map_err(|_| {
                "secret is not base64 after whsec_: Standard Webhooks writes keys so, such as `openssl rand -base64 32` gives"
                    .to_owned()
            })?,
            (None, Ok(key)) => key,
            // A password somebody made up: its own bytes are the key.
            (None, Err(_)) => part.as_bytes().to_vec(),
        };
        if key.is_empty() {
            return Err("secret is empty".to_owned());
        }
        keys.push(SigningKey(key));
    }
    if keys.is_empty() {
        return Err("secret is empty".to_owned());
    }
    Ok(keys)
}

fn check_header(name: &str, value: &Secret) -> Result<(), String> {
    let is_token = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if !is_token {
        return Err(format!("{name:?} cannot be the name of a header"));
    }
    if RESERVED.contains(&name) {
        return Err(format!("the header {name} is written by wirewatch itself"));
    }
    if value.expose().chars().any(|c| c.is_control()) {
        return Err(format!(
            "the value of header {name} holds a control character"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    const URL: &str = "https://desk.example.org:8443/hook/s3cret-path?key=s3cret-query";
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn settings(secret: Option<&str>) -> Settings {
        Settings {
            url: URL.to_owned(),
            secret: secret.map(Secret::new),
            headers: vec![("Authorization".to_owned(), Secret::new("Bearer t0ken"))],
            timeout: Duration::from_secs(10),
            allow_private: false,
        }
    }

    fn request(webhook: &Webhook, alert: &crate::model::Alert) -> Request {
        let message = Message::new("msg_1", alert, "2024-12-06T14:03:12Z".parse().unwrap());
        match webhook.compose(&message).unwrap() {
            Envelope::Http(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// The request as it goes over the wire, for golden files.
    fn wire(request: &Request) -> String {
        let mut text = format!("{:?} {}\n", request.method, request.url).to_uppercase();
        text.truncate(text.find(' ').unwrap());
        text.push_str(&format!(" {}\n", request.url));
        for (name, value) in &request.headers {
            let value = match value {
                HeaderText::Plain(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                HeaderText::Secret(secret) => secret.expose().to_owned(),
            };
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push('\n');
        text.push_str(std::str::from_utf8(&request.body).unwrap());
        text.push('\n');
        text
    }

    #[test]
    fn golden_requests() {
        let webhook = Webhook::new(settings(Some(KEY))).unwrap();
        for (name, alert, golden) in [
            (
                "webhook.http",
                sample::alert(),
                include_str!("../../tests/data/requests/webhook.http"),
            ),
            (
                "webhook-hostile.http",
                sample::hostile(),
                include_str!("../../tests/data/requests/webhook-hostile.http"),
            ),
        ] {
            assert_eq!(wire(&request(&webhook, &alert)), golden, "{name}");
        }
    }

    /// The vector that the specification's own libraries are tested with.
    #[test]
    fn the_published_vector_verifies() {
        let webhook = Webhook::new(settings(Some(KEY))).unwrap();
        assert_eq!(
            webhook.signatures(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn keys() {
        for (secret, signatures) in [
            (Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 1),
            (Some("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 1),
            (Some("whsec_c2hvcnQ= whsec_bG9uZ2Vy"), 2),
            (Some("whsec_c2hvcnQ"), 1),
            (None, 0),
        ] {
            let webhook = Webhook::new(settings(secret)).unwrap();
            let request = request(&webhook, &sample::alert());
            let header = request
                .headers
                .iter()
                .find(|(name, _)| name == "webhook-signature");
            let sent = header.map_or(0, |(_, value)| match value {
                HeaderText::Plain(bytes) => bytes.split(|byte| *byte == b' ').count(),
                HeaderText::Secret(_) => 0,
            });
            assert_eq!(sent, signatures, "{secret:?}");
        }
    }

    #[test]
    fn bad_settings_are_told_without_their_values() {
        let base = || settings(Some(KEY));
        let with_secret = |secret: &str| Settings {
            secret: Some(Secret::new(secret)),
            ..base()
        };
        let with_url = |url: &str| Settings {
            url: url.to_owned(),
            ..base()
        };
        let with_header = |name: &str, value: &str| Settings {
            headers: vec![(name.to_owned(), Secret::new(value))],
            ..base()
        };
        for (settings, problem) in [
            (with_secret("whsec_s3cret!"), "not base64"),
            (with_secret("whsec_"), "empty"),
            (with_secret(" "), "empty"),
            (with_url("desk.example.org/s3cret"), "url cannot be read"),
            (with_url("ftp://desk.example.org/s3cret"), "not ftp:"),
            (with_header("webhook-id", "s3cret"), "written by wirewatch"),
            (with_header("a b", "s3cret"), "cannot be the name"),
            (with_header("x-key", "s3cret\r\nx: y"), "control character"),
        ] {
            let error = Webhook::new(settings).unwrap_err();
            assert!(error.contains(problem), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn nothing_secret_prints() {
        let webhook = Webhook::new(settings(Some(KEY))).unwrap();
        let shown = format!("{webhook:?} {:?}", request(&webhook, &sample::alert()));
        for secret in ["s3cret", "MfKQ9", "t0ken"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("https://desk.example.org:8443/…"), "{shown}");
    }
}

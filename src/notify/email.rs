//! Alerts by mail: a subject that tells it all, a plain text, and a page with the matched words marked.
//!
//! Revisions of one alert thread below its first mail. No text of a feed reaches a header before it is cleaned.

use std::{sync::Arc, time::Duration};

use lettre::message::Mailbox;
use xxhash_rust::xxh3::xxh3_64;

use super::{Message, Notifier, Verdict, clean_line, odd_reply, words::Words};
use crate::{
    envelope::{Envelope, Mail, MailReply, MailServer, Reply},
    render::{self, Markup},
    time::Timestamp,
};

/// A mail server, a sender and readers, as the configuration writes them.
#[derive(Clone, Debug)]
pub struct Settings {
    pub server: MailServer,
    /// `ops@example.org` or `Wirewatch <ops@example.org>`.
    pub from: String,
    /// At least one.
    pub to: Vec<String>,
    /// For one whole attempt.
    pub timeout: Duration,
    /// Whether the server may stand on a private address.
    pub allow_private: bool,
}

/// Readers whose addresses are known to be good.
#[derive(Clone, Debug)]
pub struct Email {
    settings: Settings,
    /// The part of a Message-ID that tells these readers and this sender: `4f1d….@example.org`.
    id_suffix: String,
    words: Arc<Words>,
}

impl Email {
    pub const MARKUP: (Markup, Markup) = (Markup::Plain, Markup::Plain);

    /// Checks the settings.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn new(settings: Settings) -> Result<Email, String> {
        if settings.server.host.trim().is_empty() {
            return Err("the mail server has no host".to_owned());
        }
        let from = mailbox(&settings.from).map_err(|error| format!("from: {error}"))?;
        if settings.to.is_empty() {
            return Err("to: nobody is named".to_owned());
        }
        for to in &settings.to {
            mailbox(to).map_err(|error| format!("to: {error}"))?;
        }
        let readers = xxh3_64(settings.to.join("\n").as_bytes());
        let id_suffix = format!("{readers:016x}@{}", from.email.domain());
        Ok(Email {
            settings,
            id_suffix,
            words: Arc::new(Words::usual(Email::MARKUP)),
        })
    }

    /// The operator's own words.
    pub fn with_words(self, words: Words) -> Email {
        Email {
            words: Arc::new(words),
            ..self
        }
    }

    fn message_id(&self, alert_id: &str, revision: u32) -> String {
        // An id may hold only atoms and dots (RFC 5322, 3.6.4).
        let alert_id: String = alert_id
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        format!("{alert_id}.{revision}.{}", self.id_suffix)
    }
}

/// Reads a mail address, with or without a name before it.
///
/// # Errors
/// A sentence that shows the address.
pub fn mailbox(text: &str) -> Result<Mailbox, String> {
    let shown = clean_line(text, 100);
    // A line break in a name would end the header, and lettre panics on it.
    if text.chars().any(char::is_control) {
        return Err(format!("{shown:?} holds a control character"));
    }
    let mailbox: Mailbox = text
        .parse()
        .map_err(|error| format!("{shown:?} is not a mail address: {error}"))?;
    if !mailbox.email.to_string().is_ascii() {
        return Err(format!(
            "{shown:?} has letters outside of ASCII, which many mail servers refuse: write the domain as xn--…"
        ));
    }
    Ok(mailbox)
}

impl Notifier for Email {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let alert = message.alert;
        let is_usual = self.words.body.is_none() && message.alerts.is_empty();
        Ok(Envelope::Mail(Box::new(Mail {
            server: self.settings.server.clone(),
            from: self.settings.from.clone(),
            to: self.settings.to.clone(),
            subject: self.words.title(message),
            // The page says the same in the usual words; the operator's own are for all readers alike.
            text: match is_usual {
                true => render::text(alert),
                false => self.words.body(message) + "\n",
            },
            html: is_usual.then(|| render::html(alert)),
            message_id: self.message_id(&alert.id, alert.revision),
            in_reply_to: (alert.revision > 1).then(|| self.message_id(&alert.id, 1)),
            date: message.now,
            timeout: self.settings.timeout,
            allow_private: self.settings.allow_private,
        })))
    }

    fn bundle_max(&self) -> usize {
        200
    }

    /// RFC 5321 (4.2.1) calls 5xx permanent for the very same attempt. To us most are an operator's matter that gets mended
    /// while we retry: a wrong password (535), a mailbox that is missing or full (550, 552), a policy (554). Giving up
    /// would lose the alert, so only what is wrong with this one message, and stays wrong, is refused.
    fn verdict(&self, reply: &Reply, _now: Timestamp) -> Verdict {
        let reply = match reply {
            Reply::Mail(reply) => reply,
            other => return odd_reply(other),
        };
        let text = format!("{} {}", reply.code, clean_line(&reply.text, 200));
        match reply.code {
            200..=299 => Verdict::Accepted,
            500..=599 if is_about_the_message(reply) => Verdict::Refused(text),
            _ => Verdict::TryAfter(None, text),
        }
    }
}

/// Enhanced status codes (RFC 3463): 5.3.4 is a message too big for the system, 5.6.x one whose content it cannot carry.
fn is_about_the_message(reply: &MailReply) -> bool {
    let code = reply.text.split_whitespace().next().unwrap_or_default();
    code == "5.3.4" || code.starts_with("5.6.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{envelope::MailSecurity, model::Alert, notify::sample, secret::Secret};

    fn settings() -> Settings {
        Settings {
            server: MailServer {
                host: "mail.example.org".to_owned(),
                port: 465,
                security: MailSecurity::Tls,
                credentials: Some(("ops".to_owned(), Secret::new("s3cret"))),
            },
            from: "Wirewatch <ops@example.org>".to_owned(),
            to: vec!["desk@example.org".to_owned()],
            timeout: Duration::from_secs(10),
            allow_private: false,
        }
    }

    fn mail(alert: &Alert) -> Mail {
        let message = Message::new("msg_1", alert, "2024-12-06T14:03:12Z".parse().unwrap());
        match Email::new(settings()).unwrap().compose(&message).unwrap() {
            Envelope::Mail(mail) => *mail,
            other => panic!("{other:?}"),
        }
    }

    fn golden(mail: &Mail) -> String {
        format!(
            "Subject: {}\nMessage-ID: {}\nIn-Reply-To: {:?}\n\n{}\n{}",
            mail.subject,
            mail.message_id,
            mail.in_reply_to,
            mail.text,
            mail.html.as_deref().unwrap_or_default()
        )
    }

    #[test]
    fn golden_mails() {
        for (alert, expected) in [
            (
                sample::alert(),
                include_str!("../../tests/data/requests/email.txt"),
            ),
            (
                sample::hostile(),
                include_str!("../../tests/data/requests/email-hostile.txt"),
            ),
        ] {
            assert_eq!(golden(&mail(&alert)), expected);
        }
    }

    #[test]
    fn revisions_thread_below_the_first_mail() {
        let first = mail(&sample::alert());
        let mut alert = sample::alert();
        alert.revision = 3;
        let third = mail(&alert);
        assert_eq!(first.in_reply_to, None);
        assert_eq!(third.in_reply_to, Some(first.message_id.clone()));
        assert_ne!(third.message_id, first.message_id);
        assert_eq!(mail(&alert).message_id, third.message_id);
    }

    #[test]
    fn verdicts() {
        let email = Email::new(settings()).unwrap();
        let again = |text: &str| Verdict::TryAfter(None, text.to_owned());
        for (code, text, verdict) in [
            (250, "2.0.0 queued", Verdict::Accepted),
            (421, "4.3.2 closing", again("421 4.3.2 closing")),
            (451, "greylisted", again("451 greylisted")),
            (535, "5.7.8 bad password", again("535 5.7.8 bad password")),
            (550, "5.1.1 no such user", again("550 5.1.1 no such user")),
            (552, "5.2.2 mailbox full", again("552 5.2.2 mailbox full")),
            (
                552,
                "5.3.4 message too big",
                Verdict::Refused("552 5.3.4 message too big".to_owned()),
            ),
            (
                554,
                "5.6.0 bad content",
                Verdict::Refused("554 5.6.0 bad content".to_owned()),
            ),
        ] {
            let reply = Reply::Mail(MailReply {
                code,
                text: text.to_owned(),
            });
            let now = "2024-12-06T14:00:00Z".parse().unwrap();
            assert_eq!(email.verdict(&reply, now), verdict);
        }
    }

    #[test]
    fn names_before_addresses() {
        for from in [
            "ops@example.org",
            "Wirewatch <ops@example.org>",
            "Дозор <ops@example.org>",
            "\"Desk, night\" <ops@example.org>",
        ] {
            let settings = Settings {
                from: from.to_owned(),
                ..settings()
            };
            assert!(Email::new(settings).is_ok(), "{from}");
        }
    }

    #[test]
    fn bad_addresses_are_told() {
        for (from, to, problem) in [
            (
                "ops",
                "desk@example.org",
                "from: \"ops\" is not a mail address",
            ),
            ("ops@example.org", "desk at example.org", "to: "),
            (
                "a\r\nBcc: x@y.z <ops@example.org>",
                "desk@example.org",
                "control character",
            ),
            ("ops@exämple.org", "desk@example.org", "outside of ASCII"),
        ] {
            let settings = Settings {
                from: from.to_owned(),
                to: vec![to.to_owned()],
                ..settings()
            };
            let error = Email::new(settings).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        let error = Email::new(Settings {
            to: Vec::new(),
            ..settings()
        })
        .unwrap_err();
        assert_eq!(error, "to: nobody is named");
    }
}

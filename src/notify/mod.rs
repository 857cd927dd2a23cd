//! The services that people read. A notifier does no I/O and has no clock: it turns a message into an envelope and a reply
//! into a verdict; one postman (`deliver.rs`) posts.

pub mod bundle;
pub mod command;
pub mod discord;
pub mod email;
pub mod feed;
pub mod file;
pub mod gotify;
pub mod hold;
pub mod matrix;
pub mod mattermost;
pub mod ntfy;
pub mod pagerduty;
pub mod ping;
pub mod pushover;
pub mod slack;
pub mod stdout;
pub mod teams;
pub mod telegram;
#[cfg(test)]
mod tests;
mod verdict;
pub mod webhook;
pub mod wire;
pub mod words;

use std::time::Duration;

use globset::GlobSet;

use crate::{
    envelope::{Envelope, Reply},
    model::{Alert, Severity},
    render,
    time::Timestamp,
};

pub use hold::Hold;
pub use render::clean_line;
pub use verdict::{http_verdict, retry_after};

/// What deliver.rs can do next, decided from the reply alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Try again: after the time the service asked for, else by the usual backoff. The text says what it answered.
    TryAfter(Option<Duration>, String),
    /// This message will never be taken; trying again is useless.
    Refused(String),
    /// The first message of the alert, which this one would change or answer, is no longer there: send it as a new one.
    Anew(String),
    /// The service wants nothing more from us (410): no further message until the configuration is loaded anew.
    Gone(String),
}

/// A kind of service with its own settings.
pub trait Notifier: Send + Sync + std::fmt::Debug {
    /// The message as this service takes it.
    ///
    /// # Errors
    /// A sentence that says why it cannot be written; the delivery is dead.
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String>;

    /// What the reply means. `now` dates a `Retry-After` that names a time.
    fn verdict(&self, reply: &Reply, now: Timestamp) -> Verdict;

    /// What a later revision needs to change or answer this message, from the reply that accepted it; at most 1,000 bytes.
    fn handle(&self, _reply: &Reply) -> Option<String> {
        None
    }

    /// How many alerts one digest or summary may hold so that each of them is named in it.
    fn bundle_max(&self) -> usize {
        20
    }

    /// Whether it takes heartbeats alone, at once and never stored.
    fn only_beats(&self) -> bool {
        false
    }

    /// How many deliveries one message settles always; 1 where each alert is a message of its own.
    fn gathers(&self) -> usize {
        1
    }

    /// How many alerts of the past a message is made with.
    fn past_max(&self) -> usize {
        0
    }

    /// How many rounds of deliveries may run at once, 1 or more.
    fn slots(&self) -> usize {
        4
    }

    /// How many deliveries one round makes, one after the other, before they are recorded together, 1 or more. What lies
    /// on this machine takes many; over a network each is recorded on its own.
    fn batch(&self) -> usize {
        1
    }
}

/// One alert revision on its way to one receiver.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The idempotency key of (alert, revision, receiver): the same on every attempt.
    pub id: &'a str,
    /// In a digest or summary, the document that stands for all of `alerts`.
    pub alert: &'a Alert,
    /// What a digest or summary holds; empty for an alert on its own.
    pub alerts: &'a [Alert],
    /// What [`Notifier::handle`] gave for the alert's first message.
    pub handle: Option<&'a str>,
    /// Alerts that this receiver has had already, newest first, at most [`Notifier::past_max`].
    pub past: &'a [Alert],
    /// When this attempt is made.
    pub now: Timestamp,
}

impl<'a> Message<'a> {
    /// An alert on its own, sent for the first time.
    pub fn new(id: &'a str, alert: &'a Alert, now: Timestamp) -> Message<'a> {
        Message {
            id,
            alert,
            alerts: &[],
            handle: None,
            past: &[],
            now,
        }
    }
}

/// What becomes of an alert's first message when the alert is revised, where the service leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Updates {
    /// The revision answers the first message; once acknowledged or resolved, the first message itself is changed.
    #[default]
    Reply,
    /// The first message is changed.
    Edit,
    /// Each revision is a message of its own.
    New,
}

/// A configured destination.
#[derive(Debug)]
pub struct Receiver {
    pub name: String,
    /// The configuration's word for the kind of service: `webhook`.
    pub kind: String,
    pub wants: Wants,
    pub hold: Hold,
    /// Whom to tell when nobody acknowledges in time.
    pub escalation: Option<Escalation>,
    /// How often it is told that the daemon is alive.
    pub heartbeat: Option<Duration>,
    pub notifier: Box<dyn Notifier>,
}

impl Receiver {
    /// A receiver without wishes about time.
    pub fn new(name: &str, wants: Wants, notifier: Box<dyn Notifier>) -> Receiver {
        Receiver {
            name: name.to_owned(),
            kind: String::new(),
            wants,
            hold: Hold::default(),
            escalation: None,
            heartbeat: None,
            notifier,
        }
    }
}

/// What follows where an alert is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Counted from when the alert was delivered, or from when it was owed while it cannot be.
    pub within: Duration,
    /// The name of another receiver.
    pub then: String,
}

/// Which alerts a receiver is owed.
#[derive(Clone, Debug)]
pub struct Wants {
    pub severity_min: Severity,
    /// Globs over rule ids; `None` is every rule.
    pub rules: Option<GlobSet>,
    /// Any of these; empty is every tag.
    pub tags: Vec<String>,
}

impl Wants {
    pub fn takes(&self, rule: &str, severity: Severity, tags: &[String]) -> bool {
        severity >= self.severity_min
            && self.rules.as_ref().is_none_or(|globs| globs.is_match(rule))
            && (self.tags.is_empty() || tags.iter().any(|tag| self.tags.contains(tag)))
    }
}

/// How a receiver of lines writes an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The alert document, one a line (JSON Lines).
    #[default]
    Json,
    /// [`render::line`].
    Text,
}

impl Format {
    /// The alert on one line, without the line break.
    ///
    /// # Errors
    /// As [`document`].
    pub fn line(self, message: &Message<'_>) -> Result<String, String> {
        match self {
            Format::Json => document(message),
            Format::Text if message.alerts.is_empty() => Ok(render::line(message.alert)),
            Format::Text => {
                let lines: Vec<String> = message.alerts.iter().map(render::line).collect();
                Ok(format!(
                    "{}\n  {}",
                    render::line(message.alert),
                    lines.join("\n  ")
                ))
            }
        }
    }
}

/// The alert document as JSON on one line; that of a digest or summary holds its alerts whole in `alerts`. What could act on a terminal (control characters, bidirectional controls,
/// line separators) is written as `\u….`, which any reader of JSON turns back.
///
/// # Errors
/// A sentence, should the document not serialise.
pub fn document(message: &Message<'_>) -> Result<String, String> {
    #[derive(serde::Serialize)]
    struct Bundle<'a> {
        #[serde(flatten)]
        alert: &'a Alert,
        alerts: &'a [Alert],
    }
    let json = match message.alerts {
        [] => serde_json::to_string(message.alert),
        alerts => serde_json::to_string(&Bundle {
            alert: message.alert,
            alerts,
        }),
    };
    json.map(escape_json)
        .map_err(|error| format!("cannot write the alert as JSON: {error}"))
}

/// JSON in which what could act on a terminal is escaped.
fn escape_json(json: String) -> String {
    if !json.contains(render::is_unsafe) {
        return json;
    }
    // Outside of strings JSON is ASCII without controls, so each such character stands in a string and may be escaped.
    let mut safe = String::with_capacity(json.len() + 32);
    for c in json.chars() {
        if render::is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A colour for a severity, as chat services take it: 0xRRGGBB.
fn tint(severity: Severity) -> u32 {
    match severity {
        Severity::Info => 0x77_77_77,
        Severity::Low => 0x1a_5f_b4,
        Severity::Medium => 0xe5_a5_0a,
        Severity::High => 0xe6_61_00,
        Severity::Critical => 0xc0_1c_28,
    }
}

/// The reply was of another kind than what was sent: our own mistake, never the service's word.
fn odd_reply(reply: &Reply) -> Verdict {
    let kind = match reply {
        Reply::Http(_) => "an HTTP response",
        Reply::Mail(_) => "a mail server's reply",
        Reply::Written => "a written line",
        Reply::Exit(_) => "the end of a program",
    };
    Verdict::TryAfter(None, format!("{kind} is no answer to this message"))
}

/// An alert for the tests of all services, with text in it that a hostile feed might send.
#[cfg(test)]
pub(crate) mod sample {
    use super::*;
    use crate::model::{AlertItem, AlertStatus, AlertStory, AlertTiming, Field, Hit};

    pub fn alert() -> Alert {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        Alert {
            version: 1,
            id: "01938c2f-0000-7000-8000-000000000001".to_owned(),
            revision: 1,
            status: AlertStatus::Firing,
            rule: "rebel-advance".to_owned(),
            title: "Armed group gains ground".to_owned(),
            severity: Severity::High,
            tags: vec!["syria".to_owned()],
            drill: false,
            item: AlertItem {
                id: "https://news.example.org/1".to_owned(),
                feed: "bbc-world".to_owned(),
                publisher: "bbc".to_owned(),
                title: "Rebel forces advanced rapidly toward Homs".to_owned(),
                url: "https://news.example.org/1?a=1&b=2".to_owned(),
                summary: "Government troops left <b>& the insurgents</b> took the town.".to_owned(),
                lang: Some("en".to_owned()),
                published: Some(at("2024-12-06T14:02:00Z")),
                seen: at("2024-12-06T14:03:11.204Z"),
            },
            hits: vec![
                Hit {
                    field: Field::Title,
                    start: 0,
                    end: 21,
                    text: "Rebel forces advanced".to_owned(),
                    query: "rebel NEAR/8 advance".to_owned(),
                },
                Hit {
                    field: Field::Summary,
                    start: 32,
                    end: 42,
                    text: "insurgents".to_owned(),
                    query: "@armed-group".to_owned(),
                },
            ],
            story: AlertStory {
                id: "01938c2f-0000-7000-8000-000000000002".to_owned(),
                items: 3,
                publishers: vec!["aljazeera".to_owned(), "bbc".to_owned()],
                origins: 2,
            },
            timing: AlertTiming {
                published: Some(at("2024-12-06T14:02:00Z")),
                seen: at("2024-12-06T14:03:11.204Z"),
                matched: at("2024-12-06T14:03:11.205Z"),
                queued: at("2024-12-06T14:03:11.206Z"),
            },
        }
    }

    /// The same alert with text that tries everything at once.
    pub fn hostile() -> Alert {
        let mut alert = alert();
        alert.title = "Title\r\nBcc: everyone@example.org".to_owned();
        alert.item.title =
            "\u{1b}[2J<script>alert(1)</script>\u{202e}gnp.exe\u{2028}\u{9b}31m\0 \"quoted\""
                .to_owned();
        alert.item.summary = "line one\r\n.\r\nQUIT\r\n<!channel> @everyone {{ 7 * 7 }}".to_owned();
        alert.item.url = "javascript:alert(1)".to_owned();
        alert.hits.clear();
        alert
    }
}

#[cfg(test)]
mod lines {
    use globset::{Glob, GlobSetBuilder};

    use super::{file::File, stdout::Stdout, *};

    #[test]
    fn every_line_is_one_clean_line() {
        let now = "2024-12-06T14:03:12Z".parse().unwrap();
        for alert in [sample::alert(), sample::hostile()] {
            for format in [Format::Json, Format::Text] {
                let message = Message::new("msg_1", &alert, now);
                let Envelope::Print(printed) = (Stdout { format }).compose(&message).unwrap()
                else {
                    panic!("not printed");
                };
                let file = File {
                    path: "alerts.jsonl".into(),
                    format,
                };
                let Envelope::Append { line, .. } = file.compose(&message).unwrap() else {
                    panic!("not appended");
                };
                assert_eq!(printed, line);
                assert!(!line.contains(render::is_unsafe), "{line:?}");
                if format == Format::Json {
                    let read: Alert = serde_json::from_str(&line).unwrap();
                    assert_eq!(read, alert, "escaped, not lost");
                }
            }
        }
    }

    #[test]
    fn a_reply_of_another_kind_is_never_taken_for_success() {
        let now = "2024-12-06T14:03:12Z".parse().unwrap();
        let stdout = Stdout {
            format: Format::Json,
        };
        assert_eq!(stdout.verdict(&Reply::Written, now), Verdict::Accepted);
        let mail = Reply::Mail(crate::envelope::MailReply {
            code: 250,
            text: String::new(),
        });
        assert!(matches!(
            stdout.verdict(&mail, now),
            Verdict::TryAfter(None, _)
        ));
    }

    #[test]
    fn wants() {
        let globs = |globs: &[&str]| {
            let mut set = GlobSetBuilder::new();
            for glob in globs {
                set.add(Glob::new(glob).unwrap());
            }
            Some(set.build().unwrap())
        };
        let tagged = |tags: &[&str]| tags.iter().map(|tag| tag.to_string()).collect::<Vec<_>>();
        for (severity_min, rules, tags, is_taken) in [
            (Severity::Info, None, tagged(&[]), true),
            (Severity::High, None, tagged(&[]), true),
            (Severity::Critical, None, tagged(&[]), false),
            (Severity::Info, globs(&["rebel-*"]), tagged(&[]), true),
            (
                Severity::Info,
                globs(&["flood", "*-advance"]),
                tagged(&[]),
                true,
            ),
            (Severity::Info, globs(&["flood"]), tagged(&[]), false),
            (Severity::Info, globs(&[]), tagged(&[]), false),
            (Severity::Info, None, tagged(&["sudan", "syria"]), true),
            (Severity::Info, None, tagged(&["sudan"]), false),
        ] {
            let wants = Wants {
                severity_min,
                rules,
                tags,
            };
            let is_wanted = wants.takes("rebel-advance", Severity::High, &tagged(&["syria"]));
            assert_eq!(is_wanted, is_taken, "{wants:?}");
        }
    }
}

//! What `[receivers.NAME]` says of the services that people read: their addresses and keys, the words of their messages,
//! and when they want them.

use std::{path::Path, time::Duration};

use super::{
    checked::{Named, Written},
    receivers::{Maker, TIMEOUT},
    settings::under,
    value::{Complaint, web_url},
};
use crate::{
    model::{Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Field, Hit, Severity},
    notify::{
        Escalation, Hold, Notifier, Updates,
        command::Command,
        discord::Discord,
        feed::{FeedFile, FeedFormat},
        gotify::Gotify,
        hold::{Quiet, Rate},
        matrix::Matrix,
        mattermost::Mattermost,
        ntfy::Ntfy,
        pagerduty::PagerDuty,
        ping::Ping,
        pushover::Pushover,
        slack::{Bot, Slack},
        teams::Teams,
        telegram::Telegram,
        wire::Wire,
        words::Words,
    },
    render::{Markup, Template},
    secret::Secret,
    time::{Timestamp, parse_duration},
};

impl Maker<'_> {
    /// The notifier of a chat, push or file service; `None` where its settings are wrong, which is reported.
    pub fn service(&mut self, kind: &str) -> Option<Box<dyn Notifier>> {
        let found_before = self.findings.len();
        let notifier = self.service_of(kind)?;
        (self.findings.len() == found_before).then_some(notifier)
    }

    fn service_of(&mut self, kind: &str) -> Option<Box<dyn Notifier>> {
        Some(match kind {
            "slack" => Box::new(self.slack()?),
            "discord" => {
                let words = self.words(Discord::MARKUP);
                Box::new(Discord {
                    wire: self.secret_address()?,
                    username: self.text("username"),
                    updates: match self.table.text("updates") {
                        Some("new") => Updates::New,
                        _ => Updates::Edit,
                    },
                    words: words?,
                })
            }
            "telegram" => {
                let (words, wire) = (
                    self.words(Telegram::MARKUP),
                    self.server("https://api.telegram.org"),
                );
                Box::new(Telegram {
                    wire: wire?,
                    token: self.path_token("token")?,
                    chat: self.filled("chat")?,
                    topic: self.table.integer("topic"),
                    updates: self.updates(),
                    words: words?,
                })
            }
            "ntfy" => {
                let (words, wire) = (self.words(Ntfy::MARKUP), self.server("https://ntfy.sh"));
                Box::new(Ntfy {
                    wire: wire?,
                    topic: self.filled("topic")?,
                    token: match self.table.has("token") {
                        true => Some(self.token("token")?),
                        false => None,
                    },
                    words: words?,
                })
            }
            "matrix" => {
                let (words, wire) = (self.words(Matrix::MARKUP), self.server(""));
                let room = self.table.written("room").cloned();
                if let Some(room) = room.filter(|room| !room.text.starts_with('!')) {
                    let complaint = Complaint::new("is not a room's id")
                        .help("write the id, which begins with !, not the room's name: the room's settings show it");
                    self.complain::<()>(&room, complaint);
                }
                Box::new(Matrix {
                    wire: wire?,
                    token: self.token("token")?,
                    room: self.filled("room")?,
                    updates: self.updates(),
                    words: words?,
                })
            }
            "mattermost" => {
                let words = self.words(Mattermost::MARKUP);
                Box::new(Mattermost {
                    wire: self.secret_address()?,
                    channel: self.text("channel"),
                    words: words?,
                })
            }
            "teams" => {
                let words = self.words(Teams::MARKUP);
                Box::new(Teams {
                    wire: self.secret_address()?,
                    words: words?,
                })
            }
            "pagerduty" => {
                let (words, wire) = (
                    self.words(PagerDuty::MARKUP),
                    self.server("https://events.pagerduty.com"),
                );
                Box::new(PagerDuty {
                    wire: wire?,
                    routing_key: self.token("routing_key")?,
                    words: words?,
                })
            }
            "gotify" => {
                let (words, wire) = (self.words(Gotify::MARKUP), self.server(""));
                Box::new(Gotify {
                    wire: wire?,
                    token: self.token("token")?,
                    words: words?,
                })
            }
            "pushover" => {
                let (words, wire) = (
                    self.words(Pushover::MARKUP),
                    self.server("https://api.pushover.net"),
                );
                Box::new(Pushover {
                    wire: wire?,
                    token: self.token("token")?,
                    user: self.token("user")?,
                    words: words?,
                })
            }
            "command" => Box::new(self.command()?),
            "feed" => Box::new(self.feed()?),
            "ping" => Box::new(Ping {
                wire: self.secret_address()?,
            }),
            _ => return None,
        })
    }

    fn slack(&mut self) -> Option<Slack> {
        let words = self.words(Slack::MARKUP);
        let is_bot = self.table.is_written("token") || self.table.is_written("channel");
        if !is_bot && !self.table.is_written("url") {
            let help = "add url = … of an incoming webhook, or token = … and channel = … of a bot";
            return self.refuse(
                "type",
                "Slack needs `url`, or `token` and `channel`",
                Some(help.to_owned()),
            );
        }
        for (one, other) in [("token", "channel"), ("channel", "token")] {
            if is_bot && !self.table.is_written(one) {
                return self.refuse(other, &format!("`{other}` without `{one}`"), None);
            }
        }
        let bot = match is_bot {
            true => Some(Bot {
                token: self.token("token")?,
                channel: self.filled("channel")?,
            }),
            false => None,
        };
        Some(Slack {
            wire: match self.table.has("url") {
                true => self.secret_address()?,
                false => self.wire("https://slack.com".to_owned()),
            },
            bot,
            updates: self.updates(),
            words: words?,
        })
    }

    fn command(&mut self) -> Option<Command> {
        let argv = self.table.words("argv");
        let spot = self.table.texts("argv").first().cloned();
        match (argv.first(), spot) {
            (None, _) => return self.refuse("argv", "`argv` names no program", None),
            (Some(program), Some(written))
                if program.is_empty() || argv.iter().any(|word| word.contains('\0')) =>
            {
                return self.complain(&written, Complaint::new("is not a program's name"));
            }
            _ => {}
        }
        let here = Path::new(".");
        Some(Command {
            argv,
            folder: under(
                self.environment.state_directory.as_deref(),
                self.environment,
                here,
            ),
            timeout: self.table.time("timeout").unwrap_or(TIMEOUT),
        })
    }

    fn feed(&mut self) -> Option<FeedFile> {
        let words = self.words(FeedFile::MARKUP);
        let path = self.table.written("path").cloned()?;
        if path.text.is_empty() || path.text.ends_with('/') {
            return self.complain(&path, Complaint::new("names no file"));
        }
        let url = match self.table.written("url").cloned() {
            Some(written) => Some(self.checked_url(&written)?),
            None => None,
        };
        Some(FeedFile {
            path: under(
                self.environment.state_directory.as_deref(),
                self.environment,
                Path::new(&path.text),
            ),
            format: match self.table.text("format") {
                Some("json") => FeedFormat::Json,
                _ => FeedFormat::Atom,
            },
            name: self
                .text("name")
                .unwrap_or_else(|| "wirewatch alerts".to_owned()),
            url,
            entries_max: self
                .table
                .integer("entries")
                .and_then(|entries| usize::try_from(entries).ok())
                .unwrap_or(100),
            words: words?,
        })
    }

    /// When the receiver wants what it is owed.
    pub fn hold(&mut self) -> Hold {
        let quiet = self.table.table("quiet").and_then(|quiet| {
            let (from, to) = quiet.text("hours")?.split_once('-')?;
            let zone = quiet.text("tz").unwrap_or("UTC");
            let zone = match jiff::tz::TimeZone::get(zone) {
                Ok(zone) => zone,
                // The name passed `check`; the machine has no such table.
                Err(error) => {
                    let message =
                        format!("this machine does not know the time zone {zone}: {error}");
                    return self.refuse("quiet", &message, Some("install tzdata".to_owned()));
                }
            };
            Some(Quiet {
                from: from.parse().ok()?,
                to: to.parse().ok()?,
                zone,
                pass: quiet.severity("pass"),
            })
        });
        let rate = self.table.text("rate").and_then(|rate| {
            let (messages, unit) = rate.split_once('/')?;
            Some(Rate {
                messages: messages.parse().ok()?,
                per: parse_duration(&format!("1{unit}")).ok()?,
            })
        });
        Hold {
            digest: self.table.time("digest"),
            quiet,
            rate,
        }
    }

    /// Whom the receiver's unanswered alerts go to next; it must be another receiver of the configuration.
    pub fn escalation(&mut self, name: &Written, all: &[Named<'_>]) -> Option<Escalation> {
        let ack = self.table.table("ack")?;
        let then = ack.written("then")?.clone();
        let names = || all.iter().map(|(name, _)| name.text.as_str());
        if then.text == name.text {
            return self.complain(&then, Complaint::new("is this receiver itself"));
        }
        if !names().any(|known| known == then.text) {
            let complaint = Complaint::new("is not a receiver");
            let complaint = match super::value::did_you_mean(&then.text, names()) {
                Some(meant) => complaint.help(format!("did you mean `{meant}`?")),
                None => complaint,
            };
            return self.complain(&then, complaint);
        }
        Some(Escalation {
            within: ack.time("within")?,
            then: then.text,
        })
    }

    /// The receiver's own templates, else the usual words.
    pub fn words(&mut self, markup: (Markup, Markup)) -> Option<Words> {
        let mut words = Words::usual(markup);
        for (key, part, markup) in [
            ("title", &mut words.title, markup.0),
            ("body", &mut words.body, markup.1),
        ] {
            let Some(written) = self.table.written(key).cloned() else {
                continue;
            };
            match Template::new(&written.text, markup, &samples()) {
                Ok(template) => *part = Some(template),
                Err(error) => {
                    let complaint = Complaint::new(format!("is a template that {}", error.message))
                        .help("it may name severity, title, rule, headline, linked, summary, words, publishers, items, origins, first_seen, age, link, item.title, …");
                    let complaint = match error.range {
                        Some(range)
                            if written
                                .text
                                .get(range.clone())
                                .is_some_and(|part| !part.is_empty()) =>
                        {
                            complaint.at(range)
                        }
                        _ => complaint,
                    };
                    return self.complain(&written, complaint);
                }
            }
        }
        Some(words)
    }

    fn updates(&self) -> Updates {
        match self.table.text("updates") {
            Some("edit") => Updates::Edit,
            Some("new") => Updates::New,
            _ => Updates::Reply,
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        self.table.text(key).map(str::to_owned)
    }

    /// A text that must say something.
    fn filled(&mut self, key: &str) -> Option<String> {
        let written = self.table.written(key).cloned()?;
        match written.text.trim().is_empty() || written.text.chars().any(char::is_control) {
            true => self.complain(
                &written,
                Complaint::new("is empty, or holds a control character"),
            ),
            false => Some(written.text),
        }
    }

    /// A key that travels in a header or a body.
    fn token(&mut self, key: &str) -> Option<Secret> {
        let token = self.table.secret(key)?.expose().trim().to_owned();
        match token.is_empty() || token.chars().any(|c| c.is_control() || c.is_whitespace()) {
            true => self.refuse(
                key,
                &format!("`{key}` is empty, or holds a space or a control character"),
                None,
            ),
            false => Some(Secret::new(token)),
        }
    }

    /// A key that travels in an address: nothing in it may end the path.
    fn path_token(&mut self, key: &str) -> Option<Secret> {
        let token = self.token(key)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
        match token.expose().chars().all(is_plain) {
            true => Some(token),
            false => self.refuse(
                key,
                &format!("`{key}` is not a bot's token: such as 123456:ABC-DEF"),
                None,
            ),
        }
    }

    fn wire(&self, url: String) -> Wire {
        Wire {
            url,
            timeout: self.table.time("timeout").unwrap_or(TIMEOUT),
            allow_private: self.table.bool("allow_private").unwrap_or(false),
        }
    }

    /// `url`, which is a key and never shown.
    fn secret_address(&mut self) -> Option<Wire> {
        let url = self.table.secret("url")?.expose().to_owned();
        match web_url(&url) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.refuse("url", "the address holds a user name or a password", None)
            }
            Ok(_) => Some(self.wire(url)),
            // The address may be a secret: what is wrong is said without it.
            Err(complaint) => self.refuse(
                "url",
                &format!("the address {}", complaint.message),
                complaint.help,
            ),
        }
    }

    /// `server`, an address without a path.
    fn server(&mut self, usual: &str) -> Option<Wire> {
        let url = match self.table.written("server").cloned() {
            Some(written) => self.checked_url(&written)?,
            None if usual.is_empty() => return None,
            None => usual.to_owned(),
        };
        Some(self.wire(url))
    }

    fn checked_url(&mut self, written: &Written) -> Option<String> {
        match web_url(&written.text) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.complain(written, Complaint::new("holds a user name or a password"))
            }
            Ok(_) => Some(written.text.clone()),
            Err(complaint) => self.complain(written, complaint),
        }
    }
}

/// Alerts that a template must do with: one with everything, one with as little as can be.
fn samples() -> [Alert; 2] {
    let at = Timestamp::UNIX_EPOCH;
    let full = Alert {
        version: 1,
        id: "01938c2f-0000-7000-8000-000000000001".to_owned(),
        revision: 2,
        status: AlertStatus::Firing,
        rule: "rebel-advance".to_owned(),
        title: "Armed group gains ground".to_owned(),
        severity: Severity::High,
        tags: vec!["syria".to_owned()],
        drill: false,
        item: AlertItem {
            id: "1".to_owned(),
            feed: "bbc-world".to_owned(),
            publisher: "bbc".to_owned(),
            title: "Rebels advance".to_owned(),
            url: "https://news.example.org/1".to_owned(),
            summary: "They took the town.".to_owned(),
            lang: Some("en".to_owned()),
            published: Some(at),
            seen: at,
        },
        hits: vec![Hit {
            field: Field::Title,
            start: 0,
            end: 6,
            text: "Rebels".to_owned(),
            query: "rebel".to_owned(),
        }],
        story: AlertStory {
            id: "1".to_owned(),
            items: 3,
            publishers: vec!["aljazeera".to_owned(), "bbc".to_owned()],
            origins: 2,
        },
        timing: AlertTiming {
            published: Some(at),
            seen: at,
            matched: at,
            queued: crate::time::after(at, Duration::from_secs(1)),
        },
    };
    let mut bare = full.clone();
    bare.tags.clear();
    bare.hits.clear();
    bare.item.title.clear();
    bare.item.url.clear();
    bare.item.summary.clear();
    bare.item.lang = None;
    bare.item.published = None;
    bare.story.publishers.clear();
    [full, bare]
}

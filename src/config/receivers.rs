//! `[receivers.NAME]`: each type's keys become that notifier's own settings.

use std::{path::Path, sync::Arc, time::Duration};

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::{
    checked::{Checked, Named, Written},
    environment::Environment,
    include::Files,
    problem::Finding,
    settings::{complain_in, under},
    source::Spot,
    value::{Complaint, did_you_mean, web_url},
};
use crate::{
    envelope::{MailSecurity, MailServer},
    model::Severity,
    notify::{
        Format, Notifier, Receiver, Wants,
        email::{self, Email},
        file::File,
        stdout::Stdout,
        webhook::{self, Webhook},
    },
    secret::Secret,
};

/// For one attempt, where the configuration says nothing.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// All receivers of all files, in the order of the files.
pub fn receivers(
    named: &[Named<'_>],
    files: &Files,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> Vec<Arc<Receiver>> {
    let mut receivers = Vec::with_capacity(named.len());
    let is_broken = |table: &Checked| {
        files
            .sources
            .get(table.spot.file())
            .is_none_or(|source| source.is_broken)
    };
    // Half a file makes half a receiver, and what seems to be its address may be its password.
    for (name, table) in named.iter().filter(|(_, table)| !is_broken(table)) {
        let mut maker = Maker {
            table,
            files,
            environment,
            findings,
        };
        let kind = table.text("type").unwrap_or_default();
        let notifier: Option<Box<dyn Notifier>> = match kind {
            "stdout" => Some(Box::new(Stdout {
                format: maker.format(),
            })),
            "file" => maker.file().map(boxed),
            "webhook" => maker.webhook().map(boxed),
            "email" => maker.email().map(boxed),
            _ => maker.service(kind),
        };
        let hold = maker.hold();
        if maker.table.text("type") == Some("ping") && !table.has("heartbeat") {
            let help = "add heartbeat = \"5m\"".to_owned();
            maker.refuse::<()>(
                "type",
                "a ping without `heartbeat` does nothing",
                Some(help),
            );
        }
        let escalation = maker.escalation(name, named);
        if let Some(notifier) = notifier {
            let wants = Wants {
                severity_min: table.severity("min_severity").unwrap_or(Severity::Info),
                rules: match notifier.only_beats() || has_no_rules(table) {
                    true => Some(GlobSet::empty()),
                    false => globs(table.texts("rules")),
                },
                tags: table.words("tags"),
            };
            receivers.push(Arc::new(Receiver {
                kind: kind.to_owned(),
                hold,
                escalation,
                heartbeat: table.time("heartbeat"),
                ..Receiver::new(&name.text, wants, notifier)
            }));
        }
    }
    receivers
}

/// `rules = []`: it hears of what others pass on and of notices, and of no rule.
pub fn has_no_rules(table: &Checked) -> bool {
    table.has("rules") && table.texts("rules").is_empty()
}

fn boxed(notifier: impl Notifier + 'static) -> Box<dyn Notifier> {
    Box::new(notifier)
}

/// `[notices] to`: names of receivers that there are.
pub fn notices_to(
    table: Option<&Checked>,
    receivers: &[Named<'_>],
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Vec<String> {
    let names = || receivers.iter().map(|(name, _)| name.text.as_str());
    let is_whole = files.sources.iter().all(|source| !source.is_broken);
    let mut to: Vec<String> = Vec::new();
    for written in table.map_or(&[][..], |table| table.texts("to")) {
        if !names().any(|name| name == written.text) {
            // A receiver may stand in the part of a file that could not be read.
            if is_whole {
                let complaint = Complaint::new("is not the name of a receiver");
                let complaint = match did_you_mean(&written.text, names()) {
                    Some(meant) => complaint.help(format!("did you mean `{meant}`?")),
                    None if receivers.is_empty() => {
                        complaint.help(format!("add `[receivers.{}]`", written.text))
                    }
                    None => complaint.help(format!(
                        "receivers here: {}",
                        names().collect::<Vec<_>>().join(", ")
                    )),
                };
                findings.extend(complain_in(files, written, complaint));
            }
        } else if !to.contains(&written.text) {
            to.push(written.text.clone());
        }
    }
    to
}

/// Globs that were checked one by one; `None` where there are none.
pub fn globs(written: &[Written]) -> Option<GlobSet> {
    let mut builder = GlobSetBuilder::new();
    for written in written {
        builder.add(Glob::new(&written.text).ok()?);
    }
    match written.is_empty() {
        true => None,
        false => builder.build().ok(),
    }
}

/// One receiver's table on its way to a notifier.
pub(super) struct Maker<'a> {
    pub table: &'a Checked,
    pub files: &'a Files,
    pub environment: &'a Environment,
    pub findings: &'a mut Vec<Finding>,
}

impl Maker<'_> {
    fn format(&self) -> Format {
        match self.table.text("format") {
            Some("text") => Format::Text,
            _ => Format::Json,
        }
    }

    fn file(&mut self) -> Option<File> {
        let written = self.table.written("path")?;
        if written.text.is_empty() || written.text.ends_with('/') {
            return self.complain(written, Complaint::new("names no file"));
        }
        Some(File {
            path: under(
                self.environment.state_directory.as_deref(),
                self.environment,
                Path::new(&written.text),
            ),
            format: self.format(),
        })
    }

    fn webhook(&mut self) -> Option<Webhook> {
        let found_before = self.findings.len();
        let url = self.table.secret("url").map(|url| url.expose().to_owned());
        let wrong = match url.as_deref().map(web_url) {
            Some(Ok(url)) if !url.username().is_empty() || url.password().is_some() => Some(
                Complaint::new("holds a user name or a password")
                    .help("write headers = { Authorization = \"Basic …\" }"),
            ),
            Some(Err(complaint)) => Some(complaint),
            _ => None,
        };
        if let Some(complaint) = wrong {
            // The address may be a secret: what is wrong is said without it.
            self.refuse::<()>(
                "url",
                &format!("the address {}", complaint.message),
                complaint.help,
            );
        }
        let mut settings = webhook::Settings {
            url: "https://localhost/".to_owned(),
            secret: self.table.secret("secret").cloned(),
            headers: Vec::new(),
            timeout: self.table.time("timeout").unwrap_or(TIMEOUT),
            allow_private: self.table.bool("allow_private").unwrap_or(false),
        };
        // Each part is tried alone, so that one mistake does not hide another.
        if let Err(message) = Webhook::new(settings.clone()) {
            self.refuse::<()>("secret", &message, None);
        }
        settings.secret = None;
        for header in self.headers() {
            settings.headers = vec![header.1];
            if let Err(message) = Webhook::new(settings.clone()) {
                self.findings.push(Finding::error(header.0, message));
            }
        }
        if self.findings.len() > found_before {
            return None;
        }
        settings.url = url?;
        settings.secret = self.table.secret("secret").cloned();
        settings.headers = self
            .headers()
            .into_iter()
            .map(|(_, header)| header)
            .collect();
        match Webhook::new(settings) {
            Ok(webhook) => Some(webhook),
            Err(message) => self.refuse("url", &message, None),
        }
    }

    /// The headers, names in lower case, each with its place.
    fn headers(&mut self) -> Vec<(Spot, (String, Secret))> {
        let mut headers: Vec<(Spot, (String, Secret))> = Vec::new();
        for (name, value) in self.table.secrets("headers") {
            let lower = name.text.to_ascii_lowercase();
            if headers.iter().any(|(_, (known, _))| *known == lower) {
                self.complain::<()>(name, Complaint::new("is here twice: case does not count"));
            }
            headers.push((name.spot, (lower, value.clone())));
        }
        headers
    }

    fn email(&mut self) -> Option<Email> {
        let security = match self.table.text("tls") {
            Some("starttls") => MailSecurity::StartTls,
            Some("none") => MailSecurity::None,
            _ => MailSecurity::Tls,
        };
        let port_usual = match security {
            MailSecurity::Tls => 465,
            MailSecurity::StartTls => 587,
            MailSecurity::None => 25,
        };
        let port = self
            .table
            .integer("port")
            .and_then(|port| u16::try_from(port).ok());
        let credentials = self.credentials(security);
        let host = self.table.written("host").and_then(|host| self.host(host));
        let from = self
            .table
            .written("from")
            .and_then(|from| self.mailbox(from));
        let readers = self.table.texts("to");
        let to: Vec<String> = readers.iter().filter_map(|to| self.mailbox(to)).collect();
        if self.table.has("to") && readers.is_empty() {
            return self.refuse("to", "`to` names nobody", None);
        }
        if to.is_empty() {
            return None;
        }
        let settings = email::Settings {
            server: MailServer {
                host: host?,
                port: port.unwrap_or(port_usual),
                security,
                credentials,
            },
            from: from?,
            to,
            timeout: self.table.time("timeout").unwrap_or(TIMEOUT),
            allow_private: self.table.bool("allow_private").unwrap_or(false),
        };
        let words = self.words(Email::MARKUP)?;
        match Email::new(settings) {
            Ok(email) => Some(email.with_words(words)),
            Err(message) => self.refuse("from", &message, None),
        }
    }

    /// A login needs both halves, and is never sent in plain text.
    fn credentials(&mut self, security: MailSecurity) -> Option<(String, Secret)> {
        let username = self.table.text("username").map(str::to_owned);
        let password = self.table.secret("password").cloned();
        match (username, password) {
            (Some(username), Some(password)) => {
                if security == MailSecurity::None {
                    let help = "write tls = \"tls\" or \"starttls\"";
                    let message = "a login over an unencrypted connection would show the password";
                    return self.refuse("username", message, Some(help.to_owned()));
                }
                Some((username, password))
            }
            (Some(_), None) if !self.table.is_written("password") => {
                self.refuse("username", "`username` without `password`", None)
            }
            (None, Some(_)) if !self.table.is_written("username") => {
                self.refuse("password", "`password` without `username`", None)
            }
            _ => None,
        }
    }

    fn host(&mut self, written: &Written) -> Option<String> {
        let is_host = url::Host::parse(&written.text).is_ok()
            || written.text.parse::<std::net::IpAddr>().is_ok();
        match is_host {
            true => Some(written.text.clone()),
            false => {
                let complaint = Complaint::new("is not the name of a host");
                self.complain(
                    written,
                    complaint.help("write it without port and scheme, such as smtp.example.org"),
                )
            }
        }
    }

    fn mailbox(&mut self, written: &Written) -> Option<String> {
        match email::mailbox(&written.text) {
            Ok(_) => Some(written.text.clone()),
            Err(_) => {
                let complaint = Complaint::new("is not a mail address");
                self.complain(
                    written,
                    complaint.help("write desk@example.org or Desk <desk@example.org>, in ASCII"),
                )
            }
        }
    }

    /// Reports a problem with the value of a key, and gives nothing.
    pub fn refuse<T>(&mut self, key: &str, message: &str, help: Option<String>) -> Option<T> {
        let finding = Finding::error(self.table.spot_of(key), message);
        self.findings.push(Finding { help, ..finding });
        None
    }

    /// Reports a problem with a string, and gives nothing.
    pub fn complain<T>(&mut self, written: &Written, complaint: Complaint) -> Option<T> {
        self.findings
            .extend(complain_in(self.files, written, complaint));
        None
    }
}

//! What leaves and what comes back, as plain data: notifiers and the poller compose it, the `net` door carries it.

use std::{any::Any, path::PathBuf, sync::Arc, time::Duration};

use crate::{secret::Secret, time::Timestamp};

/// What leaves: an HTTP request, a mail, or words for something on this machine.
#[derive(Clone, Debug)]
pub enum Envelope {
    Http(Request),
    Mail(Box<Mail>),
    /// A line for our standard output.
    Print(String),
    /// A line for the end of a file, created when it is not there, flushed to disk before the answer.
    Append {
        path: PathBuf,
        line: String,
    },
    /// A whole file, replaced in one step.
    Replace {
        path: PathBuf,
        text: String,
    },
    /// A program of the operator's.
    Run(Program),
}

/// A program to run once, without a shell.
#[derive(Clone)]
pub struct Program {
    /// The program and its arguments, all from the configuration.
    pub argv: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// For its standard input.
    pub input: Vec<u8>,
    /// Variables beside `PATH`, `HOME`, `LANG`, `TZ` and `TMPDIR`, which alone it inherits: the daemon's environment may hold secrets.
    pub environment: Vec<(String, String)>,
    /// Then it is killed.
    pub timeout: Duration,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Arguments may be keys.
        f.debug_struct("Program")
            .field("program", &self.argv.first())
            .field("arguments", &self.argv.len().saturating_sub(1))
            .field("input_bytes", &self.input.len())
            .finish_non_exhaustive()
    }
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    /// The beginning of what it wrote to standard error, else to standard output.
    pub said: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Http(Response),
    Mail(MailReply),
    /// Printed, appended or replaced.
    Written,
    Exit(Exit),
}

/// An HTTP request with everything that bounds it.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    /// `https:` or `http:`; from the configuration also `file:`, which answers as a server would, 304 included.
    /// May be a secret as a whole: chat services hand out addresses that need no other key. `Debug` masks it.
    pub url: String,
    /// Names in lower case; values byte for byte.
    pub headers: Vec<(String, HeaderText)>,
    pub body: Vec<u8>,
    pub limits: Limits,
}

/// A header value: plain, or one that must not print.
#[derive(Clone, Debug)]
pub enum HeaderText {
    Plain(Vec<u8>),
    Secret(Secret),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the whole exchange: name, connection, redirects, headers, body.
    pub total: Duration,
    /// Of the body after decompression. A longer answer to a GET is an error; of other answers the beginning is kept.
    pub body_bytes_max: usize,
    /// How many redirects a GET follows; one more is an error. At 0, and for other methods, a redirect is the answer.
    pub redirects_max: u8,
    /// Whether private, loopback and link-local addresses may be connected to.
    pub allow_private: bool,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case; values byte for byte.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Decompressed, gzip also where the server does not call it so. Of anything but a GET's success only the first 8 KiB; of a 204 or 304 nothing.
    pub body: Vec<u8>,
    /// The address that answered, after redirects, without a user name or password.
    pub url: String,
    /// Where 301 and 308 answers alone led, when the chain began with one: what a client may remember (RFC 9110, 15.4.2, 15.4.9).
    pub moved_to: Option<String>,
    /// Why the body ends before its end, where the connection or a compressed stream broke off on the way: all that came before
    /// is there, and it is not empty. Only of a GET's success.
    pub cut: Option<String>,
    pub room: Room,
}

/// What a body takes of a memory that bodies share, where it takes any; given back with the answer's last copy. No part of
/// what an answer says: two answers with the same words are equal.
#[derive(Clone, Default)]
pub struct Room {
    _held: Option<Arc<dyn Any + Send + Sync>>,
}

impl Room {
    pub fn held(held: impl Any + Send + Sync) -> Room {
        Room {
            _held: Some(Arc::new(held)),
        }
    }
}

impl PartialEq for Room {
    fn eq(&self, _: &Room) -> bool {
        true
    }
}

impl Eq for Room {}

impl Response {
    /// The first header of this name (lower case), byte for byte.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The first header of this name (lower case) where it is visible ASCII.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name)
            .and_then(|value| std::str::from_utf8(value).ok())
            .map(str::trim)
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &masked_url(&self.url))
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .field("limits", &self.limits)
            .finish()
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("url", &masked_url(&self.url))
            .field("moved_to", &self.moved_to.as_deref().map(masked_url))
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// The part of an address that may be shown where the rest may be a secret: scheme, host and port.
pub fn masked_url(url: &str) -> String {
    let Ok(parsed) = url::Url::parse(url) else {
        return "[an address that cannot be read]".to_owned();
    };
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let has_more = parsed.path().len() > 1 || parsed.query().is_some();
    let rest = if has_more { "/…" } else { "" };
    format!("{}://{host}{port}{rest}", parsed.scheme())
}

/// A mail and the server that takes it. Every text is clean: no control characters in headers.
#[derive(Clone, Debug)]
pub struct Mail {
    pub server: MailServer,
    pub from: String,
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    /// Without angle brackets, stable over retries: `<alert id>.<revision>.<hash of the recipients>@<sender's domain>`.
    pub message_id: String,
    /// The first message of the same alert, for threading.
    pub in_reply_to: Option<String>,
    pub date: Timestamp,
    pub timeout: Duration,
    pub allow_private: bool,
}

#[derive(Clone, Debug)]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    pub credentials: Option<(String, Secret)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS from the first byte (port 465).
    Tls,
    /// Plain, then STARTTLS, which must succeed (port 587).
    StartTls,
    /// No encryption, only where the configuration says so in words.
    None,
}

/// What the mail server answered last: to the message where it took one, else to the command it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailReply {
    pub code: u16,
    pub text: String,
}

/// Why there is no reply. Each variant is something that a person or a schedule treats differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetError {
    /// The name has no address: `no such host: feeds.example.org`.
    Name(String),
    /// Nobody accepted the connection.
    Connect(String),
    Tls(String),
    /// The limit of one stage of an HTTP exchange passed, or that of the whole exchange while in this stage.
    Late {
        stage: Stage,
        after: Duration,
    },
    /// The limit of anything else passed; says while doing what.
    TimedOut {
        doing: &'static str,
        after: Duration,
    },
    /// The body passed its limit and was cut off.
    TooLarge {
        bytes_max: usize,
    },
    /// Too many large bodies were read at once; this one was given up after so many bytes.
    Crowded {
        bytes: usize,
    },
    TooManyRedirects {
        max: u8,
    },
    /// A private address, and the configuration does not allow those.
    Private(String),
    /// The connection broke, or what came was not HTTP, or would not decompress.
    Broken(String),
    /// The address or a header cannot be sent at all: trying again is useless.
    Unsendable(String),
    /// Something on this machine failed: a full disk, a missing folder.
    Local(String),
}

/// How far an HTTP exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Lookup,
    Connect,
    Tls,
    FirstByte,
    /// With so many bytes read.
    Body {
        bytes: usize,
    },
}

impl std::fmt::Display for NetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetError::Name(text) => write!(f, "DNS: {text}"),
            NetError::Connect(text) => write!(f, "connect: {text}"),
            NetError::Tls(text) => write!(f, "TLS: {text}"),
            NetError::Late { stage, after } => {
                let after = crate::time::show_duration(*after);
                match stage {
                    Stage::Lookup => write!(f, "DNS: no answer in {after}"),
                    Stage::Connect => write!(f, "connect: no answer in {after}"),
                    Stage::Tls => write!(f, "TLS: no handshake in {after}"),
                    Stage::FirstByte => write!(f, "first byte: none in {after}"),
                    Stage::Body { bytes } => {
                        write!(f, "body: cut off at {after}, {} read", show_bytes(*bytes))
                    }
                }
            }
            NetError::Private(text)
            | NetError::Broken(text)
            | NetError::Unsendable(text)
            | NetError::Local(text) => f.write_str(text),
            NetError::TimedOut { doing, after } => write!(
                f,
                "timed out {doing} after {}",
                crate::time::show_duration(*after)
            ),
            NetError::TooLarge { bytes_max } => {
                write!(f, "body: over {}, cut off", show_bytes(*bytes_max))
            }
            NetError::Crowded { bytes } => write!(
                f,
                "body: given up at {}, the memory for large bodies stayed taken by those of other feeds; it is asked again",
                show_bytes(*bytes)
            ),
            NetError::TooManyRedirects { max } => write!(f, "more than {max} redirects"),
        }
    }
}

impl std::error::Error for NetError {}

/// `812 B`, `1.2 MB`: as people say it, in powers of ten.
fn show_bytes(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_up_to_its_path() {
        for (url, shown) in [
            (
                "https://hooks.example.org/services/T0/B1/key",
                "https://hooks.example.org/…",
            ),
            (
                "https://user:pass@example.org:8443/?key=1",
                "https://example.org:8443/…",
            ),
            ("http://example.org", "http://example.org"),
            ("http://example.org/?key=1", "http://example.org/…"),
            ("http://[::1]:80/a", "http://[::1]/…"),
            ("hooks.example.org/key", "[an address that cannot be read]"),
        ] {
            assert_eq!(masked_url(url), shown);
        }
    }

    #[test]
    fn requests_and_responses_print_without_secrets() {
        let request = Request {
            method: Method::Post,
            url: "https://example.org/s3cret".to_owned(),
            headers: vec![(
                "authorization".to_owned(),
                HeaderText::Secret(Secret::new("s3cret")),
            )],
            body: b"s3cret".to_vec(),
            limits: Limits {
                total: Duration::from_secs(1),
                body_bytes_max: 1,
                redirects_max: 0,
                allow_private: false,
            },
        };
        let response = Response {
            url: request.url.clone(),
            moved_to: Some(request.url.clone()),
            body: b"s3cret".to_vec(),
            headers: vec![("set-cookie".to_owned(), b"s3cret".to_vec())],
            ..Response::default()
        };
        let shown = format!("{:?} {:?}", Envelope::Http(request), Reply::Http(response));
        assert!(
            !shown.contains("s3cret") && shown.contains("https://example.org/…"),
            "{shown}"
        );
    }
}

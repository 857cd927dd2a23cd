//! The WebSub protocol as a subscriber speaks it (W3C Recommendation of 2018-01-23): what a feed announces, how a hub is
//! asked, what a hub may ask back, and whose word a pushed document is. No I/O: `push` sends and answers.

mod signed;

use std::time::Duration;

use url::form_urlencoded;

use crate::{
    envelope::{Envelope, HeaderText, Limits, Method, Request, Response},
    parse::{Hints, links},
    secret::Secret,
};

pub use signed::{derived, is_signed};

/// How long a subscription shall last; hubs may decide otherwise.
pub const LEASE_WANTED: Duration = Duration::from_secs(10 * 86_400);
/// A hub that names a longer lease is not believed.
const LEASE_MAX: Duration = Duration::from_secs(365 * 86_400);
/// For one exchange with a hub, each redirect anew.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longer addresses and challenges are refused.
pub const TEXT_BYTES_MAX: usize = 4 << 10;

/// What a document says about being pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Announced {
    /// Nothing can be told: there was no document, or half of one.
    #[default]
    Unknown,
    /// No hub.
    Nothing,
    Hub {
        hub: String,
        topic: String,
    },
}

/// The links of an answer that matter here; taken before its body is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers {
    hub: Option<String>,
    topic: Option<String>,
    url: String,
}

impl Pointers {
    pub fn of(response: &Response) -> Pointers {
        let links = |relation: &str| {
            let headers = response.headers.iter().filter(|(name, _)| name == "link");
            headers
                .filter_map(|(_, value)| std::str::from_utf8(value).ok())
                .flat_map(|value| links::of_header(value, relation, &response.url))
                .next()
        };
        Pointers {
            hub: links("hub"),
            topic: links("self"),
            url: response.url.clone(),
        }
    }
}

/// What a feed announces: headers first, then the document (4.1). Where it does not name itself, it is what was asked.
pub fn announced(pointers: &Pointers, hints: &Hints) -> Announced {
    let bounded = |url: &String| is_web(url) && url.len() <= TEXT_BYTES_MAX;
    let hub = pointers.hub.as_ref().or(hints.hubs.first());
    let named = Some(&hints.self_url).filter(|url| !url.is_empty());
    let topic = pointers.topic.as_ref().or(named).unwrap_or(&pointers.url);
    match hub {
        Some(hub) if bounded(hub) && bounded(topic) => Announced::Hub {
            hub: hub.clone(),
            topic: topic.clone(),
        },
        _ => Announced::Nothing,
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// What a hub is asked for, or asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Subscribe,
    Unsubscribe,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Subscribe => "subscribe",
            Mode::Unsubscribe => "unsubscribe",
        }
    }
}

/// The request to a hub (5.1).
pub fn request(
    mode: Mode,
    hub: &str,
    topic: &str,
    callback: &str,
    secret: &Secret,
    allow_private: bool,
) -> Envelope {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("hub.callback", callback)
        .append_pair("hub.mode", mode.name())
        .append_pair("hub.topic", topic);
    if mode == Mode::Subscribe {
        form.append_pair("hub.lease_seconds", &LEASE_WANTED.as_secs().to_string())
            .append_pair("hub.secret", secret.expose());
    }
    let kind = HeaderText::Plain(b"application/x-www-form-urlencoded".to_vec());
    Envelope::Http(Request {
        method: Method::Post,
        url: hub.to_owned(),
        headers: vec![("content-type".to_owned(), kind)],
        body: form.finish().into_bytes(),
        limits: Limits {
            total: TIMEOUT,
            body_bytes_max: 8 << 10,
            redirects_max: 0,
            allow_private,
        },
    })
}

/// What a hub's answer to a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It will ask back (5.2).
    Accepted,
    /// The same request belongs here.
    Elsewhere(String),
    Refused(String),
}

pub fn answer(response: &Response) -> Answer {
    match response.status {
        200..=299 => Answer::Accepted,
        301 | 302 | 307 | 308 => {
            let location = response.header_text("location").unwrap_or("");
            let base = url::Url::parse(&response.url).ok();
            let next = match &base {
                Some(base) => base.join(location).ok(),
                None => url::Url::parse(location).ok(),
            };
            match next.filter(|_| !location.is_empty()).map(String::from) {
                Some(next) if is_web(&next) => Answer::Elsewhere(next),
                _ => Answer::Refused(format!("the hub answered {} to nowhere", response.status)),
            }
        }
        status => {
            let words = crate::render::clean_line(&String::from_utf8_lossy(&response.body), 200);
            match words.is_empty() {
                true => Answer::Refused(format!("the hub answered {status}")),
                false => Answer::Refused(format!("the hub answered {status}: {words}")),
            }
        }
    }
}

/// What a hub asks at the callback (5.2, 5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    Verify {
        mode: Mode,
        topic: String,
        challenge: String,
        lease: Duration,
    },
    Denied {
        topic: String,
        reason: String,
    },
}

impl Question {
    /// Reads the query of a GET; `None` where it is no question of a hub.
    pub fn parse(query: &str) -> Option<Question> {
        let value = |name: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.into_owned())
                .filter(|value| value.len() <= TEXT_BYTES_MAX)
        };
        let topic = value("hub.topic")?;
        let mode = match value("hub.mode")?.as_str() {
            "denied" => {
                let reason = value("hub.reason").unwrap_or_default();
                return Some(Question::Denied {
                    topic,
                    reason: crate::render::clean_line(&reason, 200),
                });
            }
            "subscribe" => Mode::Subscribe,
            "unsubscribe" => Mode::Unsubscribe,
            _ => return None,
        };
        let seconds = value("hub.lease_seconds").and_then(|text| text.trim().parse().ok());
        Some(Question::Verify {
            mode,
            topic,
            challenge: value("hub.challenge").filter(|challenge| !challenge.is_empty())?,
            // Required for subscriptions, yet some hubs leave it out.
            lease: seconds
                .map_or(LEASE_WANTED, Duration::from_secs)
                .clamp(Duration::from_secs(1), LEASE_MAX),
        })
    }
}

/// When a subscription that lasts for `lease` is renewed: with a fifth of it left.
pub fn renewal(lease: Duration) -> Duration {
    lease / 5 * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)]) -> Response {
        Response {
            status: 200,
            url: "https://news.example/feed".to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
            ..Response::default()
        }
    }

    #[test]
    fn headers_come_before_the_document() {
        let document = Hints {
            hubs: vec!["https://hub.example/in".to_owned()],
            self_url: "https://news.example/self".to_owned(),
            ..Hints::default()
        };
        let both = [
            ("link", "<https://hub.example/head>; rel=hub"),
            ("link", "</head>; rel=self"),
        ];
        for (headers, hints, expected) in [
            (
                &both[..],
                &document,
                Some(("https://hub.example/head", "https://news.example/head")),
            ),
            (
                &both[..1],
                &document,
                Some(("https://hub.example/head", "https://news.example/self")),
            ),
            (
                &both[..1],
                &Hints::default(),
                Some(("https://hub.example/head", "https://news.example/feed")),
            ),
            (
                &[],
                &document,
                Some(("https://hub.example/in", "https://news.example/self")),
            ),
            (&both[1..], &Hints::default(), None),
            (&[], &Hints::default(), None),
        ] {
            let expected = match expected {
                None => Announced::Nothing,
                Some((hub, topic)) => Announced::Hub {
                    hub: hub.to_owned(),
                    topic: topic.to_owned(),
                },
            };
            assert_eq!(
                announced(&Pointers::of(&response(headers)), hints),
                expected
            );
        }
    }

    #[test]
    fn questions_of_hubs() {
        let verify = |mode, lease: u64| {
            Some(Question::Verify {
                mode,
                topic: "https://news.example/feed?a=1".to_owned(),
                challenge: "x y".to_owned(),
                lease: Duration::from_secs(lease),
            })
        };
        let topic = "hub.topic=https%3A%2F%2Fnews.example%2Ffeed%3Fa%3D1";
        for (query, question) in [
            (
                format!("hub.mode=subscribe&{topic}&hub.challenge=x+y&hub.lease_seconds=60"),
                verify(Mode::Subscribe, 60),
            ),
            (
                format!("hub.mode=subscribe&{topic}&hub.challenge=x+y"),
                verify(Mode::Subscribe, LEASE_WANTED.as_secs()),
            ),
            (
                format!(
                    "hub.mode=subscribe&{topic}&hub.challenge=x+y&hub.lease_seconds=99999999999"
                ),
                verify(Mode::Subscribe, LEASE_MAX.as_secs()),
            ),
            (
                format!("hub.mode=unsubscribe&{topic}&hub.challenge=x+y&hub.lease_seconds=0"),
                verify(Mode::Unsubscribe, 1),
            ),
            (
                format!("hub.mode=denied&{topic}&hub.reason=no%0Aroom"),
                Some(Question::Denied {
                    topic: "https://news.example/feed?a=1".to_owned(),
                    reason: "no room".to_owned(),
                }),
            ),
            (format!("hub.mode=subscribe&{topic}"), None),
            (format!("hub.mode=publish&{topic}&hub.challenge=x"), None),
            ("hub.mode=subscribe&hub.challenge=x".to_owned(), None),
            (
                format!(
                    "hub.mode=subscribe&{topic}&hub.challenge={}",
                    "x".repeat(TEXT_BYTES_MAX + 1)
                ),
                None,
            ),
            (String::new(), None),
        ] {
            assert_eq!(Question::parse(&query), question, "{query}");
        }
    }

    #[test]
    fn answers_of_hubs() {
        let answered = |status, headers: &[(&str, &str)]| {
            answer(&Response {
                status,
                ..response(headers)
            })
        };
        assert_eq!(answered(202, &[]), Answer::Accepted);
        for status in [301, 302, 307, 308] {
            let next = Answer::Elsewhere("https://news.example/hub2".to_owned());
            assert_eq!(answered(status, &[("location", "/hub2")]), next);
        }
        for (status, location) in [
            (302, ""),
            (307, "file:///etc/passwd"),
            (400, "/hub2"),
            (303, "/hub2"),
        ] {
            assert!(
                matches!(
                    answered(status, &[("location", location)]),
                    Answer::Refused(_)
                ),
                "{status} {location}"
            );
        }
    }

    #[test]
    fn a_request_is_a_form_and_hides_its_secret() {
        let secret = Secret::new("s3cret");
        let envelope = request(
            Mode::Subscribe,
            "https://hub.example/",
            "https://news.example/?a=1&b=2",
            "https://desk.example/websub/x",
            &secret,
            false,
        );
        assert!(!format!("{envelope:?}").contains("s3cret"));
        let Envelope::Http(request) = envelope else {
            panic!("not HTTP")
        };
        assert_eq!(
            String::from_utf8(request.body).unwrap(),
            "hub.callback=https%3A%2F%2Fdesk.example%2Fwebsub%2Fx&hub.mode=subscribe&hub.topic=https%3A%2F%2Fnews.example%2F%3Fa%3D1%26b%3D2\
             &hub.lease_seconds=864000&hub.secret=s3cret"
        );
    }
}

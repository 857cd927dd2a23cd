//! What is behind each path, and who may ask for it.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use globset::Glob;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
};
use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, time::timeout};
use url::form_urlencoded;

use super::{metrics, page};
use crate::{
    config::Config,
    health::{Health, LAG_SINCE},
    model::{Feed, Severity},
    poll::Poller,
    push::{self, Brought, Subscriber, Verified},
    secret::Secret,
    store::{AlertFilter, Store, StoreError},
    time::{self, Clock},
};

/// For one request, its body included.
const RESPOND_WITHIN: Duration = Duration::from_secs(30);
/// How long the store may take before we are not ready.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// The largest document that a hub may bring, and how many are taken in at once.
const PUSH_BYTES_MAX: usize = 10 << 20;
const PUSHES_MAX: usize = 64;
/// Alerts in one answer.
const ALERTS_MAX: usize = 1_000;

type Page = Response<Full<Bytes>>;

/// What answers. Swapped settings take effect with the next request.
pub struct App {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) poller: Arc<Poller>,
    subscriber: Arc<Subscriber>,
    live: RwLock<Arc<Live>>,
    pushes: Semaphore,
}

/// What the configuration says.
#[derive(Default)]
pub(super) struct Live {
    pub feeds: Vec<Arc<Feed>>,
    token: Option<Secret>,
}

impl App {
    /// Knows no feeds and asks for no token until [`App::show`] is called.
    pub fn new(
        store: Store,
        clock: Clock,
        poller: Arc<Poller>,
        subscriber: Arc<Subscriber>,
    ) -> App {
        App {
            store,
            clock,
            poller,
            subscriber,
            live: RwLock::default(),
            pushes: Semaphore::new(PUSHES_MAX),
        }
    }

    /// Shows this configuration from here on.
    pub fn show(&self, config: &Config) {
        let live = Live {
            feeds: config.feeds.clone(),
            token: config.web.as_ref().and_then(|web| web.token.clone()),
        };
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
    }

    pub(super) fn live(&self) -> Arc<Live> {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Answers one request, whatever it is, in bounded time.
    pub async fn respond(&self, request: Request<Incoming>) -> Page {
        let is_head = request.method() == Method::HEAD;
        let answered = timeout(RESPOND_WITHIN, self.answer(request)).await;
        let mut page = answered.unwrap_or_else(|_| {
            let mut page = text(StatusCode::REQUEST_TIMEOUT, "too slow\n");
            page.headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
            page
        });
        let headers = page.headers_mut();
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if is_head {
            *page.body_mut() = Full::default();
        }
        page
    }

    async fn answer(&self, request: Request<Incoming>) -> Page {
        let path = request.uri().path().to_owned();
        if let Some(token) = path.strip_prefix(push::PATH) {
            return self.callback(token, request).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return not_allowed("GET, HEAD");
        }
        match path.as_str() {
            "/healthz" => return text(StatusCode::OK, "ok\n"),
            "/readyz" => return self.ready().await,
            "/style.css" => return typed("text/css; charset=utf-8", page::STYLE.to_owned()),
            "/" | "/metrics" | "/api/feeds" | "/api/alerts" => {}
            _ => return text(StatusCode::NOT_FOUND, "there is nothing here\n"),
        }
        if let Err(refused) = self.admit(&request) {
            return *refused;
        }
        let query = request.uri().query().unwrap_or("");
        let made = match path.as_str() {
            "/metrics" => metrics::text(self).await.map(|text| {
                typed(
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    text,
                )
            }),
            "/api/feeds" => self.feeds().await,
            "/api/alerts" => match filter(query, self.clock) {
                Ok((filter, rule)) => self.alerts(filter, rule).await,
                Err(problem) => return text(StatusCode::BAD_REQUEST, &format!("{problem}\n")),
            },
            _ => page::html(self)
                .await
                .map(|html| typed("text/html; charset=utf-8", html)),
        };
        made.unwrap_or_else(|error| unavailable(&error))
    }

    /// Whether this visitor may see what there is.
    fn admit(&self, request: &Request<Incoming>) -> Result<(), Box<Page>> {
        let live = self.live();
        let Some(token) = &live.token else {
            // Without a token only this machine is served. A page of another site, open in a browser here, can lead a name
            // of its own to this address; it cannot change the name that the browser sends.
            let host = request.headers().get(header::HOST);
            return match host
                .and_then(|host| host.to_str().ok())
                .is_some_and(is_this_machine)
            {
                true => Ok(()),
                false => Err(Box::new(text(
                    StatusCode::FORBIDDEN,
                    "without [web] token, pages are for this machine alone: ask for 127.0.0.1 or localhost\n",
                ))),
            };
        };
        let shown = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(credential);
        // Hashes of one length are compared, so that the time tells nothing about the token.
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        if shown.is_some_and(|shown| digest(&shown) == digest(token.expose().trim())) {
            return Ok(());
        }
        let mut refused = text(
            StatusCode::UNAUTHORIZED,
            "show the token: Authorization: Bearer …, or as a password\n",
        );
        refused.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"wirewatch\", charset=\"UTF-8\""),
        );
        Err(Box::new(refused))
    }

    async fn ready(&self) -> Page {
        match timeout(READY_WITHIN, self.store.ping()).await {
            Ok(Ok(())) => text(StatusCode::OK, "ready\n"),
            _ => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            ),
        }
    }

    async fn feeds(&self) -> Result<Page, StoreError> {
        let states = self.store.feed_states().await?;
        let since = time::before(self.clock.now(), LAG_SINCE);
        let lags = self.store.lags(since).await?;
        let live = self.live();
        let feeds = live.feeds.iter().map(|feed| {
            let state = states.get(&feed.name);
            let lag = state.and_then(|state| lags.get(&state.id));
            Health::of(feed, state, lag)
        });
        lines(feeds)
    }

    async fn alerts(&self, filter: AlertFilter, rule: Option<Glob>) -> Result<Page, StoreError> {
        let rule = rule.map(|glob| glob.compile_matcher());
        let rows = self.store.alerts(filter).await?;
        lines(rows.into_iter().filter(|row| {
            rule.as_ref()
                .is_none_or(|rule| rule.is_match(&row.alert.rule))
        }))
    }

    /// What a hub asks or brings.
    async fn callback(&self, token: &str, request: Request<Incoming>) -> Page {
        match *request.method() {
            Method::GET => {
                let query = request.uri().query().unwrap_or("").to_owned();
                match self.subscriber.verify(token, &query).await {
                    Ok(Verified::Echo(challenge)) => text(StatusCode::OK, &challenge),
                    Ok(Verified::Noted) => text(StatusCode::OK, ""),
                    Ok(Verified::Unknown) => text(StatusCode::NOT_FOUND, ""),
                    Err(error) => unavailable(&error),
                }
            }
            Method::POST => match self.brought(token, request).await {
                Ok(page) => page,
                Err(error) => unavailable(&error),
            },
            _ => not_allowed("GET, POST"),
        }
    }

    async fn brought(&self, token: &str, request: Request<Incoming>) -> Result<Page, StoreError> {
        // Only who knows a callback may send a body.
        let Some(subscription) = self.subscriber.expects(token).await? else {
            return Ok(text(StatusCode::NOT_FOUND, ""));
        };
        let (head, body) = request.into_parts();
        let _place = self.pushes.acquire().await;
        let body = match Limited::new(body, PUSH_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes().to_vec(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "too large\n"));
            }
            Err(_) => return Ok(text(StatusCode::BAD_REQUEST, "")),
        };
        let signature = head.headers.get("x-hub-signature");
        let signature = signature.and_then(|value| value.to_str().ok());
        let content_type = head.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.map(HeaderValue::as_bytes);
        let brought = self
            .subscriber
            .bring(&subscription, signature, content_type, body)
            .await?;
        Ok(match brought {
            Brought::Taken => text(StatusCode::NO_CONTENT, ""),
            Brought::Unknown => text(StatusCode::GONE, ""),
        })
    }
}

/// The token in an `Authorization` header: of the Bearer scheme, or the password of the Basic one.
fn credential(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.to_owned()),
        "basic" => {
            let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
            decoded
                .split_once(':')
                .map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

/// Whether a `Host` names this machine by an address or as localhost.
fn is_this_machine(host: &str) -> bool {
    match url::Url::parse(&format!("http://{host}/")) {
        Ok(url) => match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        Err(_) => false,
    }
}

/// `since`, `severity` and `rule`, as `wirewatch alerts` takes them.
fn filter(query: &str, clock: Clock) -> Result<(AlertFilter, Option<Glob>), String> {
    let mut since = Duration::from_secs(86_400);
    let mut filter = AlertFilter {
        severity_min: Severity::Info,
        newest: Some(ALERTS_MAX),
        ..AlertFilter::default()
    };
    let mut rule = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "since" => since = time::parse_duration(&value)?,
            "severity" => {
                filter.severity_min = Severity::parse(&value).ok_or_else(|| {
                    format!(
                        "{value:?} is not a severity: write info, low, medium, high or critical"
                    )
                })?;
            }
            "rule" => rule = Some(Glob::new(&value).map_err(|error| error.to_string())?),
            _ => {
                return Err(format!(
                    "{name:?} is not known: since, severity and rule are"
                ));
            }
        }
    }
    filter.since = Some(time::before(clock.now(), since));
    Ok((filter, rule))
}

/// JSON Lines, as `--json` prints.
fn lines<T: serde::Serialize>(documents: impl Iterator<Item = T>) -> Result<Page, StoreError> {
    let mut text = Vec::new();
    for document in documents {
        serde_json::to_writer(&mut text, &document)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        text.push(b'\n');
    }
    Ok(typed("application/jsonl", text))
}

fn text(status: StatusCode, words: &str) -> Page {
    let mut page = typed("text/plain; charset=utf-8", words.to_owned());
    *page.status_mut() = status;
    page
}

fn typed(kind: &'static str, body: impl Into<Bytes>) -> Page {
    let mut page = Response::new(Full::new(body.into()));
    page.headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    page
}

fn not_allowed(methods: &'static str) -> Page {
    let mut page = text(StatusCode::METHOD_NOT_ALLOWED, "");
    page.headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(methods));
    page
}

/// The store's own words stay in the log.
fn unavailable(error: &StoreError) -> Page {
    tracing::error!(%error, "a request could not be answered");
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        "the store does not answer\n",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_in_two_ways() {
        for (header, shown) in [
            ("Bearer t0ken", Some("t0ken")),
            ("bearer  t0ken ", Some("t0ken")),
            ("Basic bWU6dDprZW4=", Some("t:ken")),
            ("Basic bWU=", None),
            ("Basic !", None),
            ("Digest t0ken", None),
            ("t0ken", None),
        ] {
            assert_eq!(credential(header).as_deref(), shown, "{header}");
        }
    }

    #[test]
    fn a_name_of_another_site_is_not_this_machine() {
        for (host, is_here) in [
            ("127.0.0.1:9119", true),
            ("localhost:9119", true),
            ("[::1]:9119", true),
            ("evil.example:9119", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("192.168.1.7:9119", false),
            ("", false),
        ] {
            assert_eq!(is_this_machine(host), is_here, "{host}");
        }
    }

    #[test]
    fn filters_are_those_of_the_command() {
        let clock = Clock::System;
        let (read, rule) = filter("since=2h&severity=high&rule=rebel-*", clock).unwrap();
        assert_eq!((read.severity_min, rule.is_some()), (Severity::High, true));
        for bad in ["since=5x", "severity=loud", "rule=%5B", "page=2"] {
            assert!(filter(bad, clock).is_err(), "{bad}");
        }
    }
}

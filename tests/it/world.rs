//! A world in virtual time: a scripted network, a clock that jumps, a daemon that can be killed. The store outlives the
//! daemon as a disk would; everything else of it is gone with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use wirewatch::{
    config::{Config, PollSettings, StoreSettings, WebSettings},
    daemon::Node,
    envelope::{Envelope, HeaderText, NetError, Reply, Request, Response, Stage},
    judge::{Edited, Past},
    model::{Feed, Item, PollLimits, Severity, Validators},
    net::Net,
    notify::{
        Escalation, Hold, Notifier, Receiver, Wants,
        webhook::{self, Webhook},
    },
    rule::{Per, RuleSet, RuleSource, Text},
    schedule::Rhythm,
    store::{Decided, Harvest, PollOutcome, PollRecord, Store, StoreError},
    time::{self, Clock, Timestamp},
};

/// When every scenario begins.
const EPOCH: &str = "2026-03-02T08:00:00Z";

/// What the hook was sent, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Since the beginning.
    pub after: Duration,
    pub hook: String,
    pub webhook_id: String,
    pub title: String,
    pub rule: String,
    pub status: String,
    /// The titles of what a digest or summary holds.
    pub held: Vec<String>,
    /// The alert document.
    pub alert: serde_json::Value,
    /// Whether the sender heard that it arrived.
    pub is_answered: bool,
}

/// How a feed's server or a hook behaves from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Takes what is sent; the answer is lost.
    LosesAnswers,
    Unreachable,
    Answers(u16),
    AsksToWait {
        status: u16,
        s: u64,
    },
    /// Answers with this status and these headers; of a 200 the rest is as ever.
    Says(u16, &'static [(&'static str, &'static str)]),
    /// Redirects to this feed, which answers.
    RedirectsTo {
        feed: &'static str,
        is_permanent: bool,
    },
    /// Answers as if nothing had changed, whatever is asked.
    Lies,
    /// A page that is no feed.
    Page,
    /// The connection closes when half of the document is there.
    BreaksOff,
    /// Takes the connection and says nothing.
    Hangs,
}

#[derive(Debug, Default)]
struct Script {
    feeds: BTreeMap<String, Server>,
    hooks: BTreeMap<String, Mood>,
    arrivals: Vec<Arrival>,
    requests: Vec<Asked>,
    /// Feeds that name a hub.
    hubbed: BTreeSet<String>,
    /// What the hub was asked: when, and the form.
    forms: Vec<(Duration, String)>,
}

/// One request to a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub after: Duration,
    pub feed: String,
    pub is_conditional: bool,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    pub status: u16,
}

/// Identifier, title, when published.
pub type Entry = (String, String, Timestamp);

#[derive(Debug)]
struct Server {
    mood: Mood,
    entries: Vec<Entry>,
    /// What its document says beside its items.
    channel: String,
    version: u32,
}

#[derive(Clone)]
struct ScriptedNet {
    script: Arc<Mutex<Script>>,
    clock: Clock,
}

impl Net for ScriptedNet {
    fn send(&self, envelope: Envelope) -> BoxFuture<'_, Result<Reply, NetError>> {
        Box::pin(async move {
            let Envelope::Http(request) = envelope else {
                panic!("a scenario speaks HTTP alone");
            };
            // A distance that differs from request to request, so that kills fall in the middle of things.
            let ms =
                1.0 + wirewatch::schedule::jitter(&request.url, request.body.len() as u32) * 40.0;
            tokio::time::sleep(Duration::from_millis(ms as u64)).await;
            if self.mood(&request) == Mood::Hangs {
                let after = request.limits.total;
                tokio::time::sleep(after).await;
                let stage = Stage::FirstByte;
                return Err(NetError::Late { stage, after });
            }
            let (response, is_answered) = self.answer(&request)?;
            tokio::time::sleep(Duration::from_millis(ms as u64)).await;
            match is_answered {
                true => Ok(Reply::Http(response)),
                false => Err(NetError::Broken("the connection was closed".to_owned())),
            }
        })
    }
}

trait Halves {
    fn halves(self) -> (String, String);
}

impl Halves for &str {
    /// Host and what follows: `http://host/rest`.
    fn halves(self) -> (String, String) {
        let rest = self
            .trim_start_matches("https://")
            .trim_start_matches("http://");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        (host.to_owned(), path.to_owned())
    }
}

impl Script {
    fn mood(&self, host: &str, name: &str) -> Mood {
        match host {
            "hub" => Mood::Well,
            "feeds" => self.feeds[name].mood,
            _ => self.hooks.get(name).copied().unwrap_or(Mood::Well),
        }
    }
}

impl ScriptedNet {
    fn mood(&self, request: &Request) -> Mood {
        let (host, name) = request.url.halves();
        self.script.lock().unwrap().mood(&host, &name)
    }

    fn answer(&self, request: &Request) -> Result<(Response, bool), NetError> {
        let after = time::until(epoch(), self.clock.now());
        let mut script = self.script.lock().unwrap();
        let (host, name) = request.url.halves();
        if host == "hub" {
            let form = String::from_utf8(request.body.clone()).unwrap();
            script.forms.push((after, form));
            let response = Response {
                status: 202,
                url: request.url.clone(),
                ..Response::default()
            };
            return Ok((response, true));
        }
        let mood = script.mood(&host, &name);
        // What answers in the end.
        let mut target = name.clone();
        let mut response = Response {
            status: 200,
            url: request.url.clone(),
            ..Response::default()
        };
        match mood {
            Mood::Unreachable => return Err(NetError::Connect("connection refused".to_owned())),
            Mood::Answers(status) => response.status = status,
            Mood::AsksToWait { status, s } => {
                response.status = status;
                response
                    .headers
                    .push(("retry-after".to_owned(), s.to_string().into_bytes()));
            }
            Mood::Says(status, headers) => {
                response.status = status;
                let headers = headers
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
                response.headers.extend(headers);
            }
            Mood::RedirectsTo { feed, is_permanent } => {
                response.url = format!("http://feeds/{feed}");
                response.moved_to = is_permanent.then(|| response.url.clone());
                target = feed.to_owned();
            }
            Mood::Lies => response.status = 304,
            Mood::Well | Mood::LosesAnswers | Mood::Page | Mood::BreaksOff | Mood::Hangs => {}
        }
        if host == "feeds" {
            let server = &script.feeds[&target];
            let is_conditional = request
                .headers
                .iter()
                .any(|(header, _)| header == "if-none-match");
            if script.hubbed.contains(&name) {
                let link = format!("<http://hub/>; rel=hub, <{}>; rel=self", request.url);
                response
                    .headers
                    .push(("link".to_owned(), link.into_bytes()));
            }
            if response.status == 200 && mood == Mood::Page {
                response.body = b"<!doctype html><title>Log in</title>".to_vec();
            } else if response.status == 200 {
                let etag = server.etag();
                match header(request, "if-none-match") == Some(&etag) {
                    true => response.status = 304,
                    false => {
                        response.headers.push(("etag".to_owned(), etag));
                        response.body = server.document().into_bytes();
                        if mood == Mood::BreaksOff {
                            response.body.truncate(response.body.len() / 2);
                            response.cut = Some("it hung up".to_owned());
                        }
                    }
                }
            }
            let asked = Asked {
                after,
                feed: name,
                is_conditional,
                headers: plain_headers(request),
                status: response.status,
            };
            script.requests.push(asked);
        } else if response.status == 200 {
            let alert: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            let arrival = Arrival {
                after,
                hook: name,
                webhook_id: String::from_utf8(header(request, "webhook-id").unwrap().to_vec())
                    .unwrap(),
                title: alert["item"]["title"].as_str().unwrap().to_owned(),
                rule: alert["rule"].as_str().unwrap().to_owned(),
                status: alert["status"].as_str().unwrap().to_owned(),
                held: alert["alerts"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|alert| alert["item"]["title"].as_str().unwrap().to_owned())
                    .collect(),
                alert,
                is_answered: mood == Mood::Well,
            };
            script.arrivals.push(arrival);
        }
        Ok((response, mood != Mood::LosesAnswers))
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a [u8]> {
    request
        .headers
        .iter()
        .find(|(header, _)| header == name)
        .map(|(_, value)| match value {
            HeaderText::Plain(bytes) => bytes.as_slice(),
            HeaderText::Secret(secret) => secret.expose().as_bytes(),
        })
}

fn plain_headers(request: &Request) -> Vec<(String, Vec<u8>)> {
    let plain = |value: &HeaderText| match value {
        HeaderText::Plain(bytes) => bytes.clone(),
        HeaderText::Secret(_) => b"a secret".to_vec(),
    };
    let headers = request.headers.iter();
    headers
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

impl Server {
    /// As odd as they come.
    fn etag(&self) -> Vec<u8> {
        let mut etag = b"W/\"a  \xe9\xff".to_vec();
        etag.extend(format!("{}", self.version).into_bytes());
        etag
    }

    fn document(&self) -> String {
        let items: String = self
            .entries
            .iter()
            .map(|(id, title, published)| {
                // A text may follow the title after a line break.
                let (title, text) = title.split_once('\n').unwrap_or((title, ""));
                format!(
                    "<item><title>{title}</title><description>{text}</description><guid isPermaLink=\"false\">{id}</guid><pubDate>{}</pubDate></item>",
                    published.strftime("%a, %d %b %Y %H:%M:%S GMT")
                )
            })
            .collect();
        format!(
            "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:sy=\"http://purl.org/rss/1.0/modules/syndication/\"><channel><title>a feed</title>{}{items}</channel></rss>",
            self.channel
        )
    }
}

fn epoch() -> Timestamp {
    EPOCH.parse().unwrap()
}

/// What a hook's receiver wants beside alerts.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub hold: Hold,
    pub escalation: Option<Escalation>,
    pub heartbeat: Option<Duration>,
    /// It takes no alerts of its own.
    pub wants_nothing: bool,
}

/// A daemon in its world.
pub struct World {
    wishes: BTreeMap<String, Wishes>,
    script: Arc<Mutex<Script>>,
    clock: Clock,
    store: Store,
    node: Option<Node>,
    feeds: Vec<String>,
    hooks: Vec<String>,
    ops: Vec<String>,
    public_url: Option<String>,
    word: String,
    /// Rules beside the one that watches for the word.
    rules: Vec<RuleSource>,
    interval: Duration,
    concurrency: usize,
}

impl World {
    /// A daemon that polls `feeds` every minute and sends what holds the word "signal" to `hooks`.
    pub async fn new(feeds: &[&str], hooks: &[&str]) -> World {
        World::new_at(EPOCH, feeds, hooks).await
    }

    /// As [`World::new`], at another time.
    pub async fn new_at(at: &str, feeds: &[&str], hooks: &[&str]) -> World {
        let world = World {
            wishes: BTreeMap::new(),
            script: Arc::default(),
            clock: Clock::starting_at(at.parse().unwrap()),
            store: Store::in_memory().unwrap(),
            node: None,
            feeds: feeds.iter().map(|feed| (*feed).to_owned()).collect(),
            hooks: hooks.iter().map(|hook| (*hook).to_owned()).collect(),
            ops: Vec::new(),
            public_url: None,
            word: "signal".to_owned(),
            rules: Vec::new(),
            interval: Duration::from_secs(60),
            concurrency: 8,
        };
        for feed in feeds {
            world.add_server(feed);
        }
        world
    }

    /// These rules alone. A feed named `coast-2` is of the publisher `coast`.
    pub fn with_rules(mut self, rules: Vec<RuleSource>) -> World {
        self.rules = rules;
        self
    }

    /// These hooks are told about wirewatch itself; known from the next start or reload.
    pub fn notify(&mut self, hooks: &[&str]) {
        self.ops = hooks.iter().map(|hook| (*hook).to_owned()).collect();
    }

    /// Hubs reach the daemon from the next start or reload, and this feed names one.
    pub fn push(&mut self, feed: &str) {
        self.public_url = Some("http://desk".to_owned());
        let mut script = self.script.lock().unwrap();
        script.hubbed.insert(feed.to_owned());
    }

    /// What the hub was asked, in order: when, and the form.
    pub fn forms(&self) -> Vec<(Duration, String)> {
        self.script.lock().unwrap().forms.clone()
    }

    /// The daemon with its configuration, while it runs.
    pub fn node(&self) -> (&Node, Config) {
        (self.node.as_ref().unwrap(), self.config())
    }

    /// The feed is no longer configured, from the next start or reload.
    pub fn drop_feed(&mut self, feed: &str) {
        self.feeds.retain(|known| known != feed);
    }

    pub async fn start(&mut self) {
        let net = Arc::new(ScriptedNet {
            script: self.script.clone(),
            clock: self.clock,
        });
        self.node = Some(
            Node::start(self.store.clone(), net, self.clock, &self.config())
                .await
                .unwrap(),
        );
    }

    /// What the hook's receiver wants from the next start or reload on.
    pub fn wishes(&mut self, hook: &str, wishes: Wishes) {
        self.wishes.insert(hook.to_owned(), wishes);
    }

    /// Ends the daemon where it stands.
    pub fn kill(&mut self) {
        self.node = None;
    }

    /// Ends the daemon as SIGTERM does.
    pub async fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop(Duration::from_secs(8)).await;
        }
    }

    /// Rules look for another word from here on.
    pub async fn reload_for(&mut self, word: &str) {
        word.clone_into(&mut self.word);
        if let Some(node) = &self.node {
            node.reload(&self.config()).await.unwrap();
        }
    }

    /// The feed lists one more item, published now.
    pub fn publish(&self, feed: &str, id: &str, title: &str) {
        self.publish_dated(feed, id, title, self.clock.now());
    }

    pub fn publish_dated(&self, feed: &str, id: &str, title: &str, published: Timestamp) {
        self.edit(feed, |entries| {
            entries.insert(0, (id.to_owned(), title.to_owned(), published))
        });
    }

    /// Changes what the feed lists, in any way.
    pub fn edit(&self, feed: &str, change: impl FnOnce(&mut Vec<Entry>)) {
        let mut script = self.script.lock().unwrap();
        let server = script.feeds.get_mut(feed).unwrap();
        change(&mut server.entries);
        server.version += 1;
    }

    /// The store remembers a poll of this feed just now that listed what it lists, and its rhythm until then.
    pub async fn remember(&self, feed: &str, rhythm: Rhythm) {
        let config = self.config();
        let states = self
            .store
            .sync_feeds(config.feeds, self.now())
            .await
            .unwrap();
        let state = states.iter().find(|state| state.name == feed).unwrap();
        let (validators, new) = {
            let script = self.script.lock().unwrap();
            let server = &script.feeds[feed];
            let items = server.entries.iter().map(|(id, title, published)| Item {
                id: id.clone(),
                title: title.clone(),
                published: Some(*published),
                ..Item::default()
            });
            let validators = Validators {
                etag: Some(server.etag()),
                last_modified: None,
            };
            (validators, items.collect::<Vec<_>>())
        };
        let outcome = PollOutcome::Items(Harvest {
            validators,
            listed: new.iter().map(Item::key).collect(),
            new: new.into_iter().map(Into::into).collect(),
            rhythm: Some(rhythm),
            ..Harvest::default()
        });
        let next_poll = time::after(self.now(), self.interval);
        let record = PollRecord::plain(state.id, self.now(), next_poll, outcome);
        let judge_nothing = Box::new(
            |_: &Item, _: Option<&Edited>, _: &dyn Past<Error = StoreError>| Ok(Decided::default()),
        );
        self.store.record_poll(record, judge_nothing).await.unwrap();
    }

    /// Feeds are polled so often from the next start on.
    pub fn poll_every(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// So many feeds are polled at once from the next start on.
    pub fn poll_at_once(&mut self, concurrency: usize) {
        self.concurrency = concurrency;
    }

    /// What the feed's document says of itself.
    pub fn feed_says(&self, feed: &str, channel: &str) {
        let mut script = self.script.lock().unwrap();
        let server = script.feeds.get_mut(feed).unwrap();
        channel.clone_into(&mut server.channel);
        server.version += 1;
    }

    /// A server that the daemon does not know of yet.
    pub fn add_server(&self, feed: &str) {
        let server = Server {
            mood: Mood::Well,
            entries: Vec::new(),
            channel: String::new(),
            version: 1,
        };
        let mut script = self.script.lock().unwrap();
        script.feeds.insert(feed.to_owned(), server);
    }

    pub fn feed_is(&self, feed: &str, mood: Mood) {
        self.script
            .lock()
            .unwrap()
            .feeds
            .get_mut(feed)
            .unwrap()
            .mood = mood;
    }

    pub fn hook_is(&self, hook: &str, mood: Mood) {
        self.script
            .lock()
            .unwrap()
            .hooks
            .insert(hook.to_owned(), mood);
    }

    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn arrivals(&self, hook: &str) -> Vec<Arrival> {
        let script = self.script.lock().unwrap();
        script
            .arrivals
            .iter()
            .filter(|arrival| arrival.hook == hook)
            .cloned()
            .collect()
    }

    /// The titles that arrived, in order, repeats included.
    pub fn titles(&self, hook: &str) -> Vec<String> {
        self.arrivals(hook)
            .into_iter()
            .map(|arrival| arrival.title)
            .collect()
    }

    pub fn requests(&self, feed: &str) -> Vec<Asked> {
        let script = self.script.lock().unwrap();
        script
            .requests
            .iter()
            .filter(|asked| asked.feed == feed)
            .cloned()
            .collect()
    }

    fn config(&self) -> Config {
        let rule = RuleSource {
            id: "watch".to_owned(),
            title: "The word was seen".to_owned(),
            severity: Severity::High,
            tags: vec!["coast".to_owned()],
            any: vec![Text {
                text: self.word.clone(),
                place: Default::default(),
            }],
            per: Per::Item,
            ..RuleSource::default()
        };
        let rules = match self.rules.is_empty() {
            true => vec![rule],
            false => self.rules.clone(),
        };
        let (rules, _) = RuleSet::compile(rules, Vec::new()).unwrap();
        let feed = |name: &String| {
            let poll = Arc::new(PollLimits {
                interval: self.interval,
                ..PollLimits::default()
            });
            Arc::new(Feed {
                url: format!("http://feeds/{name}"),
                publisher: name.split('-').next().unwrap_or(name).to_owned(),
                lang: Some("en".to_owned()),
                tags: vec![name.split('-').next().unwrap().to_owned()],
                poll,
                ..Feed::named(name)
            })
        };
        Config {
            path: PathBuf::from("wirewatch.toml"),
            files: Vec::new(),
            store: StoreSettings {
                path: PathBuf::from(":memory:"),
                keep: Duration::from_secs(90 * 86_400),
            },
            poll: PollSettings {
                concurrency: self.concurrency,
                per_host: self.concurrency,
                contact: None,
                allow_private: false,
            },
            web: self.public_url.clone().map(|public_url| WebSettings {
                listen: ([127, 0, 0, 1], 9119).into(),
                token: None,
                public_url: Some(public_url),
            }),
            feeds: self.feeds.iter().map(feed).collect(),
            receivers: self
                .hooks
                .iter()
                .map(|hook| receiver(hook, self.wishes.get(hook).cloned().unwrap_or_default()))
                .collect(),
            notices_to: self.ops.clone(),
            rules: Arc::new(rules),
            watch: false,
            lists: 0,
        }
    }
}

fn receiver(hook: &str, wishes: Wishes) -> Arc<Receiver> {
    let settings = webhook::Settings {
        url: format!("http://hooks/{hook}"),
        secret: None,
        headers: Vec::new(),
        timeout: Duration::from_secs(15),
        allow_private: false,
    };
    let notifier: Box<dyn Notifier> = Box::new(Webhook::new(settings).unwrap());
    let wants = Wants {
        severity_min: Severity::Info,
        rules: wishes.wants_nothing.then(globset::GlobSet::empty),
        tags: Vec::new(),
    };
    Arc::new(Receiver {
        hold: wishes.hold,
        escalation: wishes.escalation,
        heartbeat: wishes.heartbeat,
        ..Receiver::new(hook, wants, notifier)
    })
}

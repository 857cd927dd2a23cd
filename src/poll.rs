//! A due feed becomes recorded items and queued alerts.
//!
//! One poll is one straight way: ask (conditionally), read, keep what is new, match, judge and record in one transaction.
//! A poll that fails at any step records why and when to try again, and costs no other feed anything. The feed's validators
//! change only together with the items they vouch for.

mod ask;
mod change;
mod harvest;
mod known;
mod push;
mod record;
mod recording;
mod resume;
mod tally;
mod think;
mod turn;
mod urgent;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::Notify;

use self::{
    ask::{Answer, address, moved_to, read_answer, request},
    recording::Recording,
    think::Thinkers,
    urgent::Urgent,
};
use crate::{
    envelope::{Reply, Response},
    hub::{self, Announced},
    model::{Feed, Validators},
    net::Net,
    notify::Receiver,
    parse::{self, Document, Identified, ParseError, Parsed},
    rule::RuleSet,
    schedule::{Agenda, Polled, Rhythm, Why, Wishes},
    store::{FeedId, FeedState, Harvest, PollOutcome, Store, StoreError},
    time::{self, Clock, Steps, Timestamp},
};

pub use push::PushTaken;
pub use tally::Tally;
pub use turn::Polls;

/// Longer validators are not kept: servers refuse a request whose headers are longer than 8 KiB together, and would go on to.
const VALIDATOR_BYTES_MAX: usize = 4 << 10;

/// What is watched, swapped whole on reload.
#[derive(Clone, Debug)]
pub struct Watched {
    pub feeds: HashMap<FeedId, Arc<Feed>>,
    pub rules: Arc<RuleSet>,
    pub receivers: Vec<Arc<Receiver>>,
    /// The names of the receivers that are told about wirewatch itself.
    pub notices_to: Vec<String>,
    /// Polls in flight at once to one host.
    pub per_host: usize,
    pub allow_private: bool,
}

/// One poll on its way: what was known before it, and what its answer says of the next.
struct Visit<'a> {
    feed: &'a Arc<Feed>,
    watched: &'a Arc<Watched>,
    state: FeedState,
    rhythm: Option<Rhythm>,
    /// Whether it was asked without validators.
    is_whole: bool,
    answered: Timestamp,
    wishes: Wishes,
    fresh: Option<(Duration, Why)>,
    /// Where permanent redirects led.
    moved_to: Option<String>,
}

impl Visit<'_> {
    fn failing_for(&self) -> Duration {
        let since = self.state.failing_since.unwrap_or(self.answered);
        time::until(since, self.answered)
    }

    fn not_a_feed(&self) -> Polled {
        Polled::NotAFeed {
            failing_for: self.failing_for(),
        }
    }

    fn failed(&self, retry_after: Option<Duration>) -> Polled {
        Polled::Failed {
            failures: self.state.failures + 1,
            failing_for: self.failing_for(),
            retry_after,
        }
    }
}

/// A document that was read, its items beside it.
struct Read {
    parsed: Parsed,
    items: Vec<Identified>,
    validators: Validators,
    /// Why it is not all of the feed, for people.
    in_part: Option<String>,
}

/// The first user of the loop.
pub struct Poller {
    store: Store,
    net: Arc<dyn Net>,
    clock: Clock,
    watched: RwLock<Arc<Watched>>,
    agenda: Mutex<Agenda<FeedId>>,
    steps: Mutex<Steps>,
    /// Rung when deliveries are owed.
    owed: Arc<Notify>,
    /// Rung when a hub is to be asked for something.
    hubs_changed: Arc<Notify>,
    tally: Arc<Tally>,
    thinkers: Thinkers,
    urgent: Urgent,
    recording: Recording,
}

impl Poller {
    /// Nothing is watched until [`Poller::watch`] is called.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(
        store: Store,
        net: Arc<dyn Net>,
        clock: Clock,
        owed: Arc<Notify>,
        hubs_changed: Arc<Notify>,
    ) -> std::io::Result<Poller> {
        let nothing = Watched {
            feeds: HashMap::new(),
            rules: Arc::new(RuleSet::default()),
            receivers: Vec::new(),
            notices_to: Vec::new(),
            per_host: 1,
            allow_private: false,
        };
        Ok(Poller {
            store,
            net,
            clock,
            watched: RwLock::new(Arc::new(nothing)),
            agenda: Mutex::new(Agenda::new(1)),
            steps: Mutex::new(Steps::new(clock)),
            owed,
            hubs_changed,
            tally: Arc::default(),
            thinkers: Thinkers::start(clock)?,
            urgent: Urgent::default(),
            recording: Recording::default(),
        })
    }

    /// Watches these feeds from here on. `states` are the rows of the same feeds.
    pub fn watch(&self, watched: Watched, states: &[FeedState]) {
        let is_start = self.watched().feeds.is_empty();
        let was_cut_off = is_start && self.store.was_cut_off();
        let planned = resume::planned(&watched, states, was_cut_off, self.clock.now());
        self.agenda().replace(watched.per_host, planned);
        *self.watched.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(watched);
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many feeds are watched, those that answered 410 left out.
    pub fn feeds_planned(&self) -> usize {
        self.agenda().len()
    }

    fn watched(&self) -> Arc<Watched> {
        self.watched
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Where the clock was set back, what is planned moves with it.
    fn keep_in_step(&self) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(back) = steps.back() {
            tracing::warn!(by = %time::show_duration(back), "the machine's clock was set back; feeds are asked on at their pace");
            self.agenda().set_back(back);
        }
    }

    fn agenda(&self) -> MutexGuard<'_, Agenda<FeedId>> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls one feed and records it; gives the time of its next poll.
    async fn poll(
        &self,
        feed: &Arc<Feed>,
        watched: &Arc<Watched>,
        state: FeedState,
        rhythm: Option<Rhythm>,
    ) -> Result<Timestamp, StoreError> {
        let is_whole = ask::is_whole(&state, rhythm.as_ref(), self.clock.now());
        let address = address(feed, &state);
        let request = request(feed, &state, address, is_whole, watched.allow_private);
        let asked = self.net.send(request).await;
        // Items are first seen, and the next interval begins, when the answer is here: counted from an earlier moment, a
        // request that took longer on its way would be followed by one that reaches the server too soon.
        let answered = self.clock.now();
        let (wishes, fresh) = match &asked {
            Ok(Reply::Http(response)) if matches!(response.status, 200..=299 | 304) => {
                state.wishes.with_headers(response, answered)
            }
            _ => (state.wishes, None),
        };
        let moved_to = moved_to(&state, address, asked.as_ref().ok());
        let visit = Visit {
            feed,
            watched,
            state,
            rhythm,
            is_whole,
            answered,
            wishes,
            fresh,
            moved_to,
        };
        let (outcome, polled) = match read_answer(asked, is_whole, answered) {
            Answer::Unchanged => (PollOutcome::Unchanged, Polled::Answered),
            Answer::Gone { problem } => (PollOutcome::Gone { problem }, visit.failed(None)),
            Answer::Failed {
                problem,
                retry_after,
            } => (PollOutcome::Failed { problem }, visit.failed(retry_after)),
            Answer::Body(response) => return self.take_in(visit, response).await,
        };
        self.settle(&visit, outcome, polled).await
    }

    /// Reads, matches and judges the document that a feed answered with, and records the poll.
    async fn take_in(
        &self,
        mut visit: Visit<'_>,
        response: Response,
    ) -> Result<Timestamp, StoreError> {
        let pointers = hub::Pointers::of(&response);
        let (problem, polled) = match self.read(response).await {
            Ok(Read {
                parsed,
                items,
                validators,
                in_part,
            }) => {
                let published = items.iter().filter_map(|read| read.item.published);
                visit.wishes = (visit.wishes).with_document(&parsed.hints, published.collect());
                let announced = match parsed.is_partial {
                    true => Announced::Unknown,
                    false => hub::announced(&pointers, &parsed.hints),
                };
                let harvest = Harvest {
                    announced,
                    in_part,
                    ..self
                        .gather(&visit, parsed, items, validators, false)
                        .await?
                };
                return self.record_items(&visit, harvest, PollOutcome::Items).await;
            }
            Err(ParseError::NotAFeed(problem)) => (problem, visit.not_a_feed()),
            Err(ParseError::Broken(problem)) => (problem, visit.failed(None)),
        };
        self.settle(&visit, PollOutcome::Failed { problem }, polled)
            .await
    }

    /// Reads a document away from the async threads; a bug in a parser fails this one poll.
    async fn read(&self, response: Response) -> Result<Read, ParseError> {
        let validator = |name| {
            let bytes = response.header(name)?;
            // An empty one is no validator (RFC 9110, 8.8.3).
            (1..=VALIDATOR_BYTES_MAX)
                .contains(&bytes.len())
                .then(|| bytes.to_vec())
        };
        let validators = Validators {
            etag: validator("etag"),
            last_modified: validator("last-modified"),
        };
        let parsed = self.thinkers.run(move |_| {
            let document = Document {
                body: &response.body,
                content_type: response.header_text("content-type"),
                url: &response.url,
            };
            let parsed = parse::parse(document).map_err(|error| match &error {
                ParseError::NotAFeed(_) => ParseError::NotAFeed(error.to_string()),
                ParseError::Broken(_) => ParseError::Broken(error.to_string()),
            });
            let cut = (response.cut.as_ref()).map(|why| format!("the answer breaks off ({why})"));
            let mut parsed = match (parsed, &cut) {
                (Ok(parsed), None) => parsed,
                (Ok(parsed), Some(_)) if !parsed.items.is_empty() => parsed,
                // What broke off before its first item may be a feed all the same.
                (_, Some(cut)) => return Err(ParseError::Broken(cut.clone())),
                (Err(error), None) => return Err(error),
            };
            parsed.is_partial |= cut.is_some();
            let items = std::mem::take(&mut parsed.items);
            let broken = || cut.unwrap_or_else(|| "the document breaks off".to_owned());
            Ok(Read {
                items: items.into_iter().map(Identified::from).collect(),
                in_part: (parsed.is_partial)
                    .then(|| format!("{}; only what stands before the break is read", broken())),
                parsed,
                validators,
            })
        });
        match parsed.await {
            Ok(read) => read,
            Err(_) => {
                let problem = "a bug of ours: the parser gave up on this document";
                Err(ParseError::Broken(problem.to_owned()))
            }
        }
    }
}

/// The feeds that fail, by name, with their reasons: what the summary lists.
pub async fn failing(
    store: &Store,
    poller: &Poller,
) -> Result<BTreeMap<String, String>, StoreError> {
    let watched = poller.watched();
    let states = store.feed_states().await?;
    let failing = watched.feeds.values().filter_map(|feed| {
        let state = states.get(&feed.name).filter(|state| state.failures > 0)?;
        Some((feed.name.clone(), state.problem.clone().unwrap_or_default()))
    });
    Ok(failing.collect())
}

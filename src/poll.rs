//! A due feed becomes recorded items and queued alerts.
//!
//! One poll is one straight way: ask (conditionally), read, keep what is new, match, judge and record in one transaction.
//! A poll that fails at any step records why and when to try again, and costs no other feed anything. The feed's validators
//! change only together with the items they vouch for.

mod ask;
mod change;
mod known;
mod tally;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    task::JoinError,
};

use self::{
    ask::{Answer, address, host_of, moved_to, read_response, request},
    change::StateChange,
    tally::Contact,
};
use crate::{
    envelope::{Reply, Response},
    judge::{self, Matched},
    model::{Feed, Item, ItemKey, Validators},
    net::Net,
    notify::Receiver,
    parse::{self, Document, Parsed},
    rule::{RuleHits, RuleSet},
    schedule::{self, Agenda, Polled},
    store::{
        Decided, FeedId, FeedState, Harvest, Judge, PollOutcome, PollRecord, Recorded, Store,
        StoreError,
    },
    time::{self, Clock, Timestamp},
    work::{Job, Leased},
};

pub use tally::Tally;

/// Documents read and items matched at once.
const THINKING_MAX: usize = 4;
/// How long a feed rests when its poll could not be recorded.
const STORE_REST: Duration = Duration::from_secs(10);
/// What is watched, swapped whole on reload.
#[derive(Clone, Debug)]
pub struct Watched {
    pub feeds: HashMap<FeedId, Arc<Feed>>,
    pub rules: Arc<RuleSet>,
    pub receivers: Vec<Arc<Receiver>>,
    /// Polls in flight at once to one host.
    pub per_host: usize,
    pub allow_private: bool,
}

/// The first user of the loop.
pub struct Poller {
    store: Store,
    net: Arc<dyn Net>,
    clock: Clock,
    watched: RwLock<Arc<Watched>>,
    agenda: Mutex<Agenda<FeedId>>,
    /// Rung when deliveries are owed.
    owed: Arc<Notify>,
    tally: Tally,
    thinking: Semaphore,
    is_store_failing: AtomicBool,
}

/// The claim on a due feed; dropped unfinished, the feed is tried again soon.
pub struct Turn {
    poller: Arc<Poller>,
    feed: FeedId,
    is_finished: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_finished {
            let due = time::after(self.poller.clock.now(), STORE_REST);
            self.poller.agenda().finish(self.feed, due);
        }
    }
}

impl Turn {
    fn finish(mut self, due: Timestamp) {
        self.is_finished = true;
        self.poller.agenda().finish(self.feed, due);
    }
}

/// A handle that the loop runs.
pub struct Polls(pub Arc<Poller>);

impl Job for Polls {
    type Work = Turn;

    async fn lease(&self, now: Timestamp, free: usize) -> Result<Leased<Turn>, StoreError> {
        let mut agenda = self.0.agenda();
        let turns = agenda.take_due(now, free);
        let turn = |feed| Turn {
            poller: self.0.clone(),
            feed,
            is_finished: false,
        };
        Ok(Leased {
            work: turns.into_iter().map(turn).collect(),
            next: agenda.next_due(),
        })
    }

    async fn run(&self, turn: Turn) {
        let watched = self.0.watched();
        let Some(feed) = watched.feeds.get(&turn.feed).cloned() else {
            // The configuration dropped it between the lease and now.
            return turn.finish(Timestamp::MAX);
        };
        match self.0.poll(turn.feed, &feed, &watched).await {
            Ok(next) => {
                if self.0.is_store_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("polls are recorded again");
                }
                turn.finish(next);
            }
            Err(error) => {
                // One line for all feeds: a full disk stops every one of them.
                if !self.0.is_store_failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(feed = %feed.name, %error, "polls are not recorded; their items stay new and are tried again");
                }
                let rest = feed.poll.interval.max(STORE_REST);
                turn.finish(time::after(self.0.clock.now(), rest));
            }
        }
    }
}

impl Poller {
    /// Nothing is watched until [`Poller::watch`] is called.
    pub fn new(store: Store, net: Arc<dyn Net>, clock: Clock, owed: Arc<Notify>) -> Poller {
        let nothing = Watched {
            feeds: HashMap::new(),
            rules: Arc::new(RuleSet::default()),
            receivers: Vec::new(),
            per_host: 1,
            allow_private: false,
        };
        Poller {
            store,
            net,
            clock,
            watched: RwLock::new(Arc::new(nothing)),
            agenda: Mutex::new(Agenda::new(1)),
            owed,
            tally: Tally::default(),
            thinking: Semaphore::new(THINKING_MAX),
            is_store_failing: AtomicBool::new(false),
        }
    }

    /// Watches these feeds from here on. `states` are the rows of the same feeds.
    pub fn watch(&self, watched: Watched, states: &[FeedState]) {
        let planned = states
            .iter()
            .filter(|state| state.gone.is_none())
            .filter_map(|state| {
                let feed = watched.feeds.get(&state.id)?;
                // A shorter interval in a new configuration counts from the last poll.
                let sooner = state
                    .last_poll
                    .filter(|_| state.failures == 0)
                    .map(|last| time::after(last, feed.poll.interval + feed.poll.interval / 10));
                let due = sooner.map_or(state.next_poll, |sooner| sooner.min(state.next_poll));
                Some((state.id, host_of(&feed.url), due))
            });
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

    fn agenda(&self) -> MutexGuard<'_, Agenda<FeedId>> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls one feed and records it; gives the time of its next poll.
    async fn poll(
        &self,
        id: FeedId,
        feed: &Arc<Feed>,
        watched: &Arc<Watched>,
    ) -> Result<Timestamp, StoreError> {
        let state = self.store.feed_state(id).await?;
        let address = address(feed, &state);
        let asked = self
            .net
            .send(request(feed, &state, address, watched.allow_private))
            .await;
        // Items are first seen, and the next interval begins, when the answer is here: counted from an earlier moment, a
        // request that took longer on its way would be followed by one that reaches the server too soon.
        let answered = self.clock.now();
        let answer = match asked {
            Ok(Reply::Http(response)) => read_response(response, answered),
            Ok(_) => Answer::Failed {
                problem: "the network door answered with something else".to_owned(),
                retry_after: None,
            },
            Err(error) => Answer::Failed {
                problem: error.to_string(),
                retry_after: None,
            },
        };
        match answer {
            Answer::Unchanged => {
                self.settle(feed, &state, answered, PollOutcome::Unchanged, None)
                    .await
            }
            Answer::Gone { problem } => {
                self.settle(feed, &state, answered, PollOutcome::Gone { problem }, None)
                    .await
            }
            Answer::Failed {
                problem,
                retry_after,
            } => {
                self.settle(
                    feed,
                    &state,
                    answered,
                    PollOutcome::Failed { problem },
                    retry_after,
                )
                .await
            }
            Answer::Body(response) => {
                let moved_to = moved_to(&state, address, &response);
                match self.read(response).await {
                    Ok((parsed, validators)) => {
                        let Parsed {
                            items,
                            is_partial,
                            dropped,
                            ..
                        } = parsed;
                        if is_partial || dropped > 0 {
                            tracing::debug!(feed = %feed.name, partial = is_partial, dropped, "feed read in part");
                        }
                        let listed = items.iter().map(Item::key).collect();
                        let known = known::sort_out(&self.store, id, &state, items).await?;
                        if let Some(recognised) = known.storm {
                            tracing::warn!(feed = %feed.name, recognised, "the feed renamed its items; they are not alerted again");
                        }
                        let harvest = Harvest {
                            // A document that broke off must be fetched again, whole.
                            validators: if is_partial {
                                Default::default()
                            } else {
                                validators
                            },
                            listed,
                            new: known.new,
                            edited: known.edited,
                            renamed: known.renamed,
                            unmarked: known.unmarked,
                            moved_to,
                        };
                        self.record_items(feed, &state, answered, harvest, watched)
                            .await
                    }
                    Err(problem) => {
                        self.settle(
                            feed,
                            &state,
                            answered,
                            PollOutcome::Failed { problem },
                            None,
                        )
                        .await
                    }
                }
            }
        }
    }

    /// Reads a document away from the async threads; a bug in a parser fails this one poll.
    async fn read(&self, response: Response) -> Result<(Parsed, Validators), String> {
        let validators = Validators {
            etag: response.header("etag").map(<[u8]>::to_vec),
            last_modified: response.header("last-modified").map(<[u8]>::to_vec),
        };
        let parsed = self.think(move || {
            let document = Document {
                body: &response.body,
                content_type: response.header_text("content-type"),
                url: &response.url,
            };
            parse::parse(document).map_err(|error| error.to_string())
        });
        match parsed.await {
            Ok(parsed) => Ok((parsed?, validators)),
            Err(_) => Err("a bug of ours: the parser gave up on this document".to_owned()),
        }
    }

    async fn match_items(
        &self,
        feed: &Arc<Feed>,
        items: Vec<Item>,
        rules: &Arc<RuleSet>,
    ) -> Result<HashMap<ItemKey, Vec<RuleHits>>, String> {
        if items.is_empty() {
            return Ok(HashMap::new());
        }
        let (feed, rules) = (feed.clone(), rules.clone());
        let matched = self.think(move || {
            items
                .iter()
                .map(|item| (item.key(), rules.hits(&feed, item)))
                .filter(|(_, hits)| !hits.is_empty())
                .collect()
        });
        matched.await.map_err(|error| {
            format!("a bug of ours: matching gave up on this feed's items ({error})")
        })
    }

    /// Runs what needs the processor away from the async threads, and no more of it at once than keeps the processor busy:
    /// each thread that has matched keeps working memory of its own.
    async fn think<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let _place = self.thinking.acquire().await;
        tokio::task::spawn_blocking(work).await
    }

    async fn record_items(
        &self,
        feed: &Arc<Feed>,
        state: &FeedState,
        answered: Timestamp,
        harvest: Harvest,
        watched: &Arc<Watched>,
    ) -> Result<Timestamp, StoreError> {
        let changed: Vec<Item> = harvest.new.iter().chain(&harvest.edited).cloned().collect();
        let mut hits = match self.match_items(feed, changed, &watched.rules).await {
            Ok(hits) => hits,
            // Recorded as if nothing had matched, an event would be lost; failed, the poll comes again.
            Err(problem) => {
                return self
                    .settle(feed, state, answered, PollOutcome::Failed { problem }, None)
                    .await;
            }
        };
        let matched_at = self.clock.now();
        let is_first_contact = state.first_contact.is_none();
        let judge = {
            let (feed, watched, clock) = (feed.clone(), watched.clone(), self.clock);
            Box::new(
                move |item: &Item,
                      edited: Option<&judge::Edited>,
                      past: &dyn judge::Past<Error = StoreError>| {
                    let Some(hits) = hits.remove(&item.key()) else {
                        return Ok(Decided::default());
                    };
                    let rules = watched.rules.rules();
                    let hits = hits
                        .into_iter()
                        .filter_map(|hit| Some((rules.get(hit.rule)?, hit.hits)))
                        .collect();
                    let matched = Matched {
                        feed: &feed,
                        item,
                        hits,
                        rules,
                        is_first_contact,
                        edited,
                        seen: answered,
                        matched: matched_at,
                    };
                    let decision = judge::judge(&matched, past, clock.now())?;
                    let receivers = decision
                        .judged
                        .iter()
                        .map(|judged| owed_to(judged, &watched.receivers))
                        .collect();
                    Ok(Decided {
                        decision,
                        receivers,
                    })
                },
            )
        };
        let outcome = PollOutcome::Items(harvest);
        let (next_poll, recorded) = self
            .record(feed, state, answered, outcome, None, judge)
            .await?;
        self.announce(feed, &recorded);
        Ok(next_poll)
    }

    /// Records a poll that gave no items.
    async fn settle(
        &self,
        feed: &Arc<Feed>,
        state: &FeedState,
        answered: Timestamp,
        outcome: PollOutcome,
        retry_after: Option<Duration>,
    ) -> Result<Timestamp, StoreError> {
        let judge_nothing = Box::new(
            |_: &Item, _: Option<&judge::Edited>, _: &dyn judge::Past<Error = StoreError>| {
                Ok(Decided::default())
            },
        );
        let (next_poll, _) = self
            .record(feed, state, answered, outcome, retry_after, judge_nothing)
            .await?;
        Ok(next_poll)
    }

    async fn record(
        &self,
        feed: &Arc<Feed>,
        state: &FeedState,
        answered: Timestamp,
        outcome: PollOutcome,
        retry_after: Option<Duration>,
        judge: Judge,
    ) -> Result<(Timestamp, Recorded), StoreError> {
        let (polled, contact) = match &outcome {
            PollOutcome::Items(_) if state.first_contact.is_none() => {
                (Polled::First, Contact::Answered)
            }
            PollOutcome::Unchanged | PollOutcome::Items(_) => (Polled::Answered, Contact::Answered),
            PollOutcome::Failed { .. } | PollOutcome::Gone { .. } => (
                Polled::Failed {
                    failures: state.failures + 1,
                    retry_after,
                },
                Contact::Failing,
            ),
        };
        let next_poll = match &outcome {
            PollOutcome::Gone { .. } => Timestamp::MAX,
            _ => schedule::next_poll(&feed.name, feed.poll.interval, answered, polled),
        };
        let changed = StateChange::of(feed, state, &outcome, answered);
        let poll = PollRecord {
            feed: state.id,
            at: answered,
            next_poll,
            outcome,
        };
        let recorded = self.store.record_poll(poll, judge).await?;
        self.tally.note(state.id, contact);
        changed.log(feed, state);
        Ok((next_poll, recorded))
    }

    fn announce(&self, feed: &Feed, recorded: &Recorded) {
        self.tally
            .new_items
            .fetch_add(recorded.new_items, Ordering::Relaxed);
        self.tally
            .alerts
            .fetch_add(recorded.alerts.len(), Ordering::Relaxed);
        for alert in &recorded.alerts {
            tracing::info!(
                alert = %alert.id, rule = %alert.rule, severity = alert.severity.name(), feed = %feed.name,
                title = %alert.item.title, url = %alert.item.url, "alert"
            );
        }
        if recorded.deliveries > 0 {
            self.owed.notify_one();
        }
        tracing::debug!(feed = %feed.name, new_items = recorded.new_items, alerts = recorded.alerts.len(), "polled");
    }
}

fn owed_to(judged: &judge::Judged, receivers: &[Arc<Receiver>]) -> Vec<String> {
    let Some(alert) = &judged.alert else {
        return Vec::new();
    };
    let wants = |receiver: &&Arc<Receiver>| {
        receiver
            .wants
            .takes(&alert.rule, alert.severity, &alert.tags)
    };
    receivers
        .iter()
        .filter(wants)
        .map(|receiver| receiver.name.clone())
        .collect()
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

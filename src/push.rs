//! WebSub, the subscriber's flow: hubs that feeds name are asked to push, their questions are answered, what they bring
//! goes to the poller, and leases are renewed before they end.
//!
//! Each subscription's state is in the store before a hub hears of it, so a restart loses none and a hub may ask back before
//! it has answered. Only what was asked for is confirmed, only what is signed is taken, and a hub hears "taken" only of
//! what is recorded. Without an address that hubs can reach, nothing here happens.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    envelope::{Reply, Response},
    hub::{self, Answer, Mode, Question},
    net::Net,
    poll::{Poller, PushTaken},
    schedule,
    store::{FeedId, HubSaid, Store, StoreError, Subscription, SubscriptionState},
    time::{self, Clock, Timestamp},
    work::{Job, Leased},
};

/// Below the public address: callbacks are this and a token.
pub const PATH: &str = "/websub/";
/// Hubs asked at once.
pub const SLOTS: usize = 8;
/// Redirects followed when a hub is asked.
const REDIRECTS_MAX: u8 = 3;
/// The first wait when a hub does not confirm; doubled each time.
const AGAIN_MIN: Duration = Duration::from_secs(60);
const AGAIN_MAX: Duration = Duration::from_secs(86_400);
/// Attempts to end a subscription; then it is left to run out.
const UNSUBSCRIBE_ATTEMPTS_MAX: u32 = 5;

/// Where hubs reach us, swapped whole on reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The public address and [`PATH`]; absent: no hub is asked.
    pub callbacks: Option<String>,
    pub allow_private: bool,
}

/// The third user of the loop.
pub struct Subscriber {
    store: Store,
    net: Arc<dyn Net>,
    clock: Clock,
    poller: Arc<Poller>,
    reach: RwLock<Reach>,
}

/// A handle that the loop runs.
pub struct Subscriptions(pub Arc<Subscriber>);

/// What a hub hears when it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Yes: its challenge, word for word.
    Echo(String),
    /// Noted; no more is to be said.
    Noted,
    /// We did not ask for that.
    Unknown,
}

/// What a hub hears when it brings a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// It is recorded, or will never be: it need not come again.
    Taken,
    /// There is no such subscription, or no longer.
    Unknown,
}

impl Job for Subscriptions {
    type Work = Subscription;

    async fn lease(&self, now: Timestamp, free: usize) -> Result<Leased<Subscription>, StoreError> {
        let mut leased = Leased {
            work: Vec::new(),
            next: None,
        };
        let Some(callbacks) = self.0.reach().callbacks else {
            return Ok(leased);
        };
        let store = &self.0.store;
        // Most often nothing is due, and then nothing is written.
        leased.next = store.next_subscription().await?;
        if free > 0 && leased.next.is_some_and(|next| next <= now) {
            leased.work = store
                .take_subscriptions(callbacks, now, free, again)
                .await?;
            leased.next = store.next_subscription().await?;
        }
        Ok(leased)
    }

    async fn run(&self, subscription: Subscription) {
        if let Err(error) = self.0.ask(&subscription).await {
            tracing::error!(hub = %subscription.hub, %error, "what a hub answered is not recorded; it is asked again");
        }
    }
}

/// When a hub that does not confirm is asked again.
fn again(subscription: &Subscription, now: Timestamp) -> Timestamp {
    let wait = schedule::backoff(
        AGAIN_MIN,
        AGAIN_MAX,
        subscription.attempts.max(1),
        &subscription.token,
    );
    time::after(now, wait)
}

impl Subscriber {
    /// Asks nobody until [`Subscriber::follow`] is called.
    pub fn new(store: Store, net: Arc<dyn Net>, clock: Clock, poller: Arc<Poller>) -> Subscriber {
        Subscriber {
            store,
            net,
            clock,
            poller,
            reach: RwLock::default(),
        }
    }

    /// Subscribes to what these feeds announce, reachable there, from here on.
    ///
    /// # Errors
    /// When the store refuses; then all stays as it was.
    pub async fn follow(&self, feeds: HashSet<FeedId>, reach: Reach) -> Result<(), StoreError> {
        let callbacks = reach.callbacks.clone();
        self.store
            .sync_subscriptions(feeds, callbacks, self.clock.now())
            .await?;
        *self.reach.write().unwrap_or_else(PoisonError::into_inner) = reach;
        Ok(())
    }

    fn reach(&self) -> Reach {
        self.reach
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks a hub for the subscription, or for its end.
    async fn ask(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let mode = match subscription.state {
            SubscriptionState::Unwanted => Mode::Unsubscribe,
            _ => Mode::Subscribe,
        };
        if mode == Mode::Unsubscribe && subscription.attempts > UNSUBSCRIBE_ATTEMPTS_MAX {
            tracing::info!(hub = %subscription.hub, topic = %subscription.topic, "the hub does not end the subscription; it is left to run out");
            return self.store.drop_subscription(subscription.id).await;
        }
        let Some(callback) = subscription.callback.as_deref() else {
            // The hub never heard of it.
            return self.store.drop_subscription(subscription.id).await;
        };
        let Err(problem) = self.send(mode, subscription, callback).await else {
            tracing::debug!(hub = %subscription.hub, topic = %subscription.topic, mode = mode.name(), "hub asked");
            return Ok(());
        };
        tracing::info!(hub = %subscription.hub, topic = %subscription.topic, mode = mode.name(), reason = %problem, "hub does not take the request");
        let due = again(subscription, self.clock.now());
        let said = HubSaid::Nothing { problem };
        self.store
            .settle_subscription(subscription.id, said, due)
            .await
    }

    async fn send(
        &self,
        mode: Mode,
        subscription: &Subscription,
        callback: &str,
    ) -> Result<(), String> {
        let allow_private = self.reach().allow_private;
        let mut hub = subscription.hub.clone();
        for _ in 0..=REDIRECTS_MAX {
            let (topic, secret) = (&subscription.topic, &subscription.secret);
            let request = hub::request(mode, &hub, topic, callback, secret, allow_private);
            match self.net.send(request).await {
                Ok(Reply::Http(response)) => match hub::answer(&response) {
                    Answer::Accepted => return Ok(()),
                    Answer::Elsewhere(next) => hub = next,
                    Answer::Refused(problem) => return Err(problem),
                },
                Ok(_) => return Err("the answer was no HTTP".to_owned()),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("more than {REDIRECTS_MAX} redirects"))
    }

    /// Answers what a hub asks at a callback.
    ///
    /// # Errors
    /// When the answer could not be recorded; the hub should ask again.
    pub async fn verify(&self, token: &str, query: &str) -> Result<Verified, StoreError> {
        let Some(question) = Question::parse(query) else {
            return Ok(Verified::Unknown);
        };
        let Some(subscription) = self.store.subscription(token.to_owned()).await? else {
            return Ok(Verified::Unknown);
        };
        let (id, now) = (subscription.id, self.clock.now());
        let is_wanted = matches!(
            subscription.state,
            SubscriptionState::Asked | SubscriptionState::Live
        );
        match question {
            Question::Verify {
                mode: Mode::Subscribe,
                topic,
                challenge,
                lease,
            } if topic == subscription.topic && is_wanted => {
                let said = HubSaid::Yes {
                    lease_end: time::after(now, lease),
                };
                let due = time::after(now, hub::renewal(lease));
                self.store.settle_subscription(id, said, due).await?;
                if subscription.state != SubscriptionState::Live {
                    tracing::debug!(hub = %subscription.hub, %topic, lease = %time::show_duration(lease), "hub pushes");
                }
                Ok(Verified::Echo(challenge))
            }
            Question::Verify {
                mode: Mode::Unsubscribe,
                topic,
                challenge,
                ..
            } if topic == subscription.topic
                && subscription.state == SubscriptionState::Unwanted =>
            {
                self.store.drop_subscription(id).await?;
                tracing::debug!(hub = %subscription.hub, %topic, "subscription ended");
                Ok(Verified::Echo(challenge))
            }
            Question::Denied { topic, reason } if topic == subscription.topic && is_wanted => {
                tracing::warn!(hub = %subscription.hub, %topic, %reason, "hub does not push, polling as before");
                let problem = match reason.is_empty() {
                    true => "the hub denied the subscription".to_owned(),
                    false => format!("the hub denied the subscription: {reason}"),
                };
                let due = time::after(now, AGAIN_MAX);
                self.store
                    .settle_subscription(id, HubSaid::No { problem }, due)
                    .await?;
                self.poller.fall_back(subscription.feed).await?;
                Ok(Verified::Noted)
            }
            Question::Denied { topic, .. }
                if topic == subscription.topic
                    && subscription.state == SubscriptionState::Unwanted =>
            {
                self.store.drop_subscription(id).await?;
                Ok(Verified::Noted)
            }
            Question::Verify { .. } | Question::Denied { .. } => Ok(Verified::Unknown),
        }
    }

    /// Whether something may be brought to this callback: asked before its body is read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn expects(&self, token: &str) -> Result<Option<Subscription>, StoreError> {
        let subscription = self.store.subscription(token.to_owned()).await?;
        Ok(subscription.filter(|subscription| {
            // A hub may push before it hears that its question was answered.
            matches!(
                subscription.state,
                SubscriptionState::Asked | SubscriptionState::Live
            )
        }))
    }

    /// Takes what a hub brings. When this returns, it is recorded.
    ///
    /// # Errors
    /// When nothing was recorded; the hub should bring it again.
    pub async fn bring(
        &self,
        subscription: &Subscription,
        signature: Option<&str>,
        content_type: Option<&[u8]>,
        body: Vec<u8>,
    ) -> Result<Brought, StoreError> {
        let topic = &subscription.topic;
        // The hub is told that it arrived (8.1): what a forger learns is nothing.
        let is_signed = signature
            .is_some_and(|signature| hub::is_signed(signature, &subscription.secret, &body));
        if !is_signed {
            tracing::warn!(%topic, "pushed document ignored: it is not signed by the hub");
            return Ok(Brought::Taken);
        }
        let headers = content_type.map(|value| ("content-type".to_owned(), value.to_vec()));
        let document = Response {
            status: 200,
            headers: headers.into_iter().collect(),
            body,
            url: topic.clone(),
            ..Response::default()
        };
        match self.poller.push(subscription.feed, document).await? {
            PushTaken::Recorded => Ok(Brought::Taken),
            PushTaken::Thin => {
                tracing::debug!(%topic, "a push without items, the feed is polled");
                Ok(Brought::Taken)
            }
            PushTaken::Unreadable(reason) => {
                tracing::warn!(%topic, %reason, "pushed document cannot be read, the feed is polled");
                Ok(Brought::Taken)
            }
            PushTaken::NotWatched => Ok(Brought::Unknown),
        }
    }
}

//! The store's part in WebSub: which feeds name a hub, how far each subscription is, and when its hub is asked next.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{FeedId, HubSaid, Store, StoreError, Subscription, SubscriptionState, sqlite::failed};
use crate::{
    hub::{self, Announced},
    secret::Secret,
    time::{self, Timestamp},
};

const COLUMNS: &str =
    "id, feed, topic, hub, token, secret, state, callback, lease_end, due, attempts, problem";

impl Store {
    /// Brings subscriptions in line with the configuration: those of other feeds are unwanted, and where hubs reach us at
    /// another place, or at none, nothing they confirmed counts any more.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn sync_subscriptions(
        &self,
        feeds: HashSet<FeedId>,
        callbacks: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("cannot record the subscriptions", move |connection| {
            let cannot = failed("cannot record the subscriptions");
            for subscription in all(connection).map_err(&cannot)? {
                let reached = subscription.callback_at(callbacks.as_deref());
                if !feeds.contains(&subscription.feed) {
                    unwant(connection, &subscription, now).map_err(&cannot)?;
                } else if subscription.state.is_with_hub()
                    && (reached.is_none() || reached != subscription.callback)
                {
                    connection
                        .execute(
                            "UPDATE subscription SET state = 'offered', callback = NULL, lease_end = NULL, due = ?2, attempts = 0 WHERE id = ?1",
                            params![subscription.id, now.as_millisecond()],
                        )
                        .map_err(&cannot)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The subscriptions whose hub is to be asked, at most `max`, each due again at the time that `again` gives for it, should
    /// nothing come of it. They are asked for at `callbacks` and their token.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn take_subscriptions(
        &self,
        callbacks: String,
        now: Timestamp,
        max: usize,
        again: fn(&Subscription, Timestamp) -> Timestamp,
    ) -> Result<Vec<Subscription>, StoreError> {
        self.write("cannot take subscriptions", move |connection| {
            let cannot = failed("cannot take subscriptions");
            let mut due: Vec<Subscription> = connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM subscription WHERE due <= ?1 ORDER BY due, id LIMIT ?2"
                ))
                .and_then(|mut statement| {
                    statement
                        .query_map(params![now.as_millisecond(), max], subscription)?
                        .collect()
                })
                .map_err(&cannot)?;
            for subscription in &mut due {
                subscription.attempts += 1;
                // A live one stays live while it is renewed.
                let state = match subscription.state {
                    SubscriptionState::Live if subscription.lease_end > Some(now) => SubscriptionState::Live,
                    SubscriptionState::Unwanted => SubscriptionState::Unwanted,
                    _ => SubscriptionState::Asked,
                };
                subscription.state = state;
                if state != SubscriptionState::Unwanted {
                    subscription.callback = subscription.callback_at(Some(&callbacks));
                }
                connection
                    .prepare_cached(
                        "UPDATE subscription SET state = ?2, callback = ?3, due = ?4, attempts = ?5 WHERE id = ?1",
                    )
                    .and_then(|mut statement| {
                        statement.execute(params![
                            subscription.id,
                            state.name(),
                            subscription.callback,
                            again(subscription, now).as_millisecond(),
                            subscription.attempts,
                        ])
                    })
                    .map_err(&cannot)?;
            }
            Ok(due)
        })
        .await
    }

    /// When a hub is to be asked next.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_subscription(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read("cannot read the subscriptions", |connection| {
            connection
                .prepare_cached("SELECT min(due) FROM subscription")
                .and_then(|mut statement| {
                    statement.query_row([], |row| row.get::<_, Option<i64>>(0))
                })
                .map(|due| due.map(time::from_ms))
                .map_err(failed("cannot read the subscriptions"))
        })
        .await
    }

    /// The subscription behind a callback.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscription(&self, token: String) -> Result<Option<Subscription>, StoreError> {
        self.read("cannot read a subscription", move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM subscription WHERE token = ?1"
                ))
                .and_then(|mut statement| statement.query_row([token], subscription).optional())
                .map_err(failed("cannot read a subscription"))
        })
        .await
    }

    /// Every subscription, by feed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        self.read("cannot read the subscriptions", |connection| {
            all(connection).map_err(failed("cannot read the subscriptions"))
        })
        .await
    }

    /// Records what a hub said; it is asked again at `due`.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn settle_subscription(
        &self,
        id: i64,
        said: HubSaid,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("cannot record a subscription", move |connection| {
            let due = due.as_millisecond();
            let settled = match said {
                HubSaid::Yes { lease_end } => connection
                    .prepare_cached("UPDATE subscription SET state = 'live', lease_end = ?3, due = ?2, attempts = 0, problem = NULL WHERE id = ?1")
                    .and_then(|mut statement| statement.execute(params![id, due, lease_end.as_millisecond()])),
                HubSaid::No { problem } => connection
                    .prepare_cached("UPDATE subscription SET state = 'denied', lease_end = NULL, due = ?2, problem = ?3 WHERE id = ?1")
                    .and_then(|mut statement| statement.execute(params![id, due, problem])),
                // Where it has confirmed meanwhile, that counts: some hubs ask back before they answer.
                HubSaid::Nothing { problem } => connection
                    .prepare_cached("UPDATE subscription SET due = ?2, problem = ?3 WHERE id = ?1 AND attempts > 0")
                    .and_then(|mut statement| statement.execute(params![id, due, problem])),
            };
            settled.map(|_| ()).map_err(failed("cannot record a subscription"))
        })
        .await
    }

    /// Forgets a subscription that has ended.
    ///
    /// # Errors
    /// When the store cannot do it.
    pub async fn drop_subscription(&self, id: i64) -> Result<(), StoreError> {
        self.write("cannot forget a subscription", move |connection| {
            connection
                .execute("DELETE FROM subscription WHERE id = ?1", [id])
                .map_err(failed("cannot forget a subscription"))?;
            Ok(())
        })
        .await
    }
}

/// Takes note of what a feed's document announces, inside the transaction that records the poll. Says whether that
/// is news.
pub(super) fn note_announced(
    connection: &Connection,
    feed: FeedId,
    announced: &Announced,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let cannot = failed("cannot record a subscription");
    if *announced == Announced::Unknown {
        return Ok(false);
    }
    let known: Vec<Subscription> = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM subscription WHERE feed = ?1"
        ))
        .and_then(|mut statement| statement.query_map([feed.0], subscription)?.collect())
        .map_err(&cannot)?;
    let (hub, topic) = match announced {
        Announced::Hub { hub, topic } => (hub.as_str(), topic.as_str()),
        Announced::Nothing | Announced::Unknown => ("", ""),
    };
    let is_same =
        |subscription: &Subscription| subscription.hub == hub && subscription.topic == topic;
    let mut is_news = false;
    for other in known
        .iter()
        .filter(|subscription| !is_same(subscription))
        .filter(|subscription| subscription.state != SubscriptionState::Unwanted)
    {
        is_news = true;
        unwant(connection, other, now).map_err(&cannot)?;
    }
    match known.iter().find(|subscription| is_same(subscription)) {
        // It is wanted again; whether the hub has already ended it is not known.
        Some(again) if again.state == SubscriptionState::Unwanted => {
            is_news = true;
            connection
                .execute(
                    "UPDATE subscription SET state = 'offered', due = ?2, attempts = 0, problem = NULL WHERE id = ?1",
                    params![again.id, now.as_millisecond()],
                )
                .map_err(&cannot)?;
        }
        Some(_) => {}
        None if hub.is_empty() => {}
        None => {
            is_news = true;
            let key: Vec<u8> = connection
                .query_row("SELECT key FROM store_key", [], |row| row.get(0))
                .map_err(&cannot)?;
            let feed_number = feed.0.to_string();
            let parts = [feed_number.as_str(), hub, topic];
            connection
                .execute(
                    "INSERT INTO subscription (feed, topic, hub, token, secret, state, due) VALUES (?1, ?2, ?3, ?4, ?5, 'offered', ?6)",
                    params![
                        feed.0,
                        topic,
                        hub,
                        hub::derived(&key, "callback", &parts),
                        hub::derived(&key, "secret", &parts),
                        now.as_millisecond()
                    ],
                )
                .map_err(&cannot)?;
        }
    }
    Ok(is_news)
}

/// Ends a subscription: where a hub may know of it, the hub is asked to.
fn unwant(
    connection: &Connection,
    subscription: &Subscription,
    now: Timestamp,
) -> rusqlite::Result<()> {
    match subscription.state {
        SubscriptionState::Unwanted => {}
        SubscriptionState::Asked | SubscriptionState::Live => {
            connection.execute(
                "UPDATE subscription SET state = 'unwanted', lease_end = NULL, due = ?2, attempts = 0, problem = NULL WHERE id = ?1",
                params![subscription.id, now.as_millisecond()],
            )?;
        }
        SubscriptionState::Offered | SubscriptionState::Denied => {
            connection.execute("DELETE FROM subscription WHERE id = ?1", [subscription.id])?;
        }
    }
    Ok(())
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<Subscription>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM subscription ORDER BY feed, id"
        ))?
        .query_map([], subscription)?
        .collect()
}

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    let state: String = row.get(6)?;
    Ok(Subscription {
        id: row.get(0)?,
        feed: FeedId(row.get(1)?),
        topic: row.get(2)?,
        hub: row.get(3)?,
        token: row.get(4)?,
        secret: Secret::new(row.get::<_, String>(5)?),
        // The table takes no other word.
        state: SubscriptionState::parse(&state).unwrap_or(SubscriptionState::Offered),
        callback: row.get(7)?,
        lease_end: row.get::<_, Option<i64>>(8)?.map(time::from_ms),
        due: time::from_ms(row.get(9)?),
        attempts: row.get(10)?,
        problem: row.get(11)?,
    })
}

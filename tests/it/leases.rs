//! Leases of WebSub subscriptions over days: polling below them, renewal, loss, restarts.

use std::time::Duration;

use wirewatch::{
    push::{Brought, Verified},
    store::{Subscription, SubscriptionState},
    time,
};

use crate::{websub::signature, world::World};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

async fn subscription(world: &World) -> Subscription {
    world.store().subscriptions().await.unwrap().remove(0)
}

/// The hub asks about the subscription.
async fn hub_says(world: &World, mode: &str, lease: Duration) -> Verified {
    let query = format!(
        "hub.mode={mode}&hub.topic=http%3A%2F%2Ffeeds%2Fcoast-news&hub.challenge=c&hub.lease_seconds={}",
        lease.as_secs()
    );
    let token = subscription(world).await.token;
    let (node, _) = world.node();
    node.subscriber().verify(&token, &query).await.unwrap()
}

async fn subscribed(lease: Duration) -> World {
    let mut world = World::new(&["coast-news"], &[]).await;
    world.push("coast-news");
    world.start().await;
    world.pass(MINUTE / 2).await;
    assert_eq!(world.forms().len(), 1);
    let echo = Verified::Echo("c".to_owned());
    assert_eq!(hub_says(&world, "subscribe", lease).await, echo);
    world
}

#[tokio::test(start_paused = true)]
async fn while_a_hub_pushes_polling_is_the_net_below() {
    let world = subscribed(240 * HOUR).await;
    world.pass(2 * MINUTE).await;
    let before = world.requests("coast-news").len();
    world.pass(24 * HOUR).await;
    let polls = world.requests("coast-news").len() - before;
    assert!((23..=25).contains(&polls), "{polls} in a day");
}

#[tokio::test(start_paused = true)]
async fn a_push_that_says_only_that_there_is_something_brings_a_poll() {
    for (body, kind) in [
        (
            "<rss version=\"2.0\"><channel><title>a feed</title></channel></rss>",
            "no items",
        ),
        (
            "<rss><channel><item><link>http://feeds/1</link></item></channel></rss>",
            "a link",
        ),
        ("ping", "no feed"),
        ("", "nothing"),
    ] {
        let mut world = subscribed(240 * HOUR).await;
        world.pass(90 * MINUTE).await;
        world.publish("coast-news", "1", "A signal at sea");
        let before = world.requests("coast-news").len();
        for signature in [Some("sha256=00".to_owned()), None] {
            bring(&world, signature, body).await;
        }
        world.pass(MINUTE / 10).await;
        assert_eq!(
            world.requests("coast-news").len(),
            before,
            "{kind}: unsigned"
        );
        let secret = subscription(&world).await.secret.expose().to_owned();
        for _ in 0..100 {
            let signature = signature("sha256", &secret, body);
            bring(&world, Some(signature), body).await;
        }
        world.pass(MINUTE / 10).await;
        assert_eq!(world.requests("coast-news").len(), before + 1, "{kind}");
        // However many come, the interval holds.
        bring(&world, Some(signature("sha256", &secret, body)), body).await;
        world.pass(MINUTE / 2).await;
        assert_eq!(world.requests("coast-news").len(), before + 1, "{kind}");
        world.pass(MINUTE).await;
        assert_eq!(world.requests("coast-news").len(), before + 2, "{kind}");
        world.kill();
    }
}

async fn bring(world: &World, signature: Option<String>, body: &str) {
    let subscription = subscription(world).await;
    let (node, _) = world.node();
    let brought = node.subscriber().bring(
        &subscription,
        signature.as_deref(),
        Some(b"application/rss+xml"),
        body.as_bytes().to_vec(),
    );
    assert_eq!(brought.await.unwrap(), Brought::Taken);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_before_it_ends() {
    let world = subscribed(10 * HOUR).await;
    world.pass(7 * HOUR + 50 * MINUTE).await;
    assert_eq!(world.forms().len(), 1, "not yet");
    world.pass(HOUR).await;
    let renewals = world.forms().len();
    assert!(renewals >= 2, "with a fifth of it left");
    // It stays live while the hub takes its time.
    assert_eq!(subscription(&world).await.state, SubscriptionState::Live);
    hub_says(&world, "subscribe", 10 * HOUR).await;
    let live = subscription(&world).await;
    assert!(time::until(world.now(), live.lease_end.unwrap()) > 9 * HOUR);
    world.pass(7 * HOUR).await;
    assert_eq!(world.forms().len(), renewals, "renewed once");
}

#[tokio::test(start_paused = true)]
async fn when_a_lease_runs_out_the_feed_is_polled_as_before() {
    let world = subscribed(2 * HOUR).await;
    world.pass(2 * HOUR + 2 * MINUTE).await;
    let before = world.requests("coast-news").len();
    world.pass(HOUR).await;
    let polls = world.requests("coast-news").len() - before;
    assert!(polls >= 55, "{polls} in an hour");
    // The hub is asked on and on, but ever more seldom.
    let asked = world.forms().len();
    assert!((3..=12).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_denies_is_left_alone_for_a_day() {
    let world = subscribed(240 * HOUR).await;
    assert_eq!(hub_says(&world, "denied", HOUR).await, Verified::Noted);
    let denied = subscription(&world).await;
    assert_eq!(denied.state, SubscriptionState::Denied);
    let before = world.requests("coast-news").len();
    world.pass(HOUR).await;
    assert!(world.requests("coast-news").len() - before >= 55);
    world.pass(21 * HOUR).await;
    assert_eq!(world.forms().len(), 1, "not within a day");
    world.pass(3 * HOUR).await;
    assert!(world.forms().len() > 1);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_a_subscription_and_asks_nobody() {
    let mut world = subscribed(240 * HOUR).await;
    let before = subscription(&world).await;
    world.pass(HOUR).await;
    world.kill();
    world.pass(HOUR).await;
    world.start().await;
    world.pass(HOUR).await;
    assert_eq!(world.forms().len(), 1);
    let after = subscription(&world).await;
    assert_eq!(
        (after.token, after.lease_end),
        (before.token, before.lease_end)
    );
    // What fell due meanwhile is made up for.
    world.kill();
    world.pass(200 * HOUR).await;
    world.start().await;
    world.pass(MINUTE / 2).await;
    assert_eq!(world.forms().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_not_confirmed_is_asked_for_again() {
    let mut world = World::new(&["coast-news"], &[]).await;
    world.push("coast-news");
    world.start().await;
    world.pass(24 * HOUR).await;
    let forms = world.forms();
    assert!((8..=13).contains(&forms.len()), "{} in a day", forms.len());
    assert!(
        forms.iter().all(|(_, form)| *form == forms[0].1),
        "the same"
    );
    // Without an answer, polling goes on as ever.
    assert!(world.requests("coast-news").len() > 1300);
    // What is dropped before it was confirmed is ended all the same: the hub may have heard.
    world.drop_feed("coast-news");
    world.reload_for("signal").await;
    world.pass(MINUTE).await;
    assert!(
        world
            .forms()
            .last()
            .unwrap()
            .1
            .contains("hub.mode=unsubscribe")
    );
    world.pass(48 * HOUR).await;
    assert!(
        world.store().subscriptions().await.unwrap().is_empty(),
        "left to run out"
    );
}

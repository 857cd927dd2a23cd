//! What the operator is told of wirewatch itself: once, by name, and again when it is over.

use std::time::Duration;

use wirewatch::{
    model::{AlertStatus, Notice, NoticeKind, Severity},
    store::{AlertFilter, Store},
    time::{self, Timestamp},
};

use crate::world::{Mood, World};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// What the store tells of notices: rule, status, revision.
async fn told(store: &Store) -> Vec<(String, AlertStatus, u32)> {
    let alerts = store.alerts(AlertFilter::default()).await.unwrap();
    alerts
        .into_iter()
        .map(|row| (row.alert.rule, row.alert.status, row.alert.revision))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_gone_feed_is_told_once_to_the_operator_alone_and_again_when_it_is_over() {
    let mut world = World::new(&["coast-news"], &["desk", "ops"]).await;
    world.notify(&["ops"]);
    world.feed_is("coast-news", Mood::Answers(410));
    world.start().await;
    world.pass(DAY).await;
    world.kill();
    world.start().await;
    world.pass(DAY).await;
    let text = "coast-news is not asked again: the server says that the feed is gone for good (410); remove it or give it a new url";
    assert_eq!(world.titles("ops"), [text]);
    assert_eq!(world.titles("desk"), [""; 0]);

    world.drop_feed("coast-news");
    world.reload_for("signal").await;
    world.pass(MINUTE).await;
    assert_eq!(
        world.titles("ops"),
        [text, "coast-news is no longer watched"]
    );
    let resolved = ("notice.feed-gone".to_owned(), AlertStatus::Resolved, 2);
    assert_eq!(told(world.store()).await, [resolved]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_reload_is_told_once_until_one_is_taken() {
    let mut world = World::new(&[], &["ops"]).await;
    world.notify(&["ops"]);
    world.start().await;
    for _ in 0..3 {
        let (node, live) = world.node();
        node.refuse_reload(&live, "wirewatch.toml:3:5: unknown key `urll`")
            .await;
        world.pass(MINUTE).await;
    }
    let refused = "the new configuration is not taken, the old one stays live: wirewatch.toml:3:5: unknown key `urll`";
    assert_eq!(world.titles("ops"), [refused]);
    world.reload_for("signal").await;
    world.pass(MINUTE).await;
    assert_eq!(
        world.titles("ops"),
        [refused, "the configuration was taken"]
    );
    let (node, live) = world.node();
    node.refuse_reload(&live, "again").await;
    assert_eq!(told(world.store()).await.len(), 2, "a new condition");
}

fn at(s: i64) -> Timestamp {
    time::from_ms(1_700_000_000_000 + s * 1000)
}

fn fails(subject: &str, is_over: bool) -> Notice {
    Notice {
        kind: NoticeKind::ReceiverFailing,
        subject: subject.to_owned(),
        text: format!("{subject} fails"),
        url: String::new(),
        severity: Severity::High,
        is_over,
    }
}

#[tokio::test]
async fn one_condition_has_one_open_alert_and_what_changed_can_be_followed() {
    let store = Store::in_memory().unwrap();
    let to = vec!["ops".to_owned()];
    let say = async |subject, is_over, s| {
        let said = store.notice(fails(subject, is_over), to.clone(), at(s));
        said.await
            .unwrap()
            .map(|alert| (alert.revision, alert.status))
    };
    let followed = async |after| {
        let filter = AlertFilter {
            after,
            ..AlertFilter::default()
        };
        let rows = store.alerts(filter).await.unwrap();
        let subjects = rows.iter().map(|row| row.alert.item.title.clone());
        (
            rows.last().map(|row| row.changed),
            subjects.collect::<Vec<_>>(),
        )
    };
    assert_eq!(say("a", true, 1).await, None, "nothing to end");
    assert_eq!(say("a", false, 1).await, Some((1, AlertStatus::Firing)));
    assert_eq!(say("a", false, 2).await, None, "known");
    assert_eq!(say("b", false, 2).await, Some((1, AlertStatus::Firing)));
    let (cursor, subjects) = followed(None).await;
    assert_eq!(subjects, ["a fails", "b fails"]);
    assert_eq!(followed(cursor).await.1, [""; 0]);
    // A clock that went backwards hides nothing.
    assert_eq!(say("a", true, 0).await, Some((2, AlertStatus::Resolved)));
    assert_eq!(followed(cursor).await.1, ["a fails"], "a later revision");
    assert_eq!(say("a", true, 3).await, None, "over is over");
    // Ended and begun within one millisecond.
    assert_eq!(say("b", true, 9).await, Some((2, AlertStatus::Resolved)));
    for _ in 0..2 {
        assert_eq!(say("b", false, 9).await, Some((1, AlertStatus::Firing)));
        assert_eq!(say("b", true, 9).await, Some((2, AlertStatus::Resolved)));
    }
    assert_eq!(store.open_notices().await.unwrap(), []);
}

#[tokio::test]
async fn the_alert_of_an_open_notice_outlives_the_archive() {
    let store = Store::in_memory().unwrap();
    store
        .notice(fails("a", false), Vec::new(), at(0))
        .await
        .unwrap();
    let later = time::after(at(0), 200 * DAY);
    while store.sweep(later, 90 * DAY).await.unwrap() > 0 {}
    let ended = store
        .notice(fails("a", true), Vec::new(), later)
        .await
        .unwrap();
    assert_eq!(ended.map(|alert| alert.revision), Some(2));
    let much_later = time::after(later, 200 * DAY);
    while store.sweep(much_later, 90 * DAY).await.unwrap() > 0 {}
    assert_eq!(told(&store).await, []);
}

//! What the store promises, in memory and on a disk alike; and how it refuses what it cannot trust.

use std::{fs, path::Path, sync::Arc, time::Duration};

use wirewatch::{
    judge::{Decision, Joined, Judged, NewText, Reason},
    model::{
        Alert, AlertItem, AlertStatus, AlertStory, AlertTiming, Feed, Item, Severity, Validators,
    },
    store::{
        AlertFilter, Decided, FeedId, Harvest, Judge, PollOutcome, PollRecord, Recorded,
        Settlement, Store, StoreError,
    },
    time::{self, Timestamp},
};

const DAY: Duration = Duration::from_secs(86_400);

fn at(s: i64) -> Timestamp {
    time::from_ms(1_700_000_000_000 + s * 1000)
}

fn feed(name: &str) -> Arc<Feed> {
    Arc::new(Feed {
        url: format!("https://{name}.example/feed"),
        ..Feed::named(name)
    })
}

fn item(id: &str) -> Item {
    Item {
        id: id.to_owned(),
        title: format!("Title of {id}"),
        url: format!("https://x.example/{id}"),
        ..Item::default()
    }
}

fn alert(id: &str, rule: &str, queued: Timestamp) -> Alert {
    Alert {
        version: 1,
        id: format!("{rule}-{id}"),
        revision: 1,
        status: AlertStatus::Firing,
        rule: rule.to_owned(),
        title: "A title".to_owned(),
        severity: Severity::High,
        tags: Vec::new(),
        drill: false,
        item: AlertItem::of(&Feed::named("a"), &item(id), queued),
        hits: Vec::new(),
        story: AlertStory {
            id: "s".to_owned(),
            items: 1,
            publishers: vec!["p".to_owned()],
            origins: 1,
        },
        timing: AlertTiming {
            published: None,
            seen: queued,
            matched: queued,
            queued,
        },
    }
}

/// Every new item alerts under one rule and is owed to "desk".
fn alert_on_each(now: Timestamp) -> Judge {
    Box::new(move |item, _, _| {
        let joined = Joined {
            story: None,
            story_uid: format!("story-{}", item.id),
            text: None,
            founder: None,
            origin: item.id.clone(),
            publisher: "p".to_owned(),
            is_another_item: true,
            new_text: NewText {
                keys: vec![item.key().0],
                ..NewText::default()
            },
        };
        let alert = alert(&item.id, "rule", now);
        let about = Some(alert.id.clone());
        let judged = Judged {
            rule: "rule".to_owned(),
            reason: Reason::FirstReport,
            alert: Some(alert),
            about,
            confirmed: 0,
            hold: None,
            is_release: false,
        };
        Ok(Decided {
            decision: Decision {
                joined: Some(joined),
                judged: vec![judged],
                rates: Vec::new(),
            },
            receivers: vec![vec!["desk".to_owned()]],
        })
    })
}

fn quiet() -> Judge {
    Box::new(|_, _, _| Ok(Decided::default()))
}

fn harvest(ids: &[&str]) -> PollOutcome {
    let new: Vec<Item> = ids.iter().map(|id| item(id)).collect();
    PollOutcome::Items(Harvest {
        validators: Validators {
            etag: Some(b"W/\"a\xff\"".to_vec()),
            last_modified: None,
        },
        listed: new.iter().map(Item::key).collect(),
        new: new.into_iter().map(Into::into).collect(),
        ..Harvest::default()
    })
}

/// Which of these ids the feed is known to have listed.
async fn seen(store: &Store, feed: FeedId, ids: &[&str]) -> Vec<String> {
    let keys = ids.iter().map(|id| item(id).key()).collect();
    let seen = store.seen(feed, keys).await.unwrap();
    let is_seen = |id: &&&str| seen.contains_key(&item(id).key());
    ids.iter()
        .filter(is_seen)
        .map(|id| (*id).to_owned())
        .collect()
}

async fn record(
    store: &Store,
    feed: FeedId,
    when: Timestamp,
    outcome: PollOutcome,
    judge: Judge,
) -> Recorded {
    let next_poll = time::after(when, Duration::from_secs(60));
    let record = PollRecord::plain(feed, when, next_poll, outcome);
    store.record_poll(record, judge).await.unwrap()
}

async fn one_feed(store: &Store) -> FeedId {
    store.sync_feeds(vec![feed("a")], at(0)).await.unwrap()[0].id
}

/// Both kinds of store go through the same case.
async fn on_both<F: AsyncFn(Store)>(case: F) {
    case(Store::in_memory().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    case(Store::open(&folder.path().join("w.db")).unwrap()).await;
}

#[tokio::test]
async fn a_poll_is_recorded_whole() {
    on_both(async |store| {
        let id = one_feed(&store).await;
        let recorded = record(
            &store,
            id,
            at(1),
            harvest(&["1", "2"]),
            alert_on_each(at(1)),
        )
        .await;
        assert_eq!(
            (
                recorded.new_items,
                recorded.alerts.len(),
                recorded.deliveries
            ),
            (2, 2, 2)
        );
        let state = store.feed_state(id).await.unwrap().0;
        assert_eq!(
            state.validators.etag.as_deref(),
            Some(&b"W/\"a\xff\""[..]),
            "byte for byte"
        );
        assert_eq!(
            (
                state.plan.next_poll,
                state.first_contact,
                state.last_new_item
            ),
            (at(61), Some(at(1)), Some(at(1)))
        );
        assert_eq!(seen(&store, id, &["1", "2", "3"]).await, ["1", "2"]);
        let found = store
            .items_at("https://x.example/2".to_owned())
            .await
            .unwrap();
        assert_eq!(
            (
                found[0].feed.as_str(),
                found[0].judgements[0].reason.as_str()
            ),
            ("a", "first-report")
        );
        // The archive comes in batches, each after the last number of the one before.
        assert_eq!(store.archive_size(at(1)).await.unwrap(), 2);
        let first = store.archive_after(0, at(1), 1).await.unwrap();
        let rest = store.archive_after(first[0].0, at(1), 9).await.unwrap();
        let archived = [&first[..], &rest[..]].concat();
        let ids: Vec<_> = archived
            .iter()
            .map(|(_, found)| found.item.id.as_str())
            .collect();
        assert_eq!(ids, ["1", "2"]);
        assert_eq!(store.archive_size(at(2)).await.unwrap(), 0);
        assert_eq!(store.archive_after(0, at(2), 9).await.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_item_recorded_twice_alerts_once() {
    on_both(async |store| {
        let id = one_feed(&store).await;
        record(&store, id, at(1), harvest(&["1"]), alert_on_each(at(1))).await;
        let again = record(&store, id, at(2), harvest(&["1"]), alert_on_each(at(2))).await;
        assert_eq!((again.new_items, again.alerts.len()), (0, 0));
        assert_eq!(store.alerts(AlertFilter::default()).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_poll_that_cannot_be_judged_changes_nothing() {
    on_both(async |store| {
        let id = one_feed(&store).await;
        let mut calls = 0;
        let judge: Judge = Box::new(move |_, _, _| {
            calls += 1;
            match calls {
                1 => Ok(Decided::default()),
                _ => Err(StoreError::Failed("no".to_owned())),
            }
        });
        let record = PollRecord::plain(id, at(1), at(61), harvest(&["1", "2"]));
        store.record_poll(record, judge).await.unwrap_err();
        assert_eq!(store.totals().await.unwrap().items, 0);
        assert_eq!(store.feed_state(id).await.unwrap().0.first_contact, None);
        assert_eq!(seen(&store, id, &["1"]).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn failures_are_counted_and_keep_the_validators() {
    on_both(async |store| {
        let id = one_feed(&store).await;
        record(&store, id, at(1), harvest(&["1"]), quiet()).await;
        for s in 2..4 {
            record(
                &store,
                id,
                at(s),
                PollOutcome::Failed {
                    problem: "down".to_owned(),
                },
                quiet(),
            )
            .await;
        }
        let state = store.feed_state(id).await.unwrap().0;
        assert_eq!(
            (state.failures, state.problem.as_deref(), state.last_success),
            (2, Some("down"), Some(at(1)))
        );
        assert!(state.validators.etag.is_some());
        record(&store, id, at(5), PollOutcome::Unchanged, quiet()).await;
        let state = store.feed_state(id).await.unwrap().0;
        assert_eq!(
            (state.failures, state.problem, state.last_success),
            (0, None, Some(at(5)))
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_address_forgets_validators_but_not_what_was_seen() {
    on_both(async |store| {
        let id = one_feed(&store).await;
        record(&store, id, at(1), harvest(&["1"]), quiet()).await;
        let moved = Arc::new(Feed {
            url: "https://elsewhere.example/feed".to_owned(),
            ..Feed::named("a")
        });
        let state = store
            .sync_feeds(vec![moved], at(9))
            .await
            .unwrap()
            .remove(0);
        assert_eq!(
            (state.id, &state.validators, state.plan.next_poll),
            (id, &Validators::default(), at(9))
        );
        assert_eq!(state.first_contact, Some(at(1)));
        assert_eq!(seen(&store, id, &["1"]).await, ["1"]);
        assert_eq!(store.feed_state(id).await.unwrap().0, state);
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_due_in_order_and_settle_once() {
    on_both(async |store| {
        let id = one_feed(&store).await;
        record(
            &store,
            id,
            at(1),
            harvest(&["1", "2", "3"]),
            alert_on_each(at(1)),
        )
        .await;
        let due = |now, running: Vec<i64>| {
            store.due_deliveries("desk".to_owned(), running, now, 10, true)
        };
        assert!(due(at(0), vec![]).await.unwrap().is_empty());
        let owed = due(at(1), vec![]).await.unwrap();
        let titles: Vec<&str> = owed
            .iter()
            .map(|owed| owed.alert.item.title.as_str())
            .collect();
        assert_eq!(titles, ["Title of 1", "Title of 2", "Title of 3"]);
        assert_eq!(due(at(1), vec![owed[0].id]).await.unwrap().len(), 2);
        let settled = vec![
            (owed[0].id, Settlement::Done { handle: None }),
            (
                owed[1].id,
                Settlement::Again {
                    due: at(50),
                    problem: "busy".to_owned(),
                },
            ),
            (
                owed[2].id,
                Settlement::Dead {
                    problem: "never".to_owned(),
                },
            ),
        ];
        store.settle(settled, at(2)).await.unwrap();
        assert!(due(at(2), vec![]).await.unwrap().is_empty());
        assert_eq!(
            store
                .next_delivery("desk".to_owned(), vec![], at(2))
                .await
                .unwrap(),
            (false, Some(at(50)))
        );
        store.hasten("desk".to_owned(), at(3)).await.unwrap();
        let again = due(at(3), vec![]).await.unwrap();
        assert_eq!(
            (again.len(), again[0].attempts, again[0].owed_since),
            (1, 1, at(1))
        );
        let rows = store.alerts(AlertFilter::default()).await.unwrap();
        let states: Vec<&str> = rows
            .iter()
            .map(|row| row.deliveries[0].state.as_str())
            .collect();
        assert_eq!(states, ["done", "owed", "dead"]);
        assert_eq!(store.owed_counts().await.unwrap(), [("desk".to_owned(), 1)]);
    })
    .await;
}

#[tokio::test]
async fn sweeping_forgets_the_old_and_keeps_what_is_owed_or_may_be_listed_again() {
    on_both(async |store| {
        let id = one_feed(&store).await;
        record(
            &store,
            id,
            at(0),
            harvest(&["owed", "old"]),
            alert_on_each(at(0)),
        )
        .await;
        let owed = store
            .due_deliveries("desk".to_owned(), vec![], at(0), 9, true)
            .await
            .unwrap();
        store
            .settle(vec![(owed[1].id, Settlement::Done { handle: None })], at(1))
            .await
            .unwrap();
        let later = time::after(at(0), 100 * DAY);
        let sweep_all = async |now| while store.sweep(now, 90 * DAY).await.unwrap() > 0 {};
        sweep_all(later).await;
        let left = store.alerts(AlertFilter::default()).await.unwrap();
        assert_eq!(
            left.iter()
                .map(|row| row.alert.item.title.as_str())
                .collect::<Vec<_>>(),
            ["Title of owed"]
        );
        assert_eq!(
            seen(&store, id, &["old"]).await,
            ["old"],
            "a silent feed comes back with old news as old"
        );
        record(&store, id, later, harvest(&["new"]), quiet()).await;
        sweep_all(later).await;
        assert_eq!(
            seen(&store, id, &["old"]).await,
            [""; 0],
            "the feed has long listed others without it"
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_new_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let store = Store::open(&path).unwrap();
    let id = one_feed(&store).await;
    record(&store, id, at(1), harvest(&["1"]), alert_on_each(at(1))).await;
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(
        store.sync_feeds(vec![feed("a")], at(9)).await.unwrap()[0]
            .plan
            .next_poll,
        at(61)
    );
    assert_eq!(store.alerts(AlertFilter::default()).await.unwrap().len(), 1);
    let reader = Store::open_to_read(&path).unwrap();
    assert_eq!(
        reader.totals().await.unwrap().alerts,
        1,
        "a reader works beside the daemon"
    );
    reader.ping().await.unwrap_err();
}

/// Each new item is a text of its own under key 7 with the word 5; fails at the item named so. Sends what was found before.
fn tell(fails_at: &'static str, found: &std::sync::mpsc::Sender<(Vec<i64>, Vec<u32>)>) -> Judge {
    let found = found.clone();
    Box::new(move |item, _, past| {
        let before = (past.texts_under(7)?, past.texts_with(&[5], 0)?);
        found.send(before).expect("the test listens");
        if item.id == fails_at {
            return Err(StoreError::Failed("no".to_owned()));
        }
        let joined = Joined {
            story: None,
            story_uid: format!("story-{}", item.id),
            text: None,
            founder: None,
            origin: item.id.clone(),
            publisher: "p".to_owned(),
            is_another_item: true,
            new_text: NewText {
                keys: vec![7],
                counted: vec![5],
                ..NewText::default()
            },
        };
        let decision = Decision {
            joined: Some(joined),
            ..Decision::default()
        };
        Ok(Decided {
            decision,
            receivers: Vec::new(),
        })
    })
}

#[tokio::test]
async fn texts_are_found_after_a_new_start_and_not_where_a_poll_was_taken_back() {
    let (sender, found) = std::sync::mpsc::channel();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let store = Store::open(&path).unwrap();
    let id = one_feed(&store).await;
    record(&store, id, at(1), harvest(&["1", "2"]), tell("", &sender)).await;
    let taken_back = PollRecord::plain(id, at(2), at(62), harvest(&["3", "4"]));
    let refused = store.record_poll(taken_back, tell("4", &sender)).await;
    refused.unwrap_err();
    record(&store, id, at(3), harvest(&["5"]), tell("", &sender)).await;
    drop(store);
    let store = Store::open(&path).unwrap();
    store.sync_feeds(vec![feed("a")], at(9)).await.unwrap();
    record(&store, id, at(10), harvest(&["6"]), tell("", &sender)).await;
    // A month later nothing of it is kept, and numbers begin anew.
    let late = at(30 * 86_400);
    while store
        .sweep(late, Duration::from_secs(86_400))
        .await
        .unwrap()
        > 0
    {}
    record(&store, id, late, harvest(&["7"]), tell("", &sender)).await;
    let found: Vec<(Vec<i64>, Vec<u32>)> = found.try_iter().collect();
    let expected: [(&[i64], u32); 7] = [
        (&[], 0),
        (&[1], 1),
        (&[2, 1], 2),
        // The third item stood in the transaction that the fourth took back.
        (&[3, 2, 1], 3),
        (&[2, 1], 2),
        (&[3, 2, 1], 3),
        (&[], 0),
    ];
    assert_eq!(found.len(), expected.len());
    for (found, (texts, words)) in found.into_iter().zip(expected) {
        assert_eq!(found, (texts.to_vec(), vec![words]));
    }
}

#[tokio::test]
async fn many_polls_at_once_share_commits_and_each_gets_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("w.db")).unwrap();
    let feeds: Vec<Arc<Feed>> = (0..200).map(|number| feed(&format!("f{number}"))).collect();
    let states = store.sync_feeds(feeds, at(0)).await.unwrap();
    let polls = states.iter().map(|state| {
        let (store, id) = (store.clone(), state.id);
        tokio::spawn(async move {
            record(&store, id, at(1), harvest(&["1", "2"]), quiet())
                .await
                .new_items
        })
    });
    let mut new_items = 0;
    for poll in polls.collect::<Vec<_>>() {
        new_items += poll.await.unwrap();
    }
    assert_eq!(new_items, 400);
    assert_eq!(store.totals().await.unwrap().items, 400);
}

#[tokio::test]
async fn what_nobody_waits_for_is_written_before_later_writes_and_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let later = async |store: &Store, id: FeedId, ids: &[&str]| {
        let poll = PollRecord::plain(id, at(1), at(61), harvest(ids));
        store
            .record_poll_soon(poll, |recorded| assert!(recorded.is_ok()))
            .await;
    };
    {
        let store = Store::open(&path).unwrap();
        let id = one_feed(&store).await;
        later(&store, id, &["1"]).await;
        record(&store, id, at(2), harvest(&["2"]), quiet()).await;
        assert_eq!(seen(&store, id, &["1", "2"]).await, ["1", "2"]);
        later(&store, id, &["3"]).await;
    }
    let store = Store::open(&path).unwrap();
    assert!(!store.was_cut_off());
    let id = store.feed_states().await.unwrap()["a"].id;
    assert_eq!(seen(&store, id, &["3"]).await, ["3"]);
    later(&store, id, &["4"]).await;
    let written = async {
        while seen(&store, id, &["4"]).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, written)
        .await
        .expect("written without a later write");
}

fn open_error(path: &Path) -> String {
    Store::open(path).unwrap_err().to_string()
}

#[tokio::test]
async fn a_second_daemon_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let store = Store::open(&path).unwrap();
    let error = open_error(&path);
    assert!(
        error.contains("in use by another wirewatch")
            && error.contains(&std::process::id().to_string()),
        "{error}"
    );
    drop(store);
    Store::open(&path).unwrap();
}

#[tokio::test]
async fn what_cannot_be_trusted_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let store = Store::open(&path).unwrap();
    let id = one_feed(&store).await;
    let ids: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    record(
        &store,
        id,
        at(1),
        harvest(&ids.iter().map(String::as_str).collect::<Vec<_>>()),
        quiet(),
    )
    .await;
    drop(store);
    let good = fs::read(&path).unwrap();
    let mut bad_middle = good.clone();
    let middle = good.len() / 2;
    bad_middle[middle..middle + 8192].fill(0x5a);
    let mut bad_head = good.clone();
    bad_head[..64].fill(0);
    let newer = {
        // The schema's version stands at byte 60 of the header (SQLite file format, 1.3).
        let mut bytes = good.clone();
        bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
        bytes
    };
    let foreign = {
        let mut bytes = good.clone();
        bytes[68..72].copy_from_slice(&7_u32.to_be_bytes());
        bytes
    };
    for (bytes, words) in [
        (bad_middle, "damaged"),
        (bad_head, "damaged"),
        (
            b"not a database, but long enough to be read as one".repeat(40),
            "damaged",
        ),
        (Vec::new(), "the file is empty"),
        (newer, "version 99"),
        (foreign, "another program"),
    ] {
        fs::write(&path, &bytes).unwrap();
        let error = open_error(&path);
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(
            fs::read(&path).unwrap(),
            bytes,
            "{words}: the file is left as it is"
        );
    }
    fs::write(&path, &good).unwrap();
    Store::open(&path).unwrap();
}

#[test]
fn a_missing_folder_or_database_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    assert!(open_error(&folder.path().join("none/w.db")).contains("there is no folder"));
    let error = Store::open_to_read(&folder.path().join("w.db"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("wirewatch run"), "{error}");
}

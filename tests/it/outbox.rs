//! Weeks of a desk's outbox in virtual time: what is held is never lost, and says why it waits.

use std::time::Duration;

use wirewatch::{
    model::{Alert, Severity},
    notify::{
        Escalation, Hold,
        hold::{Quiet, Rate},
    },
    store::{Acknowledged, OutboxFilter, Silence},
    time::{self, Timestamp},
};

use crate::world::{Mood, Wishes, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rate(messages: u32, per: Duration) -> Wishes {
    Wishes {
        hold: Hold {
            rate: Some(Rate { messages, per }),
            ..Hold::default()
        },
        ..Wishes::default()
    }
}

fn quiet(from: &str, to: &str, zone: &str, pass: Option<Severity>) -> Wishes {
    Wishes {
        hold: Hold {
            quiet: Some(Quiet {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                zone: jiff::tz::TimeZone::get(zone).unwrap(),
                pass,
            }),
            ..Hold::default()
        },
        ..Wishes::default()
    }
}

/// An alert that no feed brought, for outboxes of any size.
async fn post(world: &World, id: usize, severity: Severity, to: &[&str]) {
    let now = world.now();
    let alert: Alert = serde_json::from_value(serde_json::json!({
        "version": 1, "id": format!("01938c2f-0000-7000-8000-{id:012}"), "revision": 1, "status": "firing", "rule": "watch",
        "title": "Posted", "severity": severity, "tags": ["posted"], "drill": false,
        "item": {"id": id.to_string(), "feed": "wire", "publisher": "wire", "title": format!("Signal {id}"), "url": "", "summary": "",
                 "lang": null, "published": null, "seen": now},
        "hits": [], "story": {"id": id.to_string(), "items": 1, "publishers": ["wire"], "origins": 1},
        "timing": {"published": null, "seen": now, "matched": now, "queued": now},
    }))
    .unwrap();
    let to = to.iter().map(|name| (*name).to_owned()).collect();
    world.store().post_alert(alert, to).await.unwrap();
}

async fn reasons(world: &World) -> Vec<Option<String>> {
    let rows = world.store().alerts(Default::default()).await.unwrap();
    rows.into_iter()
        .flat_map(|row| row.deliveries)
        .map(|delivery| delivery.reason)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn quiet_hours_hold_over_the_night_in_which_clocks_change() {
    // Madrid goes from winter to summer time on 29 March 2026 at 01:00 UTC: the night is an hour shorter.
    let mut world = World::new_at("2026-03-28T20:00:00Z", &["coast-news"], &["desk", "duty"]).await;
    world.wishes(
        "desk",
        quiet("22:00", "06:30", "Europe/Madrid", Some(Severity::Critical)),
    );
    world.start().await;
    world.publish("coast-news", "1", "An evening signal");
    world.pass(30 * MINUTE).await;
    assert_eq!(world.titles("desk"), ["An evening signal"]);
    world.pass(HOUR).await;
    world.publish("coast-news", "2", "A night signal");
    world.pass(2 * HOUR).await;
    world.kill();
    world.start().await;
    post(&world, 7, Severity::Critical, &["desk"]).await;
    world.pass(HOUR).await;
    assert_eq!(
        world.titles("desk"),
        ["An evening signal", "Signal 7"],
        "what passes, passes"
    );
    assert!(
        reasons(&world)
            .await
            .contains(&Some("quiet-held".to_owned()))
    );
    // 06:30 in Madrid is 04:30 UTC on that day, 05:30 the day before.
    world
        .pass(time::until(world.now(), at("2026-03-29T04:29:50Z")))
        .await;
    assert_eq!(world.titles("desk").len(), 2);
    world.pass(20 * SECOND).await;
    assert_eq!(world.titles("desk").last().unwrap(), "A night signal");
    assert_eq!(
        world.titles("duty"),
        ["An evening signal", "A night signal"],
        "others have no quiet"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reload_without_quiet_hours_lets_go_what_they_held() {
    let mut world = World::new_at("2026-03-02T23:00:00Z", &["coast-news"], &["desk"]).await;
    world.wishes("desk", quiet("22:00", "06:30", "UTC", None));
    world.start().await;
    world.publish("coast-news", "1", "A signal");
    world.pass(10 * MINUTE).await;
    assert_eq!(world.titles("desk"), [""; 0]);
    world.wishes("desk", Wishes::default());
    world.reload_for("signal").await;
    world.pass(MINUTE).await;
    assert_eq!(world.titles("desk"), ["A signal"]);
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_one_message_and_a_repeat_of_it_the_same() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.wishes(
        "desk",
        Wishes {
            hold: Hold {
                digest: Some(4 * HOUR),
                ..Hold::default()
            },
            ..Wishes::default()
        },
    );
    world.start().await;
    world.pass(2 * MINUTE).await;
    for item in 1..=3 {
        world.publish("coast-news", &item.to_string(), &format!("Signal {item}"));
        world.pass(10 * MINUTE).await;
    }
    assert_eq!(world.arrivals("desk"), []);
    world.hook_is("desk", Mood::LosesAnswers);
    // Digests go out at 12:00; it is 08:32.
    world.pass(3 * HOUR + 30 * MINUTE).await;
    world.publish("coast-news", "4", "Signal 4");
    world.hook_is("desk", Mood::Well);
    world.pass(30 * MINUTE).await;
    let arrivals = world.arrivals("desk");
    assert!(arrivals.len() > 1);
    for arrival in &arrivals {
        assert_eq!(arrival.held, ["Signal 1", "Signal 2", "Signal 3"]);
        assert_eq!(
            (arrival.rule.as_str(), arrival.title.as_str()),
            ("digest", "3 alerts: 3 high")
        );
        assert_eq!(arrival.webhook_id, arrivals[0].webhook_id);
    }
    world.pass(4 * HOUR).await;
    assert_eq!(
        world.titles("desk").last().unwrap(),
        "Signal 4",
        "one alert goes as it is"
    );
}

#[tokio::test(start_paused = true)]
async fn over_the_rate_one_summary_lists_what_it_holds() {
    let mut world = World::new(&[], &["desk"]).await;
    world.wishes("desk", rate(5, HOUR));
    world.start().await;
    for id in 0..12 {
        post(&world, id, Severity::High, &["desk"]).await;
    }
    world.reload_for("signal").await;
    world.pass(10 * MINUTE).await;
    let arrivals = world.arrivals("desk");
    assert_eq!(
        world.titles("desk"),
        [
            "Signal 0",
            "Signal 1",
            "Signal 2",
            "Signal 3",
            "8 alerts: 8 high"
        ]
    );
    assert_eq!(arrivals[4].held.len(), 8);
    for id in 12..14 {
        post(&world, id, Severity::High, &["desk"]).await;
    }
    world.reload_for("signal").await;
    world.pass(40 * MINUTE).await;
    assert_eq!(world.arrivals("desk").len(), 5, "the hour is full");
    world.pass(20 * MINUTE).await;
    assert_eq!(world.arrivals("desk")[5].held, ["Signal 12", "Signal 13"]);
    assert!(
        reasons(&world)
            .await
            .contains(&Some("rate-summary".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_owed_drain_at_the_rate_and_in_order() {
    let mut world = World::new(&[], &["desk"]).await;
    world.wishes("desk", rate(30, HOUR));
    world.hook_is("desk", Mood::Unreachable);
    world.start().await;
    for id in 0..10_000 {
        post(&world, id, Severity::Low, &["desk"]).await;
    }
    world.pass(24 * HOUR).await;
    world.hook_is("desk", Mood::Well);
    world.pass(24 * HOUR).await;
    let arrivals = world.arrivals("desk");
    let told: Vec<String> = arrivals
        .iter()
        .flat_map(|arrival| match arrival.held.is_empty() {
            true => vec![arrival.title.clone()],
            false => arrival.held.clone(),
        })
        .collect();
    let numbers: Vec<usize> = told
        .iter()
        .map(|title| title[7..].parse().unwrap())
        .collect();
    let unique: std::collections::BTreeSet<usize> = numbers.iter().copied().collect();
    assert_eq!(
        (numbers.len(), unique.len()),
        (10_000, 10_000),
        "all of them, once"
    );
    // The one that found the receiver well again went first.
    let out_of_order = numbers[1..]
        .windows(2)
        .filter(|pair| pair[0] > pair[1])
        .count();
    assert_eq!(out_of_order, 0);
    for (index, arrival) in arrivals.iter().enumerate() {
        let within = arrivals[index..]
            .iter()
            .take_while(|later| later.after - arrival.after < HOUR)
            .count();
        assert!(within <= 30, "{within} messages in an hour");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_in_time_is_not_the_last_to_know() {
    let mut world = World::new(&["coast-news"], &["desk", "chief"]).await;
    world.wishes(
        "desk",
        Wishes {
            escalation: Some(Escalation {
                within: 10 * MINUTE,
                then: "chief".to_owned(),
            }),
            ..Wishes::default()
        },
    );
    let only_when_asked = Wishes {
        wants_nothing: true,
        ..Wishes::default()
    };
    world.wishes("chief", only_when_asked);
    world.start().await;
    world.publish("coast-news", "1", "A signal that is answered");
    world.pass(2 * MINUTE).await;
    let rows = world.store().alerts(Default::default()).await.unwrap();
    let id = rows[0].alert.id.clone();
    let beginning = id[..30].to_owned();
    let answer = world
        .store()
        .acknowledge(beginning, world.now())
        .await
        .unwrap();
    assert!(matches!(answer, Acknowledged::Now(..)), "{answer:?}");
    let again = world.store().acknowledge(id, world.now()).await.unwrap();
    assert!(matches!(again, Acknowledged::Before(_)), "{again:?}");
    world.publish("coast-news", "2", "A signal that is not");
    world.pass(9 * MINUTE).await;
    assert_eq!(world.titles("chief"), [""; 0]);
    world.kill();
    world.start().await;
    world.pass(4 * MINUTE).await;
    assert_eq!(world.titles("chief"), ["A signal that is not"]);
    world.pass(HOUR).await;
    assert_eq!(world.titles("chief").len(), 1, "told once");
    let desk = world.arrivals("desk");
    assert_eq!(
        desk.iter()
            .filter(|arrival| arrival.status == "acknowledged")
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn silences_cover_what_they_name_until_they_end() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    let silence = |words: Option<&str>, feed: Option<&str>| Silence {
        id: 0,
        created: at("2026-03-02T08:00:00Z"),
        until: at("2026-03-02T09:00:00Z"),
        reason: "a test".to_owned(),
        rule: Some("wat*".to_owned()),
        tag: None,
        feed: feed.map(str::to_owned),
        words: words.map(str::to_owned),
    };
    world
        .store()
        .add_silence(silence(Some("harbour NEAR/3 drill"), None))
        .await
        .unwrap();
    world
        .store()
        .add_silence(silence(None, Some("other")))
        .await
        .unwrap();
    world.publish("coast-news", "1", "Signal: the harbour holds a drill");
    world.publish("coast-news", "2", "Signal: the harbour burns");
    world.pass(5 * MINUTE).await;
    assert_eq!(world.titles("desk"), ["Signal: the harbour burns"]);
    assert!(reasons(&world).await.contains(&Some("silenced".to_owned())));
    let active = world.store().silences(world.now()).await.unwrap();
    assert_eq!(active.len(), 2);
    assert!(
        world
            .store()
            .end_silence(active[1].id, world.now())
            .await
            .unwrap()
    );
    world.pass(HOUR).await;
    assert!(
        world
            .store()
            .silences(world.now())
            .await
            .unwrap()
            .is_empty()
    );
    world.publish("coast-news", "3", "Signal: another harbour drill");
    world.pass(5 * MINUTE).await;
    assert_eq!(world.titles("desk").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_told_through_another_and_can_be_sent_again() {
    let mut world = World::new(&["coast-news"], &["desk", "ops"]).await;
    world.notify(&["desk", "ops"]);
    world.start().await;
    world.hook_is("desk", Mood::Answers(500));
    world.publish("coast-news", "1", "A signal");
    world.pass(75 * HOUR).await;
    let told: Vec<String> = world
        .arrivals("ops")
        .into_iter()
        .map(|arrival| arrival.rule)
        .collect();
    assert!(
        told.contains(&"notice.receiver-failing".to_owned()),
        "{told:?}"
    );
    assert_eq!(
        told.iter()
            .filter(|rule| *rule == "notice.dead-letter")
            .count(),
        1,
        "{told:?}"
    );
    let dead = OutboxFilter {
        is_dead: true,
        ..OutboxFilter::default()
    };
    let rows = world.store().outbox(dead.clone()).await.unwrap();
    assert_eq!(
        (
            rows.len(),
            rows[0].receiver.as_str(),
            rows[0].title.as_str()
        ),
        (1, "desk", "A signal")
    );
    world.hook_is("desk", Mood::Well);
    assert_eq!(
        world
            .store()
            .retry(None, Some("desk".to_owned()), world.now())
            .await
            .unwrap(),
        1
    );
    world.reload_for("signal").await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.titles("desk"), ["A signal"]);
    assert!(world.store().outbox(dead).await.unwrap().is_empty());
    let over = world
        .arrivals("ops")
        .into_iter()
        .filter(|arrival| arrival.status == "resolved")
        .count();
    assert_eq!(over, 2, "both conditions are over");
}

#[tokio::test(start_paused = true)]
async fn signs_of_life() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.wishes(
        "desk",
        Wishes {
            heartbeat: Some(24 * HOUR),
            ..Wishes::default()
        },
    );
    world.start().await;
    world.publish("coast-news", "1", "A signal");
    world.pass(23 * HOUR).await;
    world.kill();
    world.start().await;
    world.pass(2 * HOUR).await;
    assert_eq!(
        world.titles("desk"),
        [
            "alive: 0 feeds, 0 items, 0 alerts, 0 lost",
            "A signal",
            "alive: 1 feed, 1 item, 1 alert, 0 lost"
        ]
    );
}

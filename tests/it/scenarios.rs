//! Days of a desk, told in the world's words.

use std::{collections::BTreeSet, time::Duration};

use wirewatch::time;

use crate::world::{Mood, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn an_item_arrives_once_within_its_feed_s_interval() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    world.pass(2 * MINUTE).await;
    let published = world.now();
    world.publish("coast-news", "1", "A signal at sea");
    world.pass(HOUR).await;
    let arrivals = world.arrivals("desk");
    assert_eq!(world.titles("desk"), ["A signal at sea"]);
    let lag = arrivals[0].after - time::until("2026-03-02T08:00:00Z".parse().unwrap(), published);
    assert!(lag <= MINUTE + SECOND, "{lag:?}");
}

#[tokio::test(start_paused = true)]
async fn one_request_is_unconditional_and_none_is_early() {
    let mut world = World::new(&["coast-news"], &[]).await;
    world.publish("coast-news", "1", "Nothing to tell");
    world.start().await;
    world.pass(HOUR).await;
    world.kill();
    world.start().await;
    world.pass(HOUR).await;
    let requests = world.requests("coast-news");
    assert!(requests.len() > 100, "{}", requests.len());
    assert_eq!(
        requests
            .iter()
            .filter(|asked| !asked.is_conditional)
            .count(),
        1,
        "the restart asks conditionally as well"
    );
    for pair in requests.windows(2) {
        assert!(pair[1].after - pair[0].after >= MINUTE, "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_retitled_reordered_or_returns_is_not_news() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    world.publish("coast-news", "1", "First signal");
    world.publish("coast-news", "2", "Second signal");
    world.pass(3 * MINUTE).await;
    world.edit("coast-news", |entries| entries.reverse());
    world.pass(3 * MINUTE).await;
    let mut gone = None;
    world.edit("coast-news", |entries| gone = entries.pop());
    world.pass(3 * MINUTE).await;
    world.edit("coast-news", |entries| {
        entries.extend(gone.take());
        entries[0].1 = "A signal, told anew".to_owned();
    });
    world.pass(3 * MINUTE).await;
    let titles: BTreeSet<String> = world.titles("desk").into_iter().collect();
    assert_eq!(world.titles("desk").len(), 2, "{titles:?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_contact_floods_nobody() {
    let mut world = World::new(&["archive"], &["desk"]).await;
    for day in 0..30 {
        let published = time::before(world.now(), day * 24 * HOUR + HOUR);
        world.publish_dated(
            "archive",
            &day.to_string(),
            &format!("A signal {day} days ago"),
            published,
        );
    }
    world.start().await;
    world.pass(HOUR).await;
    assert_eq!(world.titles("desk"), ["A signal 0 days ago"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_repeats_with_the_same_id() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    world.hook_is("desk", Mood::LosesAnswers);
    world.publish("coast-news", "1", "A signal");
    world.pass(3 * MINUTE).await;
    world.hook_is("desk", Mood::Well);
    world.pass(HOUR).await;
    let arrivals = world.arrivals("desk");
    assert!(arrivals.len() > 1);
    assert_eq!(
        arrivals
            .iter()
            .filter(|arrival| arrival.is_answered)
            .count(),
        1
    );
    assert!(
        arrivals
            .iter()
            .all(|arrival| arrival.webhook_id == arrivals[0].webhook_id)
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_delays_no_other_and_gets_all_after_a_day_in_order() {
    let mut world = World::new(&["coast-news"], &["dead", "desk"]).await;
    world.start().await;
    world.hook_is("dead", Mood::Unreachable);
    world.pass(2 * MINUTE).await;
    for hour in 0..24 {
        world.publish(
            "coast-news",
            &hour.to_string(),
            &format!("Signal of hour {hour:02}"),
        );
        world.pass(HOUR).await;
        assert_eq!(world.titles("desk").len(), hour + 1);
    }
    assert_eq!(world.titles("dead"), [""; 0]);
    world.hook_is("dead", Mood::Well);
    // It is probed every few minutes; then everything is due at once.
    world.pass(7 * MINUTE).await;
    let mut titles = world.titles("dead");
    assert_eq!(titles.len(), 24);
    titles.sort();
    titles.dedup();
    assert_eq!(titles, world.titles("desk"));
}

#[tokio::test(start_paused = true)]
async fn after_three_days_a_delivery_is_given_up_and_says_why() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    world.hook_is("desk", Mood::Answers(500));
    world.publish("coast-news", "1", "A signal");
    world.pass(71 * HOUR).await;
    let deliveries = |rows: Vec<wirewatch::store::AlertRow>| rows[0].deliveries.clone();
    assert_eq!(
        deliveries(world.store().alerts(Default::default()).await.unwrap())[0].state,
        "owed"
    );
    world.pass(3 * HOUR).await;
    let dead = deliveries(world.store().alerts(Default::default()).await.unwrap()).remove(0);
    assert_eq!(dead.state, "dead");
    assert!(dead.problem.unwrap().contains("500"));
    assert!(dead.attempts > 20, "{}", dead.attempts);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_to_wait_is_left_alone_so_long() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    world.hook_is(
        "desk",
        Mood::AsksToWait {
            status: 429,
            s: 1800,
        },
    );
    world.publish("coast-news", "1", "A signal");
    world.pass(2 * MINUTE).await;
    world.hook_is("desk", Mood::Well);
    world.pass(20 * MINUTE).await;
    assert_eq!(world.titles("desk"), [""; 0]);
    world.pass(12 * MINUTE).await;
    assert_eq!(world.titles("desk"), ["A signal"]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_is_disabled_until_the_configuration_is_loaded_anew() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    world.hook_is("desk", Mood::Answers(410));
    world.publish("coast-news", "1", "A signal");
    world.pass(HOUR).await;
    let disabled = world.store().disabled_receivers().await.unwrap();
    assert_eq!(disabled.len(), 1);
    assert_eq!(disabled[0].name, "desk");
    world.hook_is("desk", Mood::Well);
    world.pass(HOUR).await;
    assert_eq!(world.titles("desk"), [""; 0]);
    world.reload_for("signal").await;
    world.pass(MINUTE).await;
    assert_eq!(world.titles("desk"), ["A signal"]);
    assert!(world.store().disabled_receivers().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_fails_backs_off_and_recovers_at_once() {
    let mut world = World::new(&["coast-news", "other"], &["desk"]).await;
    world.publish("coast-news", "0", "Nothing yet");
    world.start().await;
    world.pass(MINUTE / 2).await;
    world.feed_is("coast-news", Mood::Answers(500));
    world.pass(6 * HOUR).await;
    let failing = world.requests("coast-news").len();
    assert!(
        (6..14).contains(&failing),
        "{failing} requests in six hours"
    );
    world.feed_is("coast-news", Mood::Well);
    world.publish("coast-news", "1", "A signal");
    world.pass(6 * HOUR).await;
    let before = world.requests("coast-news").len();
    assert_eq!(world.titles("desk"), ["A signal"]);
    world.pass(HOUR).await;
    assert!(
        world.requests("coast-news").len() - before >= 59,
        "the interval is back"
    );
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_breaks_off_gives_what_came_and_is_asked_for_the_rest() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    let state = async |world: &World| {
        let states = world.store().feed_states().await.unwrap();
        let state = &states["coast-news"];
        (state.failures, state.problem.clone())
    };
    world.start().await;
    world.pass(2 * MINUTE).await;
    world.feed_is("coast-news", Mood::BreaksOff);
    let long = "Another signal that is long ".repeat(20);
    world.publish("coast-news", "1", long.trim());
    world.publish("coast-news", "2", "A signal");
    world.pass(10 * MINUTE).await;
    let (failures, problem) = state(&world).await;
    assert_eq!(failures, 0, "{problem:?}");
    assert_eq!(world.titles("desk"), ["A signal"]);
    assert!(problem.unwrap().contains("it hung up"));
    let asked = world.requests("coast-news").split_off(4);
    assert!(asked.len() > 5 && asked.iter().all(|asked| !asked.is_conditional));
    world.feed_is("coast-news", Mood::Well);
    world.pass(2 * MINUTE).await;
    assert_eq!(world.titles("desk").len(), 2);
    assert_eq!(state(&world).await, (0, None));
    // Nothing but its beginning is no answer.
    world.feed_is("coast-news", Mood::BreaksOff);
    world.edit("coast-news", Vec::clear);
    world.pass(5 * MINUTE).await;
    let (failures, problem) = state(&world).await;
    assert!(failures > 0 && problem.unwrap().contains("it hung up"));
}

#[tokio::test(start_paused = true)]
async fn a_first_contact_that_breaks_off_is_no_whole_one() {
    let mut world = World::new(&["archive"], &["desk"]).await;
    for day in 0..30 {
        let published = time::before(world.now(), (day + 3) * 24 * HOUR);
        let title = format!("A signal {day} days ago");
        world.publish_dated("archive", &day.to_string(), &title, published);
    }
    world.feed_is("archive", Mood::BreaksOff);
    world.start().await;
    world.pass(MINUTE / 2).await;
    world.feed_is("archive", Mood::Well);
    world.pass(HOUR).await;
    assert_eq!(world.titles("desk"), [""; 0]);
    world.publish("archive", "new", "A signal");
    world.pass(HOUR).await;
    assert_eq!(world.titles("desk"), ["A signal"]);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_gone_is_not_asked_again() {
    let mut world = World::new(&["coast-news"], &[]).await;
    world.feed_is("coast-news", Mood::Answers(410));
    world.start().await;
    world.pass(24 * HOUR).await;
    world.kill();
    world.start().await;
    world.pass(24 * HOUR).await;
    assert_eq!(world.requests("coast-news").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reload_changes_the_rules_and_loses_nothing_owed() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    world.hook_is("desk", Mood::Unreachable);
    world.publish("coast-news", "1", "A signal");
    world.pass(5 * MINUTE).await;
    world.reload_for("beacon").await;
    world.publish("coast-news", "2", "Another signal");
    world.publish("coast-news", "3", "A beacon");
    world.pass(5 * MINUTE).await;
    world.hook_is("desk", Mood::Well);
    world.pass(10 * MINUTE).await;
    let mut titles = world.titles("desk");
    titles.sort();
    assert_eq!(titles, ["A beacon", "A signal"]);
}

#[tokio::test(start_paused = true)]
async fn sigterm_lets_the_delivery_that_runs_finish() {
    let mut world = World::new(&["coast-news"], &["desk"]).await;
    world.start().await;
    world.publish("coast-news", "1", "A signal");
    world.pass(2 * MINUTE).await;
    world.publish("coast-news", "2", "Second signal");
    world.stop().await;
    world.start().await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.titles("desk"), ["A signal", "Second signal"]);
}

//! Weeks of a desk, each feed asked every ten minutes at most and every hour at least: feeds are asked by their rhythm, what is lost or missing is told, and nothing urgent waits.

use std::time::Duration;

use wirewatch::{schedule::Rhythm, time};

use crate::world::{Mood, World};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// A world in which the first of `feeds` has had an item every so often for so long, and the others none. That time has passed
/// before the world begins: the store knows of it.
async fn lived(feeds: &[&str], hooks: &[&str], every: Duration, for_time: Duration) -> World {
    let mut world = World::new(feeds, hooks).await;
    world.notify(&["ops"]);
    world.poll_every(10 * MINUTE);
    let (now, begun) = (world.now(), time::before(world.now(), for_time));
    for feed in feeds {
        let mut rhythm = Rhythm::begun(begun);
        let mut at = time::after(begun, every);
        while *feed == feeds[0] && at <= now {
            rhythm.count([at], at);
            at = time::after(at, every);
        }
        world.publish(feed, "first", "The beginning");
        world.remember(feed, rhythm).await;
    }
    world.start().await;
    world
}

/// The feed lists one more item, and only its last twenty.
fn publish(world: &World, feed: &str, number: u64) {
    world.publish(feed, &number.to_string(), &format!("Report {number}"));
    world.edit(feed, |entries| entries.truncate(20));
}

/// How many requests the feed draws in this time.
async fn requests_in(world: &World, feed: &str, time: Duration) -> usize {
    let before = world.requests(feed).len();
    world.pass(time).await;
    world.requests(feed).len() - before
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lengthened_in_the_first_week_and_a_rare_feed_is_asked_hourly_after_it() {
    let world = lived(&["coast-news"], &["ops"], DAY, 6 * DAY).await;
    let in_first_week = requests_in(&world, "coast-news", 6 * HOUR).await;
    assert!(in_first_week >= 35, "{in_first_week}");
    for round in 0..3 {
        world.pass(DAY).await;
        publish(&world, "coast-news", 100 + round);
    }
    // Five hours after the daily item.
    world.pass(5 * HOUR).await;
    let later = requests_in(&world, "coast-news", 6 * HOUR).await;
    assert!((6..=8).contains(&later), "{later}");
}

#[tokio::test(start_paused = true)]
async fn a_grave_alert_hurries_the_feeds_that_share_its_tags_for_an_hour() {
    let mut world = lived(
        &["coast-news", "coast-radio", "hill-news"],
        &["ops"],
        DAY,
        9 * DAY,
    )
    .await;
    // The radio and the hills have listed nothing for a week, and have found their rhythm: none.
    world.pass(5 * HOUR).await;
    for feed in ["coast-radio", "hill-news"] {
        let calm = requests_in(&world, feed, 3 * HOUR).await;
        assert!((2..=4).contains(&calm), "{feed}: {calm}");
    }
    let before = ["coast-radio", "hill-news"].map(|feed| world.requests(feed).len());
    world.publish("coast-news", "signal", "A signal at sea");
    world.pass(HOUR + 10 * MINUTE).await;
    // A restart in that hour forgets nothing.
    world.kill();
    world.start().await;
    world.pass(45 * MINUTE).await;
    // The signal was seen at its feed's next poll: at most an hour ago, and it was published before.
    let urgent = world.requests("coast-radio").len() - before[0];
    let others = world.requests("hill-news").len() - before[1];
    world.pass(3 * HOUR).await;
    let calm = requests_in(&world, "coast-radio", 3 * HOUR).await;
    assert!(urgent >= 5, "{urgent}");
    assert!(others <= 3, "{others}");
    assert!((2..=4).contains(&calm), "{calm}");
}

#[tokio::test(start_paused = true)]
async fn items_lost_between_two_polls_are_told_once_and_the_feed_is_asked_faster() {
    let world = lived(&["coast-news"], &["ops"], DAY, 9 * DAY).await;
    world.pass(5 * HOUR).await;
    // Forty in an hour, and the feed lists twenty.
    for number in 1000..1040 {
        world.pass(MINUTE).await;
        publish(&world, "coast-news", number);
    }
    world.pass(2 * HOUR).await;
    let faster = requests_in(&world, "coast-news", HOUR).await;
    assert!(faster >= 5, "{faster}");
    for number in 2000..2040 {
        publish(&world, "coast-news", number);
    }
    world.pass(HOUR).await;
    let told = world.titles("ops");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("coast-news lists less than it publishes"),
        "{told:?}"
    );
    let states = world.store().feed_states().await.unwrap();
    assert_eq!(states["coast-news"].overruns, 2);
}

#[tokio::test(start_paused = true)]
async fn silence_out_of_rhythm_is_told_once_and_its_end() {
    let world = lived(&["coast-news"], &["ops"], HOUR, 8 * DAY).await;
    world.pass(8 * HOUR).await;
    assert_eq!(world.titles("ops"), [""; 0], "a night is no silence");
    world.pass(DAY).await;
    let told = world.titles("ops");
    assert_eq!(told.len(), 1, "{told:?}");
    // Half a day and somewhat more: not each of those hours had its item in each week.
    assert!(
        told[0].starts_with("coast-news has had no new item for 1")
            && told[0].ends_with("h, far longer than is usual for it"),
        "{told:?}"
    );
    publish(&world, "coast-news", 5000);
    world.pass(2 * HOUR).await;
    assert_eq!(
        world.titles("ops")[1..],
        ["coast-news has a new item again"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_day_of_failures_is_told_when_it_is_over_and_not_before() {
    for (mood, told) in [
        (
            Mood::Answers(503),
            "coast-news has failed for 1d: the server is not available (503)",
        ),
        (
            Mood::Page,
            "coast-news does not answer with a feed: not a feed: it is an HTML page titled \"Log in\"; what is known of it is kept",
        ),
    ] {
        let world = lived(&["coast-news"], &["ops"], HOUR, HOUR).await;
        world.pass(MINUTE).await;
        world.feed_is("coast-news", mood);
        world.pass(23 * HOUR).await;
        let is_page = mood == Mood::Page;
        assert_eq!(world.titles("ops").len(), usize::from(is_page), "{mood:?}");
        world.pass(90 * MINUTE).await;
        assert_eq!(world.titles("ops"), [told]);
        world.pass(3 * DAY).await;
        world.feed_is("coast-news", Mood::Well);
        world.pass(25 * HOUR).await;
        assert_eq!(
            world.titles("ops"),
            [told, "coast-news answers with a feed again"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_that_lies_is_found_out_within_a_day_or_two() {
    let mut world = lived(&["coast-news"], &["ops", "desk"], HOUR, 8 * DAY).await;
    world.feed_is("coast-news", Mood::Lies);
    world.publish("coast-news", "hidden", "A signal that nobody sees");
    let whole = |world: &World| {
        let requests = world.requests("coast-news");
        requests
            .iter()
            .filter(|asked| !asked.is_conditional)
            .count()
    };
    world.pass(3 * DAY).await;
    // Once a day, and no more after a restart.
    world.kill();
    world.start().await;
    world.pass(HOUR).await;
    assert!((2..=3).contains(&whole(&world)), "{}", whole(&world));
    world.feed_is("coast-news", Mood::Well);
    world.pass(26 * HOUR).await;
    assert_eq!(world.titles("desk"), ["A signal that nobody sees"]);
    // One that lies from the start is found out too, and asked ever more seldom.
    let mut new = World::new(&["coast-news"], &["desk"]).await;
    new.publish("coast-news", "1", "A signal of before");
    new.start().await;
    new.pass(10 * Duration::from_secs(60)).await;
    new.feed_is("coast-news", Mood::Lies);
    new.publish("coast-news", "hidden", "A signal that nobody sees");
    new.pass(9 * DAY).await;
    // The first request, and one after a day, after two, four and eight.
    assert_eq!(whole(&new), 5);
    new.feed_is("coast-news", Mood::Well);
    new.pass(8 * DAY).await;
    assert!(
        new.titles("desk")
            .contains(&"A signal that nobody sees".to_owned())
    );
    // A server that tells the truth is not suspected.
    let honest = lived(&["coast-news"], &[], HOUR, 9 * DAY).await;
    for number in 0..30 {
        publish(&honest, "coast-news", number);
        honest.pass(HOUR).await;
    }
    assert_eq!(whole(&honest), 0);
}

//! Feeds that fail in every way beside feeds that are well: those keep their interval.

use std::time::Duration;

use crate::world::{Mood, World};

const BAD: [Mood; 8] = [
    Mood::Hangs,
    Mood::Hangs,
    Mood::Hangs,
    Mood::LosesAnswers,
    Mood::Unreachable,
    Mood::Answers(500),
    Mood::Page,
    Mood::Lies,
];

#[tokio::test(start_paused = true)]
async fn who_hangs_or_fails_takes_no_other_feed_s_turn() {
    let names: Vec<String> = (0..40).map(|number| format!("feed{number}-news")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (bad, good) = names.split_at(BAD.len());
    let mut world = World::new(&names, &[]).await;
    // As by default: more at once than there are feeds that hang.
    world.poll_at_once(10);
    for (feed, mood) in bad.iter().zip(BAD) {
        world.feed_is(feed, mood);
    }
    world.start().await;
    world.pass(Duration::from_secs(600)).await;
    for feed in good {
        let asked: Vec<Duration> = world
            .requests(feed)
            .iter()
            .map(|asked| asked.after)
            .collect();
        let longest = asked.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(asked.len() >= 10, "{feed}: {asked:?}");
        assert!(
            longest < Some(Duration::from_millis(61_000)),
            "{feed}: {asked:?}"
        );
    }
    // Who fails is asked ever more rarely.
    let asked = world.requests(bad[5]).len();
    assert!((2..8).contains(&asked), "{asked}");
}

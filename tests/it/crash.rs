//! Generated days with kills at any moment: nothing is lost, and what arrives twice arrives with the same id.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use wirewatch::{
    model::Severity,
    notify::{Hold, hold::Quiet},
    rule::{Needs, Per, Raise, RuleSource, Text},
};

use crate::world::{Mood, Wishes, World};

const FEEDS: [&str; 3] = ["coast", "hills", "plain"];
const HOOKS: [&str; 2] = ["desk", "spare"];

/// One thing that happens.
#[derive(Clone, Debug)]
enum Op {
    Publish {
        feed: usize,
    },
    /// How a hook behaves from here on.
    Hook {
        hook: usize,
        mood: Mood,
    },
    Feed {
        feed: usize,
        mood: Mood,
    },
    Kill {
        then_away_ms: u64,
    },
    Stop,
    Reload,
    Pass {
        ms: u64,
    },
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        3 => Just(Mood::Well),
        2 => Just(Mood::LosesAnswers),
        2 => Just(Mood::Unreachable),
        1 => Just(Mood::Answers(503)),
        1 => Just(Mood::AsksToWait { status: 429, s: 30 }),
    ]
}

fn feed_mood() -> impl Strategy<Value = Mood> {
    prop_oneof![3 => Just(Mood::Well), 1 => Just(Mood::Unreachable), 1 => Just(Mood::Answers(500)), 1 => Just(Mood::LosesAnswers)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..FEEDS.len()).prop_map(|feed| Op::Publish { feed }),
        2 => (0..HOOKS.len(), mood()).prop_map(|(hook, mood)| Op::Hook { hook, mood }),
        1 => (0..FEEDS.len(), feed_mood()).prop_map(|(feed, mood)| Op::Feed { feed, mood }),
        3 => (0_u64..90_000).prop_map(|then_away_ms| Op::Kill { then_away_ms }),
        1 => Just(Op::Stop),
        1 => Just(Op::Reload),
        4 => (0_u64..100).prop_map(|ms| Op::Pass { ms }),
        4 => (0_u64..120_000).prop_map(|ms| Op::Pass { ms }),
    ]
}

/// What the items tell: a few events, each in a few wordings, so that some confirm others and some are copies.
const WORDINGS: [&str; 4] = [
    "Syrian rebels enter Homs after army withdraws",
    "Army pulls out of Homs as rebels enter Syrian city",
    "Ferry sinks off Lesbos in a storm, dozens missing",
    "Dozens missing as ferry sinks in storm near Lesbos",
];

/// A rule that alerts on each item, and rules that hold, raise and cool down.
fn rules() -> Vec<RuleSource> {
    let rule = |id: &str, per: Per| RuleSource {
        id: id.to_owned(),
        any: vec![Text {
            text: "signal".to_owned(),
            place: Default::default(),
        }],
        per,
        ..RuleSource::default()
    };
    let within = Duration::from_secs(3600);
    let raise = |to, publishers| Raise {
        to,
        publishers,
        within,
    };
    vec![
        rule(EACH, Per::Item),
        RuleSource {
            needs: Some(Needs {
                publishers: 2,
                within,
            }),
            raise: vec![raise(Severity::Critical, 3)],
            ..rule("held", Per::Story)
        },
        RuleSource {
            raise: vec![raise(Severity::High, 2)],
            cooldown: Some(within),
            ..rule("raised", Per::Story)
        },
    ]
}

const EACH: &str = "each";

/// Whether every revision of every alert in the store arrived, each under one id, in whatever order.
async fn all_revisions_arrived(world: &World, hook: &str) -> Result<(), TestCaseError> {
    let mut arrived: BTreeMap<(String, u64), BTreeSet<String>> = BTreeMap::new();
    for arrival in world.arrivals(hook) {
        let id = arrival.alert["id"].as_str().unwrap_or_default().to_owned();
        let revision = arrival.alert["revision"].as_u64().unwrap_or_default();
        arrived
            .entry((id, revision))
            .or_default()
            .insert(arrival.webhook_id);
    }
    prop_assert!(
        arrived.values().all(|ids| ids.len() == 1),
        "one id a revision: {:?}",
        arrived
    );
    let mut owed = BTreeSet::new();
    let alerts = world.store().alerts(Default::default()).await.unwrap();
    // Notices go to the operator alone, and this world has none.
    let news = alerts
        .iter()
        .filter(|row| !row.alert.rule.starts_with("notice."));
    for row in news {
        owed.extend(
            (1..=u64::from(row.alert.revision)).map(|revision| (row.alert.id.clone(), revision)),
        );
    }
    let arrived: BTreeSet<(String, u64)> = arrived.into_keys().collect();
    prop_assert_eq!(arrived, owed, "what arrived at {}", hook);
    Ok(())
}

/// Runs the ops and then lets the world be well; the titles that were published.
async fn run(world: &mut World, ops: &[Op]) -> BTreeSet<String> {
    let mut published = BTreeSet::new();
    // The first contact is before the first item: what follows is news.
    world.start().await;
    world.pass(Duration::from_secs(5)).await;
    for (number, op) in ops.iter().enumerate() {
        match op {
            Op::Publish { feed } => {
                let wording = WORDINGS[number % WORDINGS.len()];
                let title = format!("Signal number {number}: {wording}");
                world.publish(FEEDS[*feed], &number.to_string(), &title);
                published.insert(title);
            }
            Op::Hook { hook, mood } => world.hook_is(HOOKS[*hook], *mood),
            Op::Feed { feed, mood } => world.feed_is(FEEDS[*feed], *mood),
            Op::Kill { then_away_ms } => {
                world.kill();
                world.pass(Duration::from_millis(*then_away_ms)).await;
                world.start().await;
            }
            Op::Stop => {
                world.stop().await;
                world.start().await;
            }
            Op::Reload => world.reload_for("signal").await,
            Op::Pass { ms } => world.pass(Duration::from_millis(*ms)).await,
        }
    }
    FEEDS
        .iter()
        .for_each(|feed| world.feed_is(feed, Mood::Well));
    HOOKS
        .iter()
        .for_each(|hook| world.hook_is(hook, Mood::Well));
    published
}

/// Runs the ops until all has arrived.
async fn play(ops: &[Op]) -> Result<(), TestCaseError> {
    let mut world = World::new(&FEEDS, &HOOKS).await.with_rules(rules());
    let published = run(&mut world, ops).await;
    // Backoffs end within hours; a day is more than patience.
    for _ in 0..24 * 6 {
        world.pass(Duration::from_secs(600)).await;
        let arrived_at = |hook| {
            let each = world.arrivals(hook).into_iter();
            let each = each.filter(|arrival| arrival.alert["rule"] == EACH);
            each.map(|arrival| arrival.title).collect::<BTreeSet<_>>()
        };
        if HOOKS.into_iter().all(|hook| arrived_at(hook) == published) {
            break;
        }
    }
    world.pass(Duration::from_secs(1200)).await;
    for hook in HOOKS {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut heard: BTreeMap<String, usize> = BTreeMap::new();
        let of_each = |arrival: &crate::world::Arrival| arrival.alert["rule"] == EACH;
        for arrival in world.arrivals(hook).into_iter().filter(of_each) {
            *heard.entry(arrival.title.clone()).or_default() += usize::from(arrival.is_answered);
            ids.entry(arrival.title)
                .or_default()
                .insert(arrival.webhook_id);
        }
        let arrived: BTreeSet<String> = ids.keys().cloned().collect();
        prop_assert_eq!(&arrived, &published, "what arrived at {}", hook);
        for (title, ids) in &ids {
            prop_assert_eq!(
                ids.len(),
                1,
                "{} arrived with several ids: {:?}",
                title,
                ids
            );
        }
        prop_assert!(heard.values().all(|times| *times >= 1));
        all_revisions_arrived(&world, hook).await?;
    }
    Ok(())
}

/// The same with hooks that hold what they are owed: a digest, and quiet hours from the third minute to the thirteenth.
async fn play_held(ops: &[Op]) -> Result<(), TestCaseError> {
    let rules = rules().into_iter().filter(|rule| rule.id == EACH).collect();
    let mut world = World::new(&FEEDS, &HOOKS).await.with_rules(rules);
    let hold = |hold: Hold| Wishes {
        hold,
        ..Wishes::default()
    };
    world.wishes(
        HOOKS[0],
        hold(Hold {
            digest: Some(Duration::from_secs(300)),
            ..Hold::default()
        }),
    );
    let start = world.now().to_zoned(jiff::tz::TimeZone::UTC).time();
    let minutes = |minutes: i64| start + jiff::Span::new().minutes(minutes);
    world.wishes(
        HOOKS[1],
        hold(Hold {
            quiet: Some(Quiet {
                from: minutes(3),
                to: minutes(13),
                zone: jiff::tz::TimeZone::UTC,
                pass: None,
            }),
            ..Hold::default()
        }),
    );
    let published = run(&mut world, ops).await;
    // What the quiet hours of one day hold goes on the same day; what fails on the way, hours later.
    world.pass(Duration::from_secs(12 * 3600)).await;
    for hook in HOOKS {
        // What each message holds, and the messages that each title was in.
        let mut message: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut messages_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for arrival in world.arrivals(hook) {
            let titles = match arrival.held.is_empty() {
                true => vec![arrival.title.clone()],
                false => arrival.held.clone(),
            };
            for title in &titles {
                let ids = messages_of.entry(title.clone()).or_default();
                ids.insert(arrival.webhook_id.clone());
            }
            let known = message.insert(arrival.webhook_id.clone(), titles.clone());
            prop_assert!(
                known.is_none_or(|known| known == titles),
                "{} came back as another message",
                arrival.webhook_id
            );
        }
        let arrived: BTreeSet<String> = messages_of.keys().cloned().collect();
        prop_assert_eq!(&arrived, &published, "what arrived at {}", hook);
        for (title, messages) in messages_of {
            prop_assert_eq!(messages.len(), 1, "{} was in {:?}", title, messages);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn kills_at_any_moment_lose_no_alert(ops in prop::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(&ops))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn kills_at_any_moment_lose_nothing_that_is_held(ops in prop::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play_held(&ops))?;
    }
}

/// A hook that takes messages and loses its answers is asked again with each, alone; found well by another message, it must not
/// get them once more in a digest.
#[tokio::test(start_paused = true)]
async fn what_arrived_alone_does_not_come_again_in_a_digest() {
    let lost = Mood::LosesAnswers;
    let ops = [
        Op::Pass { ms: 65_665 },
        Op::Pass { ms: 84_215 },
        Op::Hook {
            hook: 0,
            mood: lost,
        },
        Op::Feed {
            feed: 2,
            mood: lost,
        },
        Op::Publish { feed: 0 },
        Op::Pass { ms: 24_856 },
        Op::Pass { ms: 78_611 },
        Op::Kill {
            then_away_ms: 13_778,
        },
        Op::Pass { ms: 58_594 },
        Op::Kill {
            then_away_ms: 63_683,
        },
        Op::Pass { ms: 85 },
        Op::Publish { feed: 1 },
        Op::Kill {
            then_away_ms: 69_337,
        },
        Op::Pass { ms: 26_845 },
        Op::Pass { ms: 80_732 },
        Op::Publish { feed: 0 },
    ];
    play_held(&ops).await.unwrap();
}

//! The store and the past in memory answer alike: whatever happens, the daemon and a backtest decide the same.

use std::{sync::Arc, sync::mpsc, time::Duration};

use wirewatch::{
    judge::{self, Decision, Edited, Matched, Memory, Past},
    model::{Feed, Item, Severity},
    rule::{Burst, Needs, Per, Raise, RuleSource},
    store::{Decided, Harvest, PollOutcome, PollRecord, Store},
    time::{self, Timestamp},
};

const HOUR: Duration = Duration::from_secs(3600);

fn rules() -> Vec<RuleSource> {
    let rule = |id: &str| RuleSource {
        id: id.to_owned(),
        severity: Severity::Low,
        ..RuleSource::default()
    };
    let needs = Some(Needs {
        publishers: 2,
        within: 6 * HOUR,
    });
    let raise = |to, publishers| Raise {
        to,
        publishers,
        within: 12 * HOUR,
    };
    vec![
        rule("plain"),
        RuleSource {
            needs,
            raise: vec![raise(Severity::High, 3), raise(Severity::Critical, 4)],
            ..rule("needs")
        },
        RuleSource {
            needs,
            per: Per::Item,
            cooldown: Some(2 * HOUR),
            ..rule("item")
        },
        RuleSource {
            raise: vec![raise(Severity::Low, 2)],
            cooldown: Some(3 * HOUR),
            ..rule("cool")
        },
        RuleSource {
            burst: Some(Burst {
                times: 2,
                window: 2 * HOUR,
                baseline: 30 * HOUR,
                at_least: 3,
            }),
            ..rule("burst")
        },
    ]
}

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// One report of one of a few events, worded in one of a few ways.
fn report(dice: &mut Dice, number: usize) -> Item {
    let places = ["Homs", "Hama", "Idlib", "Palmyra"];
    let place = places[dice.roll(places.len())];
    let titles = [
        format!("Syrian rebels enter {place} after army withdraws"),
        format!("Army pulls out of {place} as rebels enter Syrian city"),
        format!("{place} falls to Syrian rebels without a fight, army gone"),
        format!("Air strike hits market in {place}, doctors count many dead"),
    ];
    let leads = [
        String::new(),
        format!(
            "Residents of {place} saw columns of trucks leave for the coast before dawn on Friday, and the first rebels arrive."
        ),
        format!(
            "KYIV (Reuters) - The loss of {place} is the heaviest blow to the government in years, diplomats in the region said."
        ),
    ];
    Item {
        id: number.to_string(),
        title: titles[dice.roll(titles.len())].clone(),
        summary: leads[dice.roll(leads.len())].clone(),
        lang: Some("en".to_owned()),
        ..Item::default()
    }
}

/// What is told of a decision; numbers of rows differ from one past to the other.
fn told(decision: &Decision) -> String {
    let joined = decision.joined.as_ref().map(|joined| {
        let new = &joined.new_text;
        let parts = (
            joined.story.is_some(),
            joined.text.is_some(),
            joined.is_another_item,
        );
        (
            joined.story_uid.clone(),
            joined.origin.clone(),
            joined.publisher.clone(),
            parts,
            new.clone(),
        )
    });
    format!("{joined:?} {:?} {:?}", decision.judged, decision.rates)
}

#[tokio::test]
async fn the_daemon_and_a_backtest_decide_the_same() {
    let mut reasons = std::collections::BTreeSet::new();
    for seed in 1..=6_u64 {
        let store = Store::in_memory().unwrap();
        let feeds: Vec<Arc<Feed>> = (0..5)
            .map(|number| {
                Arc::new(Feed {
                    publisher: format!("paper{number}"),
                    ..Feed::named(&format!("feed{number}"))
                })
            })
            .collect();
        let begin: Timestamp = "2024-12-06T00:00:00Z".parse().unwrap();
        let states = store.sync_feeds(feeds.clone(), begin).await.unwrap();
        store
            .watch_rates(vec!["burst".to_owned()], begin)
            .await
            .unwrap();
        let mut memory = Memory::default();
        memory.observe(begin);
        let mut dice = Dice(seed * 0x9E37_79B9);
        let mut at = begin;
        for number in 0..250 {
            at = time::after(at, Duration::from_secs(60 * (1 + dice.roll(90) as u64)));
            let which = dice.roll(feeds.len());
            let item = report(&mut dice, number);
            let matching: Vec<RuleSource> =
                rules().into_iter().filter(|_| dice.roll(3) > 0).collect();
            let judge_with = {
                let (feed, matching) = (feeds[which].clone(), matching.clone());
                move |item: &Item, past: &dyn PastOf| {
                    let all = rules();
                    let matched = Matched {
                        feed: &feed,
                        item,
                        hits: matching.iter().map(|rule| (rule, Vec::new())).collect(),
                        rules: &all,
                        is_first_contact: false,
                        edited: None,
                        seen: at,
                        matched: at,
                    };
                    past.judge(&matched, at)
                }
            };
            let remembered = judge_with(&item, &memory);
            memory.record(at, &remembered);
            let (sender, receiver) = mpsc::channel();
            let outcome = PollOutcome::Items(Harvest {
                listed: vec![item.key()],
                new: vec![item.into()],
                ..Harvest::default()
            });
            let record = PollRecord::plain(states[which].id, at, at, outcome);
            let judge = Box::new(
                move |item: &Item, _: Option<&Edited>, past: &dyn Past<Error = _>| {
                    let decision = judge_with(item, &Stored(past));
                    sender.send(decision.clone()).unwrap();
                    let receivers = vec![Vec::new(); decision.judged.len()];
                    Ok(Decided {
                        decision,
                        receivers,
                    })
                },
            );
            store.record_poll(record, judge).await.unwrap();
            let stored = receiver.recv().unwrap();
            assert_eq!(
                told(&stored),
                told(&remembered),
                "item {number} of seed {seed}"
            );
            reasons.extend(stored.judged.iter().map(|judged| judged.reason.name()));
            if dice.roll(20) == 0 {
                store.sweep(at, 90 * 24 * HOUR).await.unwrap();
            }
        }
    }
    // The reports were such that nearly everything happened.
    let wanted = [
        "burst-learning",
        "burst-not-reached",
        "burst-ongoing",
        "confirmed",
        "cooled-down",
        "first-report",
        "held-needs-publishers",
        "raised",
        "same-origin",
        "same-story",
    ];
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), wanted);
}

/// Either past, whatever it fails with.
trait PastOf {
    fn judge(&self, matched: &Matched<'_>, now: Timestamp) -> Decision;
}

impl PastOf for Memory {
    fn judge(&self, matched: &Matched<'_>, now: Timestamp) -> Decision {
        judge::judge(matched, self, now).unwrap()
    }
}

struct Stored<'a>(&'a dyn Past<Error = wirewatch::store::StoreError>);

impl PastOf for Stored<'_> {
    fn judge(&self, matched: &Matched<'_>, now: Timestamp) -> Decision {
        judge::judge(matched, self.0, now).unwrap()
    }
}

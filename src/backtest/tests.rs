use super::*;
use crate::rule::{Place, RuleSource, Text};

fn rule(id: &str, query: &str, per: Per) -> RuleSource {
    let text = Text {
        text: query.to_owned(),
        place: Place(0),
    };
    RuleSource {
        id: id.to_owned(),
        any: vec![text],
        per,
        ..RuleSource::default()
    }
}

fn rules(rules: &[(&str, &str, Per)]) -> RuleSet {
    let rules = rules.iter().map(|(id, query, per)| rule(id, query, *per));
    RuleSet::compile(rules.collect(), Vec::new()).unwrap().0
}

/// Items as (id, day and hour of December 2024, title).
fn outcome(rules: &RuleSet, items: &[(&str, &str, &str)]) -> Outcome {
    let mut timeline = Timeline::new(Timestamp::MIN, Timestamp::UNIX_EPOCH);
    let mut trial = Trial::new(rules);
    let feed = Arc::new(Feed::named("desk"));
    for (id, at, title) in items {
        let item = Arc::new(Item {
            id: (*id).to_owned(),
            title: (*title).to_owned(),
            lang: Some("en".to_owned()),
            published: Some(format!("2024-12-{at}:00:00Z").parse().unwrap()),
            ..Item::default()
        });
        let moment = timeline.listed(&feed, &item).unwrap();
        let hits = rules.hits(&feed, &item);
        if !hits.is_empty() {
            trial.add(moment, &feed, &item, hits);
        }
    }
    trial.judge(&timeline)
}

fn shown<'a>(opened: impl IntoIterator<Item = &'a Opened>) -> Vec<String> {
    let one = |opened: &Opened| format!("{} {}", opened.alert.rule, opened.alert.item.id);
    opened.into_iter().map(one).collect()
}

#[test]
fn items_are_judged_in_the_order_of_time() {
    let title = "Rebel forces advance on the city of Homs";
    let rules = rules(&[("story", "rebel", Per::Story), ("item", "rebel", Per::Item)]);
    for (items, expected) in [
        // The later of a story stands first in the file.
        (
            &[("b", "06T12", title), ("a", "06T10", title)][..],
            &["story a", "item a", "item b"][..],
        ),
        (
            &[
                ("a", "06T10", title),
                ("b", "06T12", "Cup final in the city tonight"),
            ],
            &["story a", "item a"],
        ),
        // A story that was quiet for three days is a new one.
        (
            &[("a", "06T10", title), ("b", "09T09", title)],
            &["story a", "item a", "item b"],
        ),
        (
            &[("a", "06T10", title), ("b", "09T11", title)],
            &["story a", "item a", "story b", "item b"],
        ),
        // Each item that joins keeps it open.
        (
            &[
                ("a", "06T10", title),
                ("b", "08T10", title),
                ("c", "10T10", title),
            ],
            &["story a", "item a", "item b", "item c"],
        ),
        // The same item again is no news.
        (
            &[("a", "06T10", title), ("a", "06T12", title)],
            &["story a", "item a"],
        ),
    ] {
        let outcome = outcome(&rules, items);
        assert_eq!(shown(&outcome.opened), expected, "{items:?}");
    }
}

#[test]
fn an_alert_is_the_document_that_the_daemon_would_send() {
    let title = "Rebel forces advance on the city of Homs";
    let rules = rules(&[("item", "rebel", Per::Item)]);
    let outcome = outcome(&rules, &[("a", "06T10", title), ("b", "06T12", title)]);
    let [first, second] = outcome.opened.as_slice() else {
        panic!("{outcome:?}")
    };
    assert_eq!(first.alert.item.seen.to_string(), "2024-12-06T10:00:00Z");
    assert_eq!(first.alert.timing.queued, first.alert.item.seen);
    assert_eq!(first.alert.hits[0].text, "Rebel");
    assert_eq!(first.alert.story.id, second.alert.story.id);
    assert_eq!((first.alert.story.items, second.alert.story.items), (1, 2));
}

#[test]
fn another_set_of_rules_gains_and_loses() {
    let story = "Rebel forces advance on the city of Homs";
    let reprint = "REBEL FORCES advance on the city of Homs";
    let items = [
        ("a", "06T10", story),
        ("b", "06T12", reprint),
        ("c", "06T13", "Ceasefire agreed in the north of Syria"),
        ("d", "07T13", "Militia seizes an airport near the border"),
    ];
    let (story, item) = (Per::Story, Per::Item);
    // Before, after: rules as (id, query, per); then gained, lost, unchanged as `old>new`.
    for (before, after, gained, lost, unchanged) in [
        (
            &[("r", "rebel OR ceasefire", story)][..],
            &[("r", "rebel OR militia", story)][..],
            &["r d"][..],
            &["r c"][..],
            &["r a>a"][..],
        ),
        // A rule of another name is another rule.
        (
            &[("r", "ceasefire", story)],
            &[("s", "ceasefire", story)],
            &["s c"],
            &["r c"],
            &[],
        ),
        // One of two rules falls silent.
        (
            &[("r", "rebel", story), ("all", "forces", story)],
            &[
                ("r", "rebel NOT title:Rebel", story),
                ("all", "forces", story),
            ],
            &[],
            &["r a"],
            &["all a>a"],
        ),
        (
            &[("r", "rebel", item)],
            &[("r", "rebel", item)],
            &[],
            &[],
            &["r a>a", "r b>b"],
        ),
        // Once for the story instead of for each item.
        (
            &[("r", "rebel", item)],
            &[("r", "rebel", story)],
            &[],
            &["r b"],
            &["r a>a"],
        ),
        (
            &[("r", "rebel", story)],
            &[("r", "cup", story)],
            &[],
            &["r a"],
            &[],
        ),
    ] {
        let sets = [rules(before), rules(after)];
        let [before, after] = [outcome(&sets[0], &items), outcome(&sets[1], &items)];
        let found = difference(&before, &after);
        assert_eq!(shown(found.gained.iter().copied()), gained);
        assert_eq!(shown(found.lost.iter().copied()), lost);
        let same: Vec<String> = found
            .unchanged
            .iter()
            .map(|(was, is)| {
                let (rule, was) = (&was.alert.rule, &was.alert.item.id);
                format!("{rule} {was}>{}", is.alert.item.id)
            })
            .collect();
        assert_eq!(same, unchanged);
    }
}

#[test]
fn a_story_told_by_another_item_is_the_same_alert() {
    let before_items = [
        ("a", "06T10", "Rebel forces advance on the city of Homs"),
        ("b", "06T12", "Rebel forces advance on the city of Homs"),
    ];
    let set = rules(&[("r", "rebel", Per::Story)]);
    let before = outcome(&set, &before_items);
    // As if the changed rule no longer matched the first item: its number stays that of the file.
    let mut after = outcome(&set, &before_items[1..]);
    after.opened[0].number = 1;
    after.linked[0].number = 1;
    let found = difference(&before, &after);
    assert_eq!((found.gained.len(), found.lost.len()), (0, 0));
    assert_eq!(found.unchanged[0].1.alert.item.id, "b");
}

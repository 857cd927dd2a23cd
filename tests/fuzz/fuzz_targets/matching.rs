//! Any query that compiles can be matched against any item, and its hits stand where they say.
//! The input's first line is the query, the second the title, the rest the summary.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wirewatch::{
    model::{Feed, Field, Item, Severity},
    rule::{FeedFilter, Per, Place, RuleSet, RuleSource, Scope, Text},
};

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let rule = RuleSource {
        id: "fuzz".to_owned(),
        place: Place::default(),
        title: String::new(),
        severity: Severity::Info,
        tags: Vec::new(),
        any: vec![Text { text: line(), place: Place::default() }],
        all: Vec::new(),
        none: Vec::new(),
        scope: Scope::All,
        langs: Vec::new(),
        feeds: FeedFilter::default(),
        per: Per::Item,
        cooldown: None,
        fire: Vec::new(),
        ignore: Vec::new(),
    };
    let item = Item { title: line(), summary: line(), ..Item::default() };
    let Ok((set, _)) = RuleSet::compile(vec![rule], Vec::new()) else { return };
    let feed = Feed::named("fuzz");
    for hit in set.hits(&feed, &item).into_iter().flat_map(|rule| rule.hits) {
        let text = match hit.field {
            Field::Title => &item.title,
            Field::Summary => &item.summary,
            _ => continue,
        };
        let slice: String = text.chars().skip(hit.start).take(hit.end - hit.start).collect();
        assert_eq!(slice, hit.text);
    }
    let _ = set.explain(&feed, &item);
});

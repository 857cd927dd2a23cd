//! Whatever compiles can be matched against any item: its hits stand where they say, and explaining comes to the same answer.

use wirewatch::{
    model::{Feed, Field, Item},
    rule::{ListSource, Place, RuleSet, RuleSource, Text},
};

/// The first line holds entries with tabs between them, the second the title, the rest the summary. The entries serve twice: as
/// a rule's `any`, and as a list that another rule names beside a word.
pub fn check(input: &str) {
    let mut lines = input.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let entries: Vec<Text> = line().split('\t').map(text).collect();
    let item = Item {
        title: line(),
        summary: line(),
        ..Item::default()
    };
    let list = ListSource {
        name: "listed".to_owned(),
        place: Place::default(),
        entries: entries.iter().map(|entry| (None, entry.clone())).collect(),
    };
    let rules = vec![
        rule("entries", entries),
        rule("list", vec![text("@listed")]),
        rule("near", vec![text("@listed NEAR/5 war")]),
    ];
    let Ok((set, _)) = RuleSet::compile(rules, vec![list]) else {
        return;
    };
    let feed = Feed::named("fuzz");
    let hits = set.hits(&feed, &item);
    for hit in hits.iter().flat_map(|rule| &rule.hits) {
        let text = match hit.field {
            Field::Title => &item.title,
            Field::Summary => &item.summary,
            _ => continue,
        };
        let length = hit.end - hit.start;
        let slice: String = text.chars().skip(hit.start).take(length).collect();
        assert_eq!(slice, hit.text);
    }
    // Explaining asks every entry; matching asks those alone that the words of the item wake.
    for (index, why) in set.explain(&feed, &item).iter().enumerate() {
        let is_hit = hits.iter().any(|hit| hit.rule == index);
        assert_eq!(why.matched, is_hit, "{}", why.rule);
    }
}

fn rule(id: &str, any: Vec<Text>) -> RuleSource {
    RuleSource {
        id: id.to_owned(),
        any,
        ..RuleSource::default()
    }
}

fn text(text: &str) -> Text {
    Text {
        text: text.to_owned(),
        place: Place::default(),
    }
}

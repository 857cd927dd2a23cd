//! What matching costs in memory once it is warm: nothing.
//!
//! The items measured are none of those that warmed it: their words were seen before, their sentences were not.

use wirewatch::{
    model::{Feed, Item},
    rule::{ListSource, Place, RuleSet, RuleSource, Scope, Scratch, Text},
};

fn text(text: &str) -> Text {
    Text {
        text: text.to_owned(),
        place: Place::default(),
    }
}

fn rules() -> RuleSet {
    let rule = |id: &str, any: &[&str], none: &[&str]| RuleSource {
        id: id.to_owned(),
        any: any.iter().map(|query| text(query)).collect(),
        none: none.iter().map(|query| text(query)).collect(),
        scope: Scope::All,
        ..RuleSource::default()
    };
    let rules = vec![
        rule(
            "near",
            &["@group NEAR/8 (advance OR capture)", "rebel advance"],
            &["title:film"],
        ),
        rule("strike", &["airstrike", "bombard* NOT NEAR/3 =HTS"], &[]),
        rule(
            "others",
            &[
                "غارة",
                "حمله",
                "обстрел",
                "обстріл",
                "תקיפה",
                "saldırı",
                "frappe aérienne",
                "bombardeo",
            ],
            &[],
        ),
        rule("regex", &["/brigade [0-9]+/ AND NOT lang:fr"], &[]),
        RuleSource {
            langs: vec!["en".to_owned()],
            ..rule("english", &["army AND (move OR deploy)"], &[])
        },
    ];
    let lists = vec![ListSource {
        name: "group".to_owned(),
        place: Place::default(),
        entries: ["rebel", "militia", "armed group"]
            .map(|entry| (None, text(entry)))
            .to_vec(),
    }];
    RuleSet::compile(rules, lists)
        .expect("the rules are the language")
        .0
}

/// Items of these sentences; `turn` says which stands with which.
fn items(turn: usize) -> Vec<Item> {
    const SENTENCES: [(&str, &str); 12] = [
        (
            "en",
            "Rebels advance on Homs after the army moves Brigade 104",
        ),
        (
            "en",
            "Air strikes hit a militia base, HTS bombarded the road",
        ),
        (
            "en",
            "A film about the armed group's capture of the harbour",
        ),
        ("ar", "غارات على المدينة والجيش يتقدم نحو حمص"),
        ("fa", "حمله‌های هوایی به شهر حمص ادامه دارد"),
        ("ru", "Обстрелы города продолжаются, армия отступает"),
        ("uk", "Обстріли міста тривають, армія відступає"),
        ("he", "תקיפות בעיר והצבא נסוג לכיוון חומס"),
        ("tr", "Kente hava saldırıları sürüyor, ordu çekiliyor"),
        ("fr", "Des frappes aériennes visent l’armée à Homs"),
        ("es", "Los bombardeos aéreos golpean la ciudad de Homs"),
        (
            "de",
            "Luftangriffe auf die Stadt, die Armee zieht sich zurück",
        ),
    ];
    let sentence = |at: usize| SENTENCES[at % SENTENCES.len()];
    (0..SENTENCES.len())
        .map(|at| {
            let (lang, title) = sentence(at);
            // Of the same language where it has several.
            let others: Vec<&str> = SENTENCES
                .iter()
                .filter(|(other, _)| *other == lang)
                .map(|(_, text)| *text)
                .collect();
            Item {
                title: title.to_owned(),
                summary: others[(at + turn) % others.len()].repeat(turn % 2 + 1),
                content: format!("{title}. {}", others[turn % others.len()]),
                lang: Some(lang.to_owned()),
                ..Item::default()
            }
        })
        .collect()
}

#[test]
fn matching_allocates_nothing_once_warm() {
    let set = rules();
    let feed = Feed::named("feed");
    let mut scratch = Scratch::new();
    for item in items(0).iter().chain(&items(1)).chain(&items(3)) {
        set.matching(&feed, item, &mut scratch);
    }
    let others = items(2);
    let mut matches = 0;
    let allocated = allocation_counter::measure(|| {
        for item in &others {
            matches += set.matching(&feed, item, &mut scratch).len();
        }
    });
    assert!(matches >= 10, "{matches} matches: the rules were at work");
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

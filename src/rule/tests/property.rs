//! Random queries over random texts: the engine agrees with the definition, hits stand where they say, queries survive
//! being written and read again. `WIREWATCH_CASES` sets the number of cases (10,000).

use std::{cell::Cell, collections::HashMap};

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

use super::{
    super::{
        Scope,
        query::{self, FieldName, NearKind, Pattern, PatternKind, Query, QueryKind},
        *,
    },
    list,
    naive::{Naive, NamedLists, View},
    rule,
};

const WORDS: [&str; 48] = [
    "rebel",
    "rebels",
    "Rebel's",
    "advance",
    "advanced",
    "air",
    "strike",
    "strikes",
    "airstrike",
    "air-strike",
    "cease",
    "fire",
    "ceasefire",
    "HTS",
    "hts",
    "the",
    "together",
    "get",
    "her",
    "film",
    "U.S.",
    "3.5",
    "1,000",
    "al",
    "المعارضة",
    "معارضة",
    "والمعارضة",
    "غارة",
    "غارات",
    "обстріл",
    "обстріли",
    "об'єкти",
    "удар",
    "ударов",
    "самолёт",
    "saldırı",
    "İstanbul",
    "ISTANBUL",
    "café",
    "cafe",
    "l'armée",
    "armées",
    "תקיפה",
    "והתקיפות",
    "صلح",
    "叙利亚反对派",
    "反对派",
    "می‌شود",
];
const BETWEEN: [&str; 10] = [" ", " ", " ", "-", ", ", ". ", "\u{a0}", "—", "' ", "."];
const LANGS: [Option<&str>; 11] = [
    None,
    Some("en"),
    Some("en"),
    Some("fr"),
    Some("tr"),
    Some("ar"),
    Some("uk"),
    Some("he"),
    Some("zh"),
    Some("es"),
    Some("xx"),
];
const REGEXES: [&str; 6] = [
    "str[ia]ke",
    "(?i)REBEL",
    ".",
    r"\bair\b",
    "[0-9]+",
    "^al|fire$",
];

fn text(words_max: usize) -> impl Strategy<Value = String> {
    vec((select(&WORDS[..]), select(&BETWEEN[..])), 0..words_max).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(word, between)| [word, between])
            .collect()
    })
}

fn item() -> impl Strategy<Value = Item> {
    let long = prop_oneof![4 => text(12), 1 => text(75)];
    (
        text(10),
        long,
        text(8),
        select(&LANGS[..]),
        text(4),
        vec(text(3), 0..3),
    )
        .prop_map(|(title, summary, content, lang, author, categories)| Item {
            title,
            summary,
            content,
            author,
            categories,
            url: "https://example.org/air-strike/rebels".to_owned(),
            lang: lang.map(str::to_owned),
            ..Item::default()
        })
}

fn made(kind: QueryKind) -> Query {
    Query { kind, range: 0..0 }
}

fn pattern() -> impl Strategy<Value = Pattern> {
    (
        select(&WORDS[..]),
        select(
            &[
                PatternKind::Inflected,
                PatternKind::Inflected,
                PatternKind::Exact,
                PatternKind::Prefix,
            ][..],
        ),
    )
        .prop_map(|(text, kind)| {
            let kind = if text
                .chars()
                .filter(|letter| letter.is_alphanumeric())
                .count()
                < 3
            {
                PatternKind::Inflected
            } else {
                kind
            };
            let shorter: String = text.chars().take(4).collect();
            let is_cut = kind == PatternKind::Prefix
                && shorter
                    .chars()
                    .filter(|letter| letter.is_alphanumeric())
                    .count()
                    >= 3;
            Pattern {
                text: if is_cut { shorter } else { text.to_owned() },
                kind,
            }
        })
}

/// What stands somewhere.
fn leaf() -> impl Strategy<Value = Query> {
    prop_oneof![
        8 => pattern().prop_map(|pattern| made(QueryKind::Words(vec![pattern]))),
        4 => vec(pattern(), 2..4).prop_map(|patterns| made(QueryKind::Words(patterns))),
        1 => select(&REGEXES[..]).prop_map(|regex| made(QueryKind::Regex(regex.to_owned()))),
        1 => select(&["one", "two", "nested"][..]).prop_map(|name| made(QueryKind::List(name.to_owned()))),
    ]
}

fn near_kind() -> impl Strategy<Value = NearKind> {
    select(&[NearKind::Near, NearKind::Ordered, NearKind::NotNear][..])
}

fn standing() -> impl Strategy<Value = Query> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|sides| made(QueryKind::Or(sides))),
            (inner.clone(), inner, near_kind(), 1..9u8).prop_map(
                |(left, right, kind, distance)| {
                    made(QueryKind::Near {
                        left: Box::new(left),
                        right: Box::new(right),
                        kind,
                        distance,
                    })
                }
            ),
        ]
    })
}

fn any_query() -> impl Strategy<Value = Query> {
    const FIELDS: [FieldName; 5] = [
        FieldName::Title,
        FieldName::Text,
        FieldName::Author,
        FieldName::Category,
        FieldName::Url,
    ];
    standing().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 2..4).prop_map(|sides| made(QueryKind::And(sides))),
            2 => vec(inner.clone(), 2..4).prop_map(|sides| made(QueryKind::Or(sides))),
            1 => inner.clone().prop_map(|inner| made(QueryKind::Not(Box::new(inner)))),
            1 => (select(&FIELDS[..]), inner.clone()).prop_map(|(field, inner)| made(QueryKind::Field(field, Box::new(inner)))),
            1 => (vec(inner.clone(), 2..3), inner, near_kind(), 1..9u8).prop_map(|(sides, right, kind, distance)| {
                let left = Box::new(made(QueryKind::And(sides)));
                made(QueryKind::Near { left, right: Box::new(right), kind, distance })
            }),
        ]
    })
}

/// A list's name, and its entries with their languages.
type NamedList = (&'static str, Vec<(Option<&'static str>, &'static str)>);

fn lists() -> Vec<NamedList> {
    vec![
        (
            "one",
            vec![
                (Some("en"), "rebel NOT NEAR/1 film"),
                (Some("en"), "=HTS"),
                (Some("ar"), "المعارضة"),
                (Some("uk"), "обстріл"),
                (Some("uk"), "strike"),
                (Some("ar"), "air*"),
            ],
        ),
        (
            "two",
            vec![
                (None, "airstrike"),
                (None, "cease fire"),
                (Some("fr"), "armée"),
                (Some("tr"), "istanbul"),
            ],
        ),
        (
            "nested",
            vec![
                (None, "@one"),
                (None, "@two NEAR/2 the"),
                (Some("en"), "\"strike rebel\""),
            ],
        ),
    ]
}

fn cases() -> u32 {
    std::env::var("WIREWATCH_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(10_000)
}

/// Cases are rows of several queries and items, for compiling costs more than matching.
const QUERIES: usize = 4;
const ITEMS: usize = 5;

#[test]
fn the_engine_agrees_with_the_definition() {
    let named: NamedLists = lists()
        .into_iter()
        .map(|(name, entries)| {
            let parsed = entries.into_iter().map(|(lang, entry)| {
                (
                    lang.map(str::to_owned),
                    query::parse(entry).expect("well written"),
                )
            });
            (name.to_owned(), parsed.collect())
        })
        .collect::<HashMap<_, _>>();
    const SCOPES: [(Scope, View); 3] = [
        (Scope::Lead, View::Lead),
        (Scope::Title, View::Title),
        (Scope::All, View::All),
    ];
    let rows = cases() / (QUERIES * ITEMS) as u32;
    let mut runner = TestRunner::new(Config {
        cases: rows.max(1),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    });
    let strategy = (
        vec((any_query(), select(&SCOPES[..])), QUERIES),
        vec(item(), ITEMS),
    );
    let (matched, asked) = (Cell::new(0), Cell::new(0));
    let result = runner.run(&strategy, |(queries, items)| {
        let mut sources = Vec::new();
        let mut kept = Vec::new();
        for (query, scope) in queries {
            let source = RuleSource {
                scope: scope.0,
                ..rule(&[&query.to_string()])
            };
            // Queries that the compiler refuses (NOT beside NEAR, say) are not the definition's concern.
            if RuleSet::compile(vec![source.clone()], sources_of_lists()).is_ok() {
                sources.push(source);
                kept.push((query, scope.1));
            }
        }
        let (set, _) = RuleSet::compile(sources, sources_of_lists()).expect("each compiled alone");
        let feed = Feed::named("test");
        for item in &items {
            let found = set.hits(&feed, item);
            let naive = Naive::new(&named, &feed, item);
            for (index, (query, view)) in kept.iter().enumerate() {
                let by_engine = found.iter().any(|hits| hits.rule == index);
                let by_definition = naive.holds(query, *view);
                prop_assert_eq!(
                    by_engine,
                    by_definition,
                    "{} in {:?} of {:?}",
                    query,
                    view,
                    item
                );
                asked.set(asked.get() + 1);
                matched.set(matched.get() + usize::from(by_engine));
            }
            for hit in found.iter().flat_map(|rule| &rule.hits) {
                let field = match hit.field {
                    crate::model::Field::Title => item.title.clone(),
                    crate::model::Field::Summary => item.summary.clone(),
                    crate::model::Field::Content => item.content.clone(),
                    crate::model::Field::Author => item.author.clone(),
                    crate::model::Field::Category => item.categories.join(", "),
                    _ => item.url.clone(),
                };
                let slice: String = field
                    .chars()
                    .skip(hit.start)
                    .take(hit.end - hit.start)
                    .collect();
                prop_assert_eq!(&slice, &hit.text, "{:?}", hit);
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (matched, asked) = (matched.get(), asked.get());
    assert!(
        matched * 20 > asked,
        "only {matched} of {asked} match: the test asks too little"
    );
}

fn sources_of_lists() -> Vec<ListSource> {
    lists()
        .into_iter()
        .map(|(name, entries)| list(name, &entries))
        .collect()
}

#[test]
fn a_query_survives_being_written_and_read() {
    let mut runner = TestRunner::new(Config {
        cases: cases() / 10,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&any_query(), |query| {
        let written = query.to_string();
        let read = query::parse(&written);
        match read {
            Ok(read) => prop_assert_eq!(read.to_string(), written),
            // What the tree can say and the language cannot: NOT as an operand of NEAR, and after a field.
            Err(error) => prop_assert!(error.message.contains("NOT"), "{}: {:?}", written, error),
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let piece = select(
        &[
            "(", ")", "\"", "NEAR/3", "NOT", "AND", "OR", "title:", "@a", "/", "=", "*", "a", "é",
            " ", "\\", "ONEAR/51", "“", "צה\"ל",
        ][..],
    );
    let mut runner = TestRunner::new(Config {
        cases: cases() / 10,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&vec(piece, 0..12), |pieces| {
        let text: String = pieces.concat();
        match query::parse(&text) {
            Ok(query) => _ = query.to_string(),
            Err(error) => prop_assert!(
                text.get(error.range.clone()).is_some(),
                "{:?} of {:?}",
                error,
                text
            ),
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

//! Rules against texts, as rows.

use super::*;

mod naive;
mod property;

pub(super) fn text(text: &str) -> Text {
    Text {
        text: text.to_owned(),
        place: Place::default(),
    }
}

pub(super) fn rule(any: &[&str]) -> RuleSource {
    RuleSource {
        id: "rule".to_owned(),
        any: any.iter().map(|query| text(query)).collect(),
        ..RuleSource::default()
    }
}

pub(super) fn title(title: &str) -> Item {
    Item {
        title: title.to_owned(),
        ..Item::default()
    }
}

pub(super) fn compiled(rule: RuleSource, lists: Vec<ListSource>) -> RuleSet {
    match RuleSet::compile(vec![rule], lists) {
        Ok((set, _)) => set,
        Err(problems) => panic!("{problems:?}"),
    }
}

pub(super) fn list(name: &str, entries: &[(Option<&str>, &str)]) -> ListSource {
    ListSource {
        name: name.to_owned(),
        place: Place::default(),
        entries: entries
            .iter()
            .map(|(lang, entry)| (lang.map(str::to_owned), text(entry)))
            .collect(),
    }
}

fn armed_groups() -> Vec<ListSource> {
    vec![list(
        "armed-group",
        &[
            (Some("en"), "rebel NOT NEAR/1 Wilson"),
            (Some("en"), "insurgent"),
            (Some("en"), "opposition forces"),
            (Some("en"), "=HTS"),
            (Some("ar"), "المعارضة المسلحة"),
            (Some("ar"), "المتمردون"),
            (Some("ru"), "Patriot"),
            (Some("ru"), "HIMARS NEAR/3 удар"),
        ],
    )]
}

/// The texts of the hits in a title; none where the query does not match.
fn check_item(query: &str, item: Item, wanted: &[&str]) {
    let set = compiled(rule(&[query]), armed_groups());
    let found = set.hits(&Feed::named("test"), &item);
    let texts: Vec<&str> = found
        .iter()
        .flat_map(|rule| &rule.hits)
        .map(|hit| hit.text.as_str())
        .collect();
    assert_eq!(texts, wanted, "{query} in {item:?}");
    assert_eq!(found.is_empty(), wanted.is_empty(), "{query} in {item:?}");
}

fn check(query: &str, headline: &str, wanted: &[&str]) {
    check_item(query, title(headline), wanted);
}

fn check_lang(lang: &str, query: &str, headline: &str, wanted: &[&str]) {
    check_item(
        query,
        Item {
            lang: Some(lang.to_owned()),
            ..title(headline)
        },
        wanted,
    );
}

#[test]
fn the_example_of_the_manual() {
    let query = r#"@armed-group NEAR/8 (advance OR capture OR seize OR "close in on")"#;
    let set = compiled(rule(&[query]), armed_groups());
    let found = set.hits(
        &Feed::named("test"),
        &title("Rebel forces advanced rapidly toward Homs"),
    );
    let wanted = Hit {
        field: crate::model::Field::Title,
        start: 0,
        end: 21,
        text: "Rebel forces advanced".to_owned(),
        query: "rebel NEAR/8 advance".to_owned(),
    };
    assert_eq!(
        found,
        [RuleHits {
            rule: 0,
            hits: vec![wanted]
        }]
    );
    check(query, "Rebel Wilson captures hearts at premiere", &[]);
    check(
        query,
        "Opposition forces close in on Hama",
        &["Opposition forces close in on"],
    );
    check(query, "HTS seizes Aleppo", &["HTS seizes"]);
    check(query, "hts seizes Aleppo", &[]);
}

#[test]
fn words_match_in_any_inflection() {
    check("airstrike", "Airstrikes hit Idlib", &["Airstrikes"]);
    check("advance", "Rebels ADVANCING", &["ADVANCING"]);
    check("attack", "Counterattack feared", &[]);
    check("Syria", "Syria’s army", &["Syria’s"]);
    check("=HTS", "HTS's leader", &["HTS's"]);
    check("=HTS", "hts", &[]);
    check("cafe", "At the Café", &["Café"]);
}

#[test]
fn compounds_match_closed_open_and_hyphened() {
    for query in ["ceasefire", "cease-fire", "\"cease fire\"", "cease fire"] {
        for headline in [
            "Ceasefire",
            "Cease-fire",
            "Cease fire",
            "CEASE‑FIRES",
            "Cease-Fires",
        ] {
            check(query, &format!("{headline} holds"), &[headline]);
        }
    }
    check("airstrike", "air strikes", &["air strikes"]);
    check("airstrike", "air, strikes", &[]);
    check("into", "in to", &[]);
    check(
        "airstrike on Homs",
        "Air strike on Homs",
        &["Air strike on Homs"],
    );
}

#[test]
fn phrases_keep_order_and_stay_in_a_field() {
    check("rebel advance", "Rebels advance", &["Rebels advance"]);
    check("rebel advance", "advance, rebels", &[]);
    check("rebel advance", "Rebels, advance!", &["Rebels, advance"]);
    let item = Item {
        summary: "advance".to_owned(),
        ..title("Rebels")
    };
    check_item("rebel advance", item.clone(), &[]);
    check_item("rebel NEAR/8 advance", item.clone(), &[]);
    check_item("rebel AND advance", item, &["Rebels", "advance"]);
}

#[test]
fn near_counts_the_words_between() {
    check("a NEAR/2 b", "a x y b", &["a x y b"]);
    check("a NEAR/2 b", "a x y z b", &[]);
    check("a NEAR/2 b", "b x a", &["b x a"]);
    check("a ONEAR/2 b", "b x a", &[]);
    check("a ONEAR/2 b", "a x b", &["a x b"]);
    check(
        "rebel NOT NEAR/1 Wilson",
        "Rebel Wilson meets a rebel",
        &["rebel"],
    );
    check("rebel NOT NEAR/1 Wilson", "Wilson, the rebel", &[]);
    check("attack NEAR/5 attack", "attack", &[]);
    check(
        "attack NEAR/5 attack",
        "attack after attack",
        &["attack after attack"],
    );
    check("(a AND c) NEAR/1 b", "a b c", &["a b", "b c"]);
    check("(a AND c) NEAR/1 b", "a b x y c", &[]);
    check("(a AND NOT d) NEAR/1 b", "a b x d", &[]);
    check("a NEAR/1 b NEAR/1 c", "a b c", &["a b c"]);
}

#[test]
fn booleans_fields_and_wildcards() {
    check("a AND NOT b", "a c", &["a"]);
    check("a AND NOT b", "a b", &[]);
    check(
        "bombard*",
        "Bombardment and bombarded",
        &["Bombardment", "bombarded"],
    );

    check("/str[ia]ke/", "air strike", &["strike"]);
    check("/./", "🚨", &["🚨"]);
    let item = Item {
        summary: "a film".to_owned(),
        url: "https://example.org/news/aleppo-falls".to_owned(),
        author: "Jane Doe".to_owned(),
        categories: vec!["World".to_owned(), "Middle East".to_owned()],
        source: "Times".to_owned(),
        lang: Some("en".to_owned()),
        ..title("The army")
    };
    check_item("title:film", item.clone(), &[]);
    check_item("text:film", item.clone(), &["film"]);
    check_item("url:aleppo", item.clone(), &["aleppo"]);
    check_item("author:\"jane doe\"", item.clone(), &["Jane Doe"]);
    check_item("category:\"middle east\"", item.clone(), &["Middle East"]);
    check_item("category:\"world middle\"", item.clone(), &[]);
    check_item("source:times", item.clone(), &["Times"]);
    check_item("source:time", item.clone(), &[]);
    check_item("lang:en AND army", item.clone(), &["army", "en"]);
    check_item("lang:fr AND army", item, &[]);
}

#[test]
fn the_lead_is_title_and_sixty_words() {
    let long = format!("{} bomb", "word ".repeat(60));
    check_item(
        "bomb",
        Item {
            summary: long.clone(),
            ..title("t")
        },
        &[],
    );
    check_item(
        "bomb",
        Item {
            summary: long["word ".len()..].to_owned(),
            ..title("t")
        },
        &["bomb"],
    );
    check_item(
        "text:bomb",
        Item {
            summary: long.clone(),
            ..title("t")
        },
        &["bomb"],
    );
    check_item(
        "bomb",
        Item {
            content: "bomb".to_owned(),
            ..title("t")
        },
        &["bomb"],
    );
    check_item(
        "bomb",
        Item {
            summary: "other".to_owned(),
            content: "bomb".to_owned(),
            ..title("t")
        },
        &[],
    );
    check_item(
        "/bomb/",
        Item {
            summary: long,
            ..title("t")
        },
        &[],
    );
}

#[test]
fn every_language_is_understood() {
    check("المعارضة", "قوات والمعارضة تتقدم", &["والمعارضة"]);
    check("@armed-group", "تقدم المتمردين في حلب", &["المتمردين"]);
    check("غارة", "وغارات على إدلب", &["وغارات"]);
    check("ادلب", "غارات على إِدلب", &["إِدلب"]);
    check("תקיפה", "והתקיפות בסוריה", &["והתקיפות"]);
    check("обстріл", "Російські обстріли міста", &["обстріли"]);
    check("перемир'я", "Україна за перемир’я", &["перемир’я"]);
    check_lang("tr", "Irak", "IRAK'TA saldırı", &["IRAK'TA"]);
    check_lang("tr", "isyancı", "İSYANCILAR Hama'da", &["İSYANCILAR"]);
    check_lang(
        "es",
        "ataque aéreo",
        "Ataques aereos en Alepo",
        &["Ataques aereos"],
    );
    check_lang("fr", "armée", "L’armée avance", &["armée"]);
    check_lang("ru", "самолет", "Самолёты над городом", &["Самолёты"]);
    check_lang("fa", "نیرو", "نیروهای مسلح", &["نیروهای"]);
    check_lang("zh", "反对派", "叙利亚反对派进入", &["反对派"]);
    // A feed that declares its template's language.
    check_lang("en", "غارة", "غارات على إدلب", &["غارات"]);
    // A list's language key narrows its words, not its exact names.
    check_lang("fr", "@armed-group", "Les insurgents", &[]);
    check_lang("fr", "@armed-group", "Le HTS avance", &["HTS"]);
    // A name keeps its letters in a text of another script, and its list's language.
    let headline = "Батареи Patriot прибыли в Киев";
    check_lang("ru", "@armed-group", headline, &["Patriot"]);
    check_lang("uk", "@armed-group", headline, &[]);
    check_lang("en", "@armed-group", "Patriot batteries reach Kyiv", &[]);
    let headline = "Удары HIMARS по складам";
    check_lang("ru", "@armed-group", headline, &["Удары HIMARS"]);
}

#[test]
fn mistakes_of_lists_and_rules_are_found_together() {
    let lists = vec![
        list("a", &[(None, "@b")]),
        list("b", &[(None, "@a OR (x")]),
        list("c", &[(None, "@d")]),
        list("d", &[(None, "@c")]),
    ];
    let bad = RuleSource {
        none: vec![text("x NEAR/3 NOT y"), text("/(/"), text("@armed-grup")],
        ..rule(&["@nothing", "a NOT NEAR/2 (b AND c)"])
    };
    let mut all = lists;
    all.extend(armed_groups());
    let problems = RuleSet::compile(vec![bad], all).expect_err("full of mistakes");
    let messages: Vec<&str> = problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    for wanted in [
        "unclosed parenthesis",
        "circle: @c → @d → @c",
        "NOT inside",
        "unclosed group",
        "unknown list @armed-grup",
        "unknown list @nothing",
        "AND on the right",
    ] {
        assert!(
            messages.iter().any(|message| message.contains(wanted)),
            "{wanted} in {messages:?}"
        );
    }
    assert!(
        problems
            .iter()
            .any(|problem| problem.help.as_deref() == Some("did you mean @armed-group?"))
    );
}

/// The failing tests of a rule: message and help.
fn check_proof(rule: RuleSource, wanted: &[(&str, &str)]) {
    let problems = compiled(rule, armed_groups()).run_tests();
    let found: Vec<(&str, &str)> = problems
        .iter()
        .map(|problem| {
            (
                problem.message.as_str(),
                problem.help.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_rule_that_fails_its_own_tests_says_how_close_it_was() {
    let source = RuleSource {
        none: vec![text("title:(anniversary OR film)")],
        fire: vec![
            text("Rebel forces advanced rapidly toward Homs"),
            text("Rebels from the north of the country who last week took Hama capture Homs"),
            text("Army advances on Homs in a long push"),
            text("Rebel forces advance in new film"),
        ],
        ignore: vec![
            text("Rebel Wilson captures hearts"),
            text("Rebels seize city"),
        ],
        ..rule(&[r#"@armed-group NEAR/8 (advance OR capture OR seize OR "close in on")"#])
    };
    check_proof(
        source,
        &[
            (
                "rule `rule` does not fire on \"Rebels from the north of the country who last week took Hama capture Homs\" (read as en)",
                "found `Rebels` by rebel, `capture` by capture; any: `capture` is 11 words from `Rebels`; NEAR/8",
            ),
            (
                "rule `rule` does not fire on \"Army advances on Homs in a long push\" (read as en)",
                "found `advances` by advance; any: nothing of @armed-group",
            ),
            (
                "rule `rule` does not fire on \"Rebel forces advance in new film\" (read as en)",
                "found `Rebel forces advance` by rebel NEAR/8 advance; none: `title:(anniversary OR film)` found `film`",
            ),
            (
                "rule `rule` fires on \"Rebels seize city\", which it must ignore",
                "found `Rebels seize` by rebel NEAR/8 seize",
            ),
        ],
    );
}

#[test]
fn an_explanation_shows_the_whole_tree() {
    let set = compiled(
        rule(&["rebel ONEAR/2 (advance OR \"close in on\")"]),
        Vec::new(),
    );
    let why = set.explain(&Feed::named("test"), &title("Advancing rebels close in"));
    let json = serde_json::to_value(&why).expect("explanations are plain data");
    assert_eq!(json[0]["matched"], false);
    assert_eq!(
        json[0]["failed"],
        "any: `Advancing` is 0 words before `rebels`; ONEAR/2 wants it after"
    );
    let tree = &json[0]["any"][0]["tree"];
    assert_eq!(tree["label"], "ONEAR/2");
    assert_eq!(tree["children"][0]["hits"][0]["text"], "rebels");
    assert_eq!(tree["children"][0]["stems"][0], "rebel");
    assert_eq!(
        tree["children"][1]["children"][1]["miss"],
        "no `on` of \"close in on\""
    );
}

fn check_miss(rule: RuleSource, item: Item, wanted: &str) {
    let query = rule.any.first().map(|text| text.text.clone());
    let set = compiled(rule, Vec::new());
    let why = set.explain(&Feed::named("test"), &item);
    let failed = why.first().and_then(|why| why.failed.as_deref());
    assert_eq!(failed, Some(wanted), "{query:?} on {:?}", item.title);
}

#[test]
fn a_miss_names_what_was_missing() {
    let near = "Rebels, after one long and bloody week around the old city, capture Homs";
    check_miss(
        rule(&["rebel NEAR/8 capture"]),
        title(near),
        "any: `capture` is 10 words from `Rebels`; NEAR/8",
    );
    check_miss(
        rule(&["rebel NOT NEAR/3 Wilson"]),
        title("Ferries stop"),
        "any: no `rebel`",
    );
    check_miss(
        rule(&["rebel NOT NEAR/3 Wilson"]),
        title("Rebel Wilson"),
        "any: `Wilson` is 0 words from `Rebel`; NOT NEAR/3",
    );
    check_miss(
        rule(&["rebel", "insurgent"]),
        title("Ferries stop"),
        "any: no word of its 2 entries",
    );
    check_miss(
        rule(&["publisher:bbc AND rebel"]),
        title("Rebels"),
        "any: no `bbc` in the publisher",
    );
    let below = Item {
        summary: "Rebels advance".to_owned(),
        ..title("Ferries stop")
    };
    check_miss(
        rule(&["title:rebel AND text:advance"]),
        below,
        "any: `rebel` stands only outside the title",
    );
}

fn check_warnings(rules: Vec<RuleSource>, lists: Vec<ListSource>, wanted: &[&str]) {
    let (_, warnings) = RuleSet::compile(rules, lists).expect("compiles");
    assert!(warnings.iter().all(|warning| warning.is_warning));
    let messages: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.message.as_str())
        .collect();
    assert_eq!(messages, wanted);
}

fn tested(id: &str, any: &[&str]) -> RuleSource {
    RuleSource {
        id: id.to_owned(),
        fire: vec![text("x")],
        ..rule(any)
    }
}

#[test]
fn doubtful_rules_are_warned_about() {
    check_warnings(
        vec![rule(&["rebel"])],
        Vec::new(),
        &["rule `rule` has no tests"],
    );
    check_warnings(
        vec![tested(
            "a",
            &[
                "rebel",
                "rebels",
                "rebel",
                "\"rebel army\"",
                "insurg*",
                "insurgency",
                "=HTS",
            ],
        )],
        Vec::new(),
        &[
            "\"rebels\" adds nothing to `any`: \"rebel\" finds all its inflections",
            "\"rebel\" stands twice in `any`",
            "\"rebel army\" can never add a hit to `any`: \"rebel\" finds every place of it",
            "\"insurgency\" can never add a hit to `any`: \"insurg*\" finds every place of it",
        ],
    );
    let cancelled = RuleSource {
        none: vec![text("rebels OR film")],
        ..tested("a", &["rebel army", "rebel NEAR/3 x"])
    };
    check_warnings(
        vec![cancelled],
        Vec::new(),
        &["the rule can never match: whatever it finds, `none` \"rebels\" OR \"film\" excludes"],
    );
    check_warnings(
        vec![tested("a", &["attack AND NOT attacks"])],
        Vec::new(),
        &["\"attack\" AND NOT \"attacks\" can never match: NOT \"attacks\" excludes all it finds"],
    );
    check_warnings(vec![tested("a", &["con*"])], Vec::new(), &[]);
    check_warnings(
        vec![tested("a", &["the*"])],
        Vec::new(),
        &["`the*` matches at least 5 % of all words"],
    );
    check_warnings(
        vec![tested("a", &["/[a-z]/"])],
        Vec::new(),
        &["`/[a-z]/` matches at least 68 % of all words"],
    );
    check_warnings(
        vec![tested("a", &["rebel", "x"]), tested("b", &["rebels"])],
        Vec::new(),
        &["rule `b` matches nothing that `a` does not match as well"],
    );
    let narrower = RuleSource {
        none: vec![text("film")],
        ..tested("b", &["rebels"])
    };
    check_warnings(
        vec![narrower, tested("a", &["rebel"])],
        Vec::new(),
        &["rule `b` matches nothing that `a` does not match as well"],
    );
    check_warnings(
        vec![tested("a", &["@l"])],
        vec![list(
            "l",
            &[(Some("en"), "coin"), (Some("fr"), "coin"), (None, "NOT x")],
        )],
        &["NOT \"x\" alone makes the list match nearly every item"],
    );
}

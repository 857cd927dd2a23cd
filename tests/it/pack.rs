//! The shipped rules, and the commands that measure rules, as an analyst meets them.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;
use wirewatch::config::{self, Config, Environment};

const CLASSES: [&str; 6] = [
    "airstrike",
    "ceasefire",
    "deployment",
    "displacement",
    "mobilisation",
    "rebel-advance",
];

fn shipped() -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/wirewatch.toml");
    let loaded = config::load(&path, &Environment::default());
    let problems: Vec<String> = loaded
        .problems
        .iter()
        .map(|problem| problem.show(false))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    loaded
        .config
        .expect("a configuration without problems is taken")
}

/// That the headlines hold is the configuration's own check; this is that they are there.
#[test]
fn every_shipped_rule_has_a_class_and_headlines_of_both_kinds() {
    let config = shipped();
    let mut classes = BTreeSet::new();
    for rule in config.rules.rules() {
        let class = rule.tags.first().map(String::as_str).unwrap_or_default();
        assert!(CLASSES.contains(&class), "{}: first tag {class:?}", rule.id);
        assert!(
            rule.fire.len() >= 2,
            "{}: too few headlines to fire on",
            rule.id
        );
        assert!(
            rule.ignore.len() >= 3,
            "{}: too few headlines to ignore",
            rule.id
        );
        classes.insert(class);
    }
    assert_eq!(Vec::from_iter(classes), CLASSES);
}

/// A document has room for every class, and for words that would silence a headline: how long a war has lasted, a year.
const DISPATCH: &str = "\
Vell promises arms as rebels push toward the capital of Orra
Insurgents captured the northern city of Hama on Monday, a war monitor said, and were closing in on Homs.
It was the fastest advance since the conflict began 13 years ago, after the truce that Hezbollah reached with Israel in 2019.
Iran will send missiles, drones and military advisers to Syria, an official said. Hezbollah sent fighters into Homs overnight.
Thousands of residents have fled Homs toward the coast; the mass exodus went on through the night.
Russian airstrikes destroyed a bridge on the highway to slow the rebels, while the Syrian army was deploying reinforcements.
";

#[test]
fn a_long_text_is_found_for_every_class_in_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dispatch.txt");
    std::fs::write(&path, DISPATCH).unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/wirewatch.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_wirewatch"))
        .arg("-c")
        .arg(config)
        .args(["scan", "--json"])
        .arg(&path)
        .env_remove("WIREWATCH_LOG")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let classes: BTreeSet<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|alert| alert["tags"][0].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "airstrike",
        "ceasefire",
        "deployment",
        "displacement",
        "rebel-advance",
    ];
    assert_eq!(Vec::from_iter(classes), expected);
}

/// A folder with two rules and five labelled items: one found rightly, one for the wrong class, one missed.
struct Bench {
    folder: TempDir,
}

const RULES: &str = r#"
[rules.strike]
tags = ["airstrike"]
any = ["airstrike"]
fire = ["Airstrike hits town"]
ignore = ["Rail strike"]

[rules.truce]
tags = ["ceasefire"]
any = ["truce"]
fire = ["Truce holds"]
ignore = ["Rail strike"]
"#;

const ITEMS: &str = r#"
{"id":"a","title":"Airstrike hits the town of Vell","lang":"en","labels":["airstrike"]}
{"id":"b","title":"Museum buys a painting of an airstrike","lang":"en","labels":[]}
{"id":"c","title":"Guns fall silent in Vell after the deal","lang":"en","labels":["ceasefire"],"borderline":true}
{"id":"d","title":"Guns fall silent in Orra after a truce","lang":"en","labels":["Cease_Fire","ceasefire"]}
{"id":"e","title":"Nobody read this airstrike","lang":"en"}
"#;

impl Bench {
    fn new() -> Bench {
        let bench = Bench {
            folder: TempDir::new().unwrap(),
        };
        bench.write("wirewatch.toml", RULES);
        bench.write("items.jsonl", ITEMS);
        bench
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_wirewatch"))
            .args(["-c", "wirewatch.toml"])
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("WIREWATCH_LOG")
            .output()
            .unwrap()
    }

    fn lines(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn eval_counts_what_is_right_false_and_missed() {
    let bench = Bench::new();
    let lines = bench.lines(&["eval", "items.jsonl", "--json"]);
    let of_kind = |kind: &'static str| lines.iter().filter(move |line| line["kind"] == kind);
    for (class, right, false_alarms, missed) in [
        ("airstrike", 1, 1, 0),
        ("ceasefire", 1, 0, 1),
        // A label that no rule is about.
        ("cease-fire", 0, 0, 1),
    ] {
        let row = of_kind("class").find(|row| row["class"] == class).unwrap();
        let counts = [&row["right"], &row["false"], &row["missed"]];
        assert_eq!(counts, [right, false_alarms, missed], "{class}");
    }
    let false_alarm = of_kind("false-alarm").next().unwrap();
    assert_eq!(false_alarm["id"], "b");
    assert_eq!(false_alarm["hits"]["strike"][0]["text"], "airstrike");
    let missed = of_kind("missed")
        .find(|line| line["class"] == "ceasefire")
        .unwrap();
    assert_eq!(missed["id"], "c");
    assert!(
        missed["why"]["truce"].as_str().unwrap().contains("truce"),
        "{missed}"
    );
    let whole = of_kind("macro").next().unwrap();
    // The line without labels is nobody's business.
    assert_eq!([&whole["items"], &whole["unlabelled_items"]], [4, 1]);
    assert_eq!(whole["unlabelled_items_alerted"], 1);
}

#[test]
fn eval_by_rule_and_for_people() {
    let bench = Bench::new();
    for (arguments, wanted) in [
        (
            &["eval", "items.jsonl"][..],
            "airstrike   1      1      0       0.500      1.000",
        ),
        (
            &["eval", "items.jsonl", "--by", "rule"][..],
            "airstrike 1, none 1",
        ),
        (&["eval", "items.jsonl", "--by", "lang"][..], "en    4"),
        (
            &["eval", "items.jsonl", "--class", "cease*"][..],
            "Guns fall silent in Vell",
        ),
        (
            &[
                "terms",
                "items.jsonl",
                "--class",
                "ceasefire",
                "--at-least",
                "2",
            ][..],
            "guns fall",
        ),
        (
            &["terms", "items.jsonl", "--matched", "--at-least", "1"][..],
            "airstrike",
        ),
    ] {
        let output = bench.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains(wanted),
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn files_that_cannot_be_measured_on() {
    let bench = Bench::new();
    bench.write("unlabelled.jsonl", "{\"title\":\"A\"}\n");
    bench.write("broken.jsonl", "{\"title\":\"A\",\"labels\":[]}\nno item\n");
    bench.write("empty.jsonl", "");
    bench.write("table.jsonl", "title,labels\nA,airstrike\n");
    for (arguments, wanted) in [
        (["eval", "absent.jsonl"], "cannot open absent.jsonl"),
        (["eval", "unlabelled.jsonl"], "no labelled items"),
        (["terms", "unlabelled.jsonl"], "--matched"),
        (["eval", "broken.jsonl"], "broken.jsonl:2: not an item"),
        (["eval", "empty.jsonl"], "empty.jsonl is empty"),
        (["terms", "table.jsonl"], "table.jsonl:1: not an item"),
    ] {
        let output = bench.run(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text.contains(wanted), "{arguments:?}: {text}");
    }
}

//! `wirewatch backtest` as an analyst meets it: over files and over the archive, alone and compared with other rules.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use serde_json::Value;
use tempfile::TempDir;
use wirewatch::{
    model::{Feed, Item},
    store::{Decided, Harvest, PollOutcome, PollRecord, Store},
    time::Timestamp,
};

/// A folder with a configuration of two rules that share a list.
struct Desk {
    folder: TempDir,
}

const CONFIG: &str = r#"
include = ["rules/*.toml"]
[store]
url = "sqlite:w.db"
[feeds.coast]
url = "https://coast.example/rss"
[lists.fighters]
any = ["rebel"]
"#;

const RULES: &str = r#"
[rules.advance]
title = "Armed group gains ground"
severity = "high"
any = ["@fighters"]
[rules.truce]
any = ["ceasefire"]
"#;

/// The later of the two reports of one story stands first; a3 comes twice; a4 has no time.
const ITEMS: &str = r#"{"id":"a2","title":"Rebels enter the city of Homs","published":"2024-12-06T16:00:00Z","lang":"en"}
{"id":"a1","title":"Rebels enter the city of Homs","published":"2024-12-06T14:00:00Z","lang":"en","summary":"At dawn."}
{"id":"a3","title":"Ceasefire agreed in the north","published":"2024-12-08T09:00:00Z","lang":"en"}
{"id":"a3","title":"Ceasefire agreed in the north","published":"2024-12-08T10:00:00Z","lang":"en"}
{"id":"a4","title":"Militia takes an airport","lang":"en"}
{"id":"a5","title":"Cup final today","published":"2024-12-08T11:00:00Z","lang":"en"}
"#;

impl Desk {
    fn new() -> Desk {
        let desk = Desk {
            folder: TempDir::new().unwrap(),
        };
        desk.write("wirewatch.toml", CONFIG);
        desk.write("rules/rules.toml", RULES);
        desk.write("items.jsonl", ITEMS);
        desk
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn backtest(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_wirewatch"))
            .arg("backtest")
            .args(arguments)
            .current_dir(self.path())
            .env("WIREWATCH_CONFIG", "wirewatch.toml")
            .env_remove("STATE_DIRECTORY")
            .env_remove("CREDENTIALS_DIRECTORY")
            .env_remove("WIREWATCH_LOG")
            .output()
            .unwrap()
    }

    /// What it prints when all is well.
    fn prints(&self, arguments: &[&str]) -> String {
        let output = self.backtest(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn documents(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = self.prints(arguments);
        let read = |line: &str| serde_json::from_str(line).unwrap();
        printed.lines().map(read).collect()
    }
}

/// Alerts as `change rule item`.
fn alerts(documents: &[Value]) -> Vec<String> {
    let of_alerts = documents
        .iter()
        .filter(|document| document["kind"] == "alert");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_alerts
        .map(|document| {
            let alert = &document["alert"];
            let words = [&document["change"], &alert["rule"], &alert["item"]["id"]].map(text);
            words.join(" ").trim().to_owned()
        })
        .collect()
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> Vec<&'a Value> {
    documents
        .iter()
        .filter(|document| document["kind"] == kind)
        .collect()
}

#[test]
fn a_file_is_summed_up_by_rule_and_day() {
    let desk = Desk::new();
    assert_eq!(
        desk.prints(&["items.jsonl"]),
        "\
RULE     SEVERITY  ALERTS   ITEMS
advance  high           1       2
truce    medium         1       1

DAY         ALERTS   ITEMS
2024-12-06       1       2
2024-12-07       0       0
2024-12-08       1       1

2 alerts from 3 matched items in 5 items, 2024-12-06 to 2024-12-08
decided: 2 first-report, 1 same-origin
1 item with an id that its feed had before left out
"
    );
    let documents = desk.documents(&["items.jsonl", "--json"]);
    assert_eq!(alerts(&documents), ["advance a1", "truce a3"]);
    let first = &of_kind(&documents, "alert")[0]["alert"];
    assert_eq!(first["item"]["summary"], "At dawn.");
    assert_eq!(first["timing"]["queued"], first["timing"]["published"]);
    assert_eq!(first["hits"][0]["text"], "Rebels");
    let days = of_kind(&documents, "day");
    assert_eq!(days.len(), 3);
    assert_eq!(days[0]["rules"]["advance"]["matched_items"], 2);
    let total = of_kind(&documents, "total")[0];
    assert_eq!((&total["alerts"], &total["items"]), (&2.into(), &5.into()));
}

#[test]
fn other_rules_are_compared_alert_by_alert() {
    let desk = Desk::new();
    // The list `fighters` is the configured one; `towns` comes with the rules; the feed there does not count.
    desk.write(
        "drafts/deep/rules.toml",
        r#"
[lists.towns]
any = ["airport"]
[feeds.coast]
url = "https://another.example/rss"
[rules.advance]
title = "Armed group gains ground"
severity = "high"
any = ["@fighters NEAR/5 city", "militia NEAR/5 @towns"]
[rules.silent]
any = ["earthquake"]
"#,
    );
    assert_eq!(
        desk.prints(&["items.jsonl", "--rules", "drafts"]),
        "\
RULE     SEVERITY  BEFORE   AFTER  GAINED    LOST
advance  high           1       2       1       0
truce    medium         1       -       0       1

DAY         BEFORE   AFTER  GAINED    LOST
2024-12-06       1       1       0       0
2024-12-07       0       0       0       0
2024-12-08       1       1       1       1

- 2024-12-08 09:00 medium truce: Ceasefire agreed in the north [Ceasefire]
+ 2024-12-08 10:00 high advance: Militia takes an airport [Militia takes an airport]

configured rules: 2 alerts from 3 matched items in 5 items
compared rules: 2 alerts from 3 matched items in 5 items
1 alert gained, 1 lost, 1 unchanged, 2024-12-06 to 2024-12-08
1 rule found nothing
1 item with an id that its feed had before left out
"
    );
    let documents = desk.documents(&["items.jsonl", "--rules", "drafts", "--json"]);
    assert_eq!(
        alerts(&documents),
        ["gained advance a4", "lost truce a3", "unchanged advance a1"]
    );
    let rules = of_kind(&documents, "rule");
    let truce = rules.iter().find(|rule| rule["rule"] == "truce").unwrap();
    assert_eq!(
        (&truce["before"]["alerts"], &truce["after"]),
        (&1.into(), &Value::Null)
    );
}

#[test]
fn the_same_rules_change_nothing() {
    let desk = Desk::new();
    let documents = desk.documents(&["items.jsonl", "--rules", "rules", "--json"]);
    assert_eq!(
        alerts(&documents),
        ["unchanged advance a1", "unchanged truce a3"]
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let desk = Desk::new();
    desk.write(
        "bad.jsonl",
        "{\"id\":\"b1\"}\n{\"title\":\"Rebels retreat\",\"lang\":\"en\"}\n",
    );
    desk.write("broken/rules.toml", "[rules.a]\nany = [\"(rebel\"]\n");
    desk.write("strange/rules.toml", "[rules.a]\nany = [\"@nowhere\"]\n");
    for (arguments, said, printed) in [
        (&["absent.jsonl"][..], "cannot open absent.jsonl", ""),
        (
            &["bad.jsonl"],
            "bad.jsonl:1: not an item",
            "1 alert from 1 matched item",
        ),
        (&["https://e.example/rss"], "a backtest asks no network", ""),
        (
            &["items.jsonl", "--rules", "broken"],
            "broken/rules.toml:2:",
            "",
        ),
        (
            &["items.jsonl", "--rules", "strange"],
            "strange/rules.toml:2:",
            "",
        ),
        (&["items.jsonl", "--rules", "absent"], "it is no folder", ""),
        (&["items.jsonl", "--since", "soon"], "is not a duration", ""),
        (&[], "there is no database", ""),
    ] {
        let output = desk.backtest(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(err.contains(said), "{arguments:?}: {err}");
        assert!(out.contains(printed), "{arguments:?}: {out}");
    }
}

#[tokio::test]
async fn the_archive_is_replayed_by_event_time() {
    let desk = Desk::new();
    let now = Timestamp::now();
    let ago = |hours: i64| {
        now.checked_sub(jiff::SignedDuration::from_hours(hours))
            .unwrap()
    };
    let item = |id: &str, title: &str, hours: Option<i64>| Item {
        id: id.to_owned(),
        title: title.to_owned(),
        content: "Not a word of it.".to_owned(),
        lang: Some("en".to_owned()),
        published: hours.map(ago),
        ..Item::default()
    };
    let mut new = vec![
        item("late", "Rebels enter the city of Homs", Some(30)),
        item("early", "Rebels enter the city of Homs", Some(31)),
        item("old", "Ceasefire agreed in the north", Some(24 * 40)),
        item("undated", "Ceasefire agreed in the south", None),
    ];
    // More than are read at once.
    new.extend((0..600).map(|number| item(&number.to_string(), "Cup final today", Some(30))));
    let store = Store::open(&desk.path().join("w.db")).unwrap();
    let feed = Arc::new(Feed {
        url: "https://coast.example/rss".to_owned(),
        ..Feed::named("coast")
    });
    let feed = store.sync_feeds(vec![feed], ago(29)).await.unwrap()[0].id;
    let outcome = PollOutcome::Items(Harvest {
        listed: new.iter().map(Item::key).collect(),
        new: new.into_iter().map(Into::into).collect(),
        ..Harvest::default()
    });
    let record = PollRecord::plain(feed, ago(29), now, outcome);
    let alert_nobody = Box::new(
        |_: &Item,
         _: Option<&wirewatch::judge::Edited>,
         _: &dyn wirewatch::judge::Past<Error = _>| Ok(Decided::default()),
    );
    store.record_poll(record, alert_nobody).await.unwrap();

    // Beside the running daemon: the store stays open.
    let documents = desk.documents(&["--json"]);
    assert_eq!(
        alerts(&documents),
        ["truce old", "advance early", "truce undated"]
    );
    assert_eq!(of_kind(&documents, "total")[0]["items"], 604);
    let documents = desk.documents(&["--json", "--since", "30d"]);
    assert_eq!(alerts(&documents), ["advance early", "truce undated"]);
    assert_eq!(of_kind(&documents, "total")[0]["items"], 603);
    drop(store);
    assert_eq!(
        alerts(&desk.documents(&["--json", "--since", "1h"])).len(),
        0
    );
}
